;; Does argv[1] thousand rounds of cheap arithmetic, then prints "done" and a newline: exit 0.
(module
  (import "wasi_snapshot_preview1" "fd_write" (func $fd_write (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "args_sizes_get" (func $args_sizes_get (param i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "args_get" (func $args_get (param i32 i32) (result i32)))
  (memory (export "memory") 1)
  (data (i32.const 16) "done\n")
  (global $result (mut i64) (i64.const 1))

  ;; writes `length` bytes at `address` to stdout; the vector is at 0, the count of written bytes at 8
  (func $print (param $address i32) (param $length i32)
    (i32.store (i32.const 0) (local.get $address))
    (i32.store (i32.const 4) (local.get $length))
    (drop (call $fd_write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 8))))

  ;; argv[1] as an unsigned decimal number; 0 when there is none
  (func $argument (result i64) (local $at i32) (local $digit i32) (local $n i64)
    (drop (call $args_sizes_get (i32.const 1024) (i32.const 1028)))
    (if (i32.lt_u (i32.load (i32.const 1024)) (i32.const 2)) (then (return (i64.const 0))))
    (drop (call $args_get (i32.const 1024) (i32.const 4096)))
    (local.set $at (i32.load (i32.const 1028)))
    (block $end
      (loop $next
        (local.set $digit (i32.sub (i32.load8_u (local.get $at)) (i32.const 48)))
        (br_if $end (i32.gt_u (local.get $digit) (i32.const 9)))
        (local.set $n
          (i64.add (i64.mul (local.get $n) (i64.const 10)) (i64.extend_i32_u (local.get $digit))))
        (local.set $at (i32.add (local.get $at) (i32.const 1)))
        (br $next)))
    (local.get $n))

  (func (export "_start") (local $left i64) (local $x i64)
    (local.set $left (i64.mul (call $argument) (i64.const 1000)))
    (local.set $x (i64.const 1))
    (block $end
      (loop $next
        (br_if $end (i64.eqz (local.get $left)))
        ;; a step of a linear congruential generator: each depends on the last, so none can be left out
        (local.set $x (i64.add (i64.mul (local.get $x) (i64.const 6364136223846793005)) (i64.const 1442695040888963407)))
        (local.set $left (i64.sub (local.get $left) (i64.const 1)))
        (br $next)))
    (global.set $result (local.get $x))
    (call $print (i32.const 16) (i32.const 5))))
