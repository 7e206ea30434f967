import type { Delivery } from '../port/records.ts'
import type { AnyResult } from './options.ts'

/**
 * The result of a run that has exited, until it is read: a place in its delivery. Hundreds arrive at a
 * time, and as objects most of them would survive a collection of the young generation.
 */
export class LazyResult {
  readonly index: number
  readonly id: unknown
  private readonly delivery: Delivery
  private readonly place: number
  private readonly start: number

  /** The result of the record at which the delivery stands. */
  constructor(index: number, id: unknown, delivery: Delivery) {
    this.index = index
    this.id = id
    this.delivery = delivery
    this.place = delivery.place
    this.start = delivery.start
  }

  get code(): number {
    return this.delivery.codeAt(this.place)
  }

  get wallMs(): number {
    return this.delivery.wallMsAt(this.place)
  }

  get cpuMs(): number {
    return this.delivery.cpuMsAt(this.place)
  }

  /** Bytes of output. */
  get outputBytes(): number {
    return this.delivery.outputBytesAt(this.place)
  }

  read(): AnyResult {
    const { index, id } = this
    return { index, id, outcome: this.delivery.exitAt(this.place, this.start) }
  }
}

/** A result that waits to be read. */
export type PendingResult = AnyResult | LazyResult

export function read(pending: PendingResult): AnyResult {
  return pending instanceof LazyResult ? pending.read() : pending
}
