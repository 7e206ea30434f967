;; Waits on a memory that is not shared (threads proposal): trap atomic-wait-on-unshared-memory.
(module
  (memory (export "memory") 1)

  (func (export "_start")
    (drop (memory.atomic.wait32 (i32.const 0) (i32.const 0) (i64.const -1)))))
