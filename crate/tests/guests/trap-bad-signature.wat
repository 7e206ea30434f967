;; Calls a function without parameters as one that takes an i32: trap indirect-call-type-mismatch.
(module
  (type $takes_number (func (param i32)))
  (table funcref (elem $takes_nothing))
  (func $takes_nothing)
  (func (export "_start") (call_indirect (type $takes_number) (i32.const 1) (i32.const 0))))
