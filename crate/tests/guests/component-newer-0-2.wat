;; A command that exports wasi:cli/run@0.2.6, a later 0.2 than the first: any 0.2.x runs, exit 0.
(component
  (core module $Main
    (func (export "run") (result i32) (i32.const 0)))
  (core instance $main (instantiate $Main))
  (func $run (result (result)) (canon lift (core func $main "run")))
  (instance $command (export "run" (func $run)))
  (export "wasi:cli/run@0.2.6" (instance $command)))
