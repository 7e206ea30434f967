import { Buffer } from 'node:buffer'

/** The first size of a buffer for the options of one run. */
export const OPTIONS_BYTES = 256

/** A buffer that has grown beyond this is not kept. */
const KEEP_BYTES = 16 * 1024 * 1024

/** To exchange buffers takes less time than to copy so much. */
const TAKE_BYTES = 4096

/** Bytes on their way to the core, in one buffer that grows and is used again and again. */
export class Encoder {
  readonly #capacity: number
  #buffer: Buffer
  #length = 0

  constructor(capacity: number) {
    this.#capacity = capacity
    this.#buffer = Buffer.allocUnsafe(capacity)
  }

  /** Bytes that it can hold before it grows. */
  get capacity(): number {
    return this.#buffer.length
  }

  get length(): number {
    return this.#length
  }

  /** Begins with {@link bytes}: to make a view of these takes longer than to pass their number. */
  get buffer(): Buffer {
    return this.#buffer
  }

  /** What was written since the last {@link clear}; valid until the next write. */
  get bytes(): Uint8Array {
    return this.#buffer.subarray(0, this.#length)
  }

  clear(): void {
    this.#length = 0
    // One huge submission must not hold its memory for ever.
    if (this.#buffer.length > KEEP_BYTES) this.#buffer = Buffer.allocUnsafe(this.#capacity)
  }

  byte(value: number): void {
    this.#reserve(1)
    this.#buffer[this.#length] = value
    this.#length += 1
  }

  uint16(value: number): void {
    this.#reserve(2)
    this.#length = this.#buffer.writeUInt16LE(value, this.#length)
  }

  uint32(value: number): void {
    this.#reserve(4)
    this.#length = this.#buffer.writeUInt32LE(value, this.#length)
  }

  uint64(value: bigint): void {
    this.#reserve(8)
    this.#length = this.#buffer.writeBigUInt64LE(value, this.#length)
  }

  float64(value: number): void {
    this.#reserve(8)
    this.#length = this.#buffer.writeDoubleLE(value, this.#length)
  }

  /** Writes the length, then UTF-8. */
  string(value: string): void {
    this.#reserve(4 + value.length * 3)
    const start = this.#length + 4
    const length = this.#buffer.write(value, start, 'utf8')
    this.#buffer.writeUInt32LE(length, this.#length)
    this.#length = start + length
  }

  /** Writes the length, then a byte per character, of which none is above U+00FF. */
  latin1(value: string): void {
    this.uint32(value.length)
    this.#reserve(value.length)
    this.#length += this.#buffer.write(value, this.#length, 'latin1')
  }

  /** Writes the length, then the bytes. */
  sized(value: Uint8Array): void {
    this.uint32(value.length)
    this.raw(value)
  }

  /** Makes room for this many bytes, which the caller writes to {@link buffer}; returns where. */
  room(bytes: number): number {
    this.#reserve(bytes)
    const at = this.#length
    this.#length += bytes
    return at
  }

  /** Takes back what was written from here on. */
  truncate(length: number): void {
    this.#length = length
  }

  /** Writes what another encoder holds. */
  append(other: Encoder): void {
    const length = other.#length
    if (length === 0) return
    this.#reserve(length)
    other.#buffer.copy(this.#buffer, this.#length, 0, length)
    this.#length += length
  }

  /** Writes what another encoder holds, which then holds nothing. */
  take(other: Encoder): void {
    if (this.#length > 0 || other.#length < TAKE_BYTES) {
      this.append(other)
      other.#length = 0
      return
    }
    ;[this.#buffer, other.#buffer] = [other.#buffer, this.#buffer]
    ;[this.#length, other.#length] = [other.#length, 0]
  }

  raw(value: Uint8Array): void {
    // One whose memory went to another thread has no bytes, and cannot be copied from.
    if (value.length === 0) return
    this.#reserve(value.length)
    this.#buffer.set(value, this.#length)
    this.#length += value.length
  }

  #reserve(more: number): void {
    const needed = this.#length + more
    if (needed <= this.#buffer.length) return
    // Not of the pool: the memory of that is shared with code of others.
    const larger = Buffer.allocUnsafeSlow(Math.max(needed, this.#buffer.length * 2))
    this.#buffer.copy(larger, 0, 0, this.#length)
    this.#buffer = larger
  }
}
