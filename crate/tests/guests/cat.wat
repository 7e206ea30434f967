;; Copies stdin to stdout through a buffer of 64 KiB until stdin ends: exit 0 (an errno becomes the exit code).
(module
  (import "wasi_snapshot_preview1" "fd_read" (func $fd_read (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_write" (func $fd_write (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "proc_exit" (func $proc_exit (param i32)))
  (memory (export "memory") 2)

  ;; writes all `length` bytes at `address` to `fd`, in as many writes as it takes; an errno becomes the exit code
  (func $write_all (param $fd i32) (param $address i32) (param $length i32) (local $errno i32)
    (block $end
      (loop $next
        (br_if $end (i32.eqz (local.get $length)))
        (i32.store (i32.const 0) (local.get $address))
        (i32.store (i32.const 4) (local.get $length))
        (local.set $errno (call $fd_write (local.get $fd) (i32.const 0) (i32.const 1) (i32.const 8)))
        (if (local.get $errno) (then (call $proc_exit (local.get $errno))))
        (local.set $address (i32.add (local.get $address) (i32.load (i32.const 8))))
        (local.set $length (i32.sub (local.get $length) (i32.load (i32.const 8))))
        (br $next))))

  (func (export "_start") (local $errno i32)
    (loop $next
      ;; the vector {65536, 65536} is at 16, the count of read bytes at 24
      (i32.store (i32.const 16) (i32.const 65536))
      (i32.store (i32.const 20) (i32.const 65536))
      (local.set $errno (call $fd_read (i32.const 0) (i32.const 16) (i32.const 1) (i32.const 24)))
      (if (local.get $errno) (then (call $proc_exit (local.get $errno))))
      (call $write_all (i32.const 1) (i32.const 65536) (i32.load (i32.const 24)))
      (br_if $next (i32.load (i32.const 24))))))
