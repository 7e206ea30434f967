;; Prints "out" on stdout and "err" on stderr, a newline after each, and calls proc_exit(2): exit 2.
(module
  (import "wasi_snapshot_preview1" "proc_exit" (func $proc_exit (param i32)))
  (import "wasi_snapshot_preview1" "fd_write" (func $fd_write (param i32 i32 i32 i32) (result i32)))
  (memory (export "memory") 1)

  ;; the vectors {16, 4} and {20, 4}, then the texts; the count of written bytes goes to 24
  (data (i32.const 0) "\10\00\00\00\04\00\00\00\14\00\00\00\04\00\00\00out\nerr\n")
  (func (export "_start")
    (drop (call $fd_write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 24)))
    (drop (call $fd_write (i32.const 2) (i32.const 8) (i32.const 1) (i32.const 24)))
    (call $proc_exit (i32.const 2))
    unreachable))
