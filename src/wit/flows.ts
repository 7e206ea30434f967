/* The streams and futures between one instance and its host, by their numbers. */
import type { Buffer } from 'node:buffer'
import { Encoder } from '../encoder.ts'

/** What moves the values of streams and futures. */
export interface FlowPort {
  /** The result of a call. */
  answer(call: number, values: Encoder): void
  /** What a call has thrown: it ends the run or instance. */
  fail(call: number, error: unknown): void
  /** The process is to wait for something. */
  expect(): void
  /** It need not wait for that any more. */
  arrived(): void
}

/** What a host gives its guest, piece by piece. */
export interface Source {
  /** Returns a list of the next values, at most so many; an empty list is the end. */
  take(most: number): Encoder | Promise<Encoder>
  /** The guest wants no more. */
  close(): void
  /** The guest was not given it. */
  takeBack?(): void
}

/** Who reads what a guest gives. */
export interface FlowReader {
  /** There is a piece, or the end. */
  changed(): void
}

/** A piece of what a guest gives. */
export interface Piece {
  readonly bytes: Buffer
  /** The host has it: the guest may go on. */
  taken(): void
}

/** What a guest gives under one number. */
export class Incoming {
  readonly number: number
  readonly #port: FlowPort
  /** The pieces that nobody has taken, of which there is one at most. */
  #piece: { readonly call: number; readonly bytes: Buffer } | undefined
  #reader: WeakRef<FlowReader> | undefined
  /** A reader for whose values somebody waits. */
  #held: FlowReader | undefined
  /** Whether nobody reads it any more. */
  #isLeft = false
  /** Whether somebody reads it, or has read it. */
  isRead = false
  /** Whether no more comes. */
  isEnded = false
  /** Why no more comes, if it is not the end. */
  failure: { readonly error: unknown } | undefined

  constructor(number: number, port: FlowPort) {
    this.number = number
    this.#port = port
  }

  readBy(reader: FlowReader): void {
    this.#reader = new WeakRef(reader)
    collected.register(reader, this)
  }

  /** Says whether somebody waits for a value. */
  hold(reader: FlowReader | undefined): void {
    if ((this.#held === undefined) === (reader === undefined)) return
    this.#held = reader
    if (reader === undefined) this.#port.arrived()
    else this.#port.expect()
  }

  /** The next piece. */
  take(): Piece | undefined {
    const piece = this.#piece
    if (piece === undefined) return undefined
    this.#piece = undefined
    return { bytes: piece.bytes, taken: () => this.#answer(piece.call, 1) }
  }

  give(call: number, bytes: Buffer): void {
    if (this.#isLeft) {
      this.#answer(call, 0)
      return
    }
    this.#piece = { call, bytes }
    this.#changed()
  }

  end(): void {
    this.isEnded = true
    this.#changed()
  }

  /** The instance has ended. */
  fail(error: unknown): void {
    if (this.isEnded) return
    this.failure = { error }
    this.#changed()
  }

  /** Nobody reads it any more. */
  leave(): void {
    this.#isLeft = true
    const piece = this.#piece
    this.#piece = undefined
    if (piece !== undefined) this.#answer(piece.call, 0)
  }

  #changed(): void {
    const reader = this.#held ?? this.#reader?.deref()
    reader?.changed()
  }

  #answer(call: number, goesOn: number): void {
    const result = new Encoder(1)
    result.byte(goesOn)
    this.#port.answer(call, result)
  }
}

/** Leaves what a guest gives when nothing refers to its reader any more. */
const collected = new FinalizationRegistry<Incoming>((incoming) => incoming.leave())

export class Flows {
  readonly #port: FlowPort
  readonly #incoming = new Map<number, Incoming>()
  readonly #sources = new Map<number, Source>()
  #last = 0
  #end: { readonly error: unknown } | undefined

  constructor(port: FlowPort) {
    this.#port = port
  }

  /** What the guest gives under this number, for who reads it. The values and the end may be there already. */
  incoming(number: number): Incoming {
    const incoming = this.#of(number)
    incoming.isRead = true
    this.#forget(incoming)
    if (this.#end !== undefined) incoming.fail(this.#end.error)
    return incoming
  }

  /** Takes in what the guest is given; returns its number. */
  provide(source: Source): { readonly number: number; takeBack(): void } {
    do this.#last = (this.#last + 1) % 2 ** 32
    while (this.#sources.has(this.#last))
    const number = this.#last
    this.#sources.set(number, source)
    const takeBack = (): void => {
      this.#sources.delete(number)
      source.takeBack?.()
    }
    return { number, takeBack }
  }

  /** The guest has given a list of values. */
  give(number: number, call: number, values: Buffer): void {
    this.#of(number).give(call, values)
  }

  /** The guest gives no more. */
  ended(number: number): void {
    const incoming = this.#of(number)
    incoming.end()
    this.#forget(incoming)
  }

  /** The guest wants a list of values, at most so many. */
  take(number: number, call: number, most: number): void {
    const failed = (error: unknown): void => {
      this.#sources.delete(number)
      this.#port.fail(call, error)
    }
    try {
      const taken = this.#sources.get(number)?.take(most) ?? nothing()
      if (taken instanceof Encoder) this.#port.answer(call, taken)
      else {
        taken.then(
          (values) => this.#port.answer(call, values),
          (error: unknown) => failed(error),
        )
      }
    } catch (error) {
      failed(error)
    }
  }

  /** The guest wants no more. */
  left(number: number): void {
    this.#sources.get(number)?.close()
    this.#sources.delete(number)
  }

  /** The run or instance has ended. */
  end(error: unknown): void {
    if (this.#end !== undefined) return
    this.#end = { error }
    for (const incoming of this.#incoming.values()) incoming.fail(error)
    for (const source of this.#sources.values()) source.close()
    this.#incoming.clear()
    this.#sources.clear()
  }

  #of(number: number): Incoming {
    let incoming = this.#incoming.get(number)
    if (incoming === undefined) {
      incoming = new Incoming(number, this.#port)
      this.#incoming.set(number, incoming)
    }
    return incoming
  }

  /** Who reads it has it. */
  #forget(incoming: Incoming): void {
    if (incoming.isRead && incoming.isEnded) this.#incoming.delete(incoming.number)
  }
}

/** An empty list. */
function nothing(): Encoder {
  const list = new Encoder(4)
  list.uint32(0)
  return list
}
