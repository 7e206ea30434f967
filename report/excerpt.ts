/** The two ends of something long, as text. */
export interface Excerpt {
  readonly head: string
  /** Empty unless something is cut. */
  readonly tail: string
  /** Bytes between the two. */
  readonly cut: number
}

/** The last lines of a traceback and the first lines of a log say the most. */
export const HEAD_BYTES = 1024
export const TAIL_BYTES = 1024

/** Returns `undefined` for what is empty, and for what is neither bytes nor text. */
export function excerpt(
  printed: unknown,
  head: number = HEAD_BYTES,
  tail: number = TAIL_BYTES,
): Excerpt | undefined {
  if (typeof printed === 'string') return ofText(printed, head, tail)
  if (printed instanceof Uint8Array) return ofBytes(printed, head, tail)
  return undefined
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
