;; Grows its memory by 100 pages in the module's start function, and exits with 1 if that was denied, else with 0.
(module
  (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
  (memory (export "memory") 1)
  (func $begin
    (call $exit (i32.eq (memory.grow (i32.const 100)) (i32.const -1))))
  (start $begin)
  (func (export "_start")))
