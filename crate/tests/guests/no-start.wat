;; Exports a memory and a function, but no _start and no _initialize: no entry point.
(module
  (memory (export "memory") 1)

  (func (export "main") (result i32) (i32.const 0)))
