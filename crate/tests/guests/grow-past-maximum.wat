;; Has a memory of one page and at most two, and a second one without a maximum. Asks for four pages more for the first,
;; which its maximum does not allow, then for one page more for the second. Exits with 0 when exactly the first was
;; denied, with 1 otherwise.
(module
  (import "wasi_snapshot_preview1" "proc_exit" (func $proc_exit (param i32)))
  (memory $bounded (export "memory") 1 2)
  (memory $free (export "second") 1)
  (func (export "_start")
    (if (i32.ne (memory.grow $bounded (i32.const 4)) (i32.const -1)) (then (call $proc_exit (i32.const 1))))
    (if (i32.ne (memory.grow $free (i32.const 1)) (i32.const 1)) (then (call $proc_exit (i32.const 1))))))
