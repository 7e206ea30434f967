;; Prints what the clocks say, as 64-bit words: before and after waits of all kinds, and how many readings a millisecond
;; has: exit 0.
(module
  (import "wasi_snapshot_preview1" "fd_write" (func $fd_write (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "clock_res_get" (func $clock_res_get (param i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "clock_time_get" (func $clock_time_get (param i32 i64 i32) (result i32)))
  (import "wasi_snapshot_preview1" "poll_oneoff" (func $poll_oneoff (param i32 i32 i32 i32) (result i32)))
  (memory (export "memory") 1)
  ;; the words are from 8192 on
  (global $end (mut i32) (i32.const 8192))
  ;; the number of subscriptions, which are from 1024 on; events are from 2048 on, their number is at 16
  (global $count (mut i32) (i32.const 0))

  (func $put (param $word i64)
    (i64.store (global.get $end) (local.get $word))
    (global.set $end (i32.add (global.get $end) (i32.const 8))))
  (func $put_errno (param $errno i32) (call $put (i64.extend_i32_u (local.get $errno))))

  (func $time (param $id i32) (result i64)
    (drop (call $clock_time_get (local.get $id) (i64.const 1) (i32.const 24)))
    (i64.load (i32.const 24)))
  (func $put_resolution (param $id i32)
    (call $put_errno (call $clock_res_get (local.get $id) (i32.const 24)))
    (call $put (i64.load (i32.const 24))))

  ;; adds a subscription of the clock `id`; its userdata is its number
  (func $clock (param $id i32) (param $timeout i64) (param $flags i32) (local $at i32)
    (local.set $at (call $subscription (i32.const 0)))
    (i32.store offset=16 (local.get $at) (local.get $id))
    (i64.store offset=24 (local.get $at) (local.get $timeout))
    (i32.store16 offset=40 (local.get $at) (local.get $flags)))
  ;; adds one of stdin
  (func $stdin (i32.store offset=16 (call $subscription (i32.const 1)) (i32.const 0)))
  (func $subscription (param $type i32) (result i32) (local $at i32)
    (local.set $at (i32.add (i32.const 1024) (i32.mul (global.get $count) (i32.const 48))))
    (global.set $count (i32.add (global.get $count) (i32.const 1)))
    (memory.fill (local.get $at) (i32.const 0) (i32.const 48))
    (i64.store (local.get $at) (i64.extend_i32_u (global.get $count)))
    (i32.store8 offset=8 (local.get $at) (local.get $type))
    (local.get $at))

  ;; waits for the subscriptions; puts the errno, the number of events, their userdata and the time
  (func $wait (local $index i32)
    (call $put_errno (call $poll_oneoff (i32.const 1024) (i32.const 2048) (global.get $count) (i32.const 16)))
    (global.set $count (i32.const 0))
    (call $put_errno (i32.load (i32.const 16)))
    (loop $next
      (if (i32.lt_u (local.get $index) (i32.load (i32.const 16)))
        (then
          (call $put (i64.load (i32.add (i32.const 2048) (i32.mul (local.get $index) (i32.const 32)))))
          (local.set $index (i32.add (local.get $index) (i32.const 1)))
          (br $next))))
    (call $put (call $time (i32.const 1))))

  (func (export "_start") (local $start i64) (local $readings i64)
    (call $put_resolution (i32.const 0))
    (call $put_resolution (i32.const 1))
    (call $put_errno (call $clock_time_get (i32.const 2) (i64.const 1) (i32.const 24)))
    (call $put_errno (call $clock_time_get (i32.const 3) (i64.const 1) (i32.const 24)))
    (call $put (call $time (i32.const 0)))
    (call $put (call $time (i32.const 1)))
    (call $put (call $time (i32.const 1)))

    ;; the monotonic clock: for 2 ms, until 10 ms, until 1 ns
    (call $clock (i32.const 1) (i64.const 2000000) (i32.const 0)) (call $wait)
    (call $clock (i32.const 1) (i64.const 10000000) (i32.const 1)) (call $wait)
    (call $clock (i32.const 1) (i64.const 1) (i32.const 1)) (call $wait)
    ;; the wall clock: for 1 ms, until 1 ms from now, until 1970
    (call $clock (i32.const 0) (i64.const 1000000) (i32.const 0)) (call $wait)
    (call $clock (i32.const 0) (i64.add (call $time (i32.const 0)) (i64.const 1000000)) (i32.const 1)) (call $wait)
    (call $clock (i32.const 0) (i64.const 0) (i32.const 1)) (call $wait)
    (call $put (call $time (i32.const 0)))

    ;; the first of several, and all that are as early
    (call $clock (i32.const 1) (i64.const 2000001) (i32.const 0))
    (call $clock (i32.const 1) (i64.const 2000000) (i32.const 0))
    (call $clock (i32.const 0) (i64.const 2000000) (i32.const 0))
    (call $wait)
    (call $clock (i32.const 1) (i64.const 2) (i32.const 0))
    (call $clock (i32.const 1) (i64.const 1) (i32.const 0))
    (call $wait)
    ;; what is ready now comes before the shortest wait, and with those that are over
    (call $stdin)
    (call $clock (i32.const 1) (i64.const 1) (i32.const 0))
    (call $wait)
    (call $clock (i32.const 1) (i64.const 1) (i32.const 0))
    (call $clock (i32.const 1) (i64.const 0) (i32.const 0))
    (call $stdin)
    (call $wait)
    ;; a clock that nobody can wait for
    (call $clock (i32.const 2) (i64.const 1) (i32.const 0)) (call $wait)

    ;; waits for a millisecond without sleeping
    (local.set $start (call $time (i32.const 1)))
    (loop $again
      (local.set $readings (i64.add (local.get $readings) (i64.const 1)))
      (br_if $again
        (i64.lt_u (i64.sub (call $time (i32.const 1)) (local.get $start)) (i64.const 1000000))))
    (call $put (local.get $readings))

    (i32.store (i32.const 0) (i32.const 8192))
    (i32.store (i32.const 4) (i32.sub (global.get $end) (i32.const 8192)))
    (drop (call $fd_write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 8)))))
