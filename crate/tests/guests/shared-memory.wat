;; Defines a shared memory itself (threads proposal), uses it atomically and returns: exit 0 where shared memories are
;; allowed, otherwise refused.
(module
  (memory (export "memory") 1 1 shared)
  (func (export "_start") (drop (i32.atomic.rmw.add (i32.const 0) (i32.const 1)))))
