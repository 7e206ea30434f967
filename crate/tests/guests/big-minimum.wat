;; Declares a memory of at least 1,024 pages (64 MiB) and returns: exit 0, or limit memory where less is allowed.
(module
  (memory (export "memory") 1024)
  (func (export "_start")))
