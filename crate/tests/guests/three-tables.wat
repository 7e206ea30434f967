;; Declares three tables and calls the function in the last one, which calls proc_exit(9): exit 9.
(module
  (import "wasi_snapshot_preview1" "proc_exit" (func $proc_exit (param i32)))
  (type $code (func (param i32)))
  (table $first 1 funcref)
  (table $second 2 funcref)
  (table $third 3 funcref)
  (elem (table $third) (i32.const 2) func $proc_exit)
  (memory (export "memory") 1)
  (func (export "_start")
    (call_indirect $third (type $code) (i32.const 9) (i32.const 2))))
