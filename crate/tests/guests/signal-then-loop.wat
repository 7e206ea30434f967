;; Prints "before" on stdout, then "ready" on stderr, then loops for ever: limit or abort, stdout "before\n".
(module
  (import "wasi_snapshot_preview1" "fd_write" (func $fd_write (param i32 i32 i32 i32) (result i32)))
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
    (loop $again (br $again))))
