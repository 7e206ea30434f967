;; A component that computes for long before it makes room for more than 64 KiB.
(component
  (core module $m
    (memory (export "memory") 32)
    (func (export "realloc") (param i32 i32 i32 i32) (result i32)
      (local $left i64)
      (if (i32.gt_u (local.get 3) (i32.const 65536))
        (then
          (local.set $left (i64.const 300000000))
          (loop $again
            (local.set $left (i64.sub (local.get $left) (i64.const 1)))
            (br_if $again (i64.ne (local.get $left) (i64.const 0))))))
      (i32.const 1024))
    (func (export "sum") (param $at i32) (param $length i32) (result i32)
      (local $sum i32)
      (if (i32.eqz (local.get $length)) (then (return (i32.const 0))))
      (loop $again
        (local.set $sum (i32.add (local.get $sum) (i32.load8_u (local.get $at))))
        (local.set $at (i32.add (local.get $at) (i32.const 1)))
        (br_if $again (local.tee $length (i32.sub (local.get $length) (i32.const 1)))))
      (local.get $sum)))
  (core instance $i (instantiate $m))
  (func (export "sum") (param "bytes" (list u8)) (result u32)
    (canon lift (core func $i "sum") (memory (core memory $i "memory")) (realloc (core func $i "realloc")))))
