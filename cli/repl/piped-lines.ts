import { createInterface, type Interface } from 'node:readline'
import type { Readable } from 'node:stream'
import type { Lines, Reader } from './lines.ts'

/** The lines of a file or a pipe. */
export class PipedLines implements Lines {
  readonly isTyped = false
  readonly #interface: Interface
  readonly #lines: AsyncIterator<string>
  /** A read that was given up belongs to the next one. */
  #pending: Promise<IteratorResult<string>> | undefined
  #number = 0

  constructor(stdin: Readable) {
    this.#interface = createInterface({ input: stdin, crlfDelay: Infinity, terminal: false })
    this.#lines = this.#interface[Symbol.asyncIterator]()
  }

  get place(): string {
    return `line ${this.#number}: `
  }

  async read({ signal }: Reader): Promise<string | undefined> {
    this.#pending ??= this.#lines.next()
    const next = await Promise.race([this.#pending, aborted(signal)])
    if (next === undefined || next.done === true) return undefined
    this.#pending = undefined
    this.#number += 1
    return next.value
  }

  /** A process does not end while it reads its stdin. */
  close(): void {
    this.#interface.close()
  }
}

function aborted(signal: AbortSignal | undefined): Promise<undefined> {
  return new Promise((resolve) => {
    if (signal?.aborted === true) resolve(undefined)
    signal?.addEventListener('abort', () => resolve(undefined), { once: true })
  })
}
