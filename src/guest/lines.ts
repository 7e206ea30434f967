import { Buffer } from 'node:buffer'
import { finished, type Readable } from 'node:stream'
import { checkBoolean, checkInteger, checkOneOf, checkOptions } from '../check.ts'
import { WasiexecError } from '../errors.ts'

/**
 * How the lines of a guest are read.
 *
 * @example
 * for await (const line of guest.lines({ from: 'stderr' })) console.error(line)
 */
export interface LinesOptions {
  /** Which of its streams. Default: `'stdout'`. */
  from?: 'stdout' | 'stderr' | undefined
  /** The longest line, in bytes. Default: 1 MiB. */
  maxLineBytes?: number | undefined
  /**
   * Whether leaving the loop destroys the stream, as with `readable.iterator()`: the guest's next write to it fails.
   * If not, the next loop goes on with the next line. Default: true.
   */
  destroyOnReturn?: boolean | undefined
}

const LINES_OPTIONS = ['from', 'maxLineBytes', 'destroyOnReturn'] as const
const MAX_LINE_BYTES = 1024 * 1024

const [LF, CR] = [10, 13]
const NOTHING = Buffer.alloc(0)

/** @throws {WasiexecError} `ERR_INVALID_OPTION`. */
export function checkLines(options: LinesOptions): {
  [Key in keyof LinesOptions]-?: NonNullable<LinesOptions[Key]>
} {
  checkOptions(options, LINES_OPTIONS)
  const { from = 'stdout', maxLineBytes = MAX_LINE_BYTES, destroyOnReturn = true } = options
  checkOneOf('from', from, ['stdout', 'stderr'])
  checkInteger('maxLineBytes', maxLineBytes, 1)
  checkBoolean('destroyOnReturn', destroyOnReturn)
  return { from, maxLineBytes, destroyOnReturn }
}

type Line = IteratorResult<string, undefined>

const DONE: Line = { done: true, value: undefined }

interface Waiting {
  resolve(line: Line | PromiseLike<Line>): void
  reject(error: unknown): void
}

/** Splits a stream into lines as they are asked for. All loops over a stream share one. */
export class LineReader {
  readonly #stream: Readable
  readonly #name: string
  /** Rejects for a fault of the host. */
  readonly #outcome: Promise<unknown>
  readonly #waiting: Waiting[] = []
  /** The longest line, in bytes. */
  #most = MAX_LINE_BYTES
  #chunk: Buffer = NOTHING
  /** Where the next line begins in the chunk. */
  #at = 0
  /** The beginning of a line, in the chunks before. */
  #parts: Buffer[] = []
  #partBytes = 0
  #isOver = false
  /** Whether the stream has ended and was not cut off: the last line may lack a line break. */
  #isWhole = false
  #failure: unknown

  constructor(stream: Readable, name: string, outcome: Promise<unknown>) {
    this.#stream = stream
    this.#name = name
    this.#outcome = outcome
    // It is thrown after the last line.
    outcome.catch(() => {})
    stream.on('readable', () => this.#serve())
    finished(stream, { writable: false }, (error) => {
      this.#isOver = true
      this.#isWhole = !error
      // A stream that the caller has destroyed has no more lines.
      if (error && error.code !== 'ERR_STREAM_PREMATURE_CLOSE') this.#failure ??= error
      this.#serve()
    })
  }

  /** A loop over the lines that are left. */
  lines(maxLineBytes: number, destroyOnReturn: boolean): AsyncIterableIterator<string> {
    this.#most = maxLineBytes
    let isLeft = false
    const loop: AsyncIterableIterator<string> = {
      next: () => (isLeft ? Promise.resolve(DONE) : this.#next()),
      return: () => {
        isLeft = true
        if (destroyOnReturn) this.#destroy()
        return Promise.resolve(DONE)
      },
      [Symbol.asyncIterator]: () => loop,
    }
    return loop
  }

  #next(): Promise<Line> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ resolve, reject })
      this.#serve()
    })
  }

  #serve(): void {
    for (let first = this.#waiting[0]; first !== undefined; first = this.#waiting[0]) {
      const line = this.#line()
      if (line !== undefined) first.resolve({ done: false, value: line })
      else if (!this.#isOver) return
      else if (this.#failure === undefined)
        // A guest whose stream was destroyed may go on for long.
        first.resolve(this.#isWhole ? this.#outcome.then(() => DONE) : DONE)
      else {
        first.reject(this.#failure)
        this.#failure = undefined
      }
      this.#waiting.shift()
    }
  }

  /** The next line; undefined if it has not come yet, or never will. */
  #line(): string | undefined {
    for (;;) {
      const line = this.#cut()
      if (line !== undefined) return line
      const chunk: unknown = this.#isOver ? null : this.#stream.read()
      if (chunk === null) break
      // The caller may have set an encoding.
      this.#chunk = typeof chunk === 'string' ? Buffer.from(chunk) : (chunk as Buffer)
      this.#at = 0
    }
    return this.#isWhole && this.#partBytes > 0 ? this.#join(NOTHING) : undefined
  }

  /** Cuts a line off the chunk; if it has no line break, what it has is the beginning of a line. */
  #cut(): string | undefined {
    const chunk = this.#chunk
    const at = this.#at
    const found = chunk.indexOf(LF, at)
    const end = found < 0 ? chunk.length : found
    const length = this.#partBytes + end - at
    // The CR of a line break does not count.
    if (length > this.#most && !(length === this.#most + 1 && chunk[end - 1] === CR)) {
      this.#refuse()
      return undefined
    }
    const piece = chunk.subarray(at, end)
    if (found >= 0) {
      this.#at = end + 1
      return this.#join(piece)
    }
    this.#chunk = NOTHING
    this.#at = 0
    if (piece.length > 0) this.#parts.push(piece)
    this.#partBytes += piece.length
    return undefined
  }

  /** The line whose last piece this is. Text is decoded by lines, so that no character is cut. */
  #join(last: Buffer): string {
    const line = this.#partBytes === 0 ? last : Buffer.concat([...this.#parts, last])
    this.#parts = []
    this.#partBytes = 0
    return line.toString('utf8', 0, line.at(-1) === CR ? line.length - 1 : line.length)
  }

  /** Gives up at a line that is too long. */
  #refuse(): void {
    const message = `a line of ${this.#name} is longer than \`maxLineBytes\`, ${this.#most} bytes`
    this.#failure = new WasiexecError('ERR_LINE_TOO_LONG', message)
    this.#destroy()
  }

  /** Destroys the stream and forgets what is left of it. */
  #destroy(): void {
    this.#isOver = true
    this.#chunk = NOTHING
    this.#at = 0
    this.#parts = []
    this.#partBytes = 0
    this.#stream.destroy()
  }
}
