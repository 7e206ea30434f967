import { Buffer } from 'node:buffer'
import { show } from '../check.ts'
import { WasiexecError } from '../errors.ts'
import type { BoundFunction, NumberType } from '../imports.ts'

/** A call's number and its arguments or results. A type has at most 1,000 of either. */
const WORDS = 1 + 1000

/** Values on their way to or from a host function: 64 bits each, an `i64` as it is and every other as an `f64`. */
export class Words {
  /** What the core reads and writes. */
  readonly raw: BigUint64Array = new BigUint64Array(WORDS)
  readonly #integers = new BigInt64Array(this.raw.buffer)
  readonly #numbers = new Float64Array(this.raw.buffer)
  readonly #bytes = Buffer.from(this.raw.buffer)

  /** Takes in what came as bytes; returns how many values these are. */
  fill(bytes: Buffer): number {
    return bytes.copy(this.#bytes) / 8
  }

  /** The number of the call, which comes first. */
  get number(): number {
    return this.#numbers[0] as number
  }

  /** The argument at this place, of this type; they follow the number. */
  argument(index: number, type: NumberType | undefined): unknown {
    return type === 'i64' ? this.#integers[index + 1] : this.#numbers[index + 1]
  }

  /**
   * Writes what a host function has returned.
   *
   * @throws {WasiexecError} `ERR_HOST_FUNCTION`; or what an iterator of the function's throws.
   */
  put(bound: BoundFunction, value: unknown): void {
    const { results } = bound
    if (results.length === 0) return
    if (results.length === 1) {
      this.#put(0, bound, value)
      return
    }
    if (!Array.isArray(value) || value.length !== results.length) {
      throw wrong(bound, `must return an array of ${results.length} values`, value)
    }
    // A getter may run another guest, whose calls use these words: all values are read before the first is written.
    const values: unknown[] = [...value]
    for (let index = 0; index < results.length; index += 1) this.#put(index, bound, values[index])
  }

  /** The first of them as bytes. */
  bytes(count: number): Uint8Array {
    return this.#bytes.subarray(0, count * 8)
  }

  #put(index: number, bound: BoundFunction, value: unknown): void {
    const type = bound.results[index] as NumberType
    if (type === 'i64') {
      if (typeof value !== 'bigint' || value < -(2n ** 63n) || value >= 2n ** 64n) {
        throw wrong(bound, must(index, bound, 'a bigint of 64 bits, signed or not'), value)
      }
      this.#integers[index] = value
      return
    }
    if (typeof value !== 'number') throw wrong(bound, must(index, bound, 'a number'), value)
    if (type === 'i32' && !(Number.isInteger(value) && value >= -(2 ** 31) && value < 2 ** 32)) {
      throw wrong(bound, must(index, bound, 'an integer of 32 bits, signed or not'), value)
    }
    this.#numbers[index] = value
  }
}

function must(index: number, { results }: BoundFunction, expected: string): string {
  const which = results.length === 1 ? '' : ` as value ${index}`
  return `must return ${expected}${which}`
}

function wrong({ name, type }: BoundFunction, expected: string, value: unknown): WasiexecError {
  const message = `the host function ${name} ${type} ${expected}, got ${show(value)}`
  return new WasiexecError('ERR_HOST_FUNCTION', message)
}
