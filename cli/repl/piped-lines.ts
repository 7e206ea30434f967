import type { Readable } from 'node:stream'
import { LineSplitter, MAX_LINE_BYTES, type Line } from '../batch/lines.ts'
import { CliError } from '../status.ts'
import { bytes as sizeOf } from '../wording.ts'
import type { Lines, Reader } from './lines.ts'

/** The lines of a file or a pipe. */
export class PipedLines implements Lines {
  readonly isTyped = false
  readonly #stdin: Readable
  readonly #maxBytes: number
  readonly #splitter: LineSplitter
  /** Lines that were read ahead, and which of them is next. A `shift` of a long array takes as long as the array. */
  #queue: Line[] = []
  #next = 0
  #isEnded = false
  #error: Error | undefined
  /** Called when there may be a line, or the end. */
  #wake: () => void = () => {}
  #number = 0

  constructor(stdin: Readable, maxBytes: number = MAX_LINE_BYTES) {
    this.#stdin = stdin
    this.#maxBytes = maxBytes
    this.#splitter = new LineSplitter(maxBytes)
    stdin.on('data', this.#take).on('error', this.#fail)
    stdin.on('end', this.#end).on('close', this.#end).pause()
  }

  get place(): string {
    return `line ${this.#number}: `
  }

  async read({ signal }: Reader): Promise<string | undefined> {
    for (;;) {
      if (signal?.aborted === true) return undefined
      const line = this.#queue[this.#next]
      if (line !== undefined) {
        this.#next += 1
        return this.#text(line)
      }
      ;[this.#queue, this.#next] = [[], 0]
      if (this.#error !== undefined) throw this.#error
      if (this.#isEnded) return undefined
      await this.#more(signal)
    }
  }

  /** A process does not end while it reads its stdin, and Node reads ahead also while a stream is paused. */
  close(): void {
    if ('unref' in this.#stdin && typeof this.#stdin.unref === 'function') this.#stdin.unref()
    this.#stdin.off('data', this.#take).off('error', this.#fail)
    this.#stdin.off('end', this.#end).off('close', this.#end).pause()
  }

  #text({ number, bytes }: Line): string {
    this.#number = number
    if (bytes === undefined)
      throw new CliError(`line ${number} is longer than ${sizeOf(this.#maxBytes)}`)
    return bytes.toString()
  }

  /** Waits for a line, for the end, or for the signal. */
  async #more(signal: AbortSignal | undefined): Promise<void> {
    const woken = new Promise<void>((resolve) => (this.#wake = resolve))
    const wake = (): void => this.#wake()
    signal?.addEventListener('abort', wake)
    this.#stdin.resume()
    await woken
    signal?.removeEventListener('abort', wake)
  }

  readonly #take = (chunk: string | Uint8Array): void => {
    for (const line of this.#splitter.push(Buffer.from(chunk as Uint8Array))) this.#queue.push(line)
    if (this.#queue.length === 0) return
    this.#stdin.pause()
    this.#wake()
  }

  readonly #end = (): void => {
    this.#queue.push(...this.#splitter.end())
    this.#isEnded = true
    this.#wake()
  }

  readonly #fail = (error: Error): void => {
    this.#error = error
    this.#wake()
  }
}
