;; Imports a shared memory env.memory and wasi.thread-spawn, as programs of wasi-threads do: unresolved imports.
(module
  (import "env" "memory" (memory $memory 1 1 shared))
  (import "wasi" "thread-spawn" (func $thread_spawn (param i32) (result i32)))
  (export "memory" (memory $memory))
  (func (export "wasi_thread_start") (param $id i32) (param $argument i32))
  (func (export "_start") (drop (call $thread_spawn (i32.const 0)))))
