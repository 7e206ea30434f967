;; Declares two memories (multi-memory proposal) of at least 2 and 3 pages, stores in the last byte of each and returns:
;; exit 0.
(module
  (memory $first (export "memory") 2)
  (memory $second (export "second") 3)
  (func (export "_start")
    (i32.store8 $first (i32.const 131071) (i32.const 1))
    (i32.store8 $second (i32.const 196607) (i32.const 1))))
