;; Reads a field of a null struct (GC proposal): trap null-reference.
(module
  (type $point (struct (field i32)))
  (func (export "_start") (drop (struct.get $point 0 (ref.null $point)))))
