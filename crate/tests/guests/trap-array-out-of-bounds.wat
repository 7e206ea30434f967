;; Reads element 3 of an array of three (GC proposal): trap array-out-of-bounds.
(module
  (type $numbers (array (mut i32)))
  (func (export "_start")
    (drop (array.get $numbers (array.new $numbers (i32.const 7) (i32.const 3)) (i32.const 3)))))
