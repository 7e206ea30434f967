;; A plugin for the second version of what the host gives: `log` has a level there. It returns its text.
(module
  (import "host-2" "log" (func $log (param i32 i32 i32)))
  (memory (export "memory") 1)
  (func (export "reserve") (param i32) (result i32) (i32.const 1024))
  (func (export "release") (param i32 i32))
  (func (export "transform") (param $text i32) (param $length i32) (result i64)
    (call $log (i32.const 1) (local.get $text) (local.get $length))
    (i64.or
      (i64.shl (i64.extend_i32_u (local.get $text)) (i64.const 32))
      (i64.extend_i32_u (local.get $length))))
  (func (export "visit") (result i32) (i32.const 0)))
