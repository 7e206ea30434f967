import type { Buffer } from 'node:buffer'
import type { CallOutcome, CallValues, HostError, Limit, TrapInfo, Usage } from 'wasiexec'
import * as outcomes from '../../../src/outcome.ts'
import { toBuffer, pack } from './binary.ts'
import { packFault, unpackFault } from './faults.ts'
import { packValue, unpackValue } from './values.ts'

/** What became of a job: an outcome, or the error that came in its place. */
export type AnyOutcome = CallOutcome | HostError
export type End =
  | { readonly outcome: AnyOutcome; readonly error?: undefined }
  | { readonly outcome?: undefined; readonly error: Error }

/** The kinds, as a result begins with them. The order is part of the format. */
const KINDS = ['exit', 'trap', 'limit', 'abort', 'host-error', 'returned', 'error'] as const
export type Kind = (typeof KINDS)[number]

/** The kind of an end, as totals count it. */
export function kindOf({ outcome }: End): Kind {
  return outcome === undefined ? 'error' : outcome.kind
}

/** How deep the values of a call may be: a few levels less than those of all that is packed. */
const MOST_DEPTH = 56

/** Added to the kind where there is no id: null is one. */
const WITHOUT_ID = 16

/** Writes a result: `[kind, index, id, what the kind has, stdout, stderr, usage, files]`. */
export function packResult(index: number, givenId: unknown, end: End): Buffer {
  const { outcome } = end
  const kind = KINDS.indexOf(kindOf(end)) + (givenId === undefined ? WITHOUT_ID : 0)
  const id = givenId === undefined ? null : packValue(givenId, 'id')
  if (outcome === undefined) return pack([kind, index, id, packFault(end.error)])
  const { stdout, stderr, usage, files } = outcome
  const row = [kind, index, id, detailOf(outcome), stdout, stderr, packUsage(usage)]
  return pack(files === undefined ? row : [...row, [...files]])
}

function detailOf(outcome: AnyOutcome): unknown {
  switch (outcome.kind) {
    case 'exit':
      return outcome.code
    case 'trap':
      return outcome.trap
    case 'limit':
      return outcome.limit
    case 'abort':
      return packFault(outcome.reason)
    case 'host-error':
      return packFault(outcome.error)
    case 'returned':
      return packValue(outcome.values, 'values', MOST_DEPTH)
    default:
      return outcome satisfies never
  }
}

function packUsage(usage: Usage): unknown[] {
  const { wallMs, cpuMs, memoryPeakBytes, memoryDenied, outputTruncated } = usage
  const flags = (memoryDenied ? 1 : 0) | (outputTruncated ? 2 : 0)
  const { fuel, networkReceivedBytes, networkSentBytes } = usage
  const row = [wallMs, cpuMs, memoryPeakBytes, flags]
  if (fuel === undefined && networkSentBytes === undefined) return row
  return [...row, fuel ?? null, networkReceivedBytes ?? null, networkSentBytes ?? null]
}

/** A result as a reader gets it. */
export interface ReadResult {
  readonly index: number
  readonly id: unknown
  readonly end: End
}

/** Makes a result of what {@link packResult} wrote and `unpack` read. Throws if it is not one. */
export function readResult(row: unknown): ReadResult {
  if (!Array.isArray(row)) throw new Error('expected a result, got something else')
  const [kind, index, given, detail, stdout, stderr, usage, files] = row as unknown[]
  if (typeof kind !== 'number' || typeof index !== 'number')
    throw new Error('expected a result with a kind and an index')
  const id = kind >= WITHOUT_ID ? undefined : unpackValue(given)
  const name = KINDS[kind % WITHOUT_ID]
  if (name === 'error') return { index, id, end: { error: unpackFault(detail) } }
  if (!(stdout instanceof Uint8Array && stderr instanceof Uint8Array))
    throw new Error('expected a result with its output')
  const printed = {
    stdout: toBuffer(stdout),
    stderr: toBuffer(stderr),
    ...(Array.isArray(files) ? { files: readFiles(files) } : {}),
    usage: readUsage(usage),
  }
  return { index, id, end: { outcome: makeOutcome(name, detail, printed) } }
}

type Printed = Parameters<typeof outcomes.exit>[1]

function makeOutcome(kind: Kind | undefined, detail: unknown, printed: Printed): AnyOutcome {
  switch (kind) {
    case 'exit':
      return outcomes.exit(Number(detail), printed)
    case 'trap':
      return outcomes.trap(detail as TrapInfo, printed)
    case 'limit':
      return outcomes.limit(detail as Limit['limit'], printed)
    case 'abort':
      return outcomes.abort(unpackFault(detail), printed)
    case 'host-error':
      return outcomes.hostError(unpackFault(detail), printed)
    case 'returned':
      return outcomes.returned(unpackValue(detail) as CallValues, printed)
    default:
      throw new Error(`expected a kind of result, got ${String(kind)}`)
  }
}

function readFiles(files: readonly unknown[]): ReadonlyMap<string, Buffer> {
  return new Map(
    (files as [string, Uint8Array][]).map(([path, bytes]) => [path, toBuffer(bytes)] as const),
  )
}

function readUsage(usage: unknown): Usage {
  const [wallMs, cpuMs, memoryPeakBytes, flags, fuel, received, sent] = (
    Array.isArray(usage) ? usage : []
  ) as number[]
  return {
    wallMs: wallMs ?? 0,
    cpuMs: cpuMs ?? 0,
    ...(fuel === undefined || fuel === null ? {} : { fuel: BigInt(fuel) }),
    memoryPeakBytes: memoryPeakBytes ?? 0,
    memoryDenied: ((flags ?? 0) & 1) !== 0,
    outputTruncated: ((flags ?? 0) & 2) !== 0,
    ...(received === undefined || received === null ? {} : { networkReceivedBytes: received }),
    ...(sent === undefined || sent === null ? {} : { networkSentBytes: sent }),
  }
}

/** The end of a job that was never started. */
export function neverStarted(reason: unknown): End {
  return { outcome: outcomes.neverStarted(reason) }
}

/** An error in place of an outcome, as data: an abort's reason goes the same way. */
export function packReason(reason: unknown): Buffer {
  return pack(packFault(reason))
}
