import type { AnyCallOutcome, AnyOutcome, Returned } from '../outcome.ts'
import { SECTION } from '../protocol.ts'
import type { Encoder } from '../encoder.ts'
import type { HostCalls } from './host-calls.ts'
import type { Pipes } from './pipes.ts'
import type { Delivery } from './records.ts'
import type { RunTarget } from './run-target.ts'
import { INSTANCE_BYTES, Weight } from './weight.ts'

/** How an instance ended, or why it could not be made or go on. */
export type InstanceEnd = { outcome: AnyOutcome } | { error: unknown }

/** An instance, as the port knows it. */
export interface PortInstance extends RunTarget {
  readonly signal: AbortSignal | undefined
  /** It was made, with the types that the core tells of its exports. */
  made(initialization: Returned, exports: () => unknown): void
  /** Its signal has aborted it. */
  signalled(): void
  /** It has ended, or could not be made. */
  ended(end: InstanceEnd): void
  /** Its calls of host functions, once it is being made. */
  hostCalls: HostCalls | undefined
  /** Whether its stdin is a stream that has not ended; undefined if it is no stream. */
  isReading: (() => boolean) | undefined
}

interface KnownInstance {
  readonly instance: PortInstance
  readonly streams: Pipes | undefined
  /** Whether somebody waits until it is made or has ended. */
  awaited: boolean
  /** Whether its end is waited for, also once it was made. */
  closing: boolean
  readonly weight: Weight
}

/** One call of an instance. */
export interface PortCall {
  readonly instance: PortInstance
  /** The number of the function. */
  readonly function: number
  /** The arguments, and the options that this call has of its own. */
  readonly payload: Encoder
  readonly signal: AbortSignal | undefined
  read(delivery: Delivery, abortReason: unknown): AnyCallOutcome
}

/** The instances of a port that have not ended, by their numbers. */
export class Instances {
  readonly #known = new Map<number, KnownInstance>()

  add(number: number, instance: PortInstance, streams: Pipes | undefined): void {
    const weight = new Weight()
    this.#known.set(number, { instance, streams, awaited: true, closing: false, weight })
  }

  get size(): number {
    return this.#known.size
  }

  has(number: number): boolean {
    return this.#known.has(number)
  }

  streams(number: number): Pipes | undefined {
    return this.#known.get(number)?.streams
  }

  hostCalls(number: number): HostCalls | undefined {
    return this.#known.get(number)?.instance.hostCalls
  }

  signalled(number: number): void {
    this.#known.get(number)?.instance.signalled()
  }

  /** An instance was made; returns whether nobody waits for it any more. */
  made(number: number, delivery: Delivery): boolean {
    const known = this.#known.get(number)
    if (known === undefined) return false
    known.awaited = known.closing
    known.weight.set(INSTANCE_BYTES + delivery.memoryPeak)
    known.instance.made(delivery.initialization, () => delivery.json(SECTION.exports))
    return !known.awaited
  }

  /** A call of an instance has ended; its memories may have grown. */
  grown(number: number, { memoryPeak }: Delivery): void {
    this.#known.get(number)?.weight.raise(INSTANCE_BYTES + memoryPeak)
  }

  /** The end of an instance is waited for; returns whether nobody has waited for it before. */
  awaitEnd(number: number): boolean {
    const known = this.#known.get(number)
    if (known === undefined) return false
    known.closing = true
    if (known.awaited) return false
    known.awaited = true
    return true
  }

  remove(number: number): KnownInstance | undefined {
    const known = this.#known.get(number)
    this.#known.delete(number)
    known?.weight.set(0)
    return known
  }
}

/** What a record says of the end of an instance. */
export function endOf(
  { instance, streams }: KnownInstance,
  delivery: Delivery,
  abortReason: unknown,
): InstanceEnd {
  const fault = delivery.isFault ? delivery.fault : undefined
  // Streams are code of the caller's, which may use the buffers that this came in.
  if (streams !== undefined) delivery.keep()
  const failure = streams?.end(fault)
  if (fault !== undefined) return { error: fault }
  if (failure !== undefined) return { error: failure }
  return { outcome: delivery.outcome(abortReason, false, instance.hostCalls?.failure) }
}
