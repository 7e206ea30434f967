;; Prints 8 MiB of "x" with one fd_write, and nothing more if that was short: exit 0, or exit 1 if it was short.
(module
  (import "wasi_snapshot_preview1" "fd_write" (func $fd_write (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "proc_exit" (func $proc_exit (param i32)))
  (memory (export "memory") 129)
  (global $length i32 (i32.const 8388608))
  (func (export "_start")
    (memory.fill (i32.const 65536) (i32.const 120) (global.get $length))
    (i32.store (i32.const 0) (i32.const 65536))
    (i32.store (i32.const 4) (global.get $length))
    (drop (call $fd_write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 8)))
    (call $proc_exit (i32.ne (i32.load (i32.const 8)) (global.get $length)))
    unreachable))
