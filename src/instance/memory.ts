import { Buffer } from 'node:buffer'
import { checkInteger, checkString, invalid } from '../check.ts'
import type { ExportedMemory, InstanceLink } from './link.ts'

/** The most bytes that are read at a time: what a Buffer can hold on every Node. */
const MAX_READ = 2 ** 31 - 1

/**
 * A memory that a program exports, to be read and written between two calls.
 *
 * Addresses are numbers or bigints. Those of a 32-bit memory may be negative, as functions return them: an `i32` is signed.
 *
 * @example
 * const length = instance.memory.write(2048, 'text')
 * await instance.call('print', 2048, length)
 */
export class GuestMemory {
  /** The name of the export. */
  readonly name: string
  readonly #link: InstanceLink
  readonly #number: number
  readonly #is64: boolean

  /** @internal */
  constructor(link: InstanceLink, { name, number, is64 }: ExportedMemory) {
    this.name = name
    this.#link = link
    this.#number = number
    this.#is64 = is64
  }

  /**
   * Its size in bytes.
   *
   * @throws {WasiexecError} `ERR_INSTANCE_BUSY`, `ERR_INSTANCE_OVER`, `ERR_INSTANCE_CLOSED`.
   * @example
   * const pages = instance.memory.byteLength / 65_536
   */
  get byteLength(): number {
    const { port, number } = this.#open()
    return port.access((native) => native.memorySize(number, this.#number))
  }

  /**
   * Copies `length` bytes from `address` on.
   *
   * @throws {WasiexecError} `ERR_OUT_OF_BOUNDS`; `ERR_INSTANCE_BUSY` while a call is in progress or waits;
   * `ERR_INVALID_OPTION`, `ERR_INSTANCE_OVER`, `ERR_INSTANCE_CLOSED`.
   * @example
   * const bytes = instance.memory.read(1024, 16)
   */
  read(address: number | bigint, length: number): Buffer {
    const at = this.#address(address)
    if (checkInteger('length', length, 0) > MAX_READ) {
      throw invalid('length', `at most ${MAX_READ} (2 GiB - 1)`, length)
    }
    const { port, number } = this.#open()
    const bytes = port.access((native) => native.readMemory(number, this.#number, at, length))
    return Buffer.from(bytes.buffer as ArrayBuffer, bytes.byteOffset, bytes.byteLength)
  }

  /**
   * Reads UTF-8: `length` bytes, or up to the first zero byte. What is not UTF-8 is U+FFFD.
   *
   * @throws {WasiexecError} as {@link read}.
   * @example
   * const text = instance.memory.readString(1024)
   */
  readString(address: number | bigint, length?: number): string {
    if (length !== undefined) return this.read(address, length).toString('utf8')
    const at = this.#address(address)
    const { port, number } = this.#open()
    const found = port.access((native) => native.lengthToNul(number, this.#number, at, MAX_READ))
    return this.read(at, found).toString('utf8')
  }

  /**
   * Writes bytes, or text as UTF-8 without a zero byte at its end. Returns how many bytes these were. Nothing is written
   * if not all of them fit.
   *
   * @throws {WasiexecError} as {@link read}.
   * @example
   * const length = instance.memory.write(2048, 'grüße') // 7
   */
  write(address: number | bigint, bytes: Uint8Array | string): number {
    const at = this.#address(address)
    const given = toBytes(bytes)
    const { port, number } = this.#open()
    port.access((native) => native.writeMemory(number, this.#number, at, given))
    return given.length
  }

  #open(): InstanceLink['state'] {
    const { state } = this.#link
    state.checkOpen()
    return state
  }

  #address(address: unknown): number {
    const number = typeof address === 'bigint' ? Number(address) : address
    const unsigned =
      !this.#is64 && typeof number === 'number' && number < 0 ? number + 2 ** 32 : number
    if (!Number.isSafeInteger(unsigned) || (unsigned as number) < 0) {
      throw invalid('address', 'an address: an integer of at least 0', address)
    }
    return unsigned as number
  }
}

function toBytes(bytes: unknown): Uint8Array {
  if (bytes instanceof Uint8Array) return bytes
  if (typeof bytes !== 'string') throw invalid('bytes', 'bytes or a string', bytes)
  if (!bytes.isWellFormed()) checkString('bytes', bytes)
  return Buffer.from(bytes, 'utf8')
}
