;; A WASI 0.3 command (run is async, lifted with a callback) whose run returns err: exit 1.
(component
  (core func $return (canon task.return (result (result))))
  (core module $Main
    (import "host" "return" (func $return (param i32)))
    ;; sets the task's result (1 is err) and returns 0: this task has ended
    (func (export "run") (result i32) (call $return (i32.const 1)) (i32.const 0))
    ;; never called, since run does not wait
    (func (export "callback") (param i32 i32 i32) (result i32) unreachable))
  (core instance $main (instantiate $Main (with "host" (instance (export "return" (func $return))))))
  (type $run-type (func async (result (result))))
  (func $run (type $run-type)
    (canon lift (core func $main "run") async (callback (core func $main "callback"))))
  (instance $command (export "run" (func $run)))
  (export "wasi:cli/run@0.3.0" (instance $command)))
