import { invalid } from '../check.ts'
import { calls, withOutcome } from '../diagnostics.ts'
import type { Encoder } from '../encoder.ts'
import type { AnyCallOutcome, HostError } from '../outcome.ts'
import type { Delivery } from '../port/records.ts'
import {
  callMessage,
  giveWriterBack,
  observedCall,
  settleGiven,
  startNamedCall,
  takeWriter,
  valueOf,
} from './call.ts'
import type { CallArguments, CallEnd, AsyncFunctions, FunctionName } from './functions.ts'
import type { Callee, InstanceLink } from './link.ts'
import { ModuleFunction, writeArguments } from './module-exports.ts'
import type { CheckedCallOptions } from './options.ts'

/**
 * Calls the functions of an instance, one after the other. `Failure` is {@link HostError} if the instance has `imports`.
 *
 * @example
 * const hasty: Caller<Functions> = instance.with({ limits: { timeoutMs: 50 } })
 * const outcome = await hasty.call('add', 1, 2)
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
    return (this.#exports ??= this.#link.exports.expose(this.#link, async (callee, args) =>
      valueOf(await observedCall(this.#link, callee, args, this.#options)),
    ) as AsyncFunctions<Functions>)
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
    ...args: CallArguments<Functions, Name>
  ): Promise<CallEnd<Functions, Name, Failure>> {
    return this.#start(name, args) as Promise<CallEnd<Functions, Name, Failure>>
  }

  /**
   * The same on the calling thread, which waits. It takes neither a thread nor another slot of the runtime.
   *
   * Nothing else happens on this thread meanwhile, so set a time limit. What is printed to a stream is written after the
   * call. Calls that together print more than 128 MiB to one before the event loop has a turn wait until their limit, or
   * for ever. Functions of components that have streams or
   * futures are refused.
   *
   * @throws {WasiexecError} as {@link call}; `ERR_INSTANCE_BUSY` while another call is in progress or waits, a stream or
   * future is open, or stdin is a stream that has not ended; `ERR_NESTED_RUN` inside of another run on this thread;
   * `ERR_INVALID_OPTION` for a caller with a signal.
   * @example
   * const outcome = instance.with({ limits: { timeoutMs: 50 } }).callSync('add', 1, 2)
   */
  callSync<Name extends FunctionName<Functions>>(
    name: Name,
    ...args: CallArguments<Functions, Name>
  ): CallEnd<Functions, Name, Failure> {
    if (!calls.isObserved) return this.#callSync(name, args)
    const program = this.#link.state.imports.name
    const message = callMessage(program, 'callSync', name, this.#options)
    return calls.during(message, () => this.#callSync(name, args), withOutcome)
  }

  #callSync<Name extends FunctionName<Functions>>(
    name: Name,
    args: CallArguments<Functions, Name>,
  ): CallEnd<Functions, Name, Failure> {
    const { limits, signal } = this.#options
    if (signal !== undefined) {
      throw invalid('signal', 'absent: `callSync` cannot be aborted', signal)
    }
    const link = this.#link
    const { state } = link
    state.checkOpen()
    state.checkSync()
    const callee = link.exports.function(name)
    const { port, hostCalls } = state
    let delivery
    if (callee instanceof ModuleFunction) {
      const { passed } = port
      let length = writeArguments(callee, args, passed, 0)
      if (limits !== undefined) length += limits.buffer.copy(passed, length, 0, limits.length)
      delivery = port.callSync(state.number, hostCalls, callee.number, length)
    } else {
      link.exports.waitForCollected(link, (drop, handle) => {
        link.read(drop, this.#wait(drop, [handle], undefined), state.abortReason)
        state.checkOpen()
      })
      delivery = this.#wait(callee, args, limits)
    }
    const outcome = link.read(callee, delivery, state.abortReason)
    return outcome as CallEnd<Functions, Name, Failure>
  }

  /** Carries out a call of a component. */
  #wait(callee: Callee, args: readonly unknown[], limits: Encoder | undefined): Delivery {
    const link = this.#link
    const { number, port, hostCalls } = link.state
    callee.checkSync?.()
    const writer = takeWriter()
    let isLent = false
    try {
      writer.takesBeside = true
      callee.write(args, writer, link)
      if (limits !== undefined) writer.append(limits)
      const { buffer, length, beside } = writer
      isLent = true
      const delivery = port.callSync(number, hostCalls, callee.number, length, buffer, beside)
      isLent = !delivery.isReturned
      settleGiven(writer.takeGiven(), delivery.hasStarted)
      return delivery
    } finally {
      // The call was not made.
      writer.takeBack()
      // What a call reads that has not returned is not written again.
      if (!isLent) giveWriterBack(writer)
    }
  }

  #start(name: string, args: readonly unknown[]): Promise<AnyCallOutcome> {
    const link = this.#link
    const options = this.#options
    if (!calls.isObserved) return startNamedCall(link, options, name, args)
    const message = callMessage(link.state.imports.name, 'call', name, options)
    return calls.until(message, () => startNamedCall(link, options, name, args), withOutcome)
  }
}
