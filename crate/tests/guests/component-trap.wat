;; A WASI 0.2 command that executes unreachable in $inner, called from run: trap unreachable.
(component
  (core module $Main
    (func $inner unreachable)
    (func $run (export "run") (result i32) (call $inner) (i32.const 0)))
  (core instance $main (instantiate $Main))
  (func $run (result (result)) (canon lift (core func $main "run")))
  (instance $command (export "run" (func $run)))
  (export "wasi:cli/run@0.2.0" (instance $command)))
