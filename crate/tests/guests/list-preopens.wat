;; Prints the guest path of each preopen, from fd 3 on until it gets an errno, each on its own line: exit 0.
(module
  (import "wasi_snapshot_preview1" "fd_write" (func $fd_write (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_prestat_get" (func $fd_prestat_get (param i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_prestat_dir_name" (func $fd_prestat_dir_name (param i32 i32 i32) (result i32)))
  (memory (export "memory") 1)

  ;; writes `length` bytes at `address` to stdout; the vector is at 0, the count of written bytes at 8
  (func $print (param $address i32) (param $length i32)
    (i32.store (i32.const 0) (local.get $address))
    (i32.store (i32.const 4) (local.get $length))
    (drop (call $fd_write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 8))))

  (func (export "_start") (local $fd i32) (local $length i32)
    (local.set $fd (i32.const 3))
    (block $end
      (loop $next
        ;; the prestat at 16 is {tag, length of the name}
        (br_if $end (call $fd_prestat_get (local.get $fd) (i32.const 16)))
        (local.set $length (i32.load (i32.const 20)))
        (drop (call $fd_prestat_dir_name (local.get $fd) (i32.const 1024) (local.get $length)))
        (i32.store8 (i32.add (i32.const 1024) (local.get $length)) (i32.const 10))
        (call $print (i32.const 1024) (i32.add (local.get $length) (i32.const 1)))
        (local.set $fd (i32.add (local.get $fd) (i32.const 1)))
        (br $next)))))
