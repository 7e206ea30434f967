;; Prints each environment variable as KEY=VALUE on its own line, however many there are: exit 0.
(module
  (import "wasi_snapshot_preview1" "fd_write" (func $fd_write (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "environ_sizes_get" (func $environ_sizes_get (param i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "environ_get" (func $environ_get (param i32 i32) (result i32)))
  (memory (export "memory") 1)

  ;; writes `length` bytes at `address` to stdout; the vector is at 0, the count of written bytes at 8
  (func $print (param $address i32) (param $length i32)
    (i32.store (i32.const 0) (local.get $address))
    (i32.store (i32.const 4) (local.get $length))
    (drop (call $fd_write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 8))))

  (func $length (param $address i32) (result i32) (local $at i32)
    (local.set $at (local.get $address))
    (block $end
      (loop $next
        (br_if $end (i32.eqz (i32.load8_u (local.get $at))))
        (local.set $at (i32.add (local.get $at) (i32.const 1)))
        (br $next)))
    (i32.sub (local.get $at) (local.get $address)))

  (func (export "_start") (local $count i32) (local $text i32) (local $end i32) (local $index i32) (local $at i32)
    (drop (call $environ_sizes_get (i32.const 16) (i32.const 20)))
    (local.set $count (i32.load (i32.const 16)))
    ;; the table of addresses is at 1024, the text after it; memory grows to hold both
    (local.set $text (i32.add (i32.const 1024) (i32.mul (local.get $count) (i32.const 4))))
    (local.set $end (i32.add (local.get $text) (i32.load (i32.const 20))))
    (drop (memory.grow (i32.shr_u (local.get $end) (i32.const 16))))
    (drop (call $environ_get (i32.const 1024) (local.get $text)))
    (block $done
      (loop $next
        (br_if $done (i32.ge_u (local.get $index) (local.get $count)))
        (local.set $at (i32.load (i32.add (i32.const 1024) (i32.mul (local.get $index) (i32.const 4)))))
        (call $print (local.get $at) (call $length (local.get $at)))
        (i32.store8 (i32.const 16) (i32.const 10))
        (call $print (i32.const 16) (i32.const 1))
        (local.set $index (i32.add (local.get $index) (i32.const 1)))
        (br $next)))))
