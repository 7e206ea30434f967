;; Calls proc_exit(5) 1,000 calls deep: exit 5.
(module
  (import "wasi_snapshot_preview1" "proc_exit" (func $proc_exit (param i32)))
  (memory (export "memory") 1)

  (func $descend (param $depth i32) (result i32)
    (if (i32.eqz (local.get $depth)) (then (call $proc_exit (i32.const 5))))
    ;; the addition keeps it from being a tail call
    (i32.add (local.get $depth) (call $descend (i32.sub (local.get $depth) (i32.const 1)))))
  (func (export "_start") (drop (call $descend (i32.const 1000)))))
