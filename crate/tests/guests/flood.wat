;; Prints "0123456789abcdef" over and over on stdout for ever, 4,096 bytes per write, whatever the writes return: limit
;; output, or another limit.
(module
  (import "wasi_snapshot_preview1" "fd_write" (func $fd_write (param i32 i32 i32 i32) (result i32)))
  (memory (export "memory") 2)
  (data (i32.const 4096) "0123456789abcdef")
  (func (export "_start") (local $filled i32)
    ;; doubles the pattern until it fills 4,096 bytes
    (local.set $filled (i32.const 16))
    (loop $double
      (memory.copy (i32.add (i32.const 4096) (local.get $filled)) (i32.const 4096) (local.get $filled))
      (local.set $filled (i32.mul (local.get $filled) (i32.const 2)))
      (br_if $double (i32.lt_u (local.get $filled) (i32.const 4096))))
    (i32.store (i32.const 0) (i32.const 4096))
    (i32.store (i32.const 4) (i32.const 4096))
    (loop $again
      (drop (call $fd_write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 8)))
      (br $again))))
