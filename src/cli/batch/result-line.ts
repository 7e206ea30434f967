import type { Outcome } from '../../index.ts'
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
  readonly trap?: { readonly code: string; readonly message: string }
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

/** A result as a line, with its end. */
export function encodeResult(item: Item, key: string, result: Result): string {
  const { index, line, id } = item
  const { outcome, verdict, error } = result
  try {
    const body = outcome === undefined ? { error } : { verdict, outcome: outcomeJson(outcome) }
    return `${JSON.stringify({ index, line, key, id, ...body })}\n`
  } catch (error) {
    if (outcome === undefined) throw error
    // Strings end at half a gigabyte.
    const bytes = outcome.stdout.length + outcome.stderr.length
    const message = `its output of ${bytes} bytes does not fit into a line of JSON`
    return encodeResult(item, key, { error: { code: 'ERR_RESULT_TOO_LARGE', message } })
  }
}

/** `undefined` when it is no result. */
export function parseResult(bytes: Buffer): StoredResult | undefined {
  let value: unknown
  try {
    value = JSON.parse(bytes.toString('utf8'))
  } catch {
    return undefined
  }
  if (typeof value !== 'object' || value === null) return undefined
  const result = value as Omit<StoredResult, 'key'> & { key: unknown }
  const { index, outcome, error } = result
  const key = parseKey(result.key)
  if (key === undefined || typeof index !== 'number') return undefined
  const isResult = outcome === undefined ? typeof error?.code === 'string' : isOutcome(outcome)
  return isResult ? { ...result, key } : undefined
}

/** Whether this may be the part of the first result that was written before the process was killed. */
export function isTornResult(bytes: Buffer): boolean {
  const text = bytes.toString('latin1', 0, BEGINNING.length)
  // A file system may leave zeros for what had not come to the disk.
  return BEGINNING.startsWith(text) || bytes.every((byte) => byte === 0)
}

function isOutcome({ kind, usage }: StoredOutcome): boolean {
  if (typeof usage?.wallMs !== 'number' || typeof usage.cpuMs !== 'number') return false
  return kind === 'exit' || kind === 'trap' || kind === 'limit'
}
