;; Imports a function env.foo and a memory env.bar, which no host provides, beside fd_write: unresolved imports.
(module
  (import "env" "foo" (func $foo (param i32) (result i32)))
  (import "env" "bar" (memory $bar 1))
  (import "wasi_snapshot_preview1" "fd_write" (func $fd_write (param i32 i32 i32 i32) (result i32)))
  (export "memory" (memory $bar))
  (func (export "_start") (drop (call $foo (i32.const 0)))))
