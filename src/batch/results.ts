import { read, type Held } from './late.ts'
import type { BatchResult } from './options.ts'

type Read = IteratorResult<BatchResult>

interface Reader {
  resolve(result: Read): void
  reject(error: unknown): void
}

const DONE: Read = { done: true, value: undefined }

/** Results that are ready, and those who wait for one. */
export class Results {
  #ready: Held[] = []
  #at = 0
  #readers: Reader[] = []
  #end: { failure: { error: unknown } | undefined } | undefined

  /** Answers whether somebody waited for it. */
  push(result: Held): boolean {
    const reader = this.#readers.shift()
    if (reader === undefined) this.#ready.push(result)
    else reader.resolve({ done: false, value: read(result) })
    return reader !== undefined
  }

  take(): BatchResult | undefined {
    const result = this.#ready[this.#at]
    if (result === undefined) return undefined
    this.#at += 1
    if (this.#at === this.#ready.length) this.clear()
    return read(result)
  }

  /** To be called when there is nothing to take. */
  wait(): Promise<Read> {
    if (this.#end === undefined) {
      return new Promise((resolve, reject) => this.#readers.push({ resolve, reject }))
    }
    const { failure } = this.#end
    // Once, as a generator throws.
    this.#end.failure = undefined
    return failure ? Promise.reject(failure.error) : Promise.resolve(DONE)
  }

  /** Answers how many were thrown away. */
  clear(): number {
    const left = this.#ready.length - this.#at
    this.#ready = []
    this.#at = 0
    return left
  }

  /** No more will come; the next to read gets the failure. */
  end(failure: { error: unknown } | undefined): void {
    this.#end = { failure }
    const readers = this.#readers
    this.#readers = []
    for (const { resolve, reject } of readers) this.wait().then(resolve, reject)
  }
}
