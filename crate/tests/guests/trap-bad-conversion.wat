;; Converts a NaN to an integer: trap invalid-conversion-to-integer.
(module
  (func $convert (param $x f64) (result i32) (i32.trunc_f64_s (local.get $x)))
  (func (export "_start") (drop (call $convert (f64.const nan)))))
