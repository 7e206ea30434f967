import type { Outcome, TrapInfo } from '../../src/index.ts'
import { outcomeJson } from '../outcome-json.ts'
import { parseKey, type ResultKey } from './identity.ts'
import type { Item } from './item.ts'

/** Why a job has no outcome. */
export interface Failure {
  readonly code: string
  readonly message: string
}

/** What became of a job. */
export type Result =
  | { readonly outcome: Outcome; readonly verdict?: string | undefined; readonly error?: undefined }
  | { readonly outcome?: undefined; readonly verdict?: undefined; readonly error: Failure }

/** What a results file says of an outcome. */
export type StoredOutcome = Pick<Outcome, 'ok'> & {
  readonly kind: Outcome['kind']
  readonly code?: number
  readonly trap?: Pick<TrapInfo, 'message' | 'frames'> & { readonly code: string }
  readonly limit?: string
  readonly stdout: string
  readonly stderr: string
  readonly usage: {
    readonly wallMs: number
    readonly cpuMs: number
    readonly memoryPeakBytes: number
  }
}

/** A line of a results file. */
export interface StoredResult {
  readonly index: number
  readonly line?: number
  readonly id?: unknown
  readonly key: ResultKey
  readonly verdict?: string
  readonly outcome?: StoredOutcome
  readonly error?: Failure
}

/** How every result begins, and nothing else is likely to. */
const BEGINNING = '{"index":'

/** A result as a line, with its end; what does not fit into one is an error instead. */
export function encodeResult(
  item: Item,
  key: string,
  result: Result,
): { text: string; result: Result } {
  const { id } = item
  const text = tryEncode(item, key, { id }, result)
  if (text !== undefined) return { text, result }
  const { outcome } = result
  if (outcome !== undefined) {
    const error = misfit(`output of ${outcome.stdout.length + outcome.stderr.length} bytes`)
    const instead = tryEncode(item, key, { id }, { error })
    if (instead !== undefined) return { text: instead, result: { error } }
  }
  const error = result.error ?? misfit('`id`')
  return { text: tryEncode(item, key, {}, { error })!, result: { error } }
}

/** `undefined`: strings end at half a gigabyte, and what is nested too deeply is not written either. */
function tryEncode(
  { index, line }: Item,
  key: string,
  named: { id?: unknown },
  { outcome, verdict, error }: Result,
): string | undefined {
  try {
    const body = outcome === undefined ? { error } : { verdict, outcome: outcomeJson(outcome) }
    return `${JSON.stringify({ index, line, key, ...named, ...body })}\n`
  } catch {
    return undefined
  }
}

function misfit(what: string): Failure {
  return { code: 'ERR_RESULT_TOO_LARGE', message: `its ${what} does not fit into a line of JSON` }
}

/** `undefined` when it is not a result. */
export function parseResult(bytes: Buffer): StoredResult | undefined {
  let value: unknown
  try {
    value = JSON.parse(bytes.toString('utf8'))
  } catch {
    return undefined
  }
  if (typeof value !== 'object' || value === null) return undefined
  const result = value as Omit<StoredResult, 'key'> & { key: unknown }
  const { index, outcome, error, verdict } = result
  const key = parseKey(result.key)
  if (key === undefined || typeof index !== 'number') return undefined
  if (verdict !== undefined && typeof verdict !== 'string') return undefined
  const isResult = outcome === undefined ? typeof error?.code === 'string' : isOutcome(outcome)
  return isResult ? { ...result, key } : undefined
}

/** Whether this may be the part of the first result that was written before the process was killed. */
export function isTornResult(bytes: Buffer): boolean {
  const text = bytes.toString('latin1', 0, BEGINNING.length)
  // A file system may leave zeros for what had not come to the disk.
  return BEGINNING.startsWith(text) || bytes.every((byte) => byte === 0)
}

/** As far as it is counted and shown: somebody may have edited the file. */
function isOutcome(outcome: StoredOutcome | null): boolean {
  if (!isTime(outcome?.usage?.wallMs) || !isTime(outcome?.usage.cpuMs)) return false
  switch (outcome?.kind) {
    case 'exit':
      return typeof outcome.code === 'number'
    case 'trap': {
      const { code, frames = [] } = outcome.trap ?? {}
      return typeof code === 'string' && Array.isArray(frames) && frames.every(Boolean)
    }
    case 'limit':
      return typeof outcome.limit === 'string'
    default:
      return false
  }
}

/** A year, in milliseconds: no run takes as long. */
const MAX_MS = 366 * 24 * 3_600_000

function isTime(value: unknown): boolean {
  return typeof value === 'number' && value >= 0 && value < MAX_MS
}
