import { WasiexecError } from '../errors.ts'
import type { ProgramImports } from '../imports.ts'
import { describeOutcome, neverStarted, type AnyCallOutcome, type Returned } from '../outcome.ts'
import type { HostCalls } from '../port/host-calls.ts'
import type { InstanceEnd, PortInstance } from '../port/instances.ts'
import type { Port } from '../port/port.ts'
import type { RunOwner } from '../port/run-target.ts'
import type { Delivery } from '../port/records.ts'
import { thrownWords } from '../words.ts'

/** Is told of the exports of a program when its first instance is made: they are the same for all. */
export interface Description {
  readonly isKnown: boolean
  /** The types as the core tells them. */
  learn(types: unknown): void
}

/**
 * What is known of an instance. The port refers to it while the instance lives, so it refers to nothing that users have.
 */
export class InstanceState implements PortInstance {
  readonly handle: number
  readonly signal: AbortSignal | undefined
  readonly port: Port
  readonly #owner: RunOwner
  /** Resolves when the instance can be called. */
  readonly started: Promise<Returned<readonly []>>
  /** Resolves when the instance has ended. */
  readonly ending: Promise<void>
  #start!: {
    resolve(initialization: Returned<readonly []>): void
    reject(error: unknown): void
  }
  #resolveEnding!: () => void
  #end: InstanceEnd | undefined
  /** Why it was aborted, unless its program or the runtime was closed. */
  #aborted: { reason: unknown } | undefined
  #disposed: WasiexecError | undefined
  hostCalls: HostCalls | undefined
  isReading: (() => boolean) | undefined
  /** Its number at the port. */
  number = 0

  readonly #description: Description

  constructor(
    port: Port,
    owner: RunOwner,
    signal: AbortSignal | undefined,
    description: Description,
  ) {
    this.#description = description
    this.port = port
    this.handle = owner.handle
    this.signal = signal
    this.#owner = owner
    this.started = new Promise((resolve, reject) => (this.#start = { resolve, reject }))
    this.ending = new Promise((resolve) => (this.#resolveEnding = resolve))
  }

  /** Why its calls are aborted. */
  get closeReason(): unknown {
    return this.#aborted === undefined ? this.#owner.closeReason : this.#aborted.reason
  }

  /** Why a call is aborted that the thread waits for. */
  get abortReason(): unknown {
    const reason = this.closeReason
    return reason === undefined ? this.port.closeReason : reason
  }

  /** Whether no more calls can be made. */
  get isOver(): boolean {
    return this.#end !== undefined || this.#aborted !== undefined || this.closeReason !== undefined
  }

  get imports(): ProgramImports {
    return this.#owner.imports
  }

  made(initialization: Returned, exports: () => unknown): void {
    if (!this.#description.isKnown) this.#description.learn(exports())
    this.#start.resolve(initialization as Returned<readonly []>)
  }

  signalled(): void {
    this.#abort(this.signal?.reason)
  }

  dispose(): void {
    if (this.#disposed !== undefined) return
    this.#disposed = new WasiexecError('ERR_INSTANCE_CLOSED', 'the instance was disposed of')
    this.#abort(this.#disposed)
    this.port.closeInstance(this.number)
  }

  ended(end: InstanceEnd): void {
    this.#end ??= end
    this.hostCalls?.end(this.#over())
    this.isReading = undefined
    this.#start.reject(endedEarly(end))
    this.#resolveEnding()
  }

  /**
   * Throws unless it can be called or looked at.
   *
   * @throws {WasiexecError} `ERR_INSTANCE_BUSY` in a host function that it has called; `ERR_INSTANCE_OVER`,
   * `ERR_INSTANCE_CLOSED`, `ERR_PROGRAM_CLOSED`, `ERR_RUNTIME_CLOSED`.
   */
  checkOpen(): void {
    this.checkNotInside()
    if (this.#end === undefined && this.#aborted === undefined) {
      const closed = this.#owner.closeReason ?? this.port.closeReason
      if (closed === undefined) return
      throw closed
    }
    throw this.#over()
  }

  /**
   * Throws for a call that the thread waits for, if such a call may wait for this thread.
   *
   * @throws {WasiexecError} `ERR_INSTANCE_BUSY`.
   */
  checkSync(): void {
    if (this.isReading?.() !== true) return
    const message =
      '`callSync` cannot wait for `stdin`, a stream that has not ended and is read by this thread; use `call`'
    throw new WasiexecError('ERR_INSTANCE_BUSY', message)
  }

  /**
   * Throws inside of a host function that it has called, which cannot wait for it.
   *
   * @throws {WasiexecError} `ERR_INSTANCE_BUSY`.
   */
  checkNotInside(): void {
    if (this.hostCalls?.isInside !== true) return
    const message =
      'a host function cannot use the instance that called it, which waits for the function'
    throw new WasiexecError('ERR_INSTANCE_BUSY', message)
  }

  /** What a record says of a call that has not returned. */
  read(delivery: Delivery, abortReason: unknown): AnyCallOutcome {
    if (delivery.isFault) {
      const { fault } = delivery
      if (fault.code !== 'ERR_INSTANCE_OVER') throw fault
      // It was made before the instance was closed, and came to the core after that.
      if (this.#isClosedOnly) return neverStarted(this.abortReason)
      throw this.#over()
    }
    const outcome = delivery.outcome(abortReason, false, this.hostCalls?.failure)
    if (delivery.isInstanceOver) this.#end ??= { outcome }
    return outcome
  }

  /** Whether it was closed, and did not end by itself before. */
  get #isClosedOnly(): boolean {
    const end = this.#end
    if (end !== undefined && !('outcome' in end && end.outcome.kind === 'abort')) return false
    return this.#aborted !== undefined || this.abortReason !== undefined
  }

  #abort(reason: unknown): void {
    const isClosed = (this.#owner.closeReason ?? this.port.closeReason) !== undefined
    if (!isClosed && this.#end === undefined) this.#aborted ??= { reason }
  }

  #over(): unknown {
    if (this.#disposed !== undefined) return this.#disposed
    const closed = this.#owner.closeReason ?? this.port.closeReason
    if (closed !== undefined) return closed
    const end = this.#end
    const how =
      end === undefined
        ? 'it was aborted'
        : 'outcome' in end
          ? describeOutcome(end.outcome)
          : thrownWords(end.error)
    const message = `the instance has ended: ${how}; instantiate the program again`
    return end !== undefined && 'outcome' in end
      ? new WasiexecError('ERR_INSTANCE_OVER', message, { outcome: end.outcome })
      : new WasiexecError('ERR_INSTANCE_OVER', message, { cause: end?.error })
  }
}

/** The error for a program that ended before its instance could be called. */
function endedEarly(end: InstanceEnd): unknown {
  if ('error' in end) return end.error
  const { outcome } = end
  if (outcome.kind === 'abort') return outcome.reason
  const message = `the program ended while it was instantiated: ${describeOutcome(outcome)}`
  return new WasiexecError('ERR_INSTANTIATE', message, { outcome })
}
