import { invalid } from '../check.ts'
import { calls, limitsOf, withOutcome, type CallMessage } from '../diagnostics.ts'
import { ProgramError } from '../errors.ts'
import {
  neverStarted,
  type AnyCallOutcome,
  type CallOutcome,
  type CallValues,
  type HostError,
} from '../outcome.ts'
import { Encoder, OPTIONS_BYTES } from '../port/encoder.ts'
import type { PortCall } from '../port/instances.ts'
import { encodeArguments, writeArguments } from './exports.ts'
import type { ArgumentsOf, AsyncFunctions, FunctionName, ValuesOf } from './functions.ts'
import type { InstanceLink } from './link.ts'
import type { CheckedCallOptions } from './options.ts'

/** The arguments of the call that is being made. */
const scratch = new Encoder(OPTIONS_BYTES)

/**
 * Calls the functions of an instance, one after the other. `Failure` is {@link HostError} if the instance has `imports`.
 */
export class Caller<Functions, Failure extends HostError = never> {
  readonly #link: InstanceLink
  readonly #options: CheckedCallOptions
  #exports: AsyncFunctions<Functions> | undefined

  /** @internal */
  constructor(link: InstanceLink, options: CheckedCallOptions) {
    this.#link = link
    this.#options = options
  }

  /**
   * The program's functions. Each returns a promise of what the program's function returns: nothing, a value, or an array
   * of several values. The promise rejects with a {@link ProgramError} if the call ends in any other way, and its
   * `outcome` says how. What the program prints is dropped; {@link call} has it.
   *
   * @example
   * console.log(await instance.exports.add(1, 2)) // 3
   */
  get exports(): AsyncFunctions<Functions> {
    if (this.#exports !== undefined) return this.#exports
    const functions: Record<string, unknown> = Object.create(null) as Record<string, unknown>
    for (const name of this.#link.state.exports.functions.keys()) {
      functions[name] = async (...args: unknown[]) => valueOf(await this.#start(name, args))
    }
    return (this.#exports = Object.freeze(functions) as AsyncFunctions<Functions>)
  }

  /**
   * Calls a function once the calls before it have ended. Whatever the program does is an outcome. If the function did
   * not return, the instance has ended with the call.
   *
   * An `i32` parameter takes an integer from -2^31 to 2^32 - 1, an `i64` a bigint from -2^63 to 2^64 - 1, an `f32` or `f64`
   * a number. Nothing is converted.
   *
   * @throws {WasiexecError} (rejects) `ERR_INVALID_CALL`, `ERR_INSTANCE_OVER` with the `outcome` that ended the instance,
   * `ERR_INSTANCE_CLOSED`, `ERR_PROGRAM_CLOSED`, `ERR_RUNTIME_CLOSED`, `ERR_INVALID_OPTION`, `ERR_OUT_OF_RESOURCES`.
   * @example
   * const outcome = await instance.call('add', 1, 2)
   * if (outcome.kind === 'returned') console.log(outcome.values) // [3]
   */
  call<Name extends FunctionName<Functions>>(
    name: Name,
    ...args: ArgumentsOf<Functions[Name]>
  ): Promise<CallOutcome<ValuesOf<Functions[Name]>> | Failure> {
    return this.#start(name, args) as Promise<CallOutcome<ValuesOf<Functions[Name]>> | Failure>
  }

  /**
   * The same on the calling thread, which waits. It takes neither a thread nor another slot of the runtime.
   *
   * Nothing else happens on this thread meanwhile, so set a time limit.
   *
   * @throws {WasiexecError} as {@link call}; `ERR_INSTANCE_BUSY` while another call is in progress or waits;
   * `ERR_NESTED_RUN` inside of another run on this thread; `ERR_INVALID_OPTION` for a caller with a signal.
   */
  callSync<Name extends FunctionName<Functions>>(
    name: Name,
    ...args: ArgumentsOf<Functions[Name]>
  ): CallOutcome<ValuesOf<Functions[Name]>> | Failure {
    if (!calls.isObserved) return this.#callSync(name, args)
    const program = this.#link.state.imports.name
    const message = callMessage(program, 'callSync', name, this.#options)
    return calls.during(message, () => this.#callSync(name, args), withOutcome)
  }

  #callSync<Name extends FunctionName<Functions>>(
    name: Name,
    args: ArgumentsOf<Functions[Name]>,
  ): CallOutcome<ValuesOf<Functions[Name]>> | Failure {
    const { limits, signal } = this.#options
    if (signal !== undefined) {
      throw invalid('signal', 'absent: `callSync` cannot be aborted', signal)
    }
    const { state } = this.#link
    state.checkOpen()
    const called = state.exports.function(name)
    const { port, hostCalls } = state
    const { passed } = port
    let length = writeArguments(called, args, passed, 0)
    if (limits !== undefined) length += limits.buffer.copy(passed, length, 0, limits.length)
    const delivery = port.callSync(state.number, hostCalls, called.number, length)
    const outcome = state.read(called, delivery, state.abortReason)
    return outcome as CallOutcome<ValuesOf<Functions[Name]>> | Failure
  }

  #start(name: string, args: readonly unknown[]): Promise<AnyCallOutcome> {
    const link = this.#link
    const options = this.#options
    if (!calls.isObserved) return startCall(link, options, name, args)
    const message = callMessage(link.state.imports.name, 'call', name, options)
    return calls.until(message, () => startCall(link, options, name, args), withOutcome)
  }
}

/** Starts a call. It rejects as {@link Caller.call} does. */
export function startCall(
  link: InstanceLink,
  options: CheckedCallOptions,
  name: string,
  args: readonly unknown[],
): Promise<AnyCallOutcome> {
  try {
    const { state } = link
    const call = prepare(link, options, name, args)
    const { signal } = call
    if (signal?.aborted === true) return Promise.resolve(neverStarted(signal.reason))
    return state.port.call(state.number, call)
  } catch (error) {
    return Promise.reject(error)
  }
}

function prepare(
  link: InstanceLink,
  { limits, signal }: CheckedCallOptions,
  name: string,
  args: readonly unknown[],
): PortCall {
  const { state } = link
  state.checkOpen()
  const called = state.exports.function(name)
  scratch.clear()
  encodeArguments(called, args, scratch)
  if (limits !== undefined) scratch.append(limits)
  return {
    instance: state,
    function: called.number,
    payload: scratch,
    signal,
    // Keeps the instance, of which users may have nothing else, until the call has ended.
    read: (delivery, reason) => link.state.read(called, delivery, reason),
  }
}

/** What subscribers are told of a call. */
export function callMessage(
  program: string,
  method: CallMessage['method'],
  name: string,
  { given }: CheckedCallOptions,
): CallMessage {
  return { program, method, function: name, limits: limitsOf(given) }
}

/** What a function of {@link Caller.exports} returns. */
export function valueOf(outcome: AnyCallOutcome): CallValues | CallValues[number] | undefined {
  if (outcome.kind !== 'returned') throw new ProgramError(outcome)
  const { values } = outcome
  return values.length > 1 ? values : values[0]
}
