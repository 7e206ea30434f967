// What tests of reports are made of.
import type { BatchSummary, JsonOutcome } from './package.ts'
import type { ReportResult } from '../../report/collect.ts'

/** The summary of a batch without jobs. */
export const noSummary: BatchSummary = {
  jobs: 0,
  ok: 0,
  kinds: { exit: 0, trap: 0, limit: 0, abort: 0, error: 0 },
  exitCodes: {},
  traps: {},
  limits: {},
  errors: {},
  wallMs: 0,
  cpuMs: 0,
  runMs: { p50: 0, p90: 0, p99: 0, max: 0 },
  runsPerSecond: 0,
  endedBy: 'jobs',
}

type Given = Omit<ReportResult, 'outcome' | 'error'> & { wallMs?: number; stdout?: string }

/** A result that is an exit. */
export function exit(code: number, given: Given): ReportResult {
  return ended({ kind: 'exit', code }, given)
}

/** How one ended, with what it printed if it printed anything. */
type EndingOf<T> = T extends JsonOutcome
  ? Omit<T, 'ok' | 'usage' | 'stdout' | 'stderr'> & Partial<Pick<T, 'stdout' | 'stderr'>>
  : never

export function ended(
  ending: EndingOf<JsonOutcome>,
  { wallMs = 1, stdout = '', ...given }: Given,
): ReportResult {
  const usage = {
    wallMs,
    cpuMs: wallMs / 2,
    memoryPeakBytes: 65_536,
    memoryDenied: false,
    outputTruncated: false,
  }
  const printed = { stdout, stderr: '', usage }
  const outcome: JsonOutcome =
    ending.kind === 'exit'
      ? { ok: ending.code === 0, ...printed, ...ending }
      : { ok: false, ...printed, ...ending }
  return { outcome, ...given }
}
