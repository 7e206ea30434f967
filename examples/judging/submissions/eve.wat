;; Takes all the memory that it can get.
(module
  (memory (export "memory") 1)
  (func (export "_start")
    (loop $again
      (drop (memory.grow (i32.const 16)))
      (br $again))))
