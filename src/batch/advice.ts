import { whyThreadsAlone } from '../port/worker-host.ts'
import type { RuntimeStats } from '../stats.ts'

/** What would make a batch faster: a runtime with `workers: 'processes'`. */
export type BatchAdvice = 'processes'

/** A batch that ended sooner would gain less than workers take to start. */
const WORTHWHILE_MS = 1000

/** What to do about threads that stood in each other's way until now, when a batch has ended. */
export function advice(
  { workers, threads, usefulThreads }: RuntimeStats,
  wallMs: number,
): BatchAdvice | undefined {
  const canBe = workers === 'threads' && whyThreadsAlone() === undefined
  return canBe && usefulThreads < threads && wallMs >= WORTHWHILE_MS ? 'processes' : undefined
}
