/** A longer line is skipped, and its job fails. */
export const MAX_LINE_BYTES: number = 256 * 1024 * 1024

export const LF = 0x0a
const CR = 0x0d
const BOM = Buffer.from('\uFEFF')

/** A line without its line feed. */
export interface Line {
  /** From 1. */
  readonly number: number
  /** `undefined`: it was too long. */
  readonly bytes: Buffer | undefined
  /** Bytes in the file, without the line feed. */
  readonly length: number
  /** The offset after it. */
  readonly end: number
  /** Whether it has a line feed; the last line of a file may have none. */
  readonly isWhole: boolean
}

/** Cuts chunks of bytes into lines; holds at most one line. */
export class LineSplitter {
  readonly #maxBytes: number
  /** The beginning of a line whose line feed has not come. */
  #pieces: Buffer[] = []
  #length = 0
  #number = 0
  #offset = 0

  constructor(maxBytes: number = MAX_LINE_BYTES) {
    this.#maxBytes = maxBytes
  }

  *push(chunk: Buffer): Generator<Line, void> {
    let start = 0
    for (;;) {
      const end = chunk.indexOf(LF, start)
      if (end < 0) break
      this.#keep(chunk.subarray(start, end))
      start = end + 1
      yield this.#line(true)
    }
    if (start < chunk.length) this.#keep(chunk.subarray(start))
  }

  /** The last line, if it has no line feed. */
  *end(): Generator<Line, void> {
    if (this.#length > 0) yield this.#line(false)
  }

  #keep(piece: Buffer): void {
    this.#length += piece.length
    if (this.#length > this.#maxBytes) this.#pieces = []
    else this.#pieces.push(piece)
  }

  #line(isWhole: boolean): Line {
    const length = this.#length
    const pieces = this.#pieces
    this.#number += 1
    this.#offset += length + (isWhole ? 1 : 0)
    let bytes: Buffer | undefined
    if (length <= this.#maxBytes) {
      bytes = pieces.length === 1 ? pieces[0]! : Buffer.concat(pieces)
      if (this.#number === 1 && bytes.subarray(0, BOM.length).equals(BOM)) {
        bytes = bytes.subarray(BOM.length)
      }
      if (bytes.at(-1) === CR) bytes = bytes.subarray(0, -1)
    }
    this.#pieces = []
    this.#length = 0
    return { number: this.#number, bytes, length, end: this.#offset, isWhole }
  }
}
