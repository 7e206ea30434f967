import { resolve } from 'node:path'
import type { Writable } from 'node:stream'
import {
  checkInteger,
  checkOptionsObject,
  checkRecord,
  checkOneOf,
  checkPositive,
  checkString,
  checkUint64,
  invalid,
  unknown,
} from '../check.ts'
import { LIMITS, RUN_OPTIONS } from '../option-names.ts'
import { encodeCollect, encodeFiles, encodeFilesAt } from './encode-files.ts'
import type { Encoder } from '../encoder.ts'
import { encodeHttp } from './encode-http.ts'
import { encodeNetwork } from './encode-network.ts'
import { encodeConfig, encodeKeyValue } from './encode-stores.ts'
import { readImports, type GivenImports } from '../imports.ts'
import type {
  HostedRunOptions,
  HostedSpawnOptions,
  Preopen,
  RunOptions,
  SpawnOptions,
} from '../options.ts'
import { ON_BROKEN_PIPE, ON_MEMORY, ON_OUTPUT, OPTION, OUTPUT, STDIN } from '../protocol.ts'

/**
 * What options are for: a run, a live run, a run that is waited for, a job of a batch, what all jobs share, or what all
 * requests of a handler share.
 */
export type Purpose = 'run' | 'spawn' | 'sync' | 'job' | 'defaults' | 'serve'

/** The parts of a run's options that stay on this side. */
export interface LocalOptions {
  signal: AbortSignal | undefined
  /** Stdin that is given whole; it crosses after the options, because it may be large. */
  input: string | Uint8Array | undefined
  /** Bytes of files, which crossed with the options. */
  filesBytes: number
  /** Whether files are asked for. */
  collects: boolean
  stdin: AsyncIterable<unknown> | undefined
  stdout: Writable | undefined
  stderr: Writable | undefined
  imports: GivenImports | undefined
  /** The streams that are pipes of a live run. */
  pipes: { stdin: boolean; stdout: boolean; stderr: boolean } | undefined
}

/** What the jobs of a batch share that each has to ask for: streams to print to, and host functions. */
export type SharedLocal = Pick<LocalOptions, 'stdout' | 'stderr' | 'imports'>

/** The limits that a call cannot have, and why. */
const INSTANCE_LIMITS = [
  ['memoryBytes', 'memory belongs'],
  ['onMemory', 'memory belongs'],
  ['filesBytes', 'files belong'],
  ['filesCount', 'files belong'],
  ['sockets', 'sockets belong'],
] as const

const onBrokenPipe = numbering(ON_BROKEN_PIPE)
const onMemory = numbering(ON_MEMORY)
const onOutput = numbering(ON_OUTPUT)

/** The most stdin that can be given whole, in UTF-16 units or bytes. */
const MAX_INPUT = 2 ** 30
/** The most that a Buffer can hold on every Node, and that does not crash Node 20 as a string. */
const MAX_OUTPUT = 2 ** 31 - 1
/** With what was given, the files of a run fit into one Buffer. */
const MAX_FILES_BYTES = 2 ** 30
const MAX_FILES_COUNT = 1_000_000
/** A run may have no more open files, either: more could be the process's last. */
const MAX_SOCKETS = 512
/** Guests are told the time in nanoseconds, as an unsigned 64-bit number. */
const MAX_TIME = Number(2n ** 64n / 1_000_000n)

/**
 * Checks `options` and writes what is given, in one pass.
 *
 * @param shared What {@link encodeShared} has written before.
 * @throws {WasiexecError} `ERR_INVALID_OPTION`; `to` may then hold a part of them.
 */
export function encodeRunOptions(
  options: RunOptions | HostedRunOptions | SpawnOptions | HostedSpawnOptions,
  to: Encoder,
  purpose: Purpose,
  shared?: SharedLocal,
): LocalOptions {
  checkOptionsObject('options', options)
  const local: LocalOptions = {
    signal: undefined,
    input: undefined,
    filesBytes: 0,
    collects: false,
    stdin: undefined,
    stdout: shared?.stdout,
    stderr: shared?.stderr,
    imports: shared?.imports,
    pipes: purpose === 'spawn' ? { stdin: true, stdout: true, stderr: true } : undefined,
  }
  for (const key in options) {
    const name = key as (typeof RUN_OPTIONS)[number]
    const value: unknown = options[name]
    if (value === undefined || (purpose === 'job' && isJobsOwn(key))) continue
    switch (name) {
      case 'args':
        encodeArgs(value, to)
        break
      case 'env':
        encodeEnv(value, to)
        break
      case 'stdin':
        if (isPipe(name, value, local)) break
        encodeStdin(value, to, purpose, local)
        break
      case 'stdout':
      case 'stderr':
        if (isPipe(name, value, local)) break
        local[name] = encodeOutput(name, value, to, purpose)
        break
      case 'onBrokenPipe':
        to.byte(OPTION.onBrokenPipe)
        to.byte(onBrokenPipe(name, value))
        break
      case 'preopens':
        encodePreopens(value, to)
        break
      case 'files':
        local.filesBytes = encodeFiles(value, to)
        break
      case 'filesAt':
        encodeFilesAt(value, to)
        break
      case 'collect':
        local.collects = true
        encodeCollect(value, to)
        break
      case 'network':
        encodeNetwork(value, to)
        break
      case 'http':
        encodeHttp(value, to)
        break
      case 'config':
        encodeConfig(value, to)
        break
      case 'keyvalue':
        encodeKeyValue(value, to)
        break
      case 'clock':
        encodeClock(value, to)
        break
      case 'randomSeed':
        to.byte(OPTION.randomSeed)
        to.uint64(checkUint64('randomSeed', value))
        break
      case 'limits':
        encodeLimits(value, to, purpose)
        break
      case 'signal':
        if (purpose === 'sync')
          throw invalid('signal', 'absent: `runSync` cannot be aborted', value)
        if (purpose === 'defaults')
          throw invalid('signal', 'absent: a batch has a `signal` of its own', value)
        if (!(value instanceof AbortSignal)) throw invalid('signal', 'an AbortSignal', value)
        local.signal = value
        break
      case 'imports':
        local.imports = readImports(value)
        // Each job of a batch makes calls of its own.
        if (purpose !== 'defaults') to.byte(OPTION.imports)
        break
      default:
        name satisfies never
        throw unknown(key, key, RUN_OPTIONS)
    }
  }
  if (local.pipes !== undefined) encodePipes(local.pipes, to)
  return local
}

/** Whether a stream is a pipe of a live run. */
function isPipe(
  name: 'stdin' | 'stdout' | 'stderr',
  value: unknown,
  { pipes }: LocalOptions,
): boolean {
  if (pipes === undefined) return false
  return (pipes[name] = value === 'pipe')
}

function encodePipes(
  { stdin, stdout, stderr }: NonNullable<LocalOptions['pipes']>,
  to: Encoder,
): void {
  if (stdin) {
    to.byte(OPTION.stdin)
    to.byte(STDIN.push)
  }
  if (stdout) {
    to.byte(OPTION.stdout)
    to.byte(OUTPUT.pipe)
  }
  if (stderr) {
    to.byte(OPTION.stderr)
    to.byte(OUTPUT.pipe)
  }
}

function encodeArgs(value: unknown, to: Encoder): void {
  if (!Array.isArray(value)) throw invalid('args', 'an array of strings', value)
  // Getters may change the array while it is written.
  const { length } = value
  to.byte(OPTION.args)
  to.uint32(length)
  // Not `forEach`, which would skip holes.
  for (let index = 0; index < length; index += 1) {
    const argument: unknown = value[index]
    checkString(`args[${index}]`, argument)
    to.string(argument)
  }
}

function encodeEnv(value: unknown, to: Encoder): void {
  checkRecord('env', value)
  const given: [string, unknown][] = Object.entries(value)
  // Undefined values are left out, as in `child_process`: TypeScript has them in `process.env`.
  const entries = given.filter(([, text]) => text !== undefined)
  to.byte(OPTION.env)
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

/** Writes pipes to streams, which options that follow may replace, and host functions. */
export function encodeShared({ stdout, stderr, imports }: SharedLocal, to: Encoder): void {
  if (imports !== undefined) to.byte(OPTION.imports)
  // Most batches have none, and this is done for each job.
  if (stdout === undefined && stderr === undefined) return
  encodePipes({ stdin: false, stdout: stdout !== undefined, stderr: stderr !== undefined }, to)
}

/** Writes stdin that is given whole: the last of a run's options. */
export function encodeInput(input: string | Uint8Array, to: Encoder): void {
  to.byte(OPTION.stdin)
  to.byte(STDIN.bytes)
  if (typeof input === 'string') to.string(input)
  else to.sized(input)
}

function encodeStdin(value: unknown, to: Encoder, purpose: Purpose, local: LocalOptions): void {
  if (value === 'empty' || value === 'inherit') {
    to.byte(OPTION.stdin)
    to.byte(STDIN[value])
  } else if (typeof value === 'string' || value instanceof Uint8Array) {
    if (value.length > MAX_INPUT)
      throw invalid('stdin', 'a stream, when it is larger than 1 GiB', value)
    local.input = value
  } else if (canStream(purpose) && isAsyncIterable(value)) {
    to.byte(OPTION.stdin)
    to.byte(STDIN.pull)
    local.stdin = value
  } else {
    const streams = canStream(purpose) ? ', a Readable, an async iterable' : ''
    throw invalid('stdin', `${pipe(purpose)}a string, bytes${streams}, 'inherit' or 'empty'`, value)
  }
}

function encodeOutput(
  name: 'stdout' | 'stderr',
  value: unknown,
  to: Encoder,
  purpose: Purpose,
): Writable | undefined {
  // Each job of the batch makes a pipe of its own.
  if (purpose === 'defaults' && isWritable(value)) return value
  to.byte(OPTION[name])
  if (value === 'capture' || value === 'ignore' || value === 'inherit') {
    to.byte(OUTPUT[value])
  } else if (canStream(purpose) && isWritable(value)) {
    to.byte(OUTPUT.pipe)
    return value
  } else {
    const streams = canStream(purpose)
      ? "'inherit', 'ignore' or a Writable"
      : "'inherit' or 'ignore'"
    throw invalid(name, `${pipe(purpose)}'capture', ${streams}`, value)
  }
  return undefined
}

function encodePreopens(value: unknown, to: Encoder): void {
  checkRecord('preopens', value)
  const entries: [string, unknown][] = Object.entries(value)
  to.byte(OPTION.preopens)
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
  if (typeof grant !== 'object' || grant === null || Array.isArray(grant))
    throw invalid(option, 'a path of the host or { hostPath, access }', grant)
  const { hostPath, access, ...rest } = grant as Preopen
  for (const name of Object.keys(rest))
    throw unknown(`${option}.${name}`, name, ['hostPath', 'access'])
  checkString(`${option}.hostPath`, hostPath)
  if (hostPath === '') throw invalid(`${option}.hostPath`, 'a non-empty string', hostPath)
  checkOneOf(`${option}.access`, access, ['read', 'write'])
  return { hostPath, access }
}

function encodeClock(value: unknown, to: Encoder): void {
  if (value === 'real') {
    to.byte(OPTION.clockReal)
    return
  }
  if (typeof value !== 'object' || value === null)
    throw invalid('clock', "'real' or { now }", value)
  const { now, ...rest } = value as { now: unknown }
  for (const name of Object.keys(rest)) throw unknown(`clock.${name}`, name, ['now'])
  const time = now instanceof Date ? now.getTime() : now
  if (!isTime(time)) {
    const expected = `a Date or a whole number of milliseconds since 1970, from 0 to ${MAX_TIME} (July 2554)`
    throw invalid('clock.now', expected, now)
  }
  to.byte(OPTION.clockFixed)
  to.float64(time)
}

function isTime(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0 && (value as number) <= MAX_TIME
}

/**
 * Checks the limits of one call of an instance and writes them.
 *
 * @throws {WasiexecError} `ERR_INVALID_OPTION`.
 */
export function encodeCallLimits(value: unknown, to: Encoder): void {
  checkOptionsObject('limits', value)
  for (const [name, what] of INSTANCE_LIMITS) {
    const limit = (value as Record<string, unknown>)[name]
    if (limit === undefined) continue
    throw invalid(`limits.${name}`, `absent: ${what} to the instance, not to a call`, limit)
  }
  encodeLimits(value, to, 'call')
}

function encodeLimits(value: unknown, to: Encoder, purpose: Purpose | 'call'): void {
  checkOptionsObject('limits', value)
  for (const key in value) {
    const name = key as (typeof LIMITS)[number]
    const limit = (value as Record<string, unknown>)[name]
    if (limit === undefined) continue
    const option = `limits.${name}`
    switch (name) {
      case 'timeoutMs':
      case 'cpuMs':
        to.byte(OPTION[name])
        to.float64(checkPositive(option, limit))
        break
      case 'fuel':
        to.byte(OPTION.fuel)
        to.uint64(checkUint64(option, limit))
        break
      case 'memoryBytes':
        to.byte(OPTION.memoryBytes)
        to.float64(checkInteger(option, limit, 0))
        break
      case 'outputBytes': {
        const bytes = checkInteger(option, limit, 0)
        if (bytes > MAX_OUTPUT) throw invalid(option, `at most ${MAX_OUTPUT} (2 GiB - 1)`, limit)
        to.byte(OPTION.outputBytes)
        to.float64(bytes)
        break
      }
      case 'filesBytes': {
        const bytes = checkInteger(option, limit, 0)
        if (bytes > MAX_FILES_BYTES)
          throw invalid(option, `at most ${MAX_FILES_BYTES} (1 GiB)`, limit)
        to.byte(OPTION.filesBytes)
        to.float64(bytes)
        break
      }
      case 'filesCount': {
        const count = checkInteger(option, limit, 0)
        if (count > MAX_FILES_COUNT) throw invalid(option, `at most ${MAX_FILES_COUNT}`, limit)
        to.byte(OPTION.filesCount)
        to.float64(count)
        break
      }
      case 'sockets': {
        const count = checkInteger(option, limit, 0)
        if (count > MAX_SOCKETS) throw invalid(option, `at most ${MAX_SOCKETS}`, limit)
        to.byte(OPTION.sockets)
        to.float64(count)
        break
      }
      case 'networkSentBytes':
      case 'networkReceivedBytes':
        to.byte(OPTION[name])
        to.float64(checkInteger(option, limit, 0))
        break
      case 'requestBytes':
      case 'responseBytes':
        if (purpose !== 'serve') throw invalid(option, 'absent: only `serve` has requests', limit)
        to.byte(OPTION[name])
        to.float64(checkInteger(option, limit, 0))
        break
      case 'onMemory':
        to.byte(OPTION.onMemory)
        to.byte(onMemory(option, limit))
        break
      case 'onOutput':
        to.byte(OPTION.onOutput)
        to.byte(onOutput(option, limit))
        break
      default:
        name satisfies never
        throw unknown(option, key, LIMITS)
    }
  }
}

/** Makes a function that returns the number of a word, and throws for anything that is not one of the words. */
function numbering(
  numbers: Readonly<Record<string, number>>,
): (option: string, value: unknown) => number {
  const words = Object.keys(numbers)
  return (option, value) => {
    checkOneOf(option, value, words)
    return numbers[value as string] as number
  }
}

/** What a job has beyond the options of a run. */
function isJobsOwn(key: string): boolean {
  return key === 'id' || key === 'program' || key === 'error'
}

/** Whether there may be streams: they belong to one run, and need a thread that does not wait for it. */
function canStream(purpose: Purpose): boolean {
  return ['run', 'spawn', 'job', 'serve'].includes(purpose)
}

function pipe(purpose: Purpose): string {
  return purpose === 'spawn' ? "'pipe', " : ''
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
    typeof stream.on === 'function' &&
    typeof stream.off === 'function'
  )
}
