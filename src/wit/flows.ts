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

/** A list of values on its way to the guest. */
export interface Taken extends Encoder {
  /** The guest has what the values refer to. */
  takeGiven(): unknown
  /** The guest was not given it. */
  takeBack(): void
}

/** What a host gives its guest, piece by piece. */
export interface Source {
  /** Returns a list of the next values, at most so many; an empty list is the end. */
  take(most: number): Taken | Promise<Taken>
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

/** What the guest is given, and the call by which it waits for more. */
interface Provided {
  readonly source: Source
  call: number | undefined
}

/** What a guest gives under one number. */
export class Incoming {
  readonly number: number
  readonly #port: FlowPort
  /** The piece that nobody has taken. */
  #bytes: Buffer | undefined
  /** The call that waits until the piece was taken to its end. */
  #call: number | undefined
  /** The call that waits until somebody knows of the end. */
  #endCall: number | undefined
  #reader: WeakRef<FlowReader> | undefined
  /** A reader for whose values somebody waits. */
  #held: FlowReader | undefined
  /** Whether nobody reads it any more. */
  #isLeft = false
  #isRead = false
  /** Whether no more comes. */
  isEnded = false
  /** Why no more comes, if it is not the end. */
  failure: { readonly error: unknown } | undefined

  constructor(number: number, port: FlowPort) {
    this.number = number
    this.#port = port
  }

  /** Somebody reads it. */
  read(): void {
    this.#isRead = true
    this.#tellEnd()
  }

  /** Whether somebody knows of the end. */
  get isRead(): boolean {
    return this.#isRead && this.isEnded
  }

  /** When nothing refers to the reader any more, the rest is left. */
  readBy(reader: FlowReader, leave: () => void): void {
    this.#reader = new WeakRef(reader)
    collected.register(reader, leave)
  }

  /** Says whether somebody waits for a value. */
  hold(reader: FlowReader | undefined): void {
    if ((this.#held === undefined) === (reader === undefined)) return
    this.#held = reader
    if (reader === undefined) this.#port.arrived()
    else this.#port.expect()
  }

  /** The next piece. */
  take(): Buffer | undefined {
    const bytes = this.#bytes
    this.#bytes = undefined
    return bytes
  }

  /** The host has all of the piece: the guest may go on. */
  taken(): void {
    this.#answer(1)
  }

  give(call: number, bytes: Buffer): void {
    this.#call = call
    if (this.#isLeft) {
      this.#answer(0)
      return
    }
    this.#bytes = bytes
    this.#changed()
  }

  end(call: number): void {
    this.isEnded = true
    this.#endCall = call
    this.#tellEnd()
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
    this.#bytes = undefined
    this.#answer(0)
  }

  #tellEnd(): void {
    const call = this.#endCall
    if (call === undefined || !this.#isRead) return
    this.#endCall = undefined
    this.#port.answer(call, new Encoder(1))
  }

  #changed(): void {
    const reader = this.#held ?? this.#reader?.deref()
    reader?.changed()
  }

  #answer(goesOn: number): void {
    const call = this.#call
    if (call === undefined) return
    this.#call = undefined
    const result = new Encoder(1)
    result.byte(goesOn)
    this.#port.answer(call, result)
  }
}

/** Leaves what a guest gives when nothing refers to its reader any more. */
const collected = new FinalizationRegistry<() => void>((leave) => leave())

export class Flows {
  readonly #port: FlowPort
  readonly #incoming = new Map<number, Incoming>()
  readonly #sources = new Map<number, Provided>()
  #last = 0
  #end: { readonly error: unknown } | undefined
  /** Whether a source has failed, which ends the run or instance. */
  #isFailing = false

  constructor(port: FlowPort) {
    this.#port = port
  }

  /** What the guest gives under this number, for who reads it. The values and the end may be there already. */
  incoming(number: number): Incoming {
    const incoming = this.#of(number)
    incoming.read()
    this.#forget(incoming)
    if (this.#end !== undefined) incoming.fail(this.#end.error)
    return incoming
  }

  /** Takes in what the guest is given; returns its number. */
  provide(source: Source): { readonly number: number; takeBack(): void } {
    do this.#last = (this.#last + 1) % 2 ** 32
    while (this.#sources.has(this.#last))
    const number = this.#last
    if (this.#end === undefined) this.#sources.set(number, { source, call: undefined })
    else source.close()
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
  ended(number: number, call: number): void {
    const incoming = this.#of(number)
    // A source that comes back untouched takes the stream along: the failure follows.
    if (this.#isFailing) {
      this.#port.answer(call, new Encoder(1))
      return
    }
    incoming.end(call)
    this.#forget(incoming)
  }

  /** Nobody is told of what the guest gives under this number. */
  notGiven(number: number, call: number): void {
    this.incoming(number).leave()
    this.#port.answer(call, nothing())
  }

  /** The guest wants a list of values, at most so many. */
  take(number: number, call: number, most: number): void {
    const provided = this.#sources.get(number)
    if (provided === undefined) {
      this.#port.answer(call, nothing())
      return
    }
    provided.call = call
    const isWanted = (): boolean => {
      const wanted = provided.call === call
      if (wanted) provided.call = undefined
      return wanted
    }
    const gave = (values: Taken): void => {
      if (isWanted()) {
        values.takeGiven()
        this.#port.answer(call, values)
      } else values.takeBack()
    }
    const failed = (error: unknown): void => {
      if (!isWanted()) return
      this.#sources.delete(number)
      this.#isFailing = true
      this.#port.fail(call, error)
    }
    let taken
    try {
      taken = provided.source.take(most)
    } catch (error) {
      failed(error)
      return
    }
    if (taken instanceof Promise) taken.then(gave).catch(failed)
    else gave(taken)
  }

  /** The guest has not got what it was to be given under this number. */
  letGo(number: number): void {
    const provided = this.#sources.get(number)
    this.#sources.delete(number)
    provided?.source.close()
  }

  /** The guest wants no more. */
  left(number: number, call: number): void {
    const provided = this.#sources.get(number)
    this.#sources.delete(number)
    this.#port.answer(call, nothing())
    if (provided === undefined) return
    const waiting = provided.call
    provided.call = undefined
    if (waiting !== undefined) this.#port.answer(waiting, nothing())
    provided.source.close()
  }

  /** The run or instance has ended. */
  end(error: unknown): void {
    if (this.#end !== undefined) return
    this.#end = { error }
    for (const incoming of this.#incoming.values()) incoming.fail(error)
    for (const provided of this.#sources.values()) {
      provided.call = undefined
      provided.source.close()
    }
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
    if (incoming.isRead) this.#incoming.delete(incoming.number)
  }
}

/** An empty list. */
function nothing(): Encoder {
  const list = new Encoder(4)
  list.uint32(0)
  return list
}
