import type { Queue } from 'bullmq'
import type { Redis } from 'ioredis'
import { bullJob } from './bull.ts'
import type { Keys } from './keys.ts'
import { chunkAddress } from './scripts.ts'

/** Chunks looked at in one go. */
const MOST = 200

/**
 * Looks for chunks that are open while BullMQ has no job for them: their producer ended in between, or Redis lost the last
 * writes of BullMQ. They get a new job.
 */
export class Sweeper {
  readonly #redis: Redis
  readonly #keys: Keys
  readonly #queue: Queue
  readonly #ageMs: number
  readonly #timer: NodeJS.Timeout
  #sweeping: Promise<void> = Promise.resolve()

  constructor(
    redis: Redis,
    keys: Keys,
    queue: Queue,
    ageMs: number,
    report: (error: unknown) => void,
  ) {
    this.#redis = redis
    this.#keys = keys
    this.#queue = queue
    this.#ageMs = ageMs
    this.#timer = setInterval(() => {
      this.#sweeping = this.#sweeping.then(() => this.sweep()).catch(report)
    }, ageMs)
  }

  /** Looks at the chunks that nobody has looked at for a while. */
  async sweep(): Promise<void> {
    const most = Date.now() - this.#ageMs
    const { open } = this.#keys
    const ids = await this.#redis.zrangebyscore(open, '-inf', most, 'LIMIT', 0, MOST)
    for (const id of ids) {
      // Also those that are in order wait for their next turn. One that has ended meanwhile is not added.
      await this.#redis.zadd(open, 'XX', Date.now(), id)
      const state = await this.#queue.getJobState(id)
      if (state === 'failed' || state === 'completed') await this.#queue.remove(id)
      else if (state !== 'unknown') continue
      const [submission, channel] = await this.#redis.hmget(
        this.#keys.chunk(id),
        'submission',
        'channel',
      )
      const address = chunkAddress(id, { submission, channel })
      if (address === undefined) continue
      const { name, data, opts } = bullJob(address)
      await this.#queue.add(name, data, opts)
    }
  }

  async close(): Promise<void> {
    clearInterval(this.#timer)
    await this.#sweeping
  }
}
