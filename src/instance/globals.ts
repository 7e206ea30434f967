import { Buffer } from 'node:buffer'
import { invalidCall, show } from '../check.ts'
import { EXPECTED, NUMBER_BYTES, readNumber, writeNumber } from '../port/numbers.ts'
import type { InstanceLink } from './link.ts'

/**
 * The globals that a program exports, to be read and written between two calls.
 *
 * @example
 * const { globals } = instance
 * globals.set('count', Number(globals.get('count')) + 1)
 */
export class GuestGlobals {
  readonly #link: InstanceLink

  /** @internal */
  constructor(link: InstanceLink) {
    this.#link = link
  }

  /**
   * The names of the globals.
   *
   * @example
   * console.log(instance.globals.names) // ['count']
   */
  get names(): readonly string[] {
    return [...this.#link.exports.globals.keys()]
  }

  /**
   * Returns the value of a global: an `i64` as a bigint, other numbers as numbers.
   *
   * @throws {WasiexecError} `ERR_INVALID_CALL` unless it is a number; `ERR_INSTANCE_BUSY` while a call is in progress or
   * waits; `ERR_INSTANCE_OVER`, `ERR_INSTANCE_CLOSED`.
   * @example
   * const count = instance.globals.get('count')
   */
  get(name: string): number | bigint {
    const { state } = this.#link
    state.checkOpen()
    const global = this.#link.exports.global(name)
    const bits = state.port.access((native) => native.global(state.number, global.number))
    return readNumber(global.type, Buffer.from(bits), 0)
  }

  /**
   * Sets a global that is mutable.
   *
   * @throws {WasiexecError} as {@link get}; `ERR_INVALID_CALL` also for a value of another type.
   * @example
   * instance.globals.set('count', 41)
   */
  set(name: string, value: number | bigint): void {
    const { state } = this.#link
    state.checkOpen()
    const global = this.#link.exports.global(name)
    const { type, mutable, number } = global
    if (!mutable) throw invalidCall(`the global ${JSON.stringify(name)} is not mutable`)
    const bits = Buffer.alloc(NUMBER_BYTES)
    if (!writeNumber(type, value, bits, 0)) {
      const which = `the global ${JSON.stringify(name)} (${type})`
      throw invalidCall(`${which} must be ${EXPECTED[type]}, got ${show(value)}`)
    }
    state.port.access((native) => native.setGlobal(state.number, number, bits))
  }
}
