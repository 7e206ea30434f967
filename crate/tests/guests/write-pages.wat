;; Writes to as many pages of 4 KiB as its arguments have bytes (with its name), to every second page with one argument and to
;; every page with two. Exits with 1 if a page was not as in a new instance.
(module
  (import "wasi_snapshot_preview1" "args_sizes_get" (func $args_sizes_get (param i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "proc_exit" (func $proc_exit (param i32)))
  (memory (export "memory") 400)
  (data (i32.const 73728) "here from the start")
  (func (export "_start") (local $left i32) (local $at i32) (local $step i32)
    (drop (call $args_sizes_get (i32.const 0) (i32.const 4)))
    (if (i32.ne (i32.load8_u (i32.const 73728)) (i32.const 104)) (then (call $proc_exit (i32.const 1))))
    (local.set $at (i32.const 65536))
    (loop $next
      (if (i32.ne (i32.load8_u offset=4000 (local.get $at)) (i32.const 0)) (then (call $proc_exit (i32.const 1))))
      (local.set $at (i32.add (local.get $at) (i32.const 4096)))
      (br_if $next (i32.lt_u (local.get $at) (i32.const 24641536))))
    (local.set $left (i32.load (i32.const 4)))
    (local.set $step (i32.div_u (i32.const 8192) (i32.sub (i32.load (i32.const 0)) (i32.const 1))))
    (local.set $at (i32.const 65536))
    (loop $next
      (i32.store8 offset=4000 (local.get $at) (i32.const 1))
      (i32.store8 (local.get $at) (i32.const 1))
      (local.set $at (i32.add (local.get $at) (local.get $step)))
      (local.set $left (i32.sub (local.get $left) (i32.const 1)))
      (br_if $next (i32.gt_s (local.get $left) (i32.const 0))))))
