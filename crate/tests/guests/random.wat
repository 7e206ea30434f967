;; Prints 16 bytes of random_get as 32 hexadecimal digits and a newline: exit 0.
(module
  (import "wasi_snapshot_preview1" "fd_write" (func $fd_write (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "random_get" (func $random_get (param i32 i32) (result i32)))
  (memory (export "memory") 1)
  (data (i32.const 16) "0123456789abcdef")

  ;; writes `length` bytes at `address` to stdout; the vector is at 0, the count of written bytes at 8
  (func $print (param $address i32) (param $length i32)
    (i32.store (i32.const 0) (local.get $address))
    (i32.store (i32.const 4) (local.get $length))
    (drop (call $fd_write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 8))))

  (func $digit (param $at i32) (param $value i32)
    (i32.store8 (local.get $at) (i32.load8_u (i32.add (i32.const 16) (local.get $value)))))
  (func (export "_start") (local $index i32) (local $byte i32) (local $at i32)
    (drop (call $random_get (i32.const 64) (i32.const 16)))
    (loop $next
      (local.set $byte (i32.load8_u (i32.add (i32.const 64) (local.get $index))))
      (local.set $at (i32.add (i32.const 128) (i32.mul (local.get $index) (i32.const 2))))
      (call $digit (local.get $at) (i32.shr_u (local.get $byte) (i32.const 4)))
      (call $digit (i32.add (local.get $at) (i32.const 1)) (i32.and (local.get $byte) (i32.const 15)))
      (local.set $index (i32.add (local.get $index) (i32.const 1)))
      (br_if $next (i32.lt_u (local.get $index) (i32.const 16))))
    (i32.store8 (i32.const 160) (i32.const 10))
    (call $print (i32.const 128) (i32.const 33))))
