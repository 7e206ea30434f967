;; A version of a plugin that never ends.
(module
  (memory (export "memory") 1)
  (func (export "reserve") (param i32) (result i32) (i32.const 0))
  (func (export "release") (param i32 i32))
  (func (export "transform") (param i32 i32) (result i64)
    (loop $again (br $again))
    (unreachable))
  (func (export "visit") (result i32) (i32.const 0)))
