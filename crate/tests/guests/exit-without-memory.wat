;; Calls proc_exit(4) in a module that has no memory at all: exit 4 (proc_exit reads none).
(module
  (import "wasi_snapshot_preview1" "proc_exit" (func $proc_exit (param i32)))

  (func (export "_start")
    (call $proc_exit (i32.const 4))
    unreachable))
