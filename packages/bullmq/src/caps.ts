import type { Limits, RunOptions } from 'wasiexec'
import { LIMITS, without } from '../../../src/option-names.ts'
import { invalid } from './faults.ts'

/** The limits that have no size, and those of requests, which a queue has none of. */
const OTHERS = ['onMemory', 'onOutput', 'requestBytes', 'responseBytes'] as const

/** The limits that have a size. */
const SIZED: readonly (keyof Caps)[] = without(LIMITS, OTHERS)

/** Upper bounds for all jobs of a worker. No job can raise one. */
export type Caps = Omit<Limits, 'onMemory' | 'onOutput'>

/** What a worker allows unless its operator says something else. */
const DEFAULT_CAPS: Caps = {
  timeoutMs: 60_000,
  memoryBytes: 1 << 30,
  outputBytes: 16 << 20,
  filesBytes: 64 << 20,
  filesCount: 65_536,
  sockets: 64,
}

/**
 * The caps of a worker: the defaults, and what the operator gave in their place.
 *
 * @throws {WasiexecError} `ERR_INVALID_OPTION`.
 */
export function readCaps(given: unknown = {}): Caps {
  if (typeof given !== 'object' || given === null) throw invalid('limits', 'an object', given)
  for (const [name, value] of Object.entries(given) as [string, unknown][]) {
    if (!SIZED.includes(name as never))
      throw invalid(`limits.${name}`, `left out; upper bounds are ${SIZED.join(', ')}`, value)
    const isNumber = typeof value === 'bigint' || typeof value === 'number'
    const isSize = isNumber && value > 0 && value < Infinity
    if (value !== undefined && !isSize) throw invalid(`limits.${name}`, 'a positive number', value)
  }
  // An option that is undefined is one that was left out.
  return { ...DEFAULT_CAPS, ...defined(given) }
}

/**
 * The defaults of a submission under the caps: each cap that they do not have is theirs. An operator's `grants` come with
 * them.
 */
export function capDefaults(defaults: RunOptions, caps: Caps): RunOptions {
  return { ...defaults, limits: { ...defined(caps), ...capped(defaults.limits, caps) } }
}

/** The limits of one job under the caps. */
export function capJob<T extends { limits?: Limits | undefined }>(job: T, caps: Caps): T {
  return job.limits === undefined ? job : { ...job, limits: capped(job.limits, caps) }
}

function capped(limits: unknown, caps: Caps): Limits {
  // What is not an object, or not a number, is refused by the library, in the words of the library.
  if (typeof limits !== 'object' || limits === null) return limits as Limits
  const lowered: Record<string, unknown> = { ...limits }
  for (const name of SIZED) {
    const [given, cap] = [lowered[name], caps[name]]
    const isNumber = typeof given === 'number' || typeof given === 'bigint'
    if (cap !== undefined && isNumber && given > cap) lowered[name] = cap
    if (given === undefined) delete lowered[name]
  }
  return lowered as Limits
}

function defined(caps: Caps): Caps {
  return Object.fromEntries(Object.entries(caps).filter(([, cap]) => cap !== undefined)) as Caps
}
