import type { RuntimeStats } from '../stats.ts'
import { advice, type BatchAdvice } from './advice.ts'
import type { BatchCounts } from './totals.ts'

/**
 * Why a batch took no more jobs.
 *
 * @example
 * if ((await batch.summary).endedBy === 'deadline') console.error('there was no time for all jobs')
 */
export type BatchEnd =
  /** There were no more. */
  | 'jobs'
  /** The `signal`, the `deadline` or `stopOn`. */
  | 'signal'
  | 'deadline'
  | 'stop-on'
  /** The loop over its results was left. */
  | 'consumer'
  /** The jobs' iterator or `stopOn` threw, or the program or runtime was closed. */
  | 'error'

/**
 * The totals of a batch; `jobs` counts the jobs that were taken, each of which has one result.
 *
 * @example
 * const { ok, kinds, runsPerSecond } = await batch.summary
 */
export interface BatchSummary extends BatchCounts {
  /** From the first job taken to the end, in milliseconds. */
  readonly wallMs: number
  /** Runs with an outcome per second of `wallMs`. */
  readonly runsPerSecond: number
  /** Why it ended. */
  readonly endedBy: BatchEnd
  /**
   * `'processes'`: a runtime with `workers: 'processes'` would have used more cores, because the threads of
   * this one slowed each other down (see {@link RuntimeStats.usefulThreads}). Otherwise absent.
   */
  readonly advice?: BatchAdvice
  /** What was thrown, where `endedBy` is `'error'`. */
  readonly error?: unknown
}

/** How a batch ended. */
export interface Ended {
  readonly by: BatchEnd
  readonly failure: { readonly error: unknown } | undefined
  readonly wallMs: number
  /** Of its runtime. */
  readonly stats: RuntimeStats
}

export function summarize(
  counts: BatchCounts,
  { by, failure, wallMs, stats }: Ended,
): BatchSummary {
  const runs = counts.jobs - counts.kinds.error
  const advised = advice(stats, wallMs)
  return {
    ...counts,
    wallMs,
    runsPerSecond: wallMs === 0 ? 0 : (runs / wallMs) * 1000,
    endedBy: by,
    ...(advised && { advice: advised }),
    ...failure,
  }
}
