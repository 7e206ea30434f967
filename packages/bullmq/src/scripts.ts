// What changes more than one key at a time. Every script may run twice with the same arguments, because a connection that
// breaks sends again what was not answered: the second time it changes nothing.
import { Buffer } from 'node:buffer'
import { randomUUID } from 'node:crypto'
import type { Redis } from 'ioredis'
import { chunkId, isName, type Keys } from './keys.ts'

/** Opens a submission for the readers of a channel. */
const OPEN = `
if redis.call('EXISTS', KEYS[1]) == 0 then
  redis.call('HSET', KEYS[1], 'next', 0, 'jobs', 0, 'finished', 0, 'channel', ARGV[1], 'defaults', ARGV[2], 'opener', ARGV[3])
  return 1
end
return redis.call('HGET', KEYS[1], 'opener') == ARGV[3] and 1 or 0`

/** Takes in one chunk, if it is the next of its submission. Returns what tells the producer how fast to go on. */
const ADMIT = `
local submission, channel, stats, chunk, open = unpack(KEYS)
local sequence, id, payload, count, now, name, target, first = unpack(ARGV)
local state = redis.call('HMGET', submission, 'next', 'cancelled')
if not state[1] then return {-1, 0, 0, 0, 0} end
if tonumber(sequence) > tonumber(state[1]) then return {-2, 0, 0, 0, 0} end
if tonumber(sequence) == tonumber(state[1]) then
  redis.call('HSET', chunk, 'payload', payload, 'count', count, 'left', count, 'submission', name, 'channel', target, 'first', first)
  redis.call('ZADD', open, now, id)
  redis.call('HINCRBY', submission, 'next', 1)
  redis.call('HINCRBY', submission, 'jobs', count)
  redis.call('HINCRBY', channel, 'submitted', count)
  redis.call('HINCRBY', channel, 'pending', #payload)
  redis.call('HINCRBY', stats, 'submitted', count)
end
local sums = redis.call('HMGET', channel, 'submitted', 'read', 'pending', 'unread', 'finished', 'busyMs')
local number = function(at) return tonumber(sums[at] or 0) end
return {number(1) - number(2), number(3) + number(4), number(5), number(6), state[2] and 1 or 0}`

/** Ends a submission: nothing more comes. Its key goes away a while after its last result. */
const SEAL = `
local state = redis.call('HMGET', KEYS[1], 'jobs', 'finished')
if not state[1] then return 0 end
redis.call('HSET', KEYS[1], 'sealed', 1)
if state[1] == state[2] then redis.call('PEXPIRE', KEYS[1], ARGV[1]) end
return tonumber(state[1])`

/**
 * Gives a chunk to a worker. One that somebody had and never gave back was lost with its worker; the job that was marked
 * then is the suspect. With a second argument, only a chunk that nobody has is given.
 */
const BEGIN = `
local chunk, done, submission, quarantine = unpack(KEYS)
local owner = ARGV[1]
local state = redis.call('HMGET', chunk, 'payload', 'count', 'losses', 'owner', 'mark', 'suspect', 'kills', 'first')
if not state[1] or (ARGV[2] and state[4] and state[4] ~= owner) then return false end
local losses, suspect, kills = tonumber(state[3] or 0), state[6], tonumber(state[7] or 0)
if state[4] and state[4] ~= owner then
  losses = losses + 1
  if state[5] then
    if suspect == state[5] then kills = kills + 1 else kills = 1 end
    suspect = state[5]
    redis.call('HSET', chunk, 'suspect', suspect, 'kills', kills)
    redis.call('HDEL', chunk, 'mark')
  end
  redis.call('HSET', chunk, 'losses', losses)
end
redis.call('HSET', chunk, 'owner', owner)
local shared = redis.call('HMGET', submission, 'defaults', 'cancelled')
return {state[1], tonumber(state[2]), tonumber(state[8] or 0), losses, suspect or false, kills,
  redis.call('GET', done) or '', shared[1] or '', shared[2] or false, redis.call('HKEYS', quarantine)}`

/** Says which job its worker runs alone; without a job: that none is. */
const MARK = `
if redis.call('HGET', KEYS[1], 'owner') ~= ARGV[1] then return 0 end
if ARGV[2] then redis.call('HSET', KEYS[1], 'mark', ARGV[2]) else redis.call('HDEL', KEYS[1], 'mark') end
return 1`

/** Gives a chunk back that its worker has not lost. */
const RELEASE = `
if redis.call('HGET', KEYS[1], 'owner') ~= ARGV[1] then return 0 end
redis.call('HDEL', KEYS[1], 'owner', 'mark')
return 1`

/** Writes results: of each job the first that comes. The last one of a chunk ends the chunk. */
const FINISH = `
local chunk, done, submission, channel, stats, open, results = unpack(KEYS)
local owner, id, busyMs, keepMs, name, shared = unpack(ARGV, 1, 6)
local state = redis.call('HMGET', chunk, 'left', 'count', 'owner')
if not state[1] then return {0, 0, 0, 0} end
local count = tonumber(state[2])
local records, lengths, kinds, accepted, at = {}, {}, {}, 0, 1
for index, kind, length in string.gmatch(ARGV[7], '(%d+) ([%a-]+) (%d+),') do
  index, length = tonumber(index), tonumber(length)
  if index < count and redis.call('SETBIT', done, index, 1) == 0 then
    accepted = accepted + 1
    kinds[kind] = (kinds[kind] or 0) + 1
    lengths[accepted] = length
    records[accepted] = string.sub(ARGV[8], at, at + length - 1)
  end
  at = at + length
end
local all = table.concat(records)
local mine = state[3] == owner and 1 or 0
if mine == 1 then redis.call('HDEL', chunk, 'mark') end
local left = tonumber(state[1])
if accepted > 0 then
  redis.call('XADD', results, '*', 's', name, 'l', table.concat(lengths, ','), 'r', all)
  redis.call('HINCRBY', channel, 'finished', accepted)
  redis.call('HINCRBY', channel, 'unread', #all)
  redis.call('HINCRBY', channel, 'busyMs', busyMs)
  for kind, times in pairs(kinds) do redis.call('HINCRBY', stats, kind, times) end
  left = redis.call('HINCRBY', chunk, 'left', -accepted)
  redis.call('HINCRBY', submission, 'finished', accepted)
  if shared == '0' then
    redis.call('PEXPIRE', results, keepMs)
    redis.call('PEXPIRE', channel, keepMs)
  end
  if left == 0 then
    redis.call('HINCRBY', channel, 'pending', -redis.call('HSTRLEN', chunk, 'payload'))
    redis.call('DEL', chunk, done)
    redis.call('ZREM', open, id)
    local sums = redis.call('HMGET', submission, 'jobs', 'finished', 'sealed')
    if sums[3] and sums[1] == sums[2] then redis.call('PEXPIRE', submission, keepMs) end
  end
end
local cancelled = redis.call('HEXISTS', submission, 'cancelled')
return {accepted, left, cancelled, mine}`

/** Removes entries of results that were read. Returns how many results of the channel are still owed. */
const ACK = `
local results, channel, stats = unpack(KEYS)
for at = 3, #ARGV, 3 do
  redis.call('XACK', results, ARGV[1], ARGV[at])
  if redis.call('XDEL', results, ARGV[at]) == 1 then
    redis.call('HINCRBY', channel, 'read', ARGV[at + 1])
    redis.call('HINCRBY', channel, 'unread', -ARGV[at + 2])
    redis.call('HINCRBY', stats, 'read', ARGV[at + 1])
  end
end
local sums = redis.call('HMGET', channel, 'submitted', 'read')
return tonumber(sums[1] or 0) - tonumber(sums[2] or 0)`

/** Cancels a submission, once. */
const CANCEL = `
if redis.call('EXISTS', KEYS[1]) == 0 then return 0 end
if redis.call('HSETNX', KEYS[1], 'cancelled', ARGV[1]) == 1 then redis.call('HSET', KEYS[1], 'canceller', ARGV[2]) end
return redis.call('HGET', KEYS[1], 'canceller') == ARGV[2] and 1 or 0`

const SCRIPTS = {
  open: [OPEN, 1],
  admit: [ADMIT, 5],
  seal: [SEAL, 1],
  begin: [BEGIN, 4],
  mark: [MARK, 1],
  release: [RELEASE, 1],
  finish: [FINISH, 7],
  ack: [ACK, 3],
  cancel: [CANCEL, 1],
} as const

/** A chunk, where its results go, and to whom it belongs. */
export interface ChunkAddress {
  readonly id: string
  readonly submission: string
  readonly channel: string
}

/** What a producer is told when it has handed in a chunk. */
export interface Admission {
  /** Results of the channel that nobody has read yet, also of jobs that have not ended. -1: no such submission; -2: a chunk before this one is missing. */
  readonly owed: number
  /** Bytes of jobs and results that the channel has in Redis. */
  readonly bytes: number
  readonly finished: number
  readonly busyMs: number
  readonly cancelled: boolean
}

/** What a worker is told of a chunk that it begins. */
export interface Begun {
  readonly payload: Buffer
  readonly count: number
  /** Which job of the submission its first is. */
  readonly first: number
  /** Workers that were lost with it. */
  readonly losses: number
  /** The job that was alone in a worker when the worker was lost, and how often in a row. */
  readonly suspect: number | undefined
  readonly kills: number
  readonly done: Buffer
  readonly defaults: Buffer
  /** The reason, if its submission was cancelled. */
  readonly cancelled: Buffer | undefined
  readonly quarantined: ReadonlySet<string>
}

/** What a worker is told when it has written results. */
export interface Finished {
  /** How many of them were the first of their job. */
  readonly accepted: number
  /** Jobs of the chunk without a result. */
  readonly left: number
  readonly cancelled: boolean
  /** Whether nobody else has begun the chunk meanwhile. */
  readonly mine: boolean
}

/** A result as it is stored. */
export interface StoredResult {
  /** Which job of the chunk. */
  readonly index: number
  readonly kind: string
  readonly bytes: Buffer
}

/** How long a private channel whose reader has gone, and the state of an ended submission, are kept: a day. */
const KEEP_MS = 86_400_000

type Reply = null | number | Buffer | readonly Reply[]

/** The scripts, on one connection and for one queue. */
export class Scripts {
  readonly #redis: Redis
  readonly #keys: Keys

  constructor(redis: Redis, keys: Keys) {
    this.#redis = redis
    this.#keys = keys
    for (const [name, [lua, numberOfKeys]] of Object.entries(SCRIPTS))
      redis.defineCommand(`wasiexec_${name}`, { lua, numberOfKeys })
  }

  #call(
    name: keyof typeof SCRIPTS,
    keys: readonly string[],
    args: readonly (string | number | Buffer)[],
  ): Promise<Reply> {
    const commands = this.#redis as unknown as Record<
      string,
      (...args: readonly unknown[]) => Promise<Reply>
    >
    return commands[`wasiexec_${name}Buffer`]!(...keys, ...args)
  }

  async open(submission: string, channel: string, defaults: Buffer): Promise<boolean> {
    const keys = [this.#keys.submission(submission)]
    return (await this.#call('open', keys, [channel, defaults, randomUUID()])) === 1
  }

  async admit(
    { submission, channel }: Omit<ChunkAddress, 'id'>,
    sequence: number,
    { payload, first, count }: { payload: Buffer; first: number; count: number },
  ): Promise<Admission> {
    const id = chunkId(submission, sequence)
    const k = this.#keys
    const keys = [k.submission(submission), k.channel(channel), k.stats, k.chunk(id), k.open]
    const args = [sequence, id, payload, count, Date.now(), submission, channel, first]
    const reply = (await this.#call('admit', keys, args)) as number[]
    const [owed = 0, bytes = 0, finished = 0, busyMs = 0, cancelled] = reply
    return { owed, bytes, finished, busyMs, cancelled: cancelled === 1 }
  }

  async seal(submission: string): Promise<number> {
    return (await this.#call('seal', [this.#keys.submission(submission)], [KEEP_MS])) as number
  }

  /** @param onlyFree whether a chunk that somebody has is left alone */
  async begin(
    { id, submission }: ChunkAddress,
    owner: string,
    onlyFree = false,
  ): Promise<Begun | undefined> {
    const k = this.#keys
    const keys = [k.chunk(id), k.done(id), k.submission(submission), k.quarantine]
    const reply = await this.#call('begin', keys, onlyFree ? [owner, 1] : [owner])
    if (!Array.isArray(reply)) return undefined
    const [payload, count, first, losses, suspect, kills, done, defaults, cancelled, held] =
      reply as unknown as [
        Buffer,
        number,
        number,
        number,
        Buffer | null,
        number,
        Buffer,
        Buffer,
        Buffer | null,
        Buffer[],
      ]
    return {
      payload,
      count,
      first,
      losses,
      suspect: suspect === null ? undefined : Number(suspect.toString()),
      kills,
      done,
      defaults,
      cancelled: cancelled ?? undefined,
      quarantined: new Set(held.map(String)),
    }
  }

  /** Returns whether the chunk is still its owner's. */
  async mark({ id }: ChunkAddress, owner: string, index: number | undefined): Promise<boolean> {
    const args = index === undefined ? [owner] : [owner, index]
    return (await this.#call('mark', [this.#keys.chunk(id)], args)) === 1
  }

  async release({ id }: ChunkAddress, owner: string): Promise<void> {
    await this.#call('release', [this.#keys.chunk(id)], [owner])
  }

  async finish(
    { id, submission, channel }: ChunkAddress,
    owner: string,
    busyMs: number,
    results: readonly StoredResult[],
  ): Promise<Finished> {
    const k = this.#keys
    const keys = [
      k.chunk(id),
      k.done(id),
      k.submission(submission),
      k.channel(channel),
      k.stats,
      k.open,
      k.results(channel),
    ]
    const isPrivate = channel === submission
    const head = [owner, id, Math.ceil(busyMs), KEEP_MS, submission, isPrivate ? 0 : 1]
    // One text and one buffer: a command with thousands of arguments costs more than all that is in them.
    const rows = results.map(({ index, kind, bytes }) => `${index} ${kind} ${bytes.length},`)
    const all = Buffer.concat(results.map(({ bytes }) => bytes))
    const reply = (await this.#call('finish', keys, [...head, rows.join(''), all])) as number[]
    const [accepted = 0, left = 0, cancelled, mine] = reply
    return { accepted, left, cancelled: cancelled === 1, mine: mine === 1 }
  }

  /** Returns whether there is such a submission that was not cancelled before. */
  async cancel(submission: string, reason: Buffer): Promise<boolean> {
    const keys = [this.#keys.submission(submission)]
    return (await this.#call('cancel', keys, [reason, randomUUID()])) === 1
  }

  /** Returns how many results the channel still owes. */
  async ack(
    channel: string,
    group: string,
    entries: readonly { id: string; results: number; bytes: number }[],
  ): Promise<number> {
    const k = this.#keys
    const keys = [k.results(channel), k.channel(channel), k.stats]
    const rows = entries.flatMap(({ id, results, bytes }) => [id, results, bytes])
    return (await this.#call('ack', keys, [group, channel, ...rows])) as number
  }
}

/** What a job of BullMQ says: whose chunk it is. The jobs themselves are elsewhere, as bytes. */
export function chunkAddress(id: unknown, data: unknown): ChunkAddress | undefined {
  const { submission, channel } = (data ?? {}) as Record<string, unknown>
  return isName(id) && isName(submission) && isName(channel)
    ? { id, submission, channel }
    : undefined
}
