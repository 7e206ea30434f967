;; Crashes.
(module
  (memory (export "memory") 1)
  (func $average (param $sum i32) (param $count i32) (result i32)
    (i32.div_u (local.get $sum) (local.get $count)))
  (func (export "_start")
    (drop (call $average (i32.const 3) (i32.const 0)))))
