import type { Limits } from '../options.ts'
import type { AnyCallOutcome, AnyOutcome, Returned } from '../outcome.ts'

/**
 * What `wasiexec:run:start` and `wasiexec:run:end` publish: one object for each run and each job of a batch, the same at
 * both. Subscribers may add properties to it, or use it as the key of a WeakMap. At the end it has either `outcome` or
 * `error`.
 *
 * @example
 * subscribe('wasiexec:run:end', (message) => {
 *   const { program, outcome } = message as RunMessage
 *   console.log(program, outcome?.kind, outcome?.usage.wallMs)
 * })
 */
export interface RunMessage {
  /** The name of the program. */
  readonly program: string
  /** How it is run; `'run'` also for the one-shot `run`. */
  readonly method: 'run' | 'runSync' | 'spawn' | 'batch' | 'serve'
  /** The caps that were given, not yet checked at the start; in a batch, with those of its `defaults`. */
  readonly limits: Readonly<Limits> | undefined
  /** Which job of a batch it is; only for `'batch'`. */
  readonly job?: ObservedJob
  /** How the run ended. */
  outcome?: AnyOutcome
  /** What it rejected with or threw, or the error in the result of the job. */
  error?: unknown
}

/**
 * What `wasiexec:call:start` and `wasiexec:call:end` publish: as {@link RunMessage}, for each call of a function.
 *
 * @example
 * subscribe('wasiexec:call:end', (message) => console.log((message as CallMessage).function))
 */
export interface CallMessage {
  /** The name of the program. */
  readonly program: string
  /** How it is called; `'call'` also for `exports`, and `'pool'` for all calls of a pool. */
  readonly method: 'call' | 'callSync' | 'pool' | 'batch'
  /** The name of the function. */
  readonly function: string
  /** The caps that were given with this call; in a batch, with those of its `defaults`. */
  readonly limits: Readonly<Limits> | undefined
  /** Which job of a batch it is; only for `'batch'`. */
  readonly job?: ObservedJob
  /** How the call ended. */
  outcome?: AnyCallOutcome
  /** What it rejected with or threw, or the error in the result of the job. */
  error?: unknown
}

/**
 * A job of a batch.
 *
 * @example
 * subscribe('wasiexec:run:end', (message) => console.log((message as RunMessage).job?.index))
 */
export interface ObservedJob {
  /** Which job of the batch, from 0. */
  readonly index: number
  /** The job's own `id`. */
  readonly id: unknown
}

/**
 * What `wasiexec:instantiate:start` and `wasiexec:instantiate:end` publish: as {@link RunMessage}, for each instance that
 * is made.
 *
 * @example
 * subscribe('wasiexec:instantiate:end', (message) => console.log((message as InstantiateMessage).method))
 */
export interface InstantiateMessage {
  /** The name of the program. */
  readonly program: string
  /** Whether a user, a pool or a batch of calls makes it. */
  readonly method: 'instantiate' | 'pool' | 'batch'
  /** The caps that were given. */
  readonly limits: Readonly<Limits> | undefined
  /** What was printed and used while it was made. */
  outcome?: Returned<readonly []>
  /** Why it could not be made. */
  error?: unknown
}

/**
 * What `wasiexec:load:start` and `wasiexec:load:end` publish: as {@link RunMessage}, for each program that is loaded.
 *
 * @example
 * subscribe('wasiexec:load:end', (message) => console.log((message as LoadMessage).compiler))
 */
export interface LoadMessage {
  /** The name of the program. */
  readonly program: string
  /** Which function loads it; the one-shot `run` loads a program once. */
  readonly method: 'load' | 'loadSync' | 'run'
  /** Which compiler was asked for. */
  readonly compiler: 'optimizing' | 'baseline' | 'tiered'
  /** A core module or a component; once it was loaded. */
  kind?: 'module' | 'component'
  /** The WASI that it uses; once it was loaded. */
  wasi?: 'p0' | 'p1' | 'p2' | 'p3' | 'none'
  /** Why it could not be loaded. */
  error?: unknown
}

/**
 * What `wasiexec:snapshot:start` and `wasiexec:snapshot:end` publish: as {@link RunMessage}, for each snapshot.
 *
 * @example
 * subscribe('wasiexec:snapshot:end', (message) => console.log((message as SnapshotMessage).error))
 */
export interface SnapshotMessage {
  /** The name of the program. */
  readonly program: string
  /** The caps that were given. */
  readonly limits: Readonly<Limits> | undefined
  /** Why there is none; an `ERR_SNAPSHOT` has the `outcome` of the run that ended before. */
  error?: unknown
}

/**
 * A copy of the caps that were given, which may be anything: whoever checks them says what is wrong.
 *
 * @param shared The options with those that hold unless `options` gives others.
 */
export function limitsOf(options: unknown, shared?: object): Limits | undefined {
  try {
    const own = (options as { limits?: Limits } | undefined)?.limits
    const others = (shared as { limits?: Limits } | undefined)?.limits
    if (own === undefined && others === undefined) return undefined
    const given: Record<string, unknown> = {}
    for (const limits of [others, own] as (Record<string, unknown> | undefined)[]) {
      for (const name in limits) if (limits[name] !== undefined) given[name] = limits[name]
    }
    return Object.keys(given).length === 0 ? undefined : Object.freeze(given as Limits)
  } catch {
    return undefined
  }
}
