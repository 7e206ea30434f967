;; Calls through entry 5 of a table that has one: trap table-out-of-bounds.
(module
  (type $nothing (func))
  (table 1 funcref)
  (func (export "_start") (call_indirect (type $nothing) (i32.const 5))))
