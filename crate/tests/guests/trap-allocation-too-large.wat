;; Makes an array of 2^32 - 1 elements (GC proposal): trap allocation-too-large.
(module
  (type $numbers (array (mut i64)))
  (func (export "_start") (drop (array.new $numbers (i64.const 0) (i32.const -1)))))
