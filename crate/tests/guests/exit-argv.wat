;; Calls proc_exit with argv[1], an unsigned decimal u32 (0 when there is none): exit argv[1].
(module
  (import "wasi_snapshot_preview1" "proc_exit" (func $proc_exit (param i32)))
  (import "wasi_snapshot_preview1" "args_sizes_get" (func $args_sizes_get (param i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "args_get" (func $args_get (param i32 i32) (result i32)))
  (memory (export "memory") 1)

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

  (func (export "_start")
    (call $proc_exit (i32.wrap_i64 (call $argument)))
    unreachable))
