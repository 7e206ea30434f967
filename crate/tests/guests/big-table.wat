;; Declares a table of 2,000,000 elements (16 MB) and returns: exit 0.
(module
  (table 2000000 funcref)
  (func (export "_start")))
