;; A library: functions, memories and globals of all kinds for callers. There is no _start, and no _initialize.
(module
  (import "wasi_snapshot_preview1" "proc_exit" (func $proc_exit (param i32)))
  (import "wasi_snapshot_preview1" "fd_write" (func $fd_write (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_read" (func $fd_read (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "poll_oneoff" (func $poll_oneoff (param i32 i32 i32 i32) (result i32)))
  (memory $memory (export "memory") 2)
  (global $count (export "count") (mut i32) (i32.const 0))
  (global (export "answer") i32 (i32.const 42))
  (global (export "wide") (mut i64) (i64.const -1))
  (global (export "half") (mut f32) (f32.const 0.5))
  (global (export "third") (mut f64) (f64.const 0.25))
  (global (export "reference") (mut funcref) (ref.null func))
  (table (export "table") 1 funcref)
  (data (i32.const 1024) "text in memory\00after")

  ;; one of each type
  (func (export "add") (param i32 i32) (result i32) (i32.add (local.get 0) (local.get 1)))
  (func (export "add64") (param i64 i64) (result i64) (i64.add (local.get 0) (local.get 1)))
  (func (export "addf32") (param f32 f32) (result f32) (f32.add (local.get 0) (local.get 1)))
  (func (export "addf64") (param f64 f64) (result f64) (f64.add (local.get 0) (local.get 1)))
  (func (export "same") (param i32 i64 f32 f64) (result i32 i64 f32 f64)
    (local.get 0) (local.get 1) (local.get 2) (local.get 3))
  (func (export "nothing"))

  ;; values that do not cross
  (func (export "returns_funcref") (result funcref) (ref.null func))
  (func (export "takes_v128") (param v128))

  ;; waits for a byte of stdin and returns it, or -1 at the end; the vector is at 0, the count of read bytes at 8
  (func (export "read") (result i32)
    (i32.store (i32.const 0) (i32.const 16))
    (i32.store (i32.const 4) (i32.const 1))
    (drop (call $fd_read (i32.const 0) (i32.const 0) (i32.const 1) (i32.const 8)))
    (if (result i32) (i32.load (i32.const 8))
      (then (i32.load8_u (i32.const 16)))
      (else (i32.const -1))))

  ;; keeps state: each call returns one more
  (func (export "next") (result i32)
    (global.set $count (i32.add (global.get $count) (i32.const 1)))
    (global.get $count))

  ;; returns the byte at an address
  (func (export "load") (param i32) (result i32) (i32.load8_u (local.get 0)))
  (func (export "grow") (param i32) (result i32) (memory.grow (local.get 0)))

  ;; writes `length` bytes at `address` to a stream; the vector is at 0, the count of written bytes at 8
  (func $print (export "print") (param $stream i32) (param $address i32) (param $length i32) (result i32)
    (i32.store (i32.const 0) (local.get $address))
    (i32.store (i32.const 4) (local.get $length))
    (call $fd_write (local.get $stream) (i32.const 0) (i32.const 1) (i32.const 8)))

  ;; prints "text", then ends in a way of its own
  (func $text (drop (call $print (i32.const 1) (i32.const 1024) (i32.const 4))))
  (func (export "exit") (param i32) (call $text) (call $proc_exit (local.get 0)))
  (func (export "trap") (call $text) unreachable)
  (func (export "divide") (param i32 i32) (result i32) (i32.div_s (local.get 0) (local.get 1)))
  (func $loop (export "loop") (call $text) (loop $forever (br $forever)))
  (func (export "flood") (loop $forever (call $text) (br $forever)))
  (func $recurse (export "recurse") (call $recurse))

  ;; adds numbers from 1 to n, one by one
  (func (export "sum") (param $n i64) (result i64) (local $sum i64)
    (loop $next
      (local.set $sum (i64.add (local.get $sum) (local.get $n)))
      (local.set $n (i64.sub (local.get $n) (i64.const 1)))
      (br_if $next (i64.gt_s (local.get $n) (i64.const 0))))
    (local.get $sum))

  ;; sleeps: one subscription at 128 (clock, monotonic, relative), its event at 192, the count of events at 224
  (func (export "sleep") (param $milliseconds i64)
    (call $text)
    (i32.store8 (i32.const 136) (i32.const 0))
    (i32.store (i32.const 144) (i32.const 1))
    (i64.store (i32.const 152) (i64.mul (local.get $milliseconds) (i64.const 1000000)))
    (drop (call $poll_oneoff (i32.const 128) (i32.const 192) (i32.const 1) (i32.const 224)))))
