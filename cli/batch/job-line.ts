import { isUtf8 } from 'node:buffer'
import type { Job } from '../../src/index.ts'
import { BadJob } from './item.ts'

/** What a job may have. Only the command line grants directories and the process's own streams. */
const FIELDS = [
  'id',
  'args',
  'env',
  'config',
  'keyvalue',
  'stdin',
  'stdinBase64',
  'stdout',
  'stderr',
  'clock',
  'randomSeed',
  'limits',
] as const

const BASE64 = /^[A-Za-z0-9+/]*={0,2}$/

/**
 * The fields of a line as a job without its `id`. Types and ranges are checked by the library when it is submitted.
 *
 * @throws {BadJob}
 */
export function toJob({ id: _id, stdinBase64, ...job }: Record<string, unknown>): Job {
  for (const name in job) {
    if (!FIELDS.includes(name as (typeof FIELDS)[number])) throw unknown(name)
  }
  const { stdin, clock, limits } = job
  if (stdinBase64 !== undefined) {
    if (stdin !== undefined) throw option('`stdin` and `stdinBase64` must not both be given')
    job['stdin'] = decode(stdinBase64)
  } else if (typeof stdin === 'string') {
    job['stdin'] = wholeText(stdin)
  } else if (stdin !== undefined) {
    throw option('`stdin` must be a string (bytes go into `stdinBase64`)')
  }
  for (const name of ['stdout', 'stderr'] as const) {
    const value = job[name]
    if (value !== undefined && value !== 'capture' && value !== 'ignore') {
      throw option(`\`${name}\` must be "capture" or "ignore"`)
    }
  }
  const now = isObject(clock) ? clock['now'] : undefined
  if (typeof now === 'string') job['clock'] = { ...(clock as object), now: time(now) }
  if (job['randomSeed'] !== undefined) job['randomSeed'] = integer(job['randomSeed'])
  if (isObject(limits) && limits['fuel'] !== undefined) {
    job['limits'] = { ...limits, fuel: integer(limits['fuel']) }
  }
  return job as Job
}

/** Text as stdin; two words would mean something else to the library. */
export function wholeText(text: string): string | Buffer {
  return text === 'inherit' || text === 'empty' ? Buffer.from(text) : text
}

/** @throws {BadJob} */
export function parseFields(bytes: Buffer): Record<string, unknown> {
  if (!isUtf8(bytes)) throw new BadJob('ERR_INVALID_LINE', 'not UTF-8')
  let value: unknown
  try {
    value = JSON.parse(bytes.toString('utf8'))
  } catch (error) {
    throw new BadJob('ERR_INVALID_LINE', `not JSON: ${(error as Error).message}`)
  }
  if (!isObject(value)) throw new BadJob('ERR_INVALID_LINE', 'not a JSON object')
  return value
}

function unknown(name: string): BadJob {
  if (name === 'preopens') {
    return option('a job grants no directories; the command line does (--dir)')
  }
  if (name === 'network') {
    return option(
      'a job grants no network; the command line does (--allow-net, --listen, --allow-dns)',
    )
  }
  if (name === 'files' || name === 'collect') {
    return option(`a job has no \`${name}\` of its own; the command line has (--file, --collect)`)
  }
  const shown = JSON.stringify(name.slice(0, 80))
  return option(`unknown field ${shown}; known fields: ${FIELDS.join(', ')}`)
}

function decode(value: unknown): Buffer {
  if (typeof value !== 'string' || value.length % 4 !== 0 || !BASE64.test(value)) {
    throw option('`stdinBase64` must be a string of base64')
  }
  return Buffer.from(value, 'base64')
}

/** Numbers of JSON are exact up to 2^53; larger numbers come as text. */
function integer(value: unknown): unknown {
  return typeof value === 'string' && /^\d{1,20}$/.test(value) ? BigInt(value) : value
}

/** Text that is not a time is returned as it is, and the library refuses it. */
function time(text: string): Date | string {
  const date = new Date(text)
  return Number.isNaN(date.getTime()) ? text : date
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function option(message: string): BadJob {
  return new BadJob('ERR_INVALID_OPTION', message)
}
