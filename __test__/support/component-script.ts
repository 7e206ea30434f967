// Components of WASI 0.2 and 0.3 that call functions of `wasi:filesystem` with given arguments, and print what these
// return.
import { load, type Outcome, type RunOptions } from './package.ts'
import { ending, numbers } from './guest.ts'
import {
  ERROR_CODES,
  OUTPUT,
  PARTS,
  PREOPENS,
  READ_AT,
  SCRATCH,
  type Lowered,
  type Version,
} from './component-wat.ts'

/** The types of parameters, and those of a core module that stand for them. */
const TYPES = {
  advice: ['$advice', 'i32'],
  bytes: ['(list u8)', 'i32 i32'],
  descriptor: ['(borrow $descriptor)', 'i32'],
  'descriptor-flags': ['$descriptor-flags', 'i32'],
  filesize: ['u64', 'i64'],
  'new-timestamp': ['$new-timestamp', 'i32 i64 i32'],
  'open-flags': ['$open-flags', 'i32'],
  'path-flags': ['$path-flags', 'i32'],
  string: ['string', 'i32 i32'],
} as const

interface Method {
  parameters: readonly (readonly [name: string, type: keyof typeof TYPES])[]
  /** The type that it returns if nothing is wrong, and how that is aligned; nothing without it. */
  result?: readonly [type: string, alignment: 1 | 4 | 8]
}

const PATH = ['path', 'string'] as const
const PATH_FLAGS = ['path-flags', 'path-flags'] as const
const OLD_PATH = ['old-path', 'string'] as const
const NEW_DESCRIPTOR = ['new-descriptor', 'descriptor'] as const
const NEW_PATH = ['new-path', 'string'] as const
const TIMES = [
  ['data-access-timestamp', 'new-timestamp'],
  ['data-modification-timestamp', 'new-timestamp'],
] as const
const OFFSET = ['offset', 'filesize'] as const

type Both =
  | 'advise'
  | 'create-directory-at'
  | 'get-flags'
  | 'get-type'
  | 'link-at'
  | 'metadata-hash'
  | 'metadata-hash-at'
  | 'open-at'
  | 'readlink-at'
  | 'remove-directory-at'
  | 'rename-at'
  | 'set-size'
  | 'set-times'
  | 'set-times-at'
  | 'stat'
  | 'stat-at'
  | 'symlink-at'
  | 'sync'
  | 'sync-data'
  | 'unlink-file-at'
type OnlyP2 = 'read' | 'write'
/**
 * Whole reads and writes through streams: functions of the guest. They take bytes before an offset. `copy` is for WASI
 * 0.3 alone.
 */
type Streamed =
  'append-via-stream' | 'copy' | 'read-directory' | 'read-via-stream' | 'write-via-stream'

/** The functions that both versions have, and have in the same way. */
const METHODS: Readonly<Record<Both, Method>> = {
  advise: { parameters: [OFFSET, ['length', 'filesize'], ['advice', 'advice']] },
  'create-directory-at': { parameters: [PATH] },
  'get-flags': { parameters: [], result: ['$descriptor-flags', 1] },
  'get-type': { parameters: [], result: ['$descriptor-type', 1] },
  'link-at': {
    parameters: [['old-path-flags', 'path-flags'], OLD_PATH, NEW_DESCRIPTOR, NEW_PATH],
  },
  'metadata-hash': { parameters: [], result: ['$metadata-hash-value', 8] },
  'metadata-hash-at': { parameters: [PATH_FLAGS, PATH], result: ['$metadata-hash-value', 8] },
  'open-at': {
    parameters: [PATH_FLAGS, PATH, ['open-flags', 'open-flags'], ['flags', 'descriptor-flags']],
    result: ['(own $descriptor)', 4],
  },
  'readlink-at': { parameters: [PATH], result: ['string', 4] },
  'remove-directory-at': { parameters: [PATH] },
  'rename-at': { parameters: [OLD_PATH, NEW_DESCRIPTOR, NEW_PATH] },
  'set-size': { parameters: [['size', 'filesize']] },
  'set-times': { parameters: TIMES },
  'set-times-at': { parameters: [PATH_FLAGS, PATH, ...TIMES] },
  stat: { parameters: [], result: ['$descriptor-stat', 8] },
  'stat-at': { parameters: [PATH_FLAGS, PATH], result: ['$descriptor-stat', 8] },
  'symlink-at': { parameters: [OLD_PATH, NEW_PATH] },
  sync: { parameters: [] },
  'sync-data': { parameters: [] },
  'unlink-file-at': { parameters: [PATH] },
}

const ONLY_P2: Readonly<Record<OnlyP2, Method>> = {
  read: {
    parameters: [['length', 'filesize'], OFFSET],
    result: ['(tuple (list u8) bool)', 4],
  },
  write: { parameters: [['buffer', 'bytes'], OFFSET], result: ['u64', 8] },
}

const STREAMED: readonly Name[] = [
  'append-via-stream',
  'copy',
  'read-directory',
  'read-via-stream',
  'write-via-stream',
] satisfies Streamed[]

/** A granted directory, by its number, or what an earlier step has opened. */
export type Handle = { preopen: number } | { step: number }

/** `{ seconds }` is a time to set. */
type Value = number | bigint | string | Handle | { seconds: bigint }
type Name = Both | OnlyP2 | Streamed
export type Step = readonly [name: Name, self: Handle, ...values: Value[]]

/** The first granted directory. */
export const TOP: Handle = { preopen: 0 }
/** Both times of a file, long ago. */
export const LONG_AGO: readonly [Value, Value] = [{ seconds: 1n }, { seconds: 1n }]

export const FOLLOW = 1
export const CREATE = 1
export const DIRECTORY = 2
export const EXCLUSIVE = 4
export const TRUNCATE = 8
export const READ = 1
export const WRITE = 2
export const MUTATE = 32

/** From here on: what each step returns, then strings, then what the host puts into the memory. */
const RESULTS = 65_536
const RESULT_BYTES = 512
const PAGE = 65_536
const PRINTED_AT_A_TIME = 4096

function methods(version: Version): Readonly<Record<string, Method>> {
  return version === '0.2' ? { ...METHODS, ...ONLY_P2 } : METHODS
}

/** What the steps have returned. */
export class Results {
  readonly #version: Version
  readonly #steps: readonly Step[]
  readonly #memory: Buffer
  readonly outcome: Outcome

  constructor(version: Version, steps: readonly Step[], outcome: Outcome) {
    this.#version = version
    this.#steps = steps
    this.#memory = outcome.stdout
    this.outcome = outcome
  }

  /** `success` or an error code, for each step. */
  codes(): string[] {
    return this.#steps.map(([name], step) => {
      const result = this.#result(step)
      if (result[0] === 0) return 'success'
      return ERROR_CODES[this.#version][result[payloadAt(this.#version, name)]!] ?? 'other'
    })
  }

  /** The flags of `get-flags`. */
  flags(step: number): number {
    return this.#result(step)[this.#payload(step)]!
  }

  /** The size that `stat` or `stat-at` says. */
  size(step: number): bigint {
    const at = this.#payload(step) + (this.#version === '0.2' ? 16 : 24)
    return this.#result(step).readBigUInt64LE(at)
  }

  /** The two halves of a hash. */
  hash(step: number): [lower: bigint, upper: bigint] {
    const [result, at] = [this.#result(step), this.#payload(step)]
    return [result.readBigUInt64LE(at), result.readBigUInt64LE(at + 8)]
  }

  /** The text or the bytes that a function returned. */
  text(step: number): string {
    return this.#text(this.#result(step), this.#payload(step))
  }

  /** What a step has read through a stream. */
  streamed(step: number): string {
    return this.#text(this.#result(step), READ_AT)
  }

  /** The names that `read-directory` has read, in order. */
  names(step: number): string[] {
    const result = this.#result(step)
    const count = result.readUInt32LE(READ_AT)
    const names = numbers(count).map((index) => this.#text(result, READ_AT + 8 + 8 * index))
    return names.toSorted()
  }

  /** The text whose address and length are at this place. */
  #text(result: Buffer, at: number): string {
    const start = result.readUInt32LE(at) - RESULTS
    return this.#memory.toString('utf8', start, start + result.readUInt32LE(at + 4))
  }

  #result(step: number): Buffer {
    return this.#memory.subarray(step * RESULT_BYTES, (step + 1) * RESULT_BYTES)
  }

  #payload(step: number): number {
    return payloadAt(this.#version, this.#steps[step]![0])
  }
}

/** Where a result has its value or its error code: after one byte, as the larger of the two is aligned. */
function payloadAt(version: Version, name: Name): number {
  const smallest = version === '0.2' && !STREAMED.includes(name) ? 1 : 4
  return Math.max(smallest, methods(version)[name]?.result?.[1] ?? 1)
}

/** A component that makes these calls, and ends with exit 0. */
export async function componentScript(
  version: Version,
  steps: readonly Step[],
  options: RunOptions,
): Promise<Results> {
  const program = await load(Buffer.from(source(version, steps)), { cache: false })
  const outcome = await program.run({ limits: { timeoutMs: 60_000 }, ...options })
  if (ending(outcome) !== 'exit 0')
    throw new Error(`the script ended early: ${ending(outcome)} ${JSON.stringify(outcome)}`)
  return new Results(version, steps, outcome)
}

function source(version: Version, steps: readonly Step[]): string {
  let end = RESULTS + steps.length * RESULT_BYTES
  const data: string[] = []
  const flat = (value: Value): string[] => {
    if (typeof value === 'string') {
      const bytes = [...Buffer.from(value)].map((byte) => `\\${byte.toString(16).padStart(2, '0')}`)
      data.push(`(data (i32.const ${end}) "${bytes.join('')}")`)
      end += bytes.length
      return [`(i32.const ${end - bytes.length})`, `(i32.const ${bytes.length})`]
    }
    if (typeof value === 'bigint') return [`(i64.const ${value})`]
    if (typeof value === 'number') return [`(i32.const ${value})`]
    if ('seconds' in value)
      return ['(i32.const 2)', `(i64.const ${value.seconds})`, '(i32.const 0)']
    if ('preopen' in value)
      return [`(i32.load offset=${12 * value.preopen} (i32.load (i32.const ${PREOPENS})))`]
    return [`(i32.load (i32.const ${RESULTS + value.step * RESULT_BYTES + 4}))`]
  }
  const calls = steps.map(([name, ...values], step) => {
    const given = values.flatMap(flat).join(' ')
    return `(call $${name} ${given} (i32.const ${RESULTS + step * RESULT_BYTES}))`
  })
  const pages = Math.ceil(end / PAGE) + 16
  const all = methods(version)
  const parts = PARTS[version]
  const lowered = [...Object.entries(all), ...Object.entries(parts.lowered)].map(([name, how]) =>
    'core' in how ? { name, ...how } : lower(name, how),
  )
  return `(component
  ${OUTPUT}
  ${parts.types}
  ${Object.entries(all)
    .map(([name, method]) => declaration(version, name, method))
    .join('\n')}
  ))
  (alias export $types "descriptor" (type $descriptor))
  ${parts.aliases}
  (import "wasi:filesystem/preopens@${version}.0" (instance $preopens
    (alias outer 1 $descriptor (type $outer))
    (export "descriptor" (type $descriptor (eq $outer)))
    (export "get-directories" (func (result (list (tuple (own $descriptor) string)))))))
  (core module $Memory
    (memory (export "memory") ${pages})
    ${data.join('\n')}
    (global $next (export "next") (mut i32) (i32.const ${(end + 15) & ~15}))
    (func (export "realloc") (param i32 i32 i32 i32) (result i32)
      (global.get $next)
      (global.set $next
        (i32.and (i32.add (i32.add (global.get $next) (local.get 3)) (i32.const 15)) (i32.const -16)))))
  (core instance $memory (instantiate $Memory))
  (alias core export $memory "memory" (core memory $memory))
  (alias core export $memory "realloc" (core func $realloc))
  ${lowered.map(({ name, canonical }) => `(core func $${name} (canon ${canonical}))`).join('\n')}
  (core module $Main
    (import "memory" "memory" (memory ${pages}))
    (import "memory" "next" (global $next (mut i32)))
    (import "memory" "realloc" (func $realloc (param i32 i32 i32 i32) (result i32)))
    ${lowered.map(({ name, core }) => `(import "host" "${name}" (func $${name} ${core}))`).join('\n')}
    ${parts.functions}
    (func $steps (local $at i32) (local $out i32)
      (call $get-directories (i32.const ${PREOPENS}))
      ${calls.join('\n')}
      (local.set $out (call $get-stdout))
      (local.set $at (i32.const ${RESULTS}))
      (loop $more
        (call $print (local.get $out) (local.get $at) (i32.const ${PRINTED_AT_A_TIME}) (i32.const ${SCRATCH}))
        (if (i32.load8_u (i32.const ${SCRATCH})) (then (unreachable)))
        (local.set $at (i32.add (local.get $at) (i32.const ${PRINTED_AT_A_TIME})))
        (br_if $more (i32.lt_u (local.get $at) (global.get $next)))))
    ${parts.run})
  (core instance $main (instantiate $Main
    (with "memory" (instance $memory))
    (with "host" (instance
      ${lowered.map(({ name }) => `(export "${name}" (func $${name}))`).join('\n')}))))
  ${parts.lift}
  (instance $command (export "run" (func $run)))
  (export "wasi:cli/run@${version}.0" (instance $command)))`
}

function declaration(version: Version, name: string, { parameters, result }: Method): string {
  const all = parameters.map(([label, type]) => `(param "${label}" ${TYPES[type][0]})`)
  return `(export "[method]descriptor.${name}" (func ${version === '0.3' ? 'async' : ''}
    (param "self" (borrow $descriptor)) ${all.join(' ')}
    (result (result ${result?.[0] ?? ''} (error $error-code)))))`
}

function lower(name: string, { parameters }: Method): Lowered & { name: string } {
  const types = parameters.map(([, type]) => TYPES[type][1]).join(' ')
  return {
    name,
    canonical: `lower (func $types "[method]descriptor.${name}") (memory $memory) (realloc $realloc)`,
    core: `(param i32 ${types} i32)`,
  }
}
