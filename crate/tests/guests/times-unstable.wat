;; Preview 0 (module wasi_unstable): prints what the monotonic clock says, as 64-bit words, before and after it waits 2 ms,
;; and which of two waits that was: exit 0.
(module
  (import "wasi_unstable" "fd_write" (func $fd_write (param i32 i32 i32 i32) (result i32)))
  (import "wasi_unstable" "clock_time_get" (func $clock_time_get (param i32 i64 i32) (result i32)))
  (import "wasi_unstable" "poll_oneoff" (func $poll_oneoff (param i32 i32 i32 i32) (result i32)))
  (memory (export "memory") 1)
  ;; two subscriptions of 56 bytes from 1024 on: userdata 7 waits 2000001 ns, userdata 8 waits 2 ms
  (data (i32.const 1024) "\07") (data (i32.const 1048) "\01") (data (i32.const 1056) "\81\84\1e")
  (data (i32.const 1080) "\08") (data (i32.const 1104) "\01") (data (i32.const 1112) "\80\84\1e")
  ;; what is printed is from 512 on
  (data (i32.const 0) "\00\02\00\00\28\00\00\00")
  (func (export "_start")
    (drop (call $clock_time_get (i32.const 1) (i64.const 1) (i32.const 512)))
    (i64.store (i32.const 520)
      (i64.extend_i32_u (call $poll_oneoff (i32.const 1024) (i32.const 2048) (i32.const 2) (i32.const 528))))
    (i64.store (i32.const 536) (i64.load (i32.const 2048)))
    (drop (call $clock_time_get (i32.const 1) (i64.const 1) (i32.const 544)))
    (drop (call $fd_write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 8)))))
