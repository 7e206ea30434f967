;; Calls through a table entry that is null: trap indirect-call-to-null.
(module
  (type $nothing (func))
  (table 1 funcref)
  (func (export "_start") (call_indirect (type $nothing) (i32.const 0))))
