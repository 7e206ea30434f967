// Guests that call functions of the host.
import { load, type LoadOptions, type Program } from './package.ts'

const loaded = new Map<string, Promise<Program>>()

/** A module with this text, loaded once for each test file. */
export function module(text: string, options: LoadOptions = {}): Promise<Program> {
  const key = JSON.stringify([text, options.interruptible])
  let program = loaded.get(key)
  if (program === undefined) {
    program = load(new TextEncoder().encode(`(module ${text})`), {
      name: 'guest',
      cache: false,
      ...options,
    })
    loaded.set(key, program)
  }
  return program
}

/** What a guest needs to print `text`: `(call $print)`. */
export function printing(text: string): string {
  return `
    (import "wasi_snapshot_preview1" "fd_write" (func $fd_write (param i32 i32 i32 i32) (result i32)))
    (memory (export "memory") 1)
    (data (i32.const 16) "${text}")
    (func $print
      (i32.store (i32.const 0) (i32.const 16))
      (i32.store (i32.const 4) (i32.const ${text.length}))
      (drop (call $fd_write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 8))))`
}

/** A guest that calls `env.f` of this type once, with zeros, and drops what it returns. */
export function calling(params: readonly string[], results: readonly string[]): string {
  const zeros = params.map((type) => `(${type}.const 0)`).join(' ')
  const drops = results.map(() => '(drop)').join(' ')
  return `
    (import "env" "f" (func $f (param ${params.join(' ')}) (result ${results.join(' ')})))
    (func (export "_start") (call $f ${zeros}) ${drops})`
}
