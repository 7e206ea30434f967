;; The next version of currency.wat, with a mistake: it asks again and again.
(module
  (import "shop" "price" (func $price (result f64)))
  (import "shop" "setPrice" (func $set (param f64)))
  (import "shop" "rate" (func $rate (param i32 i32) (result f64)))
  (memory (export "memory") 1)
  (data (i32.const 0) "EUR")
  (func (export "_start")
    (loop $again
      (drop (f64.mul (call $price) (f64.const 1)))
      (br $again))))
