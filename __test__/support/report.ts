// What tests of reports are made of.
import type { BatchSummary } from './package.ts'
import type { ReportOutcome, ReportResult } from '../../report/collect.ts'

/** The summary of a batch without jobs. */
export const noSummary: BatchSummary = {
  jobs: 0,
  ok: 0,
  kinds: { exit: 0, trap: 0, limit: 0, abort: 0, error: 0 },
  exitCodes: {},
  traps: {},
  limits: {},
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

export function ended(
  ending: Omit<ReportOutcome, 'usage'>,
  { wallMs = 1, stdout = '', ...given }: Given,
): ReportResult {
  const usage = { wallMs, cpuMs: wallMs / 2, memoryPeakBytes: 65_536 }
  return { outcome: { stdout, stderr: '', ...ending, usage }, ...given }
}
