;; Handles a request: logs what `wasi:config` tells of "mode", and whether the bucket "a" opens.
(component
  (import "wasi:http/types@0.2.0" (instance $http
    (export "incoming-request" (type (sub resource)))
    (export "response-outparam" (type (sub resource)))))
  (alias export $http "incoming-request" (type $request))
  (alias export $http "response-outparam" (type $out))
  (import "wasi:config/store@0.2.0-rc.1" (instance $config
    (type $shape (variant (case "upstream" string) (case "io" string)))
    (export "error" (type $error (eq $shape)))
    (export "get" (func (param "key" string) (result (result (option string) (error $error)))))))
  (import "wasi:keyvalue/store@0.2.0-draft" (instance $keyvalue
    (type $shape (variant (case "no-such-store") (case "access-denied") (case "other" string)))
    (export "error" (type $error (eq $shape)))
    (export "bucket" (type $bucket (sub resource)))
    (export "open" (func (param "identifier" string) (result (result (own $bucket) (error $error)))))))
  (import "wasi:logging/logging" (instance $logging
    (type $shape (enum "trace" "debug" "info" "warn" "error" "critical"))
    (export "level" (type $level (eq $shape)))
    (export "log" (func (param "level" $level) (param "context" string) (param "message" string)))))

  (core module $Memory
    (memory (export "memory") 1)
    (global $next (mut i32) (i32.const 1024))
    (func (export "realloc") (param i32 i32 i32 i32) (result i32)
      (local $at i32)
      (local.set $at (global.get $next))
      (global.set $next (i32.add (local.get $at) (local.get 3)))
      (local.get $at)))
  (core instance $memory (instantiate $Memory))
  (alias core export $memory "memory" (core memory $memory))
  (alias core export $memory "realloc" (core func $realloc))
  (core func $get (canon lower (func $config "get") (memory $memory) (realloc $realloc)))
  (core func $open (canon lower (func $keyvalue "open") (memory $memory) (realloc $realloc)))
  (core func $log (canon lower (func $logging "log") (memory $memory)))

  (core module $Main
    (import "host" "memory" (memory 1))
    (import "host" "get" (func $get (param i32 i32 i32)))
    (import "host" "open" (func $open (param i32 i32 i32)))
    (import "host" "log" (func $log (param i32 i32 i32 i32 i32)))
    (data (i32.const 0) "mode" "a" "openshut")
    ;; the text is in the value of an option in a result
    (func (export "handle") (param $request i32) (param $out i32)
      (call $get (i32.const 0) (i32.const 4) (i32.const 64))
      (if (i32.load8_u (i32.const 68))
        (then (call $log (i32.const 2) (i32.const 0) (i32.const 0) (i32.load (i32.const 72)) (i32.load (i32.const 76)))))
      (call $open (i32.const 4) (i32.const 1) (i32.const 96))
      (call $log (i32.const 2) (i32.const 0) (i32.const 0)
        (select (i32.const 9) (i32.const 5) (i32.load8_u (i32.const 96))) (i32.const 4))))
  (core instance $main (instantiate $Main (with "host" (instance
    (export "memory" (memory $memory))
    (export "get" (func $get))
    (export "open" (func $open))
    (export "log" (func $log))))))
  (func $handle (param "request" (own $request)) (param "response-out" (own $out)) (canon lift (core func $main "handle")))
  (instance $handler (export "handle" (func $handle)))
  (export "wasi:http/incoming-handler@0.2.0" (instance $handler)))
