import { LF } from './lines.ts'

/** What results are written to. */
export interface Target {
  /** May reject with {@link PartlyWritten}. */
  write(bytes: Buffer): Promise<void>
}

/** A write that failed in the middle. */
export class PartlyWritten extends Error {
  /** The lines that were written. */
  readonly written: Buffer

  constructor(written: Buffer, cause: unknown) {
    super('not all was written', { cause })
    this.name = 'PartlyWritten'
    this.written = written
  }
}

/** The queue is full when more than this waits. */
const MAX_CHARACTERS = 4 * 1024 * 1024

/** Writes results soon: in one write all that came while the write before it went on. */
export class ResultQueue {
  readonly #target: Target
  readonly #onFailure: () => void
  #lines: string[] = []
  #characters = 0
  #writing: Promise<void> | undefined
  /** Results that were written. */
  written = 0
  /** The error of the target; nothing is written after it. */
  failure: { error: unknown } | undefined

  constructor(target: Target, onFailure: () => void) {
    this.#target = target
    this.#onFailure = onFailure
  }

  add(line: string): void {
    this.#lines.push(line)
    this.#characters += line.length
    this.#writing ??= this.#write()
  }

  get isFull(): boolean {
    return this.#characters > MAX_CHARACTERS
  }

  /** Resolves when everything is written. */
  async flush(): Promise<void> {
    while (this.#writing !== undefined) await this.#writing
  }

  async #write(): Promise<void> {
    // All results of this turn of the event loop are one write.
    await new Promise(setImmediate)
    while (this.#lines.length > 0 && this.failure === undefined) {
      const lines = this.#lines
      const characters = this.#characters
      this.#lines = []
      this.#characters = 0
      try {
        await this.#target.write(toBytes(lines, characters))
        this.written += lines.length
      } catch (error) {
        // The stream's error event comes later, and must still find a listener.
        await new Promise(setImmediate)
        this.#fail(error)
      }
    }
    this.#writing = undefined
  }

  #fail(error: unknown): void {
    const isPartly = error instanceof PartlyWritten
    if (isPartly) for (const byte of error.written) if (byte === LF) this.written += 1
    this.failure = { error: isPartly ? error.cause : error }
    this.#onFailure()
  }
}

function toBytes(lines: readonly string[], characters: number): Buffer {
  if (characters <= 2 * MAX_CHARACTERS) return Buffer.from(lines.join(''))
  // Joined, they could be longer than a string may be.
  return Buffer.concat(lines.map((line) => Buffer.from(line)))
}
