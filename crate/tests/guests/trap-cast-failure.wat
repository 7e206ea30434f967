;; Casts a struct to a type that it does not have (GC proposal): trap cast-failure.
(module
  (type $small (struct (field i32)))
  (type $large (struct (field i64)))
  (func (export "_start") (drop (ref.cast (ref $large) (struct.new $small (i32.const 1))))))
