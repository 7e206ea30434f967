import {
  checkBoolean,
  checkInteger,
  checkOptionsObject,
  checkOneOf,
  checkOptions,
  invalid,
} from '../check.ts'
import type { CallOptions } from '../instance/options.ts'
import type { HostedRunOptions, RunOptions } from '../options.ts'
import type { AnyCallOutcome, CallOutcome, HostError, Outcome } from '../outcome.ts'
import type { Program } from '../program.ts'
import type { WasiexecError } from '../errors.ts'

/**
 * One run of a batch.
 *
 * @example
 * const jobs: Job<string>[] = [{ id: 'one', args: ['1'] }, { id: 'two', stdin: 'text' }]
 */
export interface Job<Id = unknown> extends RunOptions, JobParts<Id> {}

/**
 * One run of a batch that provides functions which its program imports.
 *
 * @example
 * const job: HostedJob<string> = { id: 'one', args: ['1'], imports }
 */
export interface HostedJob<Id = unknown> extends HostedRunOptions, JobParts<Id> {}

/**
 * What a job has beyond the options of a run.
 *
 * @example
 * const parts: JobParts<number> = { id: 7, error: new Error('line 7 is not JSON') }
 */
export interface JobParts<Id = unknown> {
  /** Any value that identifies the job; comes back with its result. */
  id?: Id | undefined
  /** The program to run in place of the batch's; it must be of the same runtime. */
  program?: Program | undefined
  /**
   * Why the job could not be made. Such a job is not run, and its options are not looked at. Its result has
   * its turn among the others, with this error if it is a {@link WasiexecError}, and otherwise with an
   * `ERR_JOB` whose `cause` it is.
   */
  error?: Error | undefined
}

/**
 * One call of a batch, of a function that the batch's program exports.
 *
 * @example
 * const jobs: CallJob<string>[] = [{ id: 'one', call: ['add', 1, 2] }]
 */
export interface CallJob<Id = unknown> {
  /** The name of the function, and its arguments. */
  call: readonly [name: string, ...args: unknown[]]
  /** Any value that identifies the job; comes back with its result. */
  id?: Id | undefined
  /** The caps of this call. Default: those of `defaults`. */
  limits?: CallOptions['limits']
  /** Why the job could not be made, as for a {@link Job}. */
  error?: Error | undefined
}

/**
 * The result of one call of a batch: an outcome, or the error that came in its place.
 *
 * @example
 * const show = ({ id, outcome, error }: CallResult) => console.log(id, outcome?.kind ?? error?.code)
 */
export type CallResult<Id = unknown> = BatchResult<Id, CallOutcome>

/**
 * How a batch is run.
 *
 * @example
 * const batch = program.batch(jobs, { ordered: false, defaults: { limits: { cpuMs: 1000 } } })
 */
export interface BatchOptions<Id = unknown, O extends CallOutcome | HostError = Outcome> {
  /**
   * The options that all jobs share; they cross to the core once. An option of a job replaces the shared
   * one as a whole; of `limits`, each limit by itself. A stream as stdin and a signal are refused.
   * Default: none.
   */
  defaults?: Omit<RunOptions, 'signal'> | undefined
  /**
   * Runs in progress at a time. More than the runtime has threads helps guests that wait (sleep, stdin), and
   * does not help guests that compute. Default: the threads of the runtime.
   */
  concurrency?: number | undefined
  /** Results in the order of their jobs, or as they end. Default: `true`. */
  ordered?: boolean | undefined
  /** Ends the batch: takes no more jobs and aborts the runs in progress, with its reason. */
  signal?: AbortSignal | undefined
  /**
   * Called once for each result, in the order of the results and before they are read. When it returns
   * true, the batch ends and the runs in progress are aborted (reason: `ERR_BATCH_STOPPED`).
   */
  stopOn?: ((result: BatchResult<Id, O>) => boolean) | undefined
  /**
   * For calls: whether the instances that carry them out, `concurrency` at a time, are kept for other calls of the batch,
   * with whatever state a call leaves in them, or each call has a fresh one. Default: `'kept'`.
   */
  state?: 'kept' | 'fresh' | undefined
  /**
   * When the batch ends at the latest, as a Date or in milliseconds since 1970. The runs that
   * are in progress then are aborted (reason: `ERR_BATCH_DEADLINE`). Default: none.
   */
  deadline?: Date | number | undefined
}

/**
 * How a batch is run whose jobs share functions that their programs import.
 *
 * @example
 * const batch = program.batch(jobs, { defaults: { imports } })
 */
export interface HostedBatchOptions<Id = unknown, O extends CallOutcome = Outcome> extends Omit<
  BatchOptions<Id, O | HostError>,
  'defaults'
> {
  /** As {@link BatchOptions.defaults}. The `imports` of a job replace these as a whole. */
  defaults: Omit<HostedRunOptions, 'signal'>
}

/**
 * The result of one job: an outcome, or the error that came in its place.
 *
 * @example
 * const show = ({ id, outcome, error }: BatchResult) => console.log(id, outcome?.kind ?? error?.code)
 */
export type BatchResult<Id = unknown, O extends CallOutcome | HostError = Outcome> =
  JobOutcome<Id, O> | JobError<Id>

/** A result of whatever batch. */
export type AnyResult = BatchResult<unknown, AnyCallOutcome>

/**
 * A job that was run, or a call that was made.
 *
 * @example
 * const isSlow = ({ outcome }: JobOutcome) => outcome.usage.wallMs > 100
 */
export interface JobOutcome<Id = unknown, O extends CallOutcome | HostError = Outcome> {
  /** Which job of the batch, from 0. */
  readonly index: number
  /** The job's own `id`. */
  readonly id: Id
  /** How the run or the call ended. */
  readonly outcome: O
  readonly error?: undefined
}

/**
 * A job that could not be run: bad options, a preopen that does not open, an import that nobody provides.
 *
 * @example
 * const show = ({ index, error }: JobError) => console.error(index, error.code)
 */
export interface JobError<Id = unknown> {
  readonly index: number
  readonly id: Id
  readonly outcome?: undefined
  /** What the same `run()` would have rejected with, or the job's own `error`. */
  readonly error: WasiexecError
}

/** {@link BatchOptions}, checked. */
export interface CheckedBatchOptions {
  defaults: RunOptions | HostedRunOptions
  concurrency: number | undefined
  ordered: boolean
  signal: AbortSignal | undefined
  stopOn: ((result: AnyResult) => boolean) | undefined
  /** In milliseconds since 1970. */
  deadline: number | undefined
  state: 'kept' | 'fresh'
}

const OPTIONS = [
  'defaults',
  'concurrency',
  'ordered',
  'signal',
  'stopOn',
  'deadline',
  'state',
] as const

/** More is a mistake: no machine has a use for it. */
const MAX_CONCURRENCY = 1_000_000

/** @throws {WasiexecError} `ERR_INVALID_OPTION`. */
export function checkBatchOptions(options: unknown): CheckedBatchOptions {
  checkOptions(options, OPTIONS)
  const {
    defaults = {},
    concurrency,
    ordered = true,
    signal,
    stopOn,
    deadline,
    state = 'kept',
  } = options as BatchOptions<unknown, AnyCallOutcome>
  checkOneOf('state', state, ['kept', 'fresh'])
  checkOptionsObject('defaults', defaults)
  checkBoolean('ordered', ordered)
  if (concurrency !== undefined && checkInteger('concurrency', concurrency, 1) > MAX_CONCURRENCY) {
    throw invalid('concurrency', `at most ${MAX_CONCURRENCY}`, concurrency)
  }
  if (signal !== undefined && !(signal instanceof AbortSignal)) {
    throw invalid('signal', 'an AbortSignal', signal)
  }
  if (stopOn !== undefined && typeof stopOn !== 'function') {
    throw invalid('stopOn', 'a function', stopOn)
  }
  const time = deadline instanceof Date ? deadline.getTime() : deadline
  if (time !== undefined && !(typeof time === 'number' && time >= 0 && time < Infinity)) {
    throw invalid('deadline', 'a Date or milliseconds since 1970', deadline)
  }
  return { defaults, concurrency, ordered, signal, stopOn, deadline: time, state }
}
