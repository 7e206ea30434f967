;; Prints "> " (no line end) and reads stdin, over and over. Prints what it read in brackets; "[end]" at the end of
;; stdin, and at the second end exit 0.
(module
  (import "wasi_snapshot_preview1" "fd_read" (func $fd_read (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_write" (func $fd_write (param i32 i32 i32 i32) (result i32)))
  (memory (export "memory") 1)
  (data (i32.const 64) "> []\n[end]\n")

  ;; writes `length` bytes at `address` to stdout; the vector is at 0, the count of written bytes at 8
  (func $print (param $address i32) (param $length i32)
    (i32.store (i32.const 0) (local.get $address))
    (i32.store (i32.const 4) (local.get $length))
    (drop (call $fd_write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 8))))

  (func (export "_start") (local $ends i32)
    (loop $next
      (call $print (i32.const 64) (i32.const 2))
      ;; the vector {4096, 4096} is at 16, the count of read bytes at 24
      (i32.store (i32.const 16) (i32.const 4096))
      (i32.store (i32.const 20) (i32.const 4096))
      (drop (call $fd_read (i32.const 0) (i32.const 16) (i32.const 1) (i32.const 24)))
      (if (i32.load (i32.const 24))
        (then
          (call $print (i32.const 66) (i32.const 1))
          (call $print (i32.const 4096) (i32.load (i32.const 24)))
          (call $print (i32.const 67) (i32.const 2))
          (br $next)))
      (call $print (i32.const 69) (i32.const 6))
      (local.set $ends (i32.add (local.get $ends) (i32.const 1)))
      (br_if $next (i32.lt_u (local.get $ends) (i32.const 2))))))
