;; Is not a program: `frobnicate` is no instruction.
(module
  (func (export "_start") frobnicate))
