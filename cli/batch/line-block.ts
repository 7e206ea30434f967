import { MAX_LINE_BYTES, type Line } from './lines.ts'

const LF = Buffer.from('\n')

/** Puts a number of lines together to one, which is too long where they are. */
export class LineBlock {
  readonly #size: number
  readonly #maxBytes: number
  #first = 0
  #count = 0
  #pieces: Buffer[] | undefined = []
  /** Of what is in the pieces, or would be. */
  #bytes = 0
  #length = 0
  #end = 0
  #isWhole = true

  constructor(size: number, maxBytes: number = MAX_LINE_BYTES) {
    this.#size = size
    this.#maxBytes = maxBytes
  }

  /** Returns the block when this is its last line. */
  push(line: Line): Line | undefined {
    if (this.#count === 0) this.#first = line.number
    else this.#keep(LF)
    this.#count += 1
    this.#keep(line.bytes)
    this.#length += line.length + (line.isWhole ? 1 : 0)
    this.#end = line.end
    this.#isWhole = line.isWhole
    return this.#count === this.#size ? this.#take() : undefined
  }

  /** The last block, if it has fewer lines than the others. */
  end(): Line | undefined {
    return this.#count > 0 ? this.#take() : undefined
  }

  #keep(piece: Buffer | undefined): void {
    this.#bytes += piece?.length ?? Infinity
    if (this.#bytes > this.#maxBytes) this.#pieces = undefined
    else this.#pieces?.push(piece!)
  }

  #take(): Line {
    const pieces = this.#pieces
    const block = {
      number: this.#first,
      bytes: pieces?.length === 1 ? pieces[0] : pieces && Buffer.concat(pieces),
      length: this.#length - (this.#isWhole ? 1 : 0),
      end: this.#end,
      isWhole: this.#isWhole,
    }
    this.#count = 0
    this.#pieces = []
    this.#bytes = 0
    this.#length = 0
    return block
  }
}
