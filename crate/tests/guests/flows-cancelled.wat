;; Cancels calls of its host, whose results have a resource and a stream.
(component
  (import "test:cancelled/host" (instance $host
    (export "thing" (type $thing (sub resource)))
    (export "open" (func async (param "number" u32) (result (tuple (own $thing) (stream u8)))))
    (export "check" (func))))

  (core module $Memory (memory (export "memory") 1))
  (core instance $memory (instantiate $Memory))
  (alias core export $memory "memory" (core memory $memory))
  (core func $open (canon lower (func $host "open") async (memory $memory)))
  (core func $check (canon lower (func $host "check")))
  (core func $cancel (canon subtask.cancel))
  (core func $drop (canon subtask.drop))

  (core module $Main
    (import "host" "open" (func $open (param i32 i32) (result i32)))
    (import "host" "check" (func $check))
    (import "host" "cancel" (func $cancel (param i32) (result i32)))
    (import "host" "drop" (func $drop (param i32)))

    ;; begins so many calls, and cancels each
    (func (export "cancel") (param $count i32) (local $task i32)
      (loop $next
        (local.set $task (i32.shr_u (call $open (local.get $count) (i32.const 64)) (i32.const 4)))
        (if (local.get $task)
          (then
            (drop (call $cancel (local.get $task)))
            (call $drop (local.get $task))))
        (local.set $count (i32.sub (local.get $count) (i32.const 1)))
        (br_if $next (local.get $count))))

    (func (export "check") (call $check)))
  (core instance $main (instantiate $Main (with "host" (instance
    (export "open" (func $open))
    (export "check" (func $check))
    (export "cancel" (func $cancel))
    (export "drop" (func $drop))))))
  (func (export "cancel") async (param "count" u32) (canon lift (core func $main "cancel")))
  (func (export "check") (canon lift (core func $main "check"))))
