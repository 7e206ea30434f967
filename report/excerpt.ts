import { isUtf8 } from 'node:buffer'
import { hexDump } from './hex-dump.ts'

/** The two ends of something long, as text. */
export interface Excerpt {
  readonly head: string
  /** Empty unless something is cut. */
  readonly tail: string
  /** Bytes between the two. */
  readonly cut: number
  /** The length of what is not text, whose ends are hexadecimal dumps. */
  readonly binary?: number
}

/** The last lines of a traceback and the first lines of a log say the most. */
export const HEAD_BYTES = 1024
export const TAIL_BYTES = 1024
/** As a dump, a byte takes five characters. */
const DUMPED_BYTES = 256

/** Returns `undefined` for what is empty, and for what is neither bytes nor text. */
export function excerpt(
  printed: unknown,
  head: number = HEAD_BYTES,
  tail: number = TAIL_BYTES,
): Excerpt | undefined {
  if (typeof printed === 'string') return ofText(printed, head, tail)
  if (!(printed instanceof Uint8Array)) return undefined
  return (isBinary(printed, head, tail) ? ofBinary : ofBytes)(printed, head, tail)
}

function ofText(text: string, head: number, tail: number): Excerpt | undefined {
  if (text === '') return undefined
  // Enough of a long text, because a UTF-16 unit takes at least one byte. It bounds the work.
  if (text.length <= head + tail) return ofBytes(Buffer.from(text), head, tail)
  const first = ofBytes(Buffer.from(text.slice(0, head)), head, 0)!
  const last = Buffer.from(text.slice(-tail))
  const end = decode(last.subarray(boundary(last, last.length - tail)))
  const shown = Buffer.byteLength(first.head) + Buffer.byteLength(end)
  return { head: first.head, tail: end, cut: Math.max(0, Buffer.byteLength(text) - shown) }
}

function ofBytes(bytes: Uint8Array, head: number, tail: number): Excerpt | undefined {
  if (bytes.length === 0) return undefined
  if (bytes.length <= head + tail) return { head: decode(bytes), tail: '', cut: 0 }
  const first = boundary(bytes, head)
  const last = boundary(bytes, bytes.length - tail)
  return {
    head: decode(bytes.subarray(0, first)),
    tail: decode(bytes.subarray(last)),
    cut: last - first,
  }
}

function ofBinary(bytes: Uint8Array, head: number, tail: number): Excerpt {
  const { length } = bytes
  const [first, last] = [head, tail].map((most) => Math.min(most, DUMPED_BYTES)) as [number, number]
  const isWhole = length <= first + last
  return {
    head: dump(bytes, 0, isWhole ? length : first),
    tail: isWhole ? '' : dump(bytes, length - last, length),
    cut: isWhole ? 0 : length - last - first,
    binary: length,
  }
}

function dump(bytes: Uint8Array, start: number, end: number): string {
  return hexDump(bytes.subarray(start, end), BigInt(start)).join('\n')
}

/** What text hardly has: bytes that are not UTF-8, and control characters other than those of lines and terminals. */
// oxlint-disable-next-line no-control-regex
const ODD = /[\ufffd\0-\x06\x0e-\x1a\x1c-\x1f\x7f]/g
/** Text in another encoding has some, and so has text that was cut in the middle of a character. */
const MOST_ODD = 0.1

/** Whether the two ends are not text. All UTF-8 is text, whatever its characters are. */
function isBinary(bytes: Uint8Array, head: number, tail: number): boolean {
  const isShort = bytes.length <= head + tail
  const ends = isShort
    ? [bytes]
    : [
        bytes.subarray(0, boundary(bytes, head)),
        bytes.subarray(boundary(bytes, bytes.length - tail)),
      ]
  if (ends.every((end) => isUtf8(end))) return false
  const text = ends.map(decode).join('')
  return (text.match(ODD)?.length ?? 0) > 1 + text.length * MOST_ODD
}

/** The start of the character that has the byte `at`. */
function boundary(bytes: Uint8Array, at: number): number {
  let start = Math.max(at, 0)
  // Bytes that are not UTF-8 may have no start: go back no farther than one character.
  while (start > 0 && at - start < 3 && (bytes[start]! & 0xc0) === 0x80) start -= 1
  return start
}

function decode(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('utf8')
}
