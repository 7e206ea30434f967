;; Prints the names in the first granted directory, one per line, by `fd_readdir` with a buffer of $SIZE bytes, which
;; grows only where no entry fits. Where $DELETE is 1 each file is deleted as soon as its name has been read. Exits with
;; the errno of the call that fails.
(module
  (import "$MODULE" "fd_readdir" (func $readdir (param i32 i32 i32 i64 i32) (result i32)))
  (import "$MODULE" "fd_write" (func $write (param i32 i32 i32 i32) (result i32)))
  (import "$MODULE" "path_unlink_file" (func $unlink (param i32 i32 i32) (result i32)))
  (import "$MODULE" "proc_exit" (func $exit (param i32)))
  (memory (export "memory") 4)
  (data (i32.const 32) "\n")
  (func $check (param $errno i32)
    (if (local.get $errno) (then (call $exit (local.get $errno)))))
  (func $print (param $at i32) (param $length i32)
    (i32.store (i32.const 8) (local.get $at))
    (i32.store (i32.const 12) (local.get $length))
    (call $check (call $write (i32.const 1) (i32.const 8) (i32.const 1) (i32.const 16))))
  (func (export "_start")
    (local $size i32) (local $cookie i64) (local $at i32) (local $end i32) (local $length i32) (local $fits i32)
    (local.set $size (i32.const $SIZE))
    (loop $calls
      (call $check
        (call $readdir (i32.const 3) (i32.const 1024) (local.get $size) (local.get $cookie) (i32.const 0)))
      (local.set $at (i32.const 1024))
      (local.set $end (i32.add (local.get $at) (i32.load (i32.const 0))))
      (local.set $fits (i32.const 0))
      (block $read
        (loop $entries
          (br_if $read (i32.gt_u (i32.add (local.get $at) (i32.const 24)) (local.get $end)))
          (local.set $length (i32.load offset=16 (local.get $at)))
          (br_if $read
            (i32.gt_u (i32.add (i32.add (local.get $at) (i32.const 24)) (local.get $length)) (local.get $end)))
          (local.set $cookie (i64.load (local.get $at)))
          (local.set $fits (i32.const 1))
          (call $print (i32.add (local.get $at) (i32.const 24)) (local.get $length))
          (call $print (i32.const 32) (i32.const 1))
          (if (i32.and (i32.const $DELETE) (i32.eq (i32.load8_u offset=20 (local.get $at)) (i32.const 4)))
            (then (call $check
              (call $unlink (i32.const 3) (i32.add (local.get $at) (i32.const 24)) (local.get $length)))))
          (local.set $at (i32.add (i32.add (local.get $at) (i32.const 24)) (local.get $length)))
          (br $entries)))
      (if (i32.lt_u (i32.load (i32.const 0)) (local.get $size)) (then return))
      (if (i32.eqz (local.get $fits)) (then (local.set $size (i32.mul (local.get $size) (i32.const 2)))))
      (br $calls))))
