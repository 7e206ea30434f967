;; Takes a tenth off an order of 100 or more.
(module
  (import "shop" "price" (func $price (result f64)))
  (import "shop" "setPrice" (func $set (param f64)))
  (func (export "_start")
    (if (f64.ge (call $price) (f64.const 100))
      (then (call $set (f64.mul (call $price) (f64.const 0.9)))))))
