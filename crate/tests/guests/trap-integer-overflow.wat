;; Divides the smallest i32 by -1: the quotient does not fit into an i32: trap integer-overflow.
(module
  (func $divide (param $a i32) (param $b i32) (result i32) (i32.div_s (local.get $a) (local.get $b)))
  (func (export "_start") (drop (call $divide (i32.const 0x80000000) (i32.const -1)))))
