import { randomUUID } from 'node:crypto'
import type { Redis } from 'ioredis'
import { unpackChunk } from './jobs.ts'
import type { Keys } from './keys.ts'
import { kindOf, neverStarted, packResult } from './results.ts'
import { chunkAddress, type ChunkAddress, type Scripts } from './scripts.ts'

/** Results in one write. */
const PART = 256

/** Ends the jobs of a submission that no worker has begun. Its workers end the others. */
export async function cancelWaiting(
  redis: Redis,
  keys: Keys,
  scripts: Scripts,
  submission: string,
  reason: unknown,
): Promise<void> {
  let cursor = '0'
  do {
    const [next, found] = await redis.zscan(keys.open, cursor, 'MATCH', `${submission}.*`)
    cursor = next
    for (const id of found.filter((_, at) => at % 2 === 0)) {
      const [owner, channel] = await redis.hmget(keys.chunk(id), 'owner', 'channel')
      const address = chunkAddress(id, { submission, channel })
      if (owner === null && address !== undefined) await end(scripts, address, reason)
    }
  } while (cursor !== '0')
}

async function end(scripts: Scripts, address: ChunkAddress, reason: unknown): Promise<void> {
  const owner = randomUUID()
  // A worker that began it in between ends it.
  const begun = await scripts.begin(address, owner, true)
  if (begun === undefined) return
  const jobs = unpackChunk(begun.payload).jobs.map(({ index, id }, place) => {
    const aborted = neverStarted(reason)
    return { index: place, kind: kindOf(aborted), bytes: packResult(index, id, aborted) }
  })
  for (let at = 0; at < jobs.length; at += PART)
    await scripts.finish(address, owner, 0, jobs.slice(at, at + PART))
}
