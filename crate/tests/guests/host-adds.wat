;; Asks `env.next` for numbers until it gets a negative one, and exits with their sum.
(module
  (import "env" "next" (func $next (param i32 i64 f32 f64) (result i32)))
  (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
  (memory (export "memory") 1)
  (func (export "_start") (local $sum i32) (local $next i32)
    (loop $again
      (local.set $next
        (call $next (local.get $sum) (i64.const -1) (f32.const 0.5) (f64.const 0.25)))
      (if (i32.ge_s (local.get $next) (i32.const 0))
        (then
          (local.set $sum (i32.add (local.get $sum) (local.get $next)))
          (br $again))))
    (call $exit (local.get $sum))))
