;; Asks `env.fetchRow` for the size of row 7, and passes "row 7 has N bytes" to `env.log`.
(module
  (import "env" "log" (func $log (param i32 i32)))
  (import "env" "fetchRow" (func $fetch (param i32) (result i32)))
  (memory (export "memory") 1)
  (data (i32.const 100) "row 7 has 0 bytes")
  (func (export "_start")
    (i32.store8 (i32.const 110) (i32.add (i32.const 48) (call $fetch (i32.const 7))))
    (call $log (i32.const 100) (i32.const 17))))
