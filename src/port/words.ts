import { Buffer } from 'node:buffer'
import type { Encoder } from '../encoder.ts'
import type { CallWords } from '../imports/binding.ts'
import type { NumberType } from '../imports.ts'

/** A call's number and its arguments or results. A type of a module has at most 1,000 of either. */
const WORDS = 1 + 1000
const WORD_BYTES = 8

/**
 * Values on their way to or from a host function: 64 bits each, an `i64` as it is and every other number as an `f64`. For a
 * component the length of the values in bytes, then these.
 */
export class Words implements CallWords {
  /** What the core reads and writes. */
  readonly raw: BigUint64Array = new BigUint64Array(WORDS)
  readonly #integers = new BigInt64Array(this.raw.buffer)
  readonly #numbers = new Float64Array(this.raw.buffer)
  readonly #bytes = Buffer.from(this.raw.buffer)
  /** Arguments for which there is no room in `raw`, if they came with a record. */
  #largeArguments: Buffer | undefined
  /** Results for which there is no room in `raw`. */
  #largeResults: Buffer | undefined
  readonly #fetch: () => Buffer

  /** @param fetch Gets arguments of the core for which there was no room. */
  constructor(fetch: () => Buffer) {
    this.#fetch = fetch
  }

  /** Takes in what came as bytes. */
  fill(bytes: Buffer): void {
    this.#largeArguments =
      bytes.length > this.#bytes.length ? bytes.subarray(WORD_BYTES) : undefined
    bytes.copy(this.#bytes)
  }

  /** The core has written to `raw`: arguments for which there was no room there have to be fetched. */
  filled(): void {
    this.#largeArguments = undefined
  }

  /** The number of the call, which comes first. */
  get number(): number {
    return this.#numbers[0] as number
  }

  argument(index: number, type: NumberType): unknown {
    return type === 'i64' ? this.#integers[index + 1] : this.#numbers[index + 1]
  }

  putNumber(index: number, type: NumberType, value: number | bigint): void {
    if (type === 'i64') this.#integers[index] = value as bigint
    else this.#numbers[index] = value as number
  }

  takeValues(): Buffer {
    const length = Number(this.raw[1])
    const isLarge = length > this.#bytes.length - 2 * WORD_BYTES
    const bytes = isLarge
      ? (this.#largeArguments ?? this.#fetch())
      : this.#bytes.subarray(WORD_BYTES)
    this.#largeArguments = undefined
    return bytes.subarray(WORD_BYTES, WORD_BYTES + length)
  }

  putValues(values: Encoder): number {
    const { length, buffer } = values
    const words = 1 + Math.ceil(length / WORD_BYTES)
    const size = words * WORD_BYTES
    const to = size > this.#bytes.length ? Buffer.alloc(size) : this.#bytes
    to.writeBigUInt64LE(BigInt(length), 0)
    buffer.copy(to, WORD_BYTES, 0, length)
    this.#largeResults = to === this.#bytes ? undefined : to
    return words
  }

  /** Whether the first of them are more than there is room for in `raw`. */
  isLarge(count: number): boolean {
    return count * WORD_BYTES > this.#bytes.length
  }

  /** The first of them as bytes. */
  bytes(count: number): Buffer {
    const bytes = this.isLarge(count) ? this.#largeResults! : this.#bytes
    this.#largeResults = undefined
    return bytes.subarray(0, count * WORD_BYTES)
  }
}

/** Writes values as the words that a function of a component returns: their length, then these. */
export function writeValues(values: Encoder, to: Encoder): void {
  const { length, buffer } = values
  to.uint64(BigInt(length))
  const padded = Math.ceil(length / WORD_BYTES) * WORD_BYTES
  const at = to.room(padded)
  buffer.copy(to.buffer, at, 0, length)
  to.buffer.fill(0, at + length, at + padded)
}
