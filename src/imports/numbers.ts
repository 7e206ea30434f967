import { show } from '../check.ts'
import { WasiexecError } from '../errors.ts'
import type { HostFunction, NumberType } from './types.ts'
import type { BoundFunction, CallContext, CallWords } from './binding.ts'

/** A function for an import of a core module. */
export class NumberFunction implements BoundFunction {
  readonly name: string
  readonly #call: HostFunction
  readonly #params: readonly NumberType[]
  readonly #results: readonly NumberType[]
  readonly #type: string

  constructor(
    name: string,
    call: HostFunction,
    {
      params,
      results,
      type,
    }: { params: readonly NumberType[]; results: readonly NumberType[]; type: string },
  ) {
    this.name = name
    this.#call = call
    this.#params = params
    this.#results = results
    this.#type = type
  }

  apply(words: CallWords, { caller }: CallContext): unknown {
    const call = this.#call
    const params = this.#params
    const value = (index: number): unknown => words.argument(index, params[index]!)
    // Like WebAssembly itself, without `this`. Most functions have few parameters, and an array costs more than the call.
    switch (params.length) {
      case 0:
        return call(caller)
      case 1:
        return call(value(0), caller)
      case 2:
        return call(value(0), value(1), caller)
      case 3:
        return call(value(0), value(1), value(2), caller)
      case 4:
        return call(value(0), value(1), value(2), value(3), caller)
      default:
        return Reflect.apply(call, undefined, [...params.map((_, index) => value(index)), caller])
    }
  }

  put(words: CallWords, value: unknown): number {
    const { length } = this.#results
    if (length === 0) return 0
    if (length === 1) {
      this.#put(words, 0, value)
      return 1
    }
    if (!Array.isArray(value) || value.length !== length) {
      throw this.#wrong(`must return an array of ${length} values`, value)
    }
    // A getter may run another guest, whose calls use these words: all values are read before the first is written.
    const values: unknown[] = [...value]
    for (let index = 0; index < length; index += 1) this.#put(words, index, values[index])
    return length
  }

  #put(words: CallWords, index: number, value: unknown): void {
    const type = this.#results[index]!
    if (type === 'i64') {
      if (typeof value !== 'bigint' || value < -(2n ** 63n) || value >= 2n ** 64n) {
        throw this.#wrong(this.#must(index, 'a bigint of 64 bits, signed or not'), value)
      }
      words.putNumber(index, type, value)
      return
    }
    if (typeof value !== 'number') throw this.#wrong(this.#must(index, 'a number'), value)
    if (type === 'i32' && !(Number.isInteger(value) && value >= -(2 ** 31) && value < 2 ** 32)) {
      throw this.#wrong(this.#must(index, 'an integer of 32 bits, signed or not'), value)
    }
    words.putNumber(index, type, value)
  }

  #must(index: number, expected: string): string {
    const which = this.#results.length === 1 ? '' : ` as value ${index}`
    return `must return ${expected}${which}`
  }

  #wrong(expected: string, value: unknown): WasiexecError {
    const message = `the host function ${this.name} ${this.#type} ${expected}, got ${show(value)}`
    return new WasiexecError('ERR_HOST_FUNCTION', message)
  }
}
