;; Exports a _start that takes an i32: no usable entry point.
(module
  (func (export "_start") (param i32)))
