;; Prints exactly argv[1] bytes of "x", at most 65,536 per write, and calls proc_exit(0) (an errno becomes the exit
;; code).
(module
  (import "wasi_snapshot_preview1" "fd_write" (func $fd_write (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "proc_exit" (func $proc_exit (param i32)))
  (import "wasi_snapshot_preview1" "args_sizes_get" (func $args_sizes_get (param i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "args_get" (func $args_get (param i32 i32) (result i32)))
  (memory (export "memory") 2)

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

  ;; writes all `length` bytes at `address` to `fd`, in as many writes as it takes; an errno becomes the exit code
  (func $write_all (param $fd i32) (param $address i32) (param $length i32) (local $errno i32)
    (block $end
      (loop $next
        (br_if $end (i32.eqz (local.get $length)))
        (i32.store (i32.const 0) (local.get $address))
        (i32.store (i32.const 4) (local.get $length))
        (local.set $errno (call $fd_write (local.get $fd) (i32.const 0) (i32.const 1) (i32.const 8)))
        (if (local.get $errno) (then (call $proc_exit (local.get $errno))))
        (local.set $address (i32.add (local.get $address) (i32.load (i32.const 8))))
        (local.set $length (i32.sub (local.get $length) (i32.load (i32.const 8))))
        (br $next))))

  (func (export "_start") (local $left i64) (local $length i32)
    (local.set $left (call $argument))
    (memory.fill (i32.const 65536) (i32.const 120) (i32.const 65536))
    (block $end
      (loop $next
        (br_if $end (i64.eqz (local.get $left)))
        (local.set $length
          (select (i32.const 65536) (i32.wrap_i64 (local.get $left)) (i64.gt_u (local.get $left) (i64.const 65536))))
        (call $write_all (i32.const 1) (i32.const 65536) (local.get $length))
        (local.set $left (i64.sub (local.get $left) (i64.extend_i32_u (local.get $length))))
        (br $next)))
    (call $proc_exit (i32.const 0))
    unreachable))
