;; Throws an exception that nobody catches (the exception proposal with exnref): trap uncaught-exception.
(module
  (tag $error (param i32))
  (func (export "_start") (throw $error (i32.const 42))))
