;; A WASI 0.2 command that imports wasi:cli/environment@0.9.0, a version that does not exist: an unresolved import.
(component
  (import "wasi:cli/environment@0.9.0" (instance $environment
    (export "get-arguments" (func (result (list string))))))
  (core module $Main
    (func (export "run") (result i32) (i32.const 0)))
  (core instance $main (instantiate $Main))
  (func $run (result (result)) (canon lift (core func $main "run")))
  (instance $command (export "run" (func $run)))
  (export "wasi:cli/run@0.2.0" (instance $command)))
