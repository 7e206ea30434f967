;; Reaches proc_exit(6) by call_indirect on a table that holds the import itself: exit 6.
(module
  (import "wasi_snapshot_preview1" "proc_exit" (func $proc_exit (param i32)))
  (memory (export "memory") 1)

  (type $exit (func (param i32)))
  (table 1 funcref)
  (elem (i32.const 0) $proc_exit)
  (func (export "_start")
    (call_indirect (type $exit) (i32.const 6) (i32.const 0))
    unreachable))
