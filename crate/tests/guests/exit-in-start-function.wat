;; Calls proc_exit(7) in the module's start function, so before _start is called: exit 7.
(module
  (import "wasi_snapshot_preview1" "proc_exit" (func $proc_exit (param i32)))
  (memory (export "memory") 1)

  (func $initialise (call $proc_exit (i32.const 7)))
  (start $initialise)
  (func (export "_start") unreachable))
