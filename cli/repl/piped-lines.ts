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
    const pending = (this.#pending ??= this.#lines.next())
    let onAbort = (): void => {}
    const next = await new Promise<IteratorResult<string> | undefined>((resolve, reject) => {
      onAbort = () => resolve(undefined)
      signal?.addEventListener('abort', onAbort)
      pending.then(resolve, reject)
    })
    signal?.removeEventListener('abort', onAbort)
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
