;; A reactor: _initialize sets it up, `add` adds two numbers (and traps when it was not set up); there is no _start.
(module
  (memory (export "memory") 1)

  (global $ready (mut i32) (i32.const 0))
  (func (export "_initialize") (global.set $ready (i32.const 1)))
  (func (export "add") (param $a i32) (param $b i32) (result i32)
    (if (i32.eqz (global.get $ready)) (then unreachable))
    (i32.add (local.get $a) (local.get $b))))
