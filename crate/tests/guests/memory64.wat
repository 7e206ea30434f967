;; Grows a 64-bit memory (memory64 proposal) to 3 pages and prints its size in pages, "3", and a newline: exit 0. What
;; WASI reads is in a second, 32-bit memory.
(module
  (import "wasi_snapshot_preview1" "fd_write" (func $fd_write (param i32 i32 i32 i32) (result i32)))
  (memory (export "memory") 1)
  (memory $wide (export "wide") i64 1)

  ;; writes `length` bytes at `address` to stdout; the vector is at 0, the count of written bytes at 8
  (func $print (param $address i32) (param $length i32)
    (i32.store (i32.const 0) (local.get $address))
    (i32.store (i32.const 4) (local.get $length))
    (drop (call $fd_write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 8))))

  ;; prints n as an unsigned decimal and a newline; the digits are made backwards and end at 63
  (func $print_decimal (param $n i64) (local $at i32)
    (local.set $at (i32.const 63))
    (i32.store8 (local.get $at) (i32.const 10))
    (loop $digit
      (local.set $at (i32.sub (local.get $at) (i32.const 1)))
      (i32.store8 (local.get $at)
        (i32.add (i32.const 48) (i32.wrap_i64 (i64.rem_u (local.get $n) (i64.const 10)))))
      (local.set $n (i64.div_u (local.get $n) (i64.const 10)))
      (br_if $digit (i64.ne (local.get $n) (i64.const 0))))
    (call $print (local.get $at) (i32.sub (i32.const 64) (local.get $at))))

  (func (export "_start")
    (drop (memory.grow $wide (i64.const 2)))
    ;; touches the last byte, so that the page is really there
    (i64.store8 $wide (i64.const 196607) (i64.const 1))
    (call $print_decimal (memory.size $wide))))
