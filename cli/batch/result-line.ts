import type { Outcome } from '../../src/index.ts'
import { parseKey, type ResultKey } from './identity.ts'
import type { Item } from './item.ts'
import { isObject, isStoredOutcome, type StoredOutcome } from './stored-outcome.ts'

/** Why a job has no outcome. */
export interface Failure {
  readonly code: string
  readonly message: string
}

/** What became of a job. */
export type Result =
  | { readonly outcome: Outcome; readonly verdict?: string | undefined; readonly error?: undefined }
  | { readonly outcome?: undefined; readonly verdict?: undefined; readonly error: Failure }

/** A line of a results file. */
export type StoredResult = {
  readonly index: number
  readonly id: unknown
  readonly key: ResultKey
} & (
  | {
      readonly verdict: string | undefined
      readonly outcome: StoredOutcome
      readonly error?: undefined
    }
  | { readonly verdict?: undefined; readonly outcome?: undefined; readonly error: Failure }
)

/** How every result begins, and hardly anything else. */
const BEGINNING = '{"index":'

/** A result as a line with its line feed. A result that does not fit into a line becomes an error. */
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
    const error = misfit(sizeOf(outcome))
    const instead = tryEncode(item, key, { id }, { error })
    if (instead !== undefined) return { text: instead, result: { error } }
  }
  const error = result.error ?? misfit('`id`')
  return { text: tryEncode(item, key, {}, { error })!, result: { error } }
}

/** `undefined` for what is too long (strings have at most half a gigabyte) or nested too deeply. */
function tryEncode(
  { index, line }: Item,
  key: string,
  named: { id?: unknown },
  { outcome, verdict, error }: Result,
): string | undefined {
  try {
    const body = outcome === undefined ? { error } : { verdict, outcome }
    return `${JSON.stringify({ index, line, key, ...named, ...body })}\n`
  } catch {
    return undefined
  }
}

function sizeOf({ stdout, stderr, files }: Outcome): string {
  const printed = stdout.length + stderr.length
  if (files === undefined) return `output of ${printed} bytes`
  const collected = [...files.values()].reduce((sum, { length }) => sum + length, 0)
  return `output of ${printed + collected} bytes, files included,`
}

function misfit(what: string): Failure {
  return { code: 'ERR_RESULT_TOO_LARGE', message: `its ${what} does not fit into a line of JSON` }
}

/** Returns `undefined` for a line that is not a result. */
export function parseResult(bytes: Buffer): StoredResult | undefined {
  let value: unknown
  try {
    value = JSON.parse(bytes.toString('utf8'))
  } catch {
    return undefined
  }
  if (!isObject(value)) return undefined
  const { index, id, verdict, outcome, error } = value
  const key = parseKey(value['key'])
  if (key === undefined || typeof index !== 'number') return undefined
  if (outcome === undefined) return isFailure(error) ? { index, id, key, error } : undefined
  if (verdict !== undefined && typeof verdict !== 'string') return undefined
  return isStoredOutcome(outcome) ? { index, id, key, verdict, outcome } : undefined
}

function isFailure(value: unknown): value is Failure {
  if (!isObject(value)) return false
  return typeof value['code'] === 'string' && typeof value['message'] === 'string'
}

/** Whether this may be the beginning of a first result whose process was killed while it wrote. */
export function isTornResult(bytes: Buffer): boolean {
  const text = bytes.toString('latin1', 0, BEGINNING.length)
  // A file system may leave zeros in place of what had not reached the disk.
  return BEGINNING.startsWith(text) || bytes.every((byte) => byte === 0)
}
