;; Sets a negative price, which the host does not let through.
(module
  (import "shop" "setPrice" (func $set (param f64)))
  (func (export "_start") (call $set (f64.const -5))))
