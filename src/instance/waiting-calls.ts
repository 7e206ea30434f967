import { neverStarted, type AnyCallOutcome } from '../outcome.ts'
import { Signals } from '../port/signals.ts'
import type { InstanceLink } from './link.ts'
import type { CheckedCallOptions } from './options.ts'

/** A call that waits for an instance. */
export interface WaitingCall {
  readonly name: string
  readonly args: readonly unknown[]
  readonly options: CheckedCallOptions
  /** The instances whose host functions make it. */
  readonly callers: readonly InstanceLink[]
  resolve(outcome: AnyCallOutcome): void
  reject(error: unknown): void
}

/** Calls in their order, until they are taken or their signal aborts them. However many wait, each takes the same time. */
export class WaitingCalls {
  readonly #calls = new Map<number, WaitingCall>()
  /** How many of the calls each instance makes by its host functions. */
  readonly #callers = new Map<InstanceLink, number>()
  /** No call has a lower number. */
  #first = 0
  /** The number of the next that is added. */
  #next = 0
  readonly #signals = new Signals((numbers) => {
    for (const number of numbers) {
      const call = this.#remove(number)
      call?.resolve(neverStarted(call.options.signal?.reason))
    }
    this.#aborted()
  })
  readonly #aborted: () => void

  /** @param aborted Is called when fewer calls wait because signals aborted them. */
  constructor(aborted: () => void) {
    this.#aborted = aborted
  }

  get size(): number {
    return this.#calls.size
  }

  add(call: WaitingCall): void {
    const number = this.#next
    this.#next += 1
    this.#calls.set(number, call)
    for (const caller of call.callers) this.#count(caller, 1)
    const { signal } = call.options
    if (signal !== undefined) this.#signals.add(signal, number)
  }

  /** Whether a host function of this instance has made one of them. */
  has(caller: InstanceLink): boolean {
    return this.#callers.has(caller)
  }

  /** Takes the first. */
  take(): WaitingCall | undefined {
    while (this.#first < this.#next) {
      const call = this.#remove(this.#first)
      this.#first += 1
      if (call !== undefined) return call
    }
    return undefined
  }

  #remove(number: number): WaitingCall | undefined {
    const call = this.#calls.get(number)
    if (call === undefined) return undefined
    this.#calls.delete(number)
    for (const caller of call.callers) this.#count(caller, -1)
    const { signal } = call.options
    if (signal !== undefined) this.#signals.delete(signal, number)
    return call
  }

  #count(caller: InstanceLink, change: 1 | -1): void {
    const count = (this.#callers.get(caller) ?? 0) + change
    if (count === 0) this.#callers.delete(caller)
    else this.#callers.set(caller, count)
  }
}
