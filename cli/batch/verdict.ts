import type { Limit, Outcome } from '../../src/index.ts'
import { LF } from './lines.ts'

/** What a judge says about a run. */
export type Verdict =
  | 'accepted'
  | 'wrong answer'
  | 'runtime error'
  | 'time limit'
  | 'memory limit'
  | 'output limit'
  | 'network limit'

/** The verdict about a run that a limit has ended. */
const OF_LIMITS: Readonly<Record<Limit['limit'], Verdict>> = {
  timeout: 'time limit',
  cpu: 'time limit',
  fuel: 'time limit',
  memory: 'memory limit',
  output: 'output limit',
  network: 'network limit',
  // Bodies are of programs that are served, which no batch does.
  request: 'network limit',
  response: 'network limit',
}

export const VERDICTS: readonly Verdict[] = [
  'accepted',
  'wrong answer',
  'runtime error',
  ...new Set(Object.values(OF_LIMITS)),
]

/**
 * How outputs are compared. `lines` ignores blanks at the end of lines and empty lines at the end, `tokens`
 * ignores all differences in white space, and `exact` ignores nothing.
 */
export const COMPARISONS = ['lines', 'tokens', 'exact'] as const
export type Comparison = (typeof COMPARISONS)[number]

export function verdictOf(outcome: Outcome, expected: Buffer, comparison: Comparison): Verdict {
  const { memoryDenied, outputTruncated } = outcome.usage
  switch (outcome.kind) {
    case 'exit':
      if (outcome.code !== 0) break
      if (isSame(outcome.stdout, expected, comparison)) return 'accepted'
      return outputTruncated ? 'output limit' : 'wrong answer'
    case 'trap':
      break
    case 'limit':
      return OF_LIMITS[outcome.limit]
    case 'abort':
      break
    default:
      outcome satisfies never
  }
  // A program that was refused memory before it failed is taken to have failed for that.
  return memoryDenied ? 'memory limit' : 'runtime error'
}

export function isSame(actual: Buffer, expected: Buffer, comparison: Comparison): boolean {
  if (actual.equals(expected)) return true
  switch (comparison) {
    case 'exact':
      return false
    case 'lines':
      return withoutLineEnds(actual).equals(withoutLineEnds(expected))
    case 'tokens':
      return tokens(actual).equals(tokens(expected))
    default:
      return comparison satisfies never
  }
}

const SPACE = 0x20

/** Space, tab, line feed, vertical tab, form feed, carriage return: only ASCII, because outputs are bytes. */
function isBlank(byte: number): boolean {
  return byte === SPACE || (byte >= 0x09 && byte <= 0x0d)
}

/** In one pass: a guest may print nothing but blanks. By index: an iterator takes five times as long. */
function withoutLineEnds(bytes: Buffer): Buffer {
  const kept = Buffer.allocUnsafe(bytes.length)
  let end = 0
  /** After the last byte that is not to be dropped. */
  let solid = 0
  for (let at = 0; at < bytes.length; at += 1) {
    const byte = bytes[at]!
    if (byte === LF) end = solid
    kept[end] = byte
    end += 1
    if (byte === LF || !isBlank(byte)) solid = end
  }
  while (solid > 0 && kept[solid - 1] === LF) solid -= 1
  return kept.subarray(0, solid)
}

function tokens(bytes: Buffer): Buffer {
  const kept = Buffer.allocUnsafe(bytes.length)
  let end = 0
  let wasBlank = false
  for (let at = 0; at < bytes.length; at += 1) {
    const byte = bytes[at]!
    if (isBlank(byte)) {
      wasBlank = true
      continue
    }
    if (wasBlank && end > 0) {
      kept[end] = SPACE
      end += 1
    }
    wasBlank = false
    kept[end] = byte
    end += 1
  }
  return kept.subarray(0, end)
}
