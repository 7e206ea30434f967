import type { Redis } from 'ioredis'
import { unpack } from './binary.ts'
import { toError } from './faults.ts'
import type { Keys } from './keys.ts'
import { readResult, type ReadResult } from './results.ts'
import type { Scripts } from './scripts.ts'

/** All readers of a channel share its results. */
const GROUP = 'readers'
/** Entries in one read; each has up to 256 results. */
const ENTRIES = 8
/** How long a read waits in Redis. */
const BLOCK_MS = 500
/** A reader that is silent for this long has lost what it had not read to its end. */
const CLAIM_MS = 60_000

/** Results that came together. */
export interface ResultEntry {
  readonly submission: string
  readonly results: readonly ReadResult[]
}

interface Held {
  readonly id: string
  readonly results: number
  readonly bytes: number
}

type RawEntry = [id: Buffer, fields: Buffer[] | null]

/**
 * Reads the results of a channel. What was read is removed when the next read begins, so a reader that ends in between
 * leaves it to others.
 */
export class ResultReader {
  readonly #redis: Redis
  /** Its reads wait in Redis, and would hold up everything else. */
  readonly #blocking: Redis
  readonly #scripts: Scripts
  readonly #keys: Keys
  readonly #channel: string
  readonly #name: string
  readonly #held = new Map<string, Held>()
  readonly #timer: NodeJS.Timeout
  #isClosed = false
  /** Called with what is wrong with results that cannot be read. What it throws ends the read. */
  onUnreadable: (error: Error) => void = (error) => {
    throw error
  }
  #isFirst = true

  /** @param name whose results come again if they were not read to their end */
  constructor(redis: Redis, scripts: Scripts, keys: Keys, channel: string, name: string) {
    this.#redis = redis
    this.#name = name
    this.#blocking = redis.duplicate()
    this.#blocking.on('error', () => {})
    this.#scripts = scripts
    this.#keys = keys
    this.#channel = channel
    this.#timer = setInterval(() => void this.#keep().catch(() => {}), CLAIM_MS / 3)
  }

  /** Makes the group of readers, which has to be there before the first read. */
  async open(): Promise<void> {
    const key = this.#keys.results(this.#channel)
    await this.#redis.xgroup('CREATE', key, GROUP, '0', 'MKSTREAM').catch((error: unknown) => {
      if (!toError(error).message.startsWith('BUSYGROUP')) throw error
    })
  }

  /** Says that everything returned was dealt with. Returns how many results are still owed. */
  async acknowledge(): Promise<number> {
    const done = [...this.#held.values()]
    const owed = await this.#scripts.ack(this.#channel, GROUP, done)
    for (const { id } of done) this.#held.delete(id)
    return owed
  }

  /** The next results; none if nothing came for a while. */
  async read(): Promise<ResultEntry[]> {
    if (!this.#isFirst) {
      const fresh = await this.#readGroup('>', BLOCK_MS)
      if (fresh.length > 0) return this.#take(fresh)
    }
    this.#isFirst = false
    // A reply that was lost with its connection is in the history of this reader, and with a lost reader in its.
    const own = await this.#readGroup('0', undefined)
    const lost = await this.#claim()
    return this.#take([...own, ...lost])
  }

  async close(): Promise<void> {
    this.#isClosed = true
    clearInterval(this.#timer)
    this.#blocking.disconnect()
    const key = this.#keys.results(this.#channel)
    // Entries that it has not read to their end would go with its name.
    const pending = await this.#redis.xpending(key, GROUP, '-', '+', 1, this.#name).catch(() => [0])
    if (pending.length === 0)
      await this.#redis.xgroup('DELCONSUMER', key, GROUP, this.#name).catch(() => {})
  }

  async #readGroup(from: '>' | '0', blockMs: number | undefined): Promise<RawEntry[]> {
    const key = this.#keys.results(this.#channel)
    const wait = blockMs === undefined ? [] : ['BLOCK', blockMs]
    const args = ['GROUP', GROUP, this.#name, 'COUNT', ENTRIES, ...wait, 'STREAMS', key, from]
    try {
      const reply = await this.#blocking.callBuffer('XREADGROUP', ...args)
      return entriesOf(reply)
    } catch (error) {
      if (this.#isClosed) return []
      // The stream was removed before the read, or while it waited.
      if (!/^(?:NOGROUP|UNBLOCKED)/.test(toError(error).message)) throw error
      await this.open()
      return []
    }
  }

  async #claim(): Promise<RawEntry[]> {
    const key = this.#keys.results(this.#channel)
    const args = [key, GROUP, this.#name, CLAIM_MS, '0-0', 'COUNT', ENTRIES]
    const reply = await this.#redis.callBuffer('XAUTOCLAIM', ...args).catch(() => null)
    const [, entries] = (reply ?? []) as [next: Buffer, entries?: RawEntry[]]
    return entries ?? []
  }

  /** Shows that this reader still has what it holds. */
  async #keep(): Promise<void> {
    const ids = [...this.#held.keys()]
    if (ids.length === 0) return
    const key = this.#keys.results(this.#channel)
    await this.#redis.call('XCLAIM', key, GROUP, this.#name, 0, ...ids, 'JUSTID')
  }

  async #take(entries: readonly RawEntry[]): Promise<ResultEntry[]> {
    const taken: ResultEntry[] = []
    for (const [idBytes, fields] of entries) {
      const id = idBytes.toString()
      // An entry without fields was removed while it was in a history.
      if (this.#held.has(id) || fields === null) continue
      try {
        taken.push(this.#entry(id, fields))
      } catch (error) {
        await this.#setAside(id, error)
      }
    }
    return taken
  }

  /** Leaves an entry where it is, and gives it to no reader any more. */
  async #setAside(id: string, error: unknown): Promise<void> {
    const key = this.#keys.results(this.#channel)
    await this.#redis.xack(key, GROUP, id)
    const message = `the results ${id} of ${key} cannot be read, and stay there: ${toError(error).message}`
    this.onUnreadable(new Error(message, { cause: error }))
  }

  #entry(id: string, fields: readonly Buffer[]): ResultEntry {
    const [, submission, , lengths, , records] = fields
    if (submission === undefined || lengths === undefined || records === undefined)
      throw new Error('expected results of a submission')
    let at = 0
    const results = lengths
      .toString()
      .split(',')
      .map((length) => readResult(unpack(records.subarray(at, (at += Number(length))))))
    this.#held.set(id, { id, results: results.length, bytes: records.length })
    return { submission: submission.toString(), results }
  }
}

/** The entries of the one stream that was read, as the versions of the protocol and of ioredis have them. */
function entriesOf(reply: unknown): RawEntry[] {
  if (reply === null || reply === undefined) return []
  if (!Array.isArray(reply)) return (Object.values(reply)[0] ?? []) as RawEntry[]
  const [first, second] = reply as unknown[]
  return (Array.isArray(first) ? first[1] : second) as RawEntry[]
}
