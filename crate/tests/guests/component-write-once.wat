;; A WASI 0.2 command that prints 8 MiB of "x" with one write of what check-write permits, and nothing more if that was
;; short: exit 0, or exit 1 if it was short.
(component
  (import "wasi:io/error@0.2.0" (instance $error
    (export "error" (type (sub resource)))))
  (alias export $error "error" (type $error))
  (import "wasi:io/streams@0.2.0" (instance $streams
    (export "output-stream" (type $output-stream (sub resource)))
    (alias outer 1 $error (type $outer-error))
    (export "error" (type $error (eq $outer-error)))
    (type $stream-error-shape (variant (case "last-operation-failed" (own $error)) (case "closed")))
    (export "stream-error" (type $stream-error (eq $stream-error-shape)))
    (export "[method]output-stream.check-write"
      (func (param "self" (borrow $output-stream)) (result (result u64 (error $stream-error)))))
    (export "[method]output-stream.write"
      (func (param "self" (borrow $output-stream)) (param "contents" (list u8)) (result (result (error $stream-error)))))))
  (alias export $streams "output-stream" (type $output-stream))
  (import "wasi:cli/stdout@0.2.0" (instance $stdout
    (alias outer 1 $output-stream (type $outer-output-stream))
    (export "output-stream" (type $output-stream (eq $outer-output-stream)))
    (export "get-stdout" (func (result (own $output-stream))))))

  ;; the memory is in a module of its own, so that the lowered functions can use it before the main module exists
  (core module $Memory (memory (export "memory") 129))
  (core instance $memory (instantiate $Memory))
  (alias core export $memory "memory" (core memory $memory))
  (core func $get-stdout (canon lower (func $stdout "get-stdout")))
  (core func $check (canon lower (func $streams "[method]output-stream.check-write") (memory $memory)))
  (core func $write (canon lower (func $streams "[method]output-stream.write") (memory $memory)))
  (core func $drop (canon resource.drop $output-stream))
  (core module $Main
    (import "host" "memory" (memory 129))
    (import "host" "get-stdout" (func $get_stdout (result i32)))
    (import "host" "check" (func $check (param i32 i32)))
    (import "host" "write" (func $write (param i32 i32 i32 i32)))
    (import "host" "drop" (func $drop (param i32)))
    (global $length i32 (i32.const 8388608))
    (func (export "run") (result i32) (local $stream i32) (local $permitted i64)
      (memory.fill (i32.const 65536) (i32.const 120) (global.get $length))
      (local.set $stream (call $get_stdout))
      ;; the result goes to 16: its first byte is 0 for ok, and the number of bytes is at 24
      (call $check (local.get $stream) (i32.const 16))
      (if (i32.load8_u (i32.const 16)) (then unreachable))
      (local.set $permitted (i64.load (i32.const 24)))
      (if (i64.gt_u (local.get $permitted) (i64.extend_i32_u (global.get $length)))
        (then (local.set $permitted (i64.extend_i32_u (global.get $length)))))
      (call $write (local.get $stream) (i32.const 65536) (i32.wrap_i64 (local.get $permitted)) (i32.const 32))
      (if (i32.load8_u (i32.const 32)) (then unreachable))
      (call $drop (local.get $stream))
      (i64.ne (local.get $permitted) (i64.extend_i32_u (global.get $length)))))
  (core instance $main (instantiate $Main (with "host" (instance
    (export "memory" (memory $memory))
    (export "get-stdout" (func $get-stdout))
    (export "check" (func $check))
    (export "write" (func $write))
    (export "drop" (func $drop))))))
  (func $run (result (result)) (canon lift (core func $main "run")))
  (instance $command (export "run" (func $run)))
  (export "wasi:cli/run@0.2.0" (instance $command)))
