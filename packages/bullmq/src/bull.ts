import type { JobsOptions } from 'bullmq'
import type { ChunkAddress } from './scripts.ts'

/** The name of BullMQ's queue below the prefix of ours. */
export const BULL_QUEUE = 'chunks'

/** How often a chunk is tried on machines that have faults, before these are the results of its jobs. */
const TRIES = 4

/** The job of BullMQ that stands for a chunk. Adding it again changes nothing while it is there. */
export function bullJob({ id, submission, channel }: ChunkAddress): {
  name: string
  data: object
  opts: JobsOptions
} {
  return {
    name: 'chunk',
    data: { submission, channel },
    opts: {
      jobId: id,
      attempts: TRIES,
      backoff: { type: 'exponential', delay: 500 },
      removeOnComplete: true,
      removeOnFail: { count: 100 },
    },
  }
}
