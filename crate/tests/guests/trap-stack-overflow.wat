;; Calls itself without end, and not as a tail call: trap stack-overflow.
(module
  (func $descend (param $depth i32) (result i32)
    (i32.add (i32.const 1) (call $descend (i32.add (local.get $depth) (i32.const 1)))))
  (func (export "_start") (drop (call $descend (i32.const 0)))))
