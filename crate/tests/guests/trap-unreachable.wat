;; Prints "before trap" and a newline, then executes unreachable in $inner, called from $outer, called from _start:
;; trap unreachable, with three named frames.
(module
  (import "wasi_snapshot_preview1" "fd_write" (func $fd_write (param i32 i32 i32 i32) (result i32)))
  (memory (export "memory") 1)
  (data (i32.const 16) "before trap\n")

  ;; writes `length` bytes at `address` to stdout; the vector is at 0, the count of written bytes at 8
  (func $print (param $address i32) (param $length i32)
    (i32.store (i32.const 0) (local.get $address))
    (i32.store (i32.const 4) (local.get $length))
    (drop (call $fd_write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 8))))

  (func $inner unreachable)
  (func $outer (call $inner))
  (func $_start (export "_start")
    (call $print (i32.const 16) (i32.const 12))
    (call $outer)))
