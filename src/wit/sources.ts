/* Streams and futures that a host gives its guest. */
import { Readable } from 'node:stream'
import { ReadableStream } from 'node:stream/web'
import { show } from '../check.ts'
import type { Codec } from './codec.ts'
import type { Source } from './flows.ts'
import type { AllHandles } from './handles.ts'
import { Mismatch, within } from './mismatch.ts'
import { hearErrors } from './readables.ts'
import { ValueWriter } from './value-writer.ts'
import { readerOf } from './web-streams.ts'

/** The most bytes that a guest is given at a time. */
const PIECE_BYTES = 64 * 1024

type AnyIterator = Iterator<unknown> | AsyncIterator<unknown>
type AnyIterable = Iterable<unknown> | AsyncIterable<unknown>

/** How values are written. */
export interface ValueKind {
  /** As WIT writes the stream or future. */
  readonly type: string
  /** Writes as many of the values that `value` is as there is room for; returns how many, and what is left. */
  write(
    value: unknown,
    room: number,
    to: ValueWriter,
  ): { readonly count: number; readonly rest?: unknown }
}

/** `stream<u8>`, where each value is a byte or several, and `future<u8>`. */
export function byteKind(type: string, takesSeveral: boolean): ValueKind {
  return {
    type,
    write(value, room, to) {
      if (takesSeveral && value instanceof Uint8Array) {
        const part = value.subarray(0, Math.min(room, PIECE_BYTES))
        to.raw(part)
        const isAll = part.length === value.length
        return isAll
          ? { count: part.length }
          : { count: part.length, rest: value.subarray(part.length) }
      }
      if (!Number.isInteger(value) || (value as number) < 0 || (value as number) > 255) {
        const several = takesSeveral ? 'a Uint8Array or ' : ''
        throw new Mismatch(`${several}an integer from 0 to 255`, value)
      }
      to.byte(value as number)
      return { count: 1 }
    },
  }
}

/** Values of other types, each with its length before it. */
export function valueKind(type: string, element: Codec | undefined): ValueKind {
  return {
    type,
    write(value, _, to) {
      writeValue(element, value, to)
      return { count: 1 }
    },
  }
}

function writeValue(element: Codec | undefined, value: unknown, to: ValueWriter): void {
  if (element === undefined) {
    if (value !== undefined) throw new Mismatch('undefined', value)
    return
  }
  const at = to.room(4)
  const start = to.length
  element.write(value, to)
  to.buffer.writeUInt32LE(to.length - start, at)
}

/** What an iterable yields. */
export class IterableSource implements Source {
  readonly #given: AnyIterable
  readonly #kind: ValueKind
  readonly #handles: AllHandles
  #iterator: AnyIterator | undefined
  #isOver = false
  /** What was yielded, and for which there was no room. */
  #rest: { readonly value: unknown } | undefined
  /** How many values were yielded. */
  #yielded = 0

  constructor(given: AnyIterable, kind: ValueKind, handles: AllHandles) {
    this.#given = given
    this.#kind = kind
    this.#handles = handles
    if (given instanceof Readable) hearErrors(given)
  }

  async take(most: number): Promise<ValueWriter> {
    const to = new ValueWriter()
    to.handles = this.#handles
    const at = to.room(4)
    let count = 0
    while (count === 0 && !this.#isOver) count = await this.#some(most, to)
    to.buffer.writeUInt32LE(count, at)
    return to
  }

  close(): void {
    if (this.#isOver) return
    this.#isOver = true
    // Its iterator would wait for the read that is going on.
    if (this.#given instanceof Readable) this.#given.destroy()
    try {
      const ended: unknown = this.#opened.return?.()
      void Promise.resolve(ended).catch(() => {})
    } catch {
      // Nobody is there who could be told.
    }
  }

  get #opened(): AnyIterator {
    return (this.#iterator ??= checked(iteratorOf(this.#given), this.#kind.type))
  }

  /** Writes what comes next: of what is not asynchronous as much as there is room for. */
  async #some(most: number, to: ValueWriter): Promise<number> {
    let count = 0
    while (count < most) {
      if (this.#rest === undefined) {
        const next = this.#next()
        const isLater = isThenable(next)
        const { done, value } = this.#result(isLater ? await next : next)
        if (done === true) {
          this.#isOver = true
          break
        }
        // As `for await` does.
        this.#rest = { value: isThenable(value) ? await value : value }
        this.#yielded += 1
        count += this.#write(most - count, to)
        if (isLater) break
      } else count += this.#write(most - count, to)
      if (to.length >= PIECE_BYTES) break
    }
    return count
  }

  #next(): IteratorResult<unknown> | PromiseLike<IteratorResult<unknown>> {
    const next: unknown = this.#opened.next()
    return isThenable(next) ? (next as PromiseLike<IteratorResult<unknown>>) : this.#result(next)
  }

  #result(next: unknown): IteratorResult<unknown> {
    if (typeof next === 'object' && next !== null) return next as IteratorResult<unknown>
    throw new TypeError(`the iterator of a ${this.#kind.type} returned no object`)
  }

  #write(room: number, to: ValueWriter): number {
    const { value } = this.#rest!
    this.#rest = undefined
    try {
      const { count, rest } = this.#kind.write(value, room, to)
      if (rest !== undefined) this.#rest = { value: rest }
      return count
    } catch (error) {
      to.takeBack()
      this.close()
      throw within(error, `${this.#kind.type}[${this.#yielded - 1}]`)
    }
  }
}

/** A value, or what it is a promise of. */
export class ValueSource implements Source {
  readonly #given: PromiseLike<unknown>
  readonly #kind: ValueKind
  readonly #handles: AllHandles

  constructor(given: PromiseLike<unknown>, kind: ValueKind, handles: AllHandles) {
    this.#given = given
    this.#kind = kind
    this.#handles = handles
    // It may be rejected before the guest asks for it, or never be asked for.
    given.then(undefined, () => {})
  }

  async take(): Promise<ValueWriter> {
    const value = await this.#given
    const to = new ValueWriter()
    to.handles = this.#handles
    to.uint32(1)
    try {
      this.#kind.write(value, 1, to)
    } catch (error) {
      to.takeBack()
      throw within(error, this.#kind.type)
    }
    return to
  }

  close(): void {
    // There is no way to tell a promise.
  }
}

/** A value that is there. */
export class ReadySource implements Source {
  readonly #written = new ValueWriter()

  /** @throws {Mismatch} for what is not a value of the type. */
  constructor(value: unknown, kind: ValueKind, handles: AllHandles) {
    this.#written.handles = handles
    this.#written.uint32(1)
    try {
      kind.write(value, 1, this.#written)
    } catch (error) {
      this.#written.takeBack()
      throw error
    }
  }

  take(): ValueWriter {
    return this.#written
  }

  close(): void {
    this.takeBack()
  }

  takeBack(): void {
    this.#written.takeBack()
  }
}

/** The iterable that a value is; bytes are one value. */
export function iterableOf(value: unknown): AnyIterable | undefined {
  if (value instanceof Uint8Array) return [value]
  if (typeof value !== 'object' || value === null) return undefined
  const isIterable = [Symbol.asyncIterator, Symbol.iterator].some(
    (symbol) => typeof (value as Record<symbol, unknown>)[symbol] === 'function',
  )
  return isIterable ? (value as AnyIterable) : undefined
}

function checked(iterator: unknown, type: string): AnyIterator {
  const { next } = (iterator ?? {}) as Partial<AnyIterator>
  if (typeof next === 'function') return iterator as AnyIterator
  const message = `the iterator of a ${type} must have a method \`next\`, got ${show(iterator)}`
  throw new TypeError(message)
}

function iteratorOf(value: AnyIterable): AnyIterator {
  if (value instanceof ReadableStream) return readerOf(value)
  const open = (value as Partial<AsyncIterable<unknown>>)[Symbol.asyncIterator]
  return typeof open === 'function'
    ? (Reflect.apply(open, value, []) as AnyIterator)
    : (value as Iterable<unknown>)[Symbol.iterator]()
}

export function isThenable<T>(value: T | PromiseLike<T>): value is PromiseLike<T> {
  return (
    typeof value === 'object' &&
    value !== null &&
    typeof (value as { then?: unknown }).then === 'function'
  )
}
