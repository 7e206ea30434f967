import { resolve } from 'node:path'
import type { Readable, Writable } from 'node:stream'
import {
  checkInteger,
  checkObject,
  checkOneOf,
  checkPositive,
  checkString,
  checkUint64,
  invalid,
  unknown,
} from './check.ts'
import type { Encoder } from './encoder.ts'

/** The options of one run. Nothing is granted that does not stand here. */
export interface RunOptions {
  /** argv from index 1 on. Default: none. */
  args?: readonly string[] | undefined
  /** The whole environment; nothing is inherited. Default: empty. */
  env?: Readonly<Record<string, string>> | undefined
  /**
   * Where stdin comes from. Text and bytes are given whole; a stream is read as the guest asks for
   * more, and ended (`return()`, `destroy()`) when the guest ends before it. For the words "inherit"
   * and "empty" themselves pass bytes. Default: `'empty'`.
   */
  stdin?:
    | string
    | Uint8Array
    | Readable
    | AsyncIterable<Uint8Array | string>
    | 'inherit'
    | 'empty'
    | undefined
  /**
   * Where stdout goes: into the outcome, to this process's stdout, nowhere, or to a stream, whose
   * backpressure the guest feels and which is not ended. Default: `'capture'`.
   */
  stdout?: 'capture' | 'inherit' | 'ignore' | Writable | undefined
  /** The same for stderr. Default: `'capture'`. */
  stderr?: 'capture' | 'inherit' | 'ignore' | Writable | undefined
  /** Directories granted to the guest, by guest path; a bare string is a host path, read-only. Default: none. */
  preopens?: Readonly<Record<string, string | Preopen>> | undefined
  /** Every address is refused. */
  network?: false | undefined
  /** The host's clocks, or a wall clock that stands still and a monotonic one that counts from 0. Default: `'real'`. */
  clock?: 'real' | { now: Date | number } | undefined
  /** Seed (0 to 2^64 - 1) that makes random numbers the same in every run. Default: the operating system's. */
  randomSeed?: bigint | number | undefined
  /** The caps. */
  limits?: Limits | undefined
  /** Aborts the run. */
  signal?: AbortSignal | undefined
}

/** A granted directory. */
export interface Preopen {
  /** The directory on the host. */
  hostPath: string
  /** Whether the guest may also write. */
  access: 'read' | 'write'
}

/** The options of a run that the calling thread waits for: nothing that would need it meanwhile. */
export interface RunSyncOptions extends Omit<RunOptions, 'stdin' | 'stdout' | 'stderr' | 'signal'> {
  stdin?: string | Uint8Array | 'inherit' | 'empty' | undefined
  stdout?: 'capture' | 'inherit' | 'ignore' | undefined
  stderr?: 'capture' | 'inherit' | 'ignore' | undefined
}

/** The caps of a run. What is not given is not limited, or has the default named here. */
export interface Limits {
  /** Wall clock from the guest's start, in milliseconds, waiting in host calls included. */
  timeoutMs?: number | undefined
  /** Time on a core, in milliseconds. Checked every 10 ms. */
  cpuMs?: number | undefined
  /** wasmtime fuel, about one for each instruction: the same in every run. */
  fuel?: number | bigint | undefined
  /** All linear memories and tables of the run together. Default: 4 GiB. */
  memoryBytes?: number | undefined
  /** `'deny'`: `memory.grow` answers -1 and the guest decides. `'stop'`: the run ends. Default: `'deny'`. */
  onMemory?: 'deny' | 'stop' | undefined
  /** Captured stdout and stderr together. Default: 16 MiB. */
  outputBytes?: number | undefined
  /** `'stop'`: the run ends at the cap. `'truncate'`: the rest is dropped. Default: `'stop'`. */
  onOutput?: 'stop' | 'truncate' | undefined
}

/** The parts of a run's options that stay on this side. */
export interface LocalOptions {
  signal: AbortSignal | undefined
  /** Input that is given whole; crosses behind the options, because it may be large. */
  input: string | Uint8Array | undefined
  stdin: AsyncIterable<unknown> | undefined
  stdout: Writable | undefined
  stderr: Writable | undefined
}

const RUN_OPTIONS = [
  'args',
  'env',
  'stdin',
  'stdout',
  'stderr',
  'preopens',
  'network',
  'clock',
  'randomSeed',
  'limits',
  'signal',
] as const
const LIMITS = [
  'timeoutMs',
  'cpuMs',
  'fuel',
  'memoryBytes',
  'onMemory',
  'outputBytes',
  'onOutput',
] as const

/** The fields of the core's `transport/decode.rs`. */
const FIELD = {
  args: 1,
  env: 2,
  stdin: 3,
  stdout: 4,
  stderr: 5,
  preopens: 6,
  clock: 7,
  randomSeed: 8,
  timeoutMs: 9,
  cpuMs: 10,
  fuel: 11,
  memoryBytes: 12,
  onMemory: 13,
  outputBytes: 14,
  onOutput: 15,
} as const
const STDIN = { bytes: 1, inherit: 2, pipe: 3 } as const
const OUTPUT = { ignore: 1, inherit: 2, pipe: 3 } as const

/**
 * Checks `options` and writes what is not the default, in one pass.
 *
 * @throws {WasiexecError} `ERR_INVALID_OPTION`; `to` may then hold a part of them.
 */
export function encodeRunOptions(options: RunOptions, to: Encoder, wait: boolean): LocalOptions {
  checkObject('options', options)
  const local: LocalOptions = {
    signal: undefined,
    input: undefined,
    stdin: undefined,
    stdout: undefined,
    stderr: undefined,
  }
  for (const key in options) {
    const name = key as (typeof RUN_OPTIONS)[number]
    const value: unknown = options[name]
    if (value === undefined) continue
    switch (name) {
      case 'args':
        encodeArgs(value, to)
        break
      case 'env':
        encodeEnv(value, to)
        break
      case 'stdin':
        encodeStdin(value, to, wait, local)
        break
      case 'stdout':
      case 'stderr':
        local[name] = encodeOutput(name, value, to, wait)
        break
      case 'preopens':
        encodePreopens(value, to)
        break
      case 'network':
        if (value !== false) throw invalid('network', 'false (guests have no network)', value)
        break
      case 'clock':
        encodeClock(value, to)
        break
      case 'randomSeed':
        to.byte(FIELD.randomSeed)
        to.uint64(checkUint64('randomSeed', value))
        break
      case 'limits':
        encodeLimits(value, to)
        break
      case 'signal':
        if (wait)
          throw invalid('signal', 'absent: a run that is waited for cannot be aborted', value)
        if (!(value instanceof AbortSignal)) throw invalid('signal', 'an AbortSignal', value)
        local.signal = value
        break
      default:
        name satisfies never
        throw unknown(key, key, RUN_OPTIONS)
    }
  }
  return local
}

function encodeArgs(value: unknown, to: Encoder): void {
  if (!Array.isArray(value)) throw invalid('args', 'an array of strings', value)
  to.byte(FIELD.args)
  to.uint32(value.length)
  // Not `forEach`: it would pass over holes.
  for (let index = 0; index < value.length; index += 1) {
    const argument: unknown = value[index]
    checkString(`args[${index}]`, argument)
    to.string(argument)
  }
}

function encodeEnv(value: unknown, to: Encoder): void {
  checkObject('env', value)
  const entries: [string, unknown][] = Object.entries(value)
  to.byte(FIELD.env)
  to.uint32(entries.length)
  for (const [name, text] of entries) {
    checkString('env (a name)', name)
    if (name === '' || name.includes('=')) {
      throw invalid('env (a name)', 'a non-empty string without "="', name)
    }
    checkString(`env.${name}`, text)
    to.string(name)
    to.string(text)
  }
}

/** Writes input that is given whole; the last of a run's options. */
export function encodeInput(input: string | Uint8Array, to: Encoder): void {
  to.byte(FIELD.stdin)
  to.byte(STDIN.bytes)
  if (typeof input === 'string') to.string(input)
  else to.sized(input)
}

function encodeStdin(value: unknown, to: Encoder, wait: boolean, local: LocalOptions): void {
  if (value === 'empty') return
  if (value === 'inherit') {
    to.byte(FIELD.stdin)
    to.byte(STDIN.inherit)
  } else if (typeof value === 'string' || value instanceof Uint8Array) {
    local.input = value
  } else if (!wait && isAsyncIterable(value)) {
    to.byte(FIELD.stdin)
    to.byte(STDIN.pipe)
    local.stdin = value
  } else {
    const streams = wait ? '' : ', a Readable, an async iterable'
    throw invalid('stdin', `a string, bytes${streams}, 'inherit' or 'empty'`, value)
  }
}

function encodeOutput(
  name: 'stdout' | 'stderr',
  value: unknown,
  to: Encoder,
  wait: boolean,
): Writable | undefined {
  if (value === 'capture') return undefined
  to.byte(FIELD[name])
  if (value === 'ignore' || value === 'inherit') {
    to.byte(OUTPUT[value])
  } else if (!wait && isWritable(value)) {
    to.byte(OUTPUT.pipe)
    return value
  } else {
    const streams = wait ? "'inherit' or 'ignore'" : "'inherit', 'ignore' or a Writable"
    throw invalid(name, `'capture', ${streams}`, value)
  }
  return undefined
}

function encodePreopens(value: unknown, to: Encoder): void {
  checkObject('preopens', value)
  const entries: [string, unknown][] = Object.entries(value)
  to.byte(FIELD.preopens)
  to.uint32(entries.length)
  for (const [guestPath, grant] of entries) {
    const option = `preopens[${JSON.stringify(guestPath)}]`
    checkString('preopens (a guest path)', guestPath)
    if (guestPath === '') throw invalid('preopens (a guest path)', 'a non-empty string', guestPath)
    const { hostPath, access } = preopen(option, grant)
    to.string(guestPath)
    to.string(resolve(hostPath))
    to.byte(access === 'write' ? 1 : 0)
  }
}

function preopen(option: string, grant: unknown): Preopen {
  if (typeof grant === 'string') return preopen(option, { hostPath: grant, access: 'read' })
  checkObject(option, grant)
  const { hostPath, access, ...rest } = grant as Preopen
  for (const name of Object.keys(rest))
    throw unknown(`${option}.${name}`, name, ['hostPath', 'access'])
  checkString(`${option}.hostPath`, hostPath)
  if (hostPath === '') throw invalid(`${option}.hostPath`, 'a non-empty string', hostPath)
  checkOneOf(`${option}.access`, access, ['read', 'write'])
  return { hostPath, access }
}

function encodeClock(value: unknown, to: Encoder): void {
  if (value === 'real') return
  if (typeof value !== 'object' || value === null)
    throw invalid('clock', "'real' or { now }", value)
  const { now } = value as { now: unknown }
  const time = now instanceof Date ? now.getTime() : now
  if (typeof time !== 'number' || !(time >= 0 && time < Infinity)) {
    throw invalid('clock.now', 'a Date or milliseconds since 1970', now)
  }
  to.byte(FIELD.clock)
  to.float64(time)
}

function encodeLimits(value: unknown, to: Encoder): void {
  checkObject('limits', value)
  for (const key in value) {
    const name = key as (typeof LIMITS)[number]
    const limit = (value as Record<string, unknown>)[name]
    if (limit === undefined) continue
    const option = `limits.${name}`
    switch (name) {
      case 'timeoutMs':
      case 'cpuMs':
        to.byte(FIELD[name])
        to.float64(checkPositive(option, limit))
        break
      case 'fuel':
        to.byte(FIELD.fuel)
        to.uint64(checkUint64(option, limit))
        break
      case 'memoryBytes':
      case 'outputBytes':
        to.byte(FIELD[name])
        to.float64(checkInteger(option, limit, 0))
        break
      case 'onMemory':
        checkOneOf(option, limit, ['deny', 'stop'])
        if (limit === 'stop') to.byte(FIELD.onMemory)
        break
      case 'onOutput':
        checkOneOf(option, limit, ['stop', 'truncate'])
        if (limit === 'truncate') to.byte(FIELD.onOutput)
        break
      default:
        name satisfies never
        throw unknown(option, key, LIMITS)
    }
  }
}

function isAsyncIterable(value: unknown): value is AsyncIterable<unknown> {
  return (
    typeof (value as Partial<AsyncIterable<unknown>> | null)?.[Symbol.asyncIterator] === 'function'
  )
}

function isWritable(value: unknown): value is Writable {
  const stream = value as Partial<Writable> | null
  return (
    typeof stream === 'object' &&
    typeof stream?.write === 'function' &&
    typeof stream.on === 'function'
  )
}
