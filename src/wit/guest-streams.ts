/* Streams and futures that a guest gives. */
import type { Codec } from './codec.ts'
import type { Incoming } from './flows.ts'
import type { AllHandles } from './handles.ts'
import { ValueReader } from './value-reader.ts'

/** How the pieces of a stream are read. */
export interface PieceReader {
  /** The next value, of which there are still so many; returns how many it was. */
  next(from: ValueReader, left: number): { readonly value: unknown; readonly count: number }
}

/** `stream<u8>`: each piece is a value. */
export const BYTES: PieceReader = {
  next: (from, left) => ({ value: from.bytes(left), count: left }),
}

/** Values one by one. */
export function oneByOne(element: Codec | undefined): PieceReader {
  return { next: (from) => ({ value: element?.read(from), count: 1 }) }
}

interface Waiter {
  resolve(result: IteratorResult<unknown, undefined>): void
  reject(error: unknown): void
}

/** A stream that a guest gives: an async iterator. */
export class GuestStream implements AsyncIterableIterator<unknown, undefined> {
  readonly #incoming: Incoming
  readonly #pieces: PieceReader
  readonly #handles: AllHandles
  readonly #waiters: Waiter[] = []
  #reader: ValueReader | undefined
  /** Values of the piece that nobody has. */
  #left = 0
  #isOver = false

  constructor(incoming: Incoming, pieces: PieceReader, handles: AllHandles) {
    this.#incoming = incoming
    this.#pieces = pieces
    this.#handles = handles
    incoming.readBy(this, () => leave(incoming, handles))
  }

  next(): Promise<IteratorResult<unknown, undefined>> {
    return new Promise((resolve, reject) => {
      this.#waiters.push({ resolve, reject })
      this.changed()
    })
  }

  /** Nobody reads it any more: the guest cannot give more. */
  return(): Promise<IteratorResult<unknown, undefined>> {
    if (!this.#isOver) {
      this.#isOver = true
      this.#drop()
      leave(this.#incoming, this.#handles)
      this.changed()
    }
    return Promise.resolve({ done: true, value: undefined })
  }

  [Symbol.asyncIterator](): this {
    return this
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.return()
  }

  /** Gives what there is to those that wait. */
  changed(): void {
    while (this.#waiters.length > 0 && this.#settle(this.#waiters[0]!)) this.#waiters.shift()
    this.#incoming.hold(this.#waiters.length > 0 ? this : undefined)
  }

  #settle(waiter: Waiter): boolean {
    if (this.#isOver) {
      waiter.resolve({ done: true, value: undefined })
      return true
    }
    this.#fill()
    if (this.#left > 0) {
      waiter.resolve({ done: false, value: this.#value() })
      return true
    }
    const { isEnded, failure } = this.#incoming
    if (!isEnded && failure === undefined) return false
    // What was cut off never looks like what has ended.
    if (failure !== undefined) waiter.reject(failure.error)
    else {
      this.#isOver = true
      waiter.resolve({ done: true, value: undefined })
    }
    return true
  }

  #fill(): void {
    const piece = this.#left > 0 ? undefined : this.#incoming.take()
    if (piece === undefined) return
    this.#reader = new ValueReader(piece, true, this.#handles)
    this.#left = this.#reader.uint32()
  }

  /** Reads what nobody wants. Resources among it are dropped once they are collected. */
  #drop(): void {
    this.#fill()
    if (this.#left > 0) this.#reader!.handles = { ...this.#handles, isUnwanted: true }
    while (this.#left > 0) this.#value()
  }

  /** The next value of the piece; with the last one the guest may go on. */
  #value(): unknown {
    const { value, count } = this.#pieces.next(this.#reader!, this.#left)
    this.#left -= count
    if (this.#left === 0) {
      this.#reader = undefined
      this.#incoming.taken()
    }
    return value
  }
}

/** Nobody reads any more what a guest gives. */
export function leave(incoming: Incoming, handles: AllHandles): void {
  incoming.leave()
  if (!incoming.isEnded) handles.leave?.(incoming.number)
}

/** The value of a future that a guest gives. */
export function guestFuture(
  incoming: Incoming,
  value: Codec | undefined,
  handles: AllHandles,
): Promise<unknown> {
  const promise = new Promise((resolve, reject) => {
    const reader = {
      changed(): void {
        const piece = incoming.take()
        const { failure } = incoming
        if (piece !== undefined) {
          const from = new ValueReader(piece, true, handles)
          from.uint32()
          resolve(value?.read(from))
          incoming.taken()
        } else if (failure !== undefined) reject(failure.error)
        else if (incoming.isEnded) reject(new TypeError('the guest gave no value for a future'))
        else return
        incoming.hold(undefined)
      },
    }
    incoming.hold(reader)
    reader.changed()
  })
  // Not everybody who gets a future wants its value.
  promise.catch(() => {})
  return promise
}
