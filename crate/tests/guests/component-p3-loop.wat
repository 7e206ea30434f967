;; A WASI 0.3 command (run is async, lifted with a callback) that loops for ever: ends only by a limit or an abort.
(component
  (core module $Main
    (func (export "run") (result i32) (loop $again (br $again)) (i32.const 0))
    (func (export "callback") (param i32 i32 i32) (result i32) unreachable))
  (core instance $main (instantiate $Main))
  (type $run-type (func async (result (result))))
  (func $run (type $run-type)
    (canon lift (core func $main "run") async (callback (core func $main "callback"))))
  (instance $command (export "run" (func $run)))
  (export "wasi:cli/run@0.3.0" (instance $command)))
