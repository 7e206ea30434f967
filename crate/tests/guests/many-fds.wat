;; Opens the file "a" of the preopen at fd 3 again and again without closing it until it gets an errno, prints how often
;; that succeeded and a newline, and exits with the errno.
(module
  (import "wasi_snapshot_preview1" "fd_write" (func $fd_write (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "path_open" (func $path_open (param i32 i32 i32 i32 i32 i64 i64 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "proc_exit" (func $proc_exit (param i32)))
  (memory (export "memory") 1)
  (data (i32.const 96) "a")

  ;; writes `length` bytes at `address` to stdout; the vector is at 0, the count of written bytes at 8
  (func $print (param $address i32) (param $length i32)
    (i32.store (i32.const 0) (local.get $address))
    (i32.store (i32.const 4) (local.get $length))
    (drop (call $fd_write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 8))))

  ;; prints n as an unsigned decimal and a newline; the digits are made backwards and end at 63
  (func $print_decimal (param $n i64) (local $at i32)
    (local.set $at (i32.const 63))
    (i32.store8 (local.get $at) (i32.const 10))
    (loop $digit
      (local.set $at (i32.sub (local.get $at) (i32.const 1)))
      (i32.store8 (local.get $at)
        (i32.add (i32.const 48) (i32.wrap_i64 (i64.rem_u (local.get $n) (i64.const 10)))))
      (local.set $n (i64.div_u (local.get $n) (i64.const 10)))
      (br_if $digit (i64.ne (local.get $n) (i64.const 0))))
    (call $print (local.get $at) (i32.sub (i32.const 64) (local.get $at))))

  (func (export "_start") (local $count i64) (local $errno i32)
    (block $refused
      (loop $next
        ;; dirfd 3, no lookup flags, "a", no open flags, right to read (2), none inherited, no fd flags
        (br_if $refused (local.tee $errno
          (call $path_open (i32.const 3) (i32.const 0) (i32.const 96) (i32.const 1) (i32.const 0)
            (i64.const 2) (i64.const 0) (i32.const 0) (i32.const 104))))
        (local.set $count (i64.add (local.get $count) (i64.const 1)))
        (br $next)))
    (call $print_decimal (local.get $count))
    (call $proc_exit (local.get $errno))
    unreachable))
