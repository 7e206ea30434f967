;; A WASI 0.2 command that imports wasi:nn/types@0.2.0, which only a host with neural networks provides: an unresolved import.
(component
  (import "wasi:nn/types@0.2.0" (instance $types
    (export "fields" (type $fields (sub resource)))
    (export "[constructor]fields" (func (result (own $fields))))))
  (core func $new-fields (canon lower (func $types "[constructor]fields")))
  (core module $Main
    (import "host" "new-fields" (func $new_fields (result i32)))
    (func (export "run") (result i32) (drop (call $new_fields)) (i32.const 0)))
  (core instance $main (instantiate $Main (with "host" (instance (export "new-fields" (func $new-fields))))))
  (func $run (result (result)) (canon lift (core func $main "run")))
  (instance $command (export "run" (func $run)))
  (export "wasi:cli/run@0.2.0" (instance $command)))
