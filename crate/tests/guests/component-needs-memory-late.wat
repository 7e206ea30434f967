;; Prints "before" and a newline in the start function of its first module; its second needs 3 GiB. Its run returns ok.
(component
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
  (core module $Memory (memory (export "memory") 1) (data (i32.const 0) "before\n"))
  (core instance $memory (instantiate $Memory))
  (alias core export $memory "memory" (core memory $memory))
  (core func $get-stdout (canon lower (func $stdout "get-stdout")))
  (core func $print
    (canon lower (func $streams "[method]output-stream.blocking-write-and-flush") (memory $memory)))
  (core instance $host (export "get-stdout" (func $get-stdout)) (export "print" (func $print)))
  (core module $First
    (import "host" "get-stdout" (func $get-stdout (result i32)))
    (import "host" "print" (func $print (param i32 i32 i32 i32)))
    (func $start (call $print (call $get-stdout) (i32.const 0) (i32.const 7) (i32.const 1024)))
    (start $start))
  (core instance (instantiate $First (with "host" (instance $host))))
  (core module $Main
    (memory 49152)
    (func (export "run") (result i32) (i32.const 0)))
  (core instance $main (instantiate $Main))
  (func $run (result (result)) (canon lift (core func $main "run")))
  (instance $command (export "run" (func $run)))
  (export "wasi:cli/run@0.2.0" (instance $command)))
