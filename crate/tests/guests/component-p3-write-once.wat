;; A WASI 0.3 command that prints 8 MiB of "x" with one write to a stream given to write-via-stream, and nothing more if
;; that was short: exit 0, or exit 1 if it was short.
(component
  (import "wasi:cli/types@0.3.0" (instance $types
    (type $shape (enum "io" "illegal-byte-sequence" "pipe"))
    (export "error-code" (type (eq $shape)))))
  (alias export $types "error-code" (type $error-code))
  (import "wasi:cli/stdout@0.3.0" (instance $stdout
    (alias outer 1 $error-code (type $outer-error-code))
    (export "error-code" (type $error-code (eq $outer-error-code)))
    (type $bytes (stream u8))
    (type $written (future (result (error $error-code))))
    (export "write-via-stream" (func (param "data" $bytes) (result $written)))))
  (type $bytes (stream u8))
  (type $written (future (result (error $error-code))))

  ;; the memory is in a module of its own, so that the built-ins can use it before the main module exists
  (core module $Memory (memory (export "memory") 129))
  (core instance $memory (instantiate $Memory))
  (alias core export $memory "memory" (core memory $memory))
  (core func $write-via-stream (canon lower (func $stdout "write-via-stream")))
  (core func $stream-new (canon stream.new $bytes))
  (core func $stream-write (canon stream.write $bytes async (memory $memory)))
  (core func $stream-drop (canon stream.drop-writable $bytes))
  (core func $future-read (canon future.read $written async (memory $memory)))
  (core func $future-drop (canon future.drop-readable $written))
  (core func $set-new (canon waitable-set.new))
  (core func $join (canon waitable.join))
  (core func $return (canon task.return (result (result))))

  (core module $Main
    (import "host" "memory" (memory 129))
    (import "host" "write-via-stream" (func $write_via_stream (param i32) (result i32)))
    (import "host" "stream-new" (func $stream_new (result i64)))
    (import "host" "stream-write" (func $stream_write (param i32 i32 i32) (result i32)))
    (import "host" "stream-drop" (func $stream_drop (param i32)))
    (import "host" "future-read" (func $future_read (param i32 i32) (result i32)))
    (import "host" "future-drop" (func $future_drop (param i32)))
    (import "host" "set-new" (func $set_new (result i32)))
    (import "host" "join" (func $join (param i32 i32)))
    (import "host" "return" (func $return (param i32)))
    (global $length i32 (i32.const 8388608))
    (global $written (mut i32) (i32.const 0))
    (global $set (mut i32) (i32.const 0))
    (global $stream (mut i32) (i32.const 0))
    (global $future (mut i32) (i32.const 0))

    ;; makes the stream, hands its readable end to stdout and writes to the writable end
    (func (export "run") (result i32) (local $ends i64) (local $status i32)
      (memory.fill (i32.const 65536) (i32.const 120) (global.get $length))
      (global.set $set (call $set_new))
      (local.set $ends (call $stream_new))
      (global.set $stream (i32.wrap_i64 (i64.shr_u (local.get $ends) (i64.const 32))))
      (global.set $future (call $write_via_stream (i32.wrap_i64 (local.get $ends))))
      ;; -1: not yet, an event will say when
      (local.set $status
        (call $stream_write (global.get $stream) (i32.const 65536) (global.get $length)))
      (if (i32.eq (local.get $status) (i32.const -1))
        (then
          (call $join (global.get $stream) (global.get $set))
          (return (call $wait))))
      (call $close (local.get $status)))

    ;; event 3 is a stream write, event 4 a future read
    (func (export "callback") (param $event i32) (param $waitable i32) (param $code i32) (result i32)
      (call $join (local.get $waitable) (i32.const 0))
      (if (i32.eq (local.get $event) (i32.const 3)) (then (return (call $close (local.get $code)))))
      (call $finish))

    ;; returns 2 | set << 4: call back when something in the set has happened
    (func $wait (result i32) (i32.or (i32.const 2) (i32.shl (global.get $set) (i32.const 4))))

    ;; the stream ends; above the lowest four bits of the status is how many bytes were written
    (func $close (param $status i32) (result i32)
      (global.set $written (i32.shr_u (local.get $status) (i32.const 4)))
      (call $stream_drop (global.get $stream))
      (if (i32.eq (call $future_read (global.get $future) (i32.const 16)) (i32.const -1))
        (then
          (call $join (global.get $future) (global.get $set))
          (return (call $wait))))
      (call $finish))

    ;; returning 0 ends the task
    (func $finish (result i32)
      (call $future_drop (global.get $future))
      (call $return (i32.ne (global.get $written) (global.get $length)))
      (i32.const 0)))
  (core instance $main (instantiate $Main (with "host" (instance
    (export "memory" (memory $memory))
    (export "write-via-stream" (func $write-via-stream))
    (export "stream-new" (func $stream-new))
    (export "stream-write" (func $stream-write))
    (export "stream-drop" (func $stream-drop))
    (export "future-read" (func $future-read))
    (export "future-drop" (func $future-drop))
    (export "set-new" (func $set-new))
    (export "join" (func $join))
    (export "return" (func $return))))))
  (type $run-type (func async (result (result))))
  (func $run (type $run-type)
    (canon lift (core func $main "run") async (callback (core func $main "callback"))))
  (instance $command (export "run" (func $run)))
  (export "wasi:cli/run@0.3.0" (instance $command)))
