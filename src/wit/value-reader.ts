import type { Buffer } from 'node:buffer'
import type { AllHandles } from './handles.ts'

/** Reads values from what the core sent. */
export class ValueReader {
  readonly #bytes: Buffer
  /** Whether a part may share the memory of the whole. */
  readonly #shares: boolean
  /** What values refer to. */
  handles: AllHandles
  #at = 0

  constructor(bytes: Buffer, shares: boolean, handles: AllHandles) {
    this.#bytes = bytes
    this.#shares = shares
    this.handles = handles
  }

  uint8(): number {
    return this.#bytes[this.#at++] as number
  }

  int8(): number {
    return (this.uint8() << 24) >> 24
  }

  uint16(): number {
    return this.#bytes.readUInt16LE(this.#skip(2))
  }

  int16(): number {
    return this.#bytes.readInt16LE(this.#skip(2))
  }

  uint32(): number {
    return this.#bytes.readUInt32LE(this.#skip(4))
  }

  int32(): number {
    return this.#bytes.readInt32LE(this.#skip(4))
  }

  uint64(): bigint {
    return this.#bytes.readBigUInt64LE(this.#skip(8))
  }

  int64(): bigint {
    return this.#bytes.readBigInt64LE(this.#skip(8))
  }

  float32(): number {
    return this.#bytes.readFloatLE(this.#skip(4))
  }

  float64(): number {
    return this.#bytes.readDoubleLE(this.#skip(8))
  }

  string(): string {
    const length = this.uint32()
    const start = this.#skip(length)
    return this.#bytes.toString('utf8', start, start + length)
  }

  /** Bytes that nobody else changes. */
  bytes(length: number): Uint8Array<ArrayBuffer> {
    const start = this.#skip(length)
    const { buffer, byteOffset } = this.#bytes
    const view = new Uint8Array(buffer as ArrayBuffer, byteOffset + start, length)
    // Of what came, most is in this part: to keep it holds little else.
    return this.#shares && length * 2 > this.#bytes.length ? view : view.slice()
  }

  #skip(length: number): number {
    const start = this.#at
    this.#at += length
    return start
  }
}
