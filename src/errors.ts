import { printable } from './words.ts'
import { describeOutcome, type Exit, type HostError, type Outcome } from './outcome.ts'

/**
 * Stable names for what the caller or the host did wrong. Guests never cause one of these.
 *
 * - `ERR_INVALID_OPTION`: an option has the wrong type, is out of range or unknown.
 * - `ERR_INVALID_WASM`: neither a valid Wasm binary nor WAT text.
 * - `ERR_UNSUPPORTED_WASM`: the program needs something that is not run here, such as threads.
 * - `ERR_UNRESOLVED_IMPORT`: the program imports something that nobody provides.
 * - `ERR_NO_ENTRY_POINT`: no `_start` function and no start section, or no `wasi:cli/run`.
 * - `ERR_PREOPEN`: a granted directory cannot be opened.
 * - `ERR_READ_FAILED`: the program's file cannot be read.
 * - `ERR_PRECOMPILED_UNTRUSTED`: a precompiled program, which is machine code, was loaded without
 *   `trustPrecompiled`.
 * - `ERR_PRECOMPILED_DAMAGED`: a precompiled program is not the file that was written.
 * - `ERR_PRECOMPILED_INCOMPATIBLE`: a precompiled program is of another version, machine or setting.
 * - `ERR_STREAM`: a stream given as stdin, stdout or stderr failed; its error is the `cause`.
 * - `ERR_BROKEN_PIPE`: nobody reads the output any more; the `reason` of a run with `onBrokenPipe: 'stop'`.
 * - `ERR_LINE_TOO_LONG`: a guest printed a line that is longer than `maxLineBytes`.
 * - `ERR_PROGRAM_CLOSED`, `ERR_RUNTIME_CLOSED`: the program was disposed of, or the runtime was closed.
 * - `ERR_BATCH_STOPPED`, `ERR_BATCH_DEADLINE`: `stopOn` or the `deadline` of a batch; the `reason` of the
 *   runs that it aborted.
 * - `ERR_BATCH_USED`: the results of a batch, which can be read once, were asked for again.
 * - `ERR_JOB`: a job of a batch came with an `error` instead of options; that error is the `cause`.
 * - `ERR_INSTANTIATE`: the program ended while it was instantiated; its ending is the `outcome`.
 * - `ERR_INVALID_CALL`: a function that the program does not export, or arguments that it does not take.
 * - `ERR_INSTANCE_OVER`: the instance has ended before the call; its ending is the `outcome`.
 * - `ERR_INSTANCE_CLOSED`: the instance was disposed of.
 * - `ERR_INSTANCE_BUSY`: `callSync`, memory or globals were used while a call of the instance is in progress or waits; or
 *   a host function made a call that would wait for the function itself.
 * - `ERR_OUT_OF_BOUNDS`: a guest's memory does not have the bytes that were asked for, or the guest exports none.
 * - `ERR_HANDLER_CLOSED`: the handler of requests was closed.
 * - `ERR_RESPONSE_BROKEN`: the run of a request ended before its response was whole.
 * - `ERR_NESTED_RUN`: `runSync` was called inside of a host function of another `runSync`, and the run could not start
 *   at once: no slot was free, or it runs elsewhere than on this thread.
 * - `ERR_HOST_FUNCTION`: a host function returned what its type does not have, or a promise to `runSync` or `callSync`;
 *   the `error` of a {@link HostError}.
 * - `ERR_CALL_ENDED`: the guest that called a host function was used after the call.
 * - `ERR_WORKER_DIED`: the worker process that had the run died.
 * - `ERR_SNAPSHOT`: no snapshot can be taken of the program, or it ended before; its ending is the `outcome`.
 * - `ERR_OUT_OF_RESOURCES`: the operating system refused memory, threads, descriptors or processes.
 * - `ERR_INTERNAL`: a bug in wasiexec.
 *
 * @example
 * const isClosed = (code: WasiexecErrorCode) => code === 'ERR_PROGRAM_CLOSED' || code === 'ERR_RUNTIME_CLOSED'
 */
export type WasiexecErrorCode =
  | 'ERR_INVALID_OPTION'
  | 'ERR_INVALID_WASM'
  | 'ERR_UNSUPPORTED_WASM'
  | 'ERR_UNRESOLVED_IMPORT'
  | 'ERR_NO_ENTRY_POINT'
  | 'ERR_PREOPEN'
  | 'ERR_READ_FAILED'
  | 'ERR_PRECOMPILED_UNTRUSTED'
  | 'ERR_PRECOMPILED_DAMAGED'
  | 'ERR_PRECOMPILED_INCOMPATIBLE'
  | 'ERR_STREAM'
  | 'ERR_BROKEN_PIPE'
  | 'ERR_LINE_TOO_LONG'
  | 'ERR_PROGRAM_CLOSED'
  | 'ERR_RUNTIME_CLOSED'
  | 'ERR_BATCH_STOPPED'
  | 'ERR_BATCH_DEADLINE'
  | 'ERR_BATCH_USED'
  | 'ERR_JOB'
  | 'ERR_INSTANTIATE'
  | 'ERR_INVALID_CALL'
  | 'ERR_INSTANCE_OVER'
  | 'ERR_INSTANCE_CLOSED'
  | 'ERR_INSTANCE_BUSY'
  | 'ERR_HANDLER_CLOSED'
  | 'ERR_RESPONSE_BROKEN'
  | 'ERR_NESTED_RUN'
  | 'ERR_HOST_FUNCTION'
  | 'ERR_CALL_ENDED'
  | 'ERR_OUT_OF_BOUNDS'
  | 'ERR_WORKER_DIED'
  | 'ERR_SNAPSHOT'
  | 'ERR_OUT_OF_RESOURCES'
  | 'ERR_INTERNAL'

/**
 * A host fault: misuse or a failing machine, never an ending of a guest.
 *
 * @example
 * try {
 *   await load('missing.wasm')
 * } catch (error) {
 *   if (error instanceof WasiexecError) console.error(error.code) // 'ERR_READ_FAILED'
 * }
 */
export class WasiexecError extends Error {
  /** What went wrong, as a stable name. */
  readonly code: WasiexecErrorCode
  /** How the program ended, where its end is why something could not be done. */
  declare readonly outcome?: Outcome | HostError

  constructor(
    code: WasiexecErrorCode,
    message: string,
    options?: { cause?: unknown; outcome?: Outcome | HostError },
  ) {
    super(message, options)
    this.name = 'WasiexecError'
    this.code = code
    if (options?.outcome !== undefined) this.outcome = options.outcome
  }
}

/**
 * For an error that came from elsewhere, such as a thread: lets its stack say who waits for it. To be called in an async
 * function, whose callers that wait are in the stack then.
 */
export function comesHere(error: unknown): unknown {
  if (error instanceof WasiexecError) Error.captureStackTrace(error, comesHere)
  return error
}

/**
 * Thrown by {@link orThrow} for every ending other than exit 0.
 *
 * @example
 * try {
 *   orThrow(await program.run())
 * } catch (error) {
 *   if (error instanceof ProgramError) console.error(error.outcome.kind)
 * }
 */
export class ProgramError<T extends Outcome | HostError = Outcome> extends Error {
  /** How the program ended, with all that it printed. */
  readonly outcome: T

  constructor(outcome: T) {
    super(messageOf(outcome), outcome.kind === 'host-error' ? { cause: outcome.error } : undefined)
    this.name = 'ProgramError'
    this.outcome = outcome
  }
}

/** How much of stderr goes into a message. */
const MAX_STDERR = 2000

function messageOf(outcome: Outcome | HostError): string {
  // Only its end: all of it may be longer than a string can be.
  const stderr = outcome.stderr
    .subarray(-MAX_STDERR * 8)
    .toString('utf8')
    .trimEnd()
  const tail = stderr.length > MAX_STDERR ? `…${stderr.slice(-MAX_STDERR)}` : stderr
  const ending = describeOutcome(outcome)
  return tail === '' ? ending : `${ending}\n${tail}`
}

/**
 * Returns `outcome` if it is exit 0 and throws otherwise.
 *
 * @throws {ProgramError} carries the outcome, for every other ending.
 * @example
 * const { stdout } = orThrow(await program.run())
 */
export function orThrow<T extends Outcome | HostError>(outcome: T): Exit & { code: 0 } {
  if (outcome.kind === 'exit' && outcome.code === 0) {
    return outcome as Outcome as Exit & { code: 0 }
  }
  throw new ProgramError(outcome)
}

/** Makes a `WasiexecError` of an error that crossed from the core as `CODE: message`. */
export function fromNative(error: unknown): unknown {
  const text = error instanceof Error ? error.message : ''
  const match = /^(ERR_[A-Z_]+): ([^]*)$/.exec(text)
  if (match === null) return error
  const [code, message = ''] = match.slice(1) as [WasiexecErrorCode, string?]
  return ofCore(code, message)
}

/** An error of the core's. */
export function ofCore(code: WasiexecErrorCode, message: string): WasiexecError {
  return new WasiexecError(code, WITH_NAMES.has(code) ? printable(message) : message)
}

/** Messages of one line with names that the program chose. */
const WITH_NAMES: ReadonlySet<WasiexecErrorCode> = new Set([
  'ERR_UNRESOLVED_IMPORT',
  'ERR_NO_ENTRY_POINT',
] as const)
