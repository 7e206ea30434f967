import { checkInteger, checkOneOf, checkOptions, invalid, omit } from '../check.ts'
import type { Imports } from '../imports.ts'
import { RUN_OPTIONS, without } from '../option-names.ts'
import type { HostedPoolInstanceOptions, PoolInstanceOptions } from './pool-starter.ts'

/**
 * How a pool is set up: the options of its instances, and how many there may be.
 *
 * @example
 * const pool = program.pool({ instances: 4, limits: { timeoutMs: 1000 } })
 */
export interface PoolOptions extends PoolInstanceOptions {
  /** The most instances at a time. Each takes a slot of the runtime. Default: the threads of the runtime. */
  instances?: number | undefined
  /**
   * Whether an instance is kept for other calls, with whatever state a call leaves in it, or each call has a fresh one.
   * Default: `'kept'`.
   */
  state?: 'kept' | 'fresh' | undefined
}

/**
 * How a pool is set up that provides functions which the program imports.
 *
 * @example
 * const pool = program.pool({ imports, instances: 4 })
 */
export interface HostedPoolOptions extends Omit<PoolOptions, 'imports'> {
  /** As for a run. The functions are called during all calls of all instances. */
  imports: Imports
}

/**
 * What a pool has and does.
 *
 * @example
 * const { busy, waiting } = pool.stats()
 */
export interface PoolStats {
  /** Instances that can be called. */
  readonly instances: number
  /** Those of them that carry out a call. */
  readonly busy: number
  /** Instances that are being made. */
  readonly starting: number
  /** Calls that wait for an instance. */
  readonly waiting: number
  /** Calls that have ended. */
  readonly finished: number
  /** Instances that have ended with a call, or were fresh for one. */
  readonly replaced: number
}

/** More is a mistake: a runtime has no more slots. */
const MAX_INSTANCES = 4096

/** Files are collected at the end of a run, which an instance has not. */
const OPTIONS = ['instances', 'state', ...without(RUN_OPTIONS, ['collect'])] as const

/** {@link PoolOptions}, of which those of the instances are checked later. */
interface CheckedPoolOptions {
  readonly instances: number
  readonly isFresh: boolean
  readonly each: PoolInstanceOptions | HostedPoolInstanceOptions
}

/** @throws {WasiexecError} `ERR_INVALID_OPTION`. */
export function checkPoolOptions(
  options: PoolOptions | HostedPoolOptions,
  threads: number,
): CheckedPoolOptions {
  checkOptions(options, OPTIONS)
  const { instances = threads, state = 'kept' } = options
  checkOneOf('state', state, ['kept', 'fresh'])
  if (checkInteger('instances', instances, 1) > MAX_INSTANCES) {
    throw invalid('instances', `at most ${MAX_INSTANCES}`, instances)
  }
  return { instances, isFresh: state === 'fresh', each: omit(options, ['instances', 'state']) }
}
