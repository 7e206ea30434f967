import { Buffer } from 'node:buffer'
import { Decoder, Encoder } from '@msgpack/msgpack'

const encoder = new Encoder({ useBigInt64: true, ignoreUndefined: true, maxDepth: 64 })
const decoder = new Decoder({ useBigInt64: true })

/** How deep arrays and maps may lie in each other. */
const MAX_DEPTH = 64

/** Returns a value as MessagePack. Throws for what is not plain data: functions, symbols, circles. */
export function pack(value: unknown): Buffer {
  const bytes = encoder.encode(value)
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
}

/** Reads what {@link pack} wrote. Bytes are views. Throws for all else, before it takes memory on the word of a length. */
export function unpack(bytes: Uint8Array): unknown {
  checkLengths(bytes)
  return decoder.decode(bytes)
}

/** Bytes that follow the first byte of a value with a fixed size, by that byte minus 0xc0. -1: not one of these. */
const FIXED = [
  0, -1, 0, 0, -1, -1, -1, -1, -1, -1, 4, 8, 1, 2, 4, 8, 1, 2, 4, 8, -1, -1, -1, -1, -1, -1, -1, -1,
  -1, -1, -1, -1,
]

/**
 * The decoder makes arrays as long as their headers say. So this walks over the headers first: no value may reach over
 * the end, nothing is an extension, and all containers together may not declare more elements than there are bytes.
 */
function checkLengths(bytes: Uint8Array): void {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const end = bytes.byteLength
  const open = [1]
  let declared = 0
  let at = 0
  const size = (width: number): number => {
    if (at + width > end) throw new RangeError('the data ends within a length')
    const value =
      width === 1 ? view.getUint8(at) : width === 2 ? view.getUint16(at) : view.getUint32(at)
    at += width
    return value
  }
  const skip = (count: number): void => {
    at += count
  }
  while (open.length > 0) {
    const left = open.at(-1)!
    if (left === 0) {
      open.pop()
      continue
    }
    open[open.length - 1] = left - 1
    if (at >= end) throw new RangeError('the data ends too early')
    const head = bytes[at]!
    at += 1
    let elements = 0
    if (head < 0x80 || head >= 0xe0) continue
    if (head < 0x90) elements = (head & 0x0f) * 2
    else if (head < 0xa0) elements = head & 0x0f
    else if (head < 0xc0) at += head & 0x1f
    else if (head === 0xc4 || head === 0xd9) skip(size(1))
    else if (head === 0xc5 || head === 0xda) skip(size(2))
    else if (head === 0xc6 || head === 0xdb) skip(size(4))
    else if (head === 0xdc) elements = size(2)
    else if (head === 0xdd) elements = size(4)
    else if (head === 0xde) elements = size(2) * 2
    else if (head === 0xdf) elements = size(4) * 2
    else {
      const fixed = FIXED[head - 0xc0]!
      if (fixed < 0) throw new RangeError(`the data has an extension (0x${head.toString(16)})`)
      at += fixed
    }
    if (at > end) throw new RangeError('the data ends within a value')
    declared += elements
    if (declared > end) throw new RangeError('the data declares more elements than it has bytes')
    if (elements > 0 && open.push(elements) > MAX_DEPTH)
      throw new RangeError(`the data is nested more than ${MAX_DEPTH} deep`)
  }
  if (at !== end) throw new RangeError('the data goes on after its end')
}

/** A Buffer of the bytes: small ones are copied, so that they do not keep alive what they came in. */
export function toBuffer(bytes: Uint8Array): Buffer {
  return bytes.length < 4096
    ? Buffer.from(bytes)
    : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
}
