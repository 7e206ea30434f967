// Programs that make some calls of WASI 0.1 with given arguments, and print what these return.
import { load, type Outcome, type RunOptions } from './package.ts'
import { ending } from './guest.ts'
import { ERRNOS } from './wasi-errors.ts'

/** The parameters of a function: `s` is a string and its length, `i` 32 bits, `I` 64 bits. */
const SIGNATURES = {
  fd_allocate: 'iII',
  fd_close: 'i',
  fd_filestat_get: 'ii',
  fd_filestat_set_size: 'iI',
  fd_filestat_set_times: 'iIIi',
  fd_prestat_dir_name: 'iii',
  fd_pwrite: 'iiiIi',
  fd_read: 'iiii',
  fd_readdir: 'iiiIi',
  fd_renumber: 'ii',
  fd_seek: 'iIii',
  fd_tell: 'ii',
  fd_write: 'iiii',
  path_create_directory: 'is',
  path_filestat_get: 'iisi',
  path_filestat_set_times: 'iisIIi',
  path_link: 'iisis',
  path_open: 'iisiIIii',
  path_readlink: 'isiii',
  path_remove_directory: 'is',
  path_rename: 'isis',
  path_symlink: 'sis',
  path_unlink_file: 'is',
  poll_oneoff: 'iiii',
} as const

/** An array is a vector of one buffer, by its place and length. */
type Value = number | bigint | string | [at: number, length: number]
export type Step = [name: keyof typeof SIGNATURES, ...values: Value[]]

/** Where results of calls go, and where a program prints its memory from. */
export const SCRATCH = 1024
const SCRATCH_BYTES = 8192
/** Vectors of one buffer: the strings of {@link writes}. */
const VECTORS = 16_384
const STRINGS = 32_768

const READ = 1n << 1n
const WRITE = 1n << 6n

/** Opens a file for reading and writing; `how` is `oflags`, of which 1 creates, 2 is a directory, 4 is exclusive, 8 truncates. */
export function open(fd: number, path: string, how = 0, flags = 0): Step {
  const rights = how === 2 ? READ : READ | WRITE
  return ['path_open', fd, 1, path, how, rights, 0n, flags, SCRATCH + 4000]
}

/** Reads bytes to this place of the memory. */
export function read(fd: number, length: number, at: number): Step {
  return ['fd_read', fd, [SCRATCH + at, length], 1, SCRATCH + 4008]
}

/** Writes a text. */
export function write(fd: number, text: string): Step {
  return ['fd_write', fd, text, 1, SCRATCH + 4004]
}

/** WASI 0.1 and the preview before it, whose functions of these names take the same. */
export type CoreWasi = 'wasi_snapshot_preview1' | 'wasi_unstable'

interface Printed {
  /** What each call returned. */
  errnos: string[]
  /** The memory from {@link SCRATCH} on. */
  memory: Buffer
  outcome: Outcome
}

/** A program that makes these calls, prints their errnos and memory, and exits with 0, or ends as `end` says. */
export async function script(
  steps: readonly Step[],
  options: RunOptions,
  end = '(nop)',
  wasi: CoreWasi = 'wasi_snapshot_preview1',
): Promise<Printed> {
  const program = await load(Buffer.from(source(steps, end, wasi)), { cache: false })
  const outcome = await program.run({ limits: { timeoutMs: 60_000 }, ...options })
  const { stdout } = outcome
  if (stdout.length !== steps.length + SCRATCH_BYTES)
    throw new Error(`the script ended early: ${ending(outcome)} ${JSON.stringify(outcome)}`)
  return {
    errnos: [...stdout.subarray(0, steps.length)].map((errno) => ERRNOS[errno] ?? `${errno}`),
    memory: stdout.subarray(steps.length),
    outcome,
  }
}

export function source(
  steps: readonly Step[],
  end = '(nop)',
  wasi: CoreWasi = 'wasi_snapshot_preview1',
): string {
  let strings = STRINGS
  let vectors = VECTORS
  const data: string[] = []
  const bytes = (text: string): string =>
    [...Buffer.from(text)].map((byte) => `\\${byte.toString(16).padStart(2, '0')}`).join('')
  const place = (text: string): [at: number, length: number] => {
    const at = strings
    strings += Buffer.byteLength(text)
    data.push(`(data (i32.const ${at}) "${bytes(text)}")`)
    return [at, Buffer.byteLength(text)]
  }
  const words = (at: number, ...values: number[]): void => {
    const text = Buffer.from(Uint32Array.from(values).buffer)
    data.push(
      `(data (i32.const ${at}) "${[...text].map((byte) => `\\${byte.toString(16).padStart(2, '0')}`).join('')}")`,
    )
  }
  const calls = steps.map(([name, ...values], index) => {
    const signature = SIGNATURES[name]
    const given = values.flatMap((value, at) => {
      if (Array.isArray(value)) {
        words(vectors, ...value)
        vectors += 8
        return `(i32.const ${vectors - 8})`
      }
      if (typeof value !== 'string')
        return `(${signature[at] === 'I' ? 'i64' : 'i32'}.const ${value})`
      if (signature[at] === 's') return place(value).map((number) => `(i32.const ${number})`)
      // A vector of one buffer that has the text.
      words(vectors, ...place(value))
      vectors += 8
      return `(i32.const ${vectors - 8})`
    })
    return `(i32.store8 (i32.const ${64 + index}) (call $${name} ${given.join(' ')}))`
  })
  words(0, 64, steps.length, SCRATCH, SCRATCH_BYTES)
  const imports = Object.entries(SIGNATURES).map(([name, signature]) => {
    const types = [...signature].flatMap((type) =>
      type === 's' ? ['i32', 'i32'] : [type === 'I' ? 'i64' : 'i32'],
    )
    return `(import "${wasi}" "${name}" (func $${name} (param ${types.join(' ')}) (result i32)))`
  })
  return `(module
    ${imports.join('\n')}
    (memory (export "memory") 64)
    ${data.join('\n')}
    (func (export "_start")
      ${calls.join('\n')}
      (drop (call $fd_write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 32)))
      (drop (call $fd_write (i32.const 1) (i32.const 8) (i32.const 1) (i32.const 32)))
      ${end}))`
}
