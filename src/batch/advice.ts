import { whyThreadsAlone } from '../port/worker-host.ts'
import type { RuntimeStats } from '../stats.ts'

/**
 * What would make a batch faster: a runtime with `workers: 'processes'`.
 *
 * @example
 * const { advice } = await batch.summary
 * const runtime = new Runtime({ workers: advice ?? 'threads' })
 */
export type BatchAdvice = 'processes'

/** A batch that ended sooner would gain less than workers take to start. */
const WORTHWHILE_MS = 1000

/** The advice for a batch that has ended, by whether its threads slowed each other down. */
export function advice(
  { workers, threads, usefulThreads }: RuntimeStats,
  wallMs: number,
): BatchAdvice | undefined {
  const canBe = workers === 'threads' && whyThreadsAlone() === undefined
  return canBe && usefulThreads < threads && wallMs >= WORTHWHILE_MS ? 'processes' : undefined
}
