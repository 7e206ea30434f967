;; A WASI 0.2 command that prints, as 64-bit words, what its clocks say before and after waits of all kinds, and then
;; random numbers of all kinds: exit 0.
(component
  (import "wasi:io/poll@0.2.0" (instance $poll
    (export "pollable" (type $pollable (sub resource)))
    (export "[method]pollable.ready" (func (param "self" (borrow $pollable)) (result bool)))
    (export "[method]pollable.block" (func (param "self" (borrow $pollable))))
    (export "poll" (func (param "in" (list (borrow $pollable))) (result (list u32))))))
  (alias export $poll "pollable" (type $pollable))
  (import "wasi:io/error@0.2.0" (instance $error (export "error" (type (sub resource)))))
  (alias export $error "error" (type $error))
  (import "wasi:io/streams@0.2.0" (instance $streams
    (export "output-stream" (type $output-stream (sub resource)))
    (alias outer 1 $error (type $outer-error))
    (export "error" (type $error (eq $outer-error)))
    (type $stream-error-shape (variant (case "last-operation-failed" (own $error)) (case "closed")))
    (export "stream-error" (type $stream-error (eq $stream-error-shape)))
    (export "[method]output-stream.blocking-write-and-flush"
      (func (param "self" (borrow $output-stream)) (param "contents" (list u8)) (result (result (error $stream-error)))))))
  (alias export $streams "output-stream" (type $output-stream))
  (import "wasi:cli/stdout@0.2.0" (instance $stdout
    (alias outer 1 $output-stream (type $outer-output-stream))
    (export "output-stream" (type $output-stream (eq $outer-output-stream)))
    (export "get-stdout" (func (result (own $output-stream))))))
  (import "wasi:clocks/wall-clock@0.2.0" (instance $wall-clock
    (type $datetime-shape (record (field "seconds" u64) (field "nanoseconds" u32)))
    (export "datetime" (type $datetime (eq $datetime-shape)))
    (export "now" (func (result $datetime)))
    (export "resolution" (func (result $datetime)))))
  (import "wasi:clocks/monotonic-clock@0.2.0" (instance $clock
    (alias outer 1 $pollable (type $outer-pollable))
    (export "pollable" (type $pollable (eq $outer-pollable)))
    (export "now" (func (result u64)))
    (export "resolution" (func (result u64)))
    (export "subscribe-instant" (func (param "when" u64) (result (own $pollable))))
    (export "subscribe-duration" (func (param "when" u64) (result (own $pollable))))))
  (import "wasi:random/random@0.2.0" (instance $random
    (export "get-random-bytes" (func (param "len" u64) (result (list u8))))
    (export "get-random-u64" (func (result u64)))))
  (import "wasi:random/insecure@0.2.0" (instance $insecure
    (export "get-insecure-random-bytes" (func (param "len" u64) (result (list u8))))
    (export "get-insecure-random-u64" (func (result u64)))))
  (import "wasi:random/insecure-seed@0.2.0" (instance $insecure-seed
    (export "insecure-seed" (func (result (tuple u64 u64))))))

  ;; in a module of its own, so that the lowered functions can use it before the main module exists
  (core module $Memory
    (memory (export "memory") 1)
    (global $next (mut i32) (i32.const 16384))
    (func (export "realloc") (param i32 i32 i32 i32) (result i32)
      (global.get $next)
      (global.set $next
        (i32.and (i32.add (i32.add (global.get $next) (local.get 3)) (i32.const 15)) (i32.const -16)))))
  (core instance $memory (instantiate $Memory))
  (alias core export $memory "memory" (core memory $memory))
  (alias core export $memory "realloc" (core func $realloc))
  (core func $get-stdout (canon lower (func $stdout "get-stdout")))
  (core func $print
    (canon lower (func $streams "[method]output-stream.blocking-write-and-flush") (memory $memory)))
  (core func $wall-now (canon lower (func $wall-clock "now") (memory $memory)))
  (core func $wall-resolution (canon lower (func $wall-clock "resolution") (memory $memory)))
  (core func $now (canon lower (func $clock "now")))
  (core func $resolution (canon lower (func $clock "resolution")))
  (core func $until (canon lower (func $clock "subscribe-instant")))
  (core func $for (canon lower (func $clock "subscribe-duration")))
  (core func $ready (canon lower (func $poll "[method]pollable.ready")))
  (core func $block (canon lower (func $poll "[method]pollable.block")))
  (core func $poll (canon lower (func $poll "poll") (memory $memory) (realloc $realloc)))
  (core func $bytes (canon lower (func $random "get-random-bytes") (memory $memory) (realloc $realloc)))
  (core func $u64 (canon lower (func $random "get-random-u64")))
  (core func $insecure-bytes
    (canon lower (func $insecure "get-insecure-random-bytes") (memory $memory) (realloc $realloc)))
  (core func $insecure-u64 (canon lower (func $insecure "get-insecure-random-u64")))
  (core func $seed (canon lower (func $insecure-seed "insecure-seed") (memory $memory)))
  (core instance $host
    (export "memory" (memory $memory))
    (export "get-stdout" (func $get-stdout))
    (export "print" (func $print))
    (export "wall-now" (func $wall-now))
    (export "wall-resolution" (func $wall-resolution))
    (export "now" (func $now))
    (export "resolution" (func $resolution))
    (export "until" (func $until))
    (export "for" (func $for))
    (export "ready" (func $ready))
    (export "block" (func $block))
    (export "poll" (func $poll))
    (export "bytes" (func $bytes))
    (export "u64" (func $u64))
    (export "insecure-bytes" (func $insecure-bytes))
    (export "insecure-u64" (func $insecure-u64))
    (export "seed" (func $seed)))
  (core module $Main
    (import "host" "memory" (memory 1))
    (import "host" "get-stdout" (func $get_stdout (result i32)))
    (import "host" "print" (func $print (param i32 i32 i32 i32)))
    (import "host" "wall-now" (func $wall_now (param i32)))
    (import "host" "wall-resolution" (func $wall_resolution (param i32)))
    (import "host" "now" (func $now (result i64)))
    (import "host" "resolution" (func $resolution (result i64)))
    (import "host" "until" (func $until (param i64) (result i32)))
    (import "host" "for" (func $for (param i64) (result i32)))
    (import "host" "ready" (func $ready (param i32) (result i32)))
    (import "host" "block" (func $block (param i32)))
    (import "host" "poll" (func $poll (param i32 i32 i32)))
    (import "host" "bytes" (func $bytes (param i64 i32)))
    (import "host" "u64" (func $u64 (result i64)))
    (import "host" "insecure-bytes" (func $insecure_bytes (param i64 i32)))
    (import "host" "insecure-u64" (func $insecure_u64 (result i64)))
    (import "host" "seed" (func $seed (param i32)))
    ;; the words are from 8192 on
    (global $end (mut i32) (i32.const 8192))

    (func $put (param $word i64)
      (i64.store (global.get $end) (local.get $word))
      (global.set $end (i32.add (global.get $end) (i32.const 8))))
    (func $put_two (param $at i32)
      (call $put (i64.load (local.get $at)))
      (call $put (i64.load offset=8 (local.get $at))))
    (func $put_datetime (param $at i32)
      (call $put (i64.load (local.get $at)))
      (call $put (i64.load32_u offset=8 (local.get $at))))

    ;; puts the indexes of those that are ready of `count` pollables at 256
    (func $put_ready (param $count i32) (local $index i32)
      (call $poll (i32.const 256) (local.get $count) (i32.const 64))
      (call $put (i64.load32_u (i32.const 68)))
      (loop $next
        (call $put
          (i64.load32_u (i32.add (i32.load (i32.const 64)) (i32.shl (local.get $index) (i32.const 2)))))
        (local.set $index (i32.add (local.get $index) (i32.const 1)))
        (br_if $next (i32.lt_u (local.get $index) (i32.load (i32.const 68))))))

    (func (export "run") (result i32) (local $timer i32) (local $times i64)
      (call $wall_resolution (i32.const 64)) (call $put_datetime (i32.const 64))
      (call $wall_now (i32.const 64)) (call $put_datetime (i32.const 64))
      (call $put (call $resolution))
      (call $put (call $now))
      (call $put (call $now))
      ;; for 2 ms, until 10 ms, until 1 ns
      (call $block (call $for (i64.const 2000000))) (call $put (call $now))
      (call $block (call $until (i64.const 10000000))) (call $put (call $now))
      (call $block (call $until (i64.const 1))) (call $put (call $now))
      ;; the first of several, and all that are as early
      (i32.store (i32.const 256) (call $until (i64.const 20000001)))
      (i32.store (i32.const 260) (call $until (i64.const 20000000)))
      (i32.store (i32.const 264) (call $until (i64.const 30000000)))
      (i32.store (i32.const 268) (call $until (i64.const 20000000)))
      (call $put_ready (i32.const 4)) (call $put (call $now))
      ;; again, which takes those that are over now
      (call $put_ready (i32.const 4)) (call $put (call $now))
      ;; asks for a millisecond whether it is over
      (local.set $timer (call $for (i64.const 1000000)))
      (loop $again
        (local.set $times (i64.add (local.get $times) (i64.const 1)))
        (br_if $again (i32.eqz (call $ready (local.get $timer)))))
      (call $put (local.get $times))
      (call $put (call $now))

      (call $put (call $u64))
      (call $bytes (i64.const 16) (i32.const 64)) (call $put_two (i32.load (i32.const 64)))
      (call $put (call $insecure_u64))
      (call $insecure_bytes (i64.const 16) (i32.const 64)) (call $put_two (i32.load (i32.const 64)))
      (call $seed (i32.const 64)) (call $put_two (i32.const 64))

      (call $print (call $get_stdout) (i32.const 8192) (i32.sub (global.get $end) (i32.const 8192)) (i32.const 64))
      (i32.load8_u (i32.const 64))))
  (core instance $main (instantiate $Main (with "host" (instance $host))))
  (func $run (result (result)) (canon lift (core func $main "run")))
  (instance $command (export "run" (func $run)))
  (export "wasi:cli/run@0.2.0" (instance $command)))
