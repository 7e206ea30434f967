import { Buffer } from 'node:buffer'
import type { CallJob, Job, Limits, RunOptions } from 'wasiexec'
import { RUN_OPTIONS, without } from '../../../src/option-names.ts'
import { pack, unpack } from './binary.ts'
import { invalid, packFault, toError, unknownOption, unpackFault } from './faults.ts'
import { isDigest } from './keys.ts'
import { packValue, unpackValue } from './values.ts'

/** A program of a chunk: its digest, and the name that its runs see. */
export interface ProgramRef {
  readonly digest: string
  readonly name: string
}

/** The options that belong to the worker's machine, whose operator may give them to all runs. */
const LOCAL = ['preopens', 'imports', 'signal'] as const

/** The options of a run that can go to another machine. */
const OPTIONS = without(RUN_OPTIONS, LOCAL)

/** What a job is to a worker. */
export type QueuedWork =
  | { readonly kind: 'run'; readonly options: RunOptions }
  | { readonly kind: 'call'; readonly call: CallJob['call']; readonly limits?: Limits }
  | { readonly kind: 'error'; readonly error: Error }

/** A job as it came out of a chunk. */
export interface QueuedJob {
  /** Which job of its submission. */
  readonly index: number
  /** Which program of the chunk. */
  readonly program: number
  readonly work: QueuedWork
  /** Goes back with the result as it came. */
  readonly id: unknown
}

/** A chunk as a worker reads it. */
export interface Chunk {
  readonly programs: readonly ProgramRef[]
  readonly jobs: readonly QueuedJob[]
}

/** A job on its way: a run with its options, a call with its limits, or an error. */
export type PackedJob = readonly [kind: 0 | 1 | 2, program: number, what: unknown, id?: unknown]

/**
 * Makes a job ready to be sent. What cannot be sent becomes the job's error, as with a batch in the process.
 * @param id goes back with the result; undefined for none
 */
export function packJob(
  job: Omit<Job, 'program'> | CallJob,
  index: number,
  program: number,
  id: unknown,
): PackedJob {
  let packedId: unknown
  const row = (kind: 0 | 1 | 2, what: unknown): PackedJob =>
    packedId === undefined ? [kind, program, what] : [kind, program, what, packedId]
  try {
    if (id !== undefined) packedId = packValue(id, 'id')
    if (typeof job !== 'object' || job === null) throw invalid(`jobs[${index}]`, 'an object', job)
    if (job.error !== undefined) return row(2, packFault(job.error))
    if ('call' in job && job.call !== undefined)
      return row(1, [packCall(job), checkPlain(job.limits ?? null, 'limits')])
    return row(0, portable(job, 'id', 'program', 'error'))
  } catch (error) {
    return row(2, packFault(error))
  }
}

function packCall({ call, ...rest }: CallJob): unknown {
  if (!Array.isArray(call) || typeof call[0] !== 'string')
    throw invalid('call', 'a list that begins with the name of a function', call)
  for (const [name, value] of Object.entries(rest))
    if (value !== undefined && !['id', 'limits', 'error'].includes(name))
      throw invalid(name, 'left out of a call', value)
  return packValue(call, 'call')
}

/**
 * The options of a run that go over the network: plain data alone.
 *
 * @throws {WasiexecError} `ERR_INVALID_OPTION`.
 */
export function portable(options: object, ...besides: readonly string[]): Record<string, unknown> {
  const sent: Record<string, unknown> = {}
  for (const [name, value] of Object.entries(options) as [string, unknown][]) {
    if (value === undefined || besides.includes(name)) continue
    if (LOCAL.includes(name as never))
      throw invalid(name, 'left out of a job for a queue: its worker may grant it', value)
    if (!OPTIONS.includes(name as never)) throw unknownOption(name, OPTIONS)
    sent[name] = portableValue(name, value)
  }
  return sent
}

function portableValue(name: string, value: unknown): unknown {
  switch (name) {
    case 'stdin':
      // Not left out: it may be there to replace the text that all jobs share.
      if (value === 'empty') return Buffer.alloc(0)
      if (value === 'inherit' || !(typeof value === 'string' || value instanceof Uint8Array))
        throw invalid(name, "text, bytes or 'empty' in a job for a queue", value)
      return Buffer.from(value as Uint8Array)
    case 'stdout':
    case 'stderr':
      if (value !== 'capture' && value !== 'ignore')
        throw invalid(name, "'capture' or 'ignore' in a job for a queue", value)
      return value
    case 'network':
    case 'http':
      if (value !== false) throw invalid(name, 'false in a job for a queue', value)
      return value
    case 'clock': {
      const { now } = (value ?? {}) as { now?: unknown }
      return now instanceof Date ? { now: now.getTime() } : checkPlain(value, name)
    }
    default:
      return checkPlain(value, name)
  }
}

/**
 * Refuses what would not come back as it was sent.
 *
 * @throws {WasiexecError} `ERR_INVALID_OPTION`.
 */
export function checkPlain<T>(value: T, name: string, depth = 0): T {
  const expected =
    'plain data: text, numbers, bigints, booleans, null, bytes, lists and objects of these'
  if (depth > 32) throw invalid(name, 'nested at most 32 deep', value)
  if (
    typeof value === 'bigint' &&
    BigInt.asIntN(64, value) !== value &&
    BigInt.asUintN(64, value) !== value
  )
    throw invalid(name, 'a bigint of at most 64 bits', value)
  if (typeof value === 'function' || typeof value === 'symbol') throw invalid(name, expected, value)
  if (typeof value !== 'object' || value === null || value instanceof Uint8Array) return value
  if (!Array.isArray(value)) {
    const prototype: unknown = Object.getPrototypeOf(value)
    if (prototype !== Object.prototype && prototype !== null) throw invalid(name, expected, value)
    if (Object.hasOwn(value, '__proto__')) throw invalid(name, 'without a key `__proto__`', value)
  }
  for (const each of Object.values(value)) checkPlain(each, name, depth + 1)
  return value
}

/** The bytes of a job. One that has something that cannot be written becomes an error. */
export function jobBytes(job: PackedJob): Buffer {
  try {
    return pack(job)
  } catch (error) {
    const [, program, , id] = job
    return jobBytes([
      2,
      program,
      packFault(invalid('job', 'plain data', toError(error).message)),
      id,
    ])
  }
}

/** Programs of a chunk: a worker has all of them loaded at a time. */
export const MOST_PROGRAMS = 16

/** Writes a chunk: jobs that follow each other in their submission, and the programs that they name by number. */
export function packChunk(
  programs: readonly ProgramRef[],
  first: number,
  jobs: readonly Buffer[],
): Buffer {
  // What `pack([1, programs, first, jobs])` would write, of jobs that are written already.
  const head = pack([1, programs.map(({ digest, name }) => [digest, name]), first, null])
  const count = Buffer.alloc(5, 0xdd)
  count.writeUInt32BE(jobs.length, 1)
  return Buffer.concat([head.subarray(0, -1), count, ...jobs])
}

/** Reads a chunk. Throws if it is not one; a job in it that is not one becomes an error of its own. */
export function unpackChunk(payload: Uint8Array): Chunk {
  const chunk = unpack(payload)
  const [version, programs, first, jobs] = Array.isArray(chunk) ? (chunk as unknown[]) : []
  if (version !== 1)
    throw new Error(`expected a chunk of version 1, got version ${String(version)}`)
  if (!Array.isArray(programs) || !isIndex(first) || !Array.isArray(jobs))
    throw new Error('expected programs, the number of the first job, and jobs')
  const most = Math.min(MOST_PROGRAMS, Math.max(jobs.length, 1))
  if (programs.length > most)
    throw new Error(`expected at most ${most} programs, got ${programs.length}`)
  const known = programs.map((program: unknown): ProgramRef => {
    const [digest, name] = Array.isArray(program) ? (program as unknown[]) : []
    if (!isDigest(digest) || typeof name !== 'string' || name.includes('\0'))
      throw new Error('expected a program with a digest and a name')
    return { digest, name }
  })
  return {
    programs: known,
    jobs: jobs.map((job, place) => unpackJob(job, first + place, known.length)),
  }
}

function unpackJob(packed: unknown, index: number, programs: number): QueuedJob {
  const [kind, program, what, packedId] = Array.isArray(packed) ? (packed as unknown[]) : []
  if (!isIndex(program) || program >= programs) throw new Error('expected a job with a program')
  let id: unknown
  const job = (work: QueuedWork): QueuedJob => ({ index, program, work, id })
  try {
    id = unpackValue(packedId)
    switch (kind) {
      case 0:
        return job({ kind: 'run', options: unpackOptions(what) })
      case 1: {
        const [call, limits] = Array.isArray(what) ? (what as unknown[]) : []
        if (!Array.isArray(call)) throw invalid('call', 'a list', call)
        const shared = limits === null ? {} : { limits: limits as Limits }
        return job({ kind: 'call', call: unpackValue(call) as CallJob['call'], ...shared })
      }
      case 2:
        return job({ kind: 'error', error: unpackFault(what) })
      default:
        throw invalid('kind', 'a run, a call or an error', kind)
    }
  } catch (error) {
    return job({ kind: 'error', error: toError(error) })
  }
}

/**
 * Reads options that came over the network, and lets nothing pass that a job may not have, whoever wrote it. What the
 * options hold is checked by the library itself.
 *
 * @throws {WasiexecError} `ERR_INVALID_OPTION`.
 */
export function unpackOptions(packed: unknown): RunOptions {
  if (typeof packed !== 'object' || packed === null || Array.isArray(packed))
    throw invalid('options', 'an object', packed)
  const options = portable(packed)
  // A text would be read as the name of a source, such as 'inherit'.
  if ('stdin' in packed && !((packed as RunOptions).stdin instanceof Uint8Array))
    throw invalid('stdin', 'bytes', (packed as RunOptions).stdin)
  return options as RunOptions
}

function isIndex(value: unknown): value is number {
  return typeof value === 'number' && Number.isInteger(value) && value >= 0
}

/**
 * Packs jobs into one message, for a {@link ChunkRunner} behind any queue. What cannot be sent becomes the error of its
 * job.
 *
 * @param program of all the jobs: the SHA-256 of its binary in hexadecimal, and the name that its runs see
 * @throws {WasiexecError} `ERR_INVALID_OPTION` for a program without a digest.
 * @example
 * const payload = encodeChunk({ digest, name: 'tool' }, [{ id: 1, args: ['1'] }, { id: 2, args: ['2'] }])
 */
export function encodeChunk(
  program: ProgramRef,
  jobs: Iterable<Omit<Job, 'program'> | CallJob>,
): Uint8Array {
  const { digest, name } = program
  if (!isDigest(digest)) throw invalid('program.digest', 'a SHA-256 in hexadecimal', digest)
  const packed = Array.from(jobs, (job, index) => jobBytes(packJob(job, index, 0, job?.id)))
  return packChunk([{ digest, name }], 0, packed)
}
