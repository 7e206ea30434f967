;; Prints "before" on stdout, then "ready" on stderr, then sleeps one hour in the host: limit timeout or abort, stdout
;; "before\n".
(module
  (import "wasi_snapshot_preview1" "fd_write" (func $fd_write (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "poll_oneoff" (func $poll_oneoff (param i32 i32 i32 i32) (result i32)))
  (memory (export "memory") 1)
  (data (i32.const 16) "before\nready\n")

  ;; writes `length` bytes at `address` to `fd`; the vector is at 0, the count of written bytes at 8
  (func $print (param $fd i32) (param $address i32) (param $length i32)
    (i32.store (i32.const 0) (local.get $address))
    (i32.store (i32.const 4) (local.get $length))
    (drop (call $fd_write (local.get $fd) (i32.const 0) (i32.const 1) (i32.const 8))))

  (func (export "_start")
    (call $print (i32.const 1) (i32.const 16) (i32.const 7))
    (call $print (i32.const 2) (i32.const 23) (i32.const 6))
    ;; one subscription at 128 (clock, monotonic, relative), its event at 192, the count of events at 224
    (i32.store (i32.const 144) (i32.const 1))
    (i64.store (i32.const 152) (i64.const 3600000000000))
    (drop (call $poll_oneoff (i32.const 128) (i32.const 192) (i32.const 1) (i32.const 224)))))
