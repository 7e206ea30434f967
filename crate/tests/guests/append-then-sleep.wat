;; Appends argv[2] to the file argv[1], a path under the preopen at fd 3, which it creates, and sleeps an hour. On an
;; errno e it prints "errno e" and a newline and calls proc_exit(1).
(module
  (import "wasi_snapshot_preview1" "fd_write" (func $fd_write (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_close" (func $fd_close (param i32) (result i32)))
  (import "wasi_snapshot_preview1" "path_open" (func $path_open (param i32 i32 i32 i32 i32 i64 i64 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "poll_oneoff" (func $poll_oneoff (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "proc_exit" (func $proc_exit (param i32)))
  (import "wasi_snapshot_preview1" "args_sizes_get" (func $args_sizes_get (param i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "args_get" (func $args_get (param i32 i32) (result i32)))
  (memory (export "memory") 2)
  (data (i32.const 100) "errno ")

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

  ;; the address of argv[index]; argv is read again each time, to 1024, its text to 4096
  (func $argument (param $index i32) (result i32)
    (drop (call $args_sizes_get (i32.const 1024) (i32.const 1028)))
    (if (i32.le_u (i32.load (i32.const 1024)) (local.get $index))
      (then (call $proc_exit (i32.const 64))))
    (drop (call $args_get (i32.const 1024) (i32.const 4096)))
    (i32.load (i32.add (i32.const 1024) (i32.mul (local.get $index) (i32.const 4)))))

  (func $length (param $address i32) (result i32) (local $at i32)
    (local.set $at (local.get $address))
    (block $end
      (loop $next
        (br_if $end (i32.eqz (i32.load8_u (local.get $at))))
        (local.set $at (i32.add (local.get $at) (i32.const 1)))
        (br $next)))
    (i32.sub (local.get $at) (local.get $address)))

  ;; prints "errno e" and ends with exit 1, unless e is 0
  (func $check (param $e i32)
    (if (i32.eqz (local.get $e)) (then (return)))
    (call $print (i32.const 100) (i32.const 6))
    (call $print_decimal (i64.extend_i32_u (local.get $e)))
    (call $proc_exit (i32.const 1)))

  (func (export "_start") (local $path i32) (local $text i32)
    (local.set $path (call $argument (i32.const 1)))
    (local.set $text (call $argument (i32.const 2)))
    ;; dirfd 3, follow symbolic links (1), create (1), right to write (64), none inherited, append (1); the fd goes to 80
    (call $check
      (call $path_open (i32.const 3) (i32.const 1) (local.get $path) (call $length (local.get $path)) (i32.const 1)
        (i64.const 64) (i64.const 0) (i32.const 1) (i32.const 80)))
    ;; the vector is at 84, the count of written bytes at 92
    (i32.store (i32.const 84) (local.get $text))
    (i32.store (i32.const 88) (call $length (local.get $text)))
    (call $check (call $fd_write (i32.load (i32.const 80)) (i32.const 84) (i32.const 1) (i32.const 92)))
    (call $check (call $fd_close (i32.load (i32.const 80))))
    ;; one subscription at 128 (clock, monotonic, relative), its event at 192, the count of events at 224
    (i32.store (i32.const 144) (i32.const 1))
    (i64.store (i32.const 152) (i64.const 3600000000000))
    (drop (call $poll_oneoff (i32.const 128) (i32.const 192) (i32.const 1) (i32.const 224)))))
