;; Loads four bytes atomically from address 1 (threads proposal): trap unaligned-atomic.
(module
  (memory (export "memory") 1)

  (func (export "_start") (drop (i32.atomic.load (i32.const 1)))))
