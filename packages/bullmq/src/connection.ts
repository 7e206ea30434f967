import { Redis, type RedisOptions } from 'ioredis'
import { invalid } from './faults.ts'

/** Where Redis or Valkey is: a URL (`redis://…`, `rediss://…`), options of ioredis, or a connection of ioredis. */
export type Connection = string | RedisOptions | Redis

/** Commands wait for a connection as long as it takes, as BullMQ asks for. */
const OWN = { maxRetriesPerRequest: null } as const

/** The copies that were made of a connection, by BullMQ too. */
const copies = new WeakMap<Redis, Set<Redis>>()

/** A connection of the package's own, like the one that was given. */
export function connect(connection: unknown): Redis {
  const redis = open(connection)
  const made = new Set<Redis>()
  const duplicate = redis.duplicate.bind(redis)
  redis.duplicate = (override) => {
    const copy = duplicate(override)
    made.add(copy)
    copy.once('end', () => made.delete(copy))
    return copy
  }
  copies.set(redis, made)
  return redis
}

/** Ends a connection and its copies, also those that still try to connect. */
export function disconnect(redis: Redis): void {
  for (const each of [redis, ...(copies.get(redis) ?? [])]) each.disconnect()
}

function open(connection: unknown): Redis {
  if (typeof connection === 'string') {
    if (!/^rediss?:\/\//.test(connection))
      // Not shown beyond its scheme: it may have a password.
      throw invalid(
        'connection',
        'a URL that begins with redis:// or rediss://',
        /^[a-z][\w+.-]*:\/\//i.exec(connection)?.[0] ?? 'a text without a scheme',
      )
    if (!URL.canParse(connection))
      throw invalid(
        'connection',
        'a URL such as redis://user:password@host:6379',
        'a text that is none',
      )
    return new Redis(connection, OWN)
  }
  if (isRedis(connection)) return connection.duplicate(OWN)
  if (typeof connection === 'object' && connection !== null)
    return new Redis({ ...connection, ...OWN })
  throw invalid('connection', 'a URL, options of ioredis or a connection of ioredis', connection)
}

/** By what it can do: an application may have another copy of ioredis. */
function isRedis(value: unknown): value is Redis {
  const { duplicate, defineCommand } = (value ?? {}) as Partial<Redis>
  return typeof duplicate === 'function' && typeof defineCommand === 'function'
}
