;; A WASI 0.3 command that calls wasi:cli/exit@0.3.0 exit-with-code(3): exit 3.
(component
  (import "wasi:cli/exit@0.3.0" (instance $exit
    (export "exit-with-code" (func (param "status-code" u8)))))
  (core func $exit (canon lower (func $exit "exit-with-code")))
  (core module $Main
    (import "host" "exit" (func $exit (param i32)))
    (func (export "run") (result i32) (call $exit (i32.const 3)) unreachable)
    (func (export "callback") (param i32 i32 i32) (result i32) unreachable))
  (core instance $main (instantiate $Main (with "host" (instance (export "exit" (func $exit))))))
  (type $run-type (func async (result (result))))
  (func $run (type $run-type)
    (canon lift (core func $main "run") async (callback (core func $main "callback"))))
  (instance $command (export "run" (func $run)))
  (export "wasi:cli/run@0.3.0" (instance $command)))
