import { read, type PendingResult } from './lazy-result.ts'
import type { AnyResult } from './options.ts'

type Read = IteratorResult<AnyResult>

interface Reader {
  resolve(result: Read): void
  reject(error: unknown): void
}

const DONE: IteratorReturnResult<undefined> = { done: true, value: undefined }

class Arrival {
  resolve!: () => void
  readonly promise = new Promise<void>((resolve) => (this.resolve = resolve))
}

/** Results that are ready, and readers that wait for results. */
export class Results {
  #ready: PendingResult[] = []
  #at = 0
  #readers: Reader[] = []
  /** What readers of arrays wait for. */
  #arrival: Arrival | undefined
  #end: { failure: { error: unknown } | undefined } | undefined

  /** Returns whether a reader was waiting for it. */
  push(result: PendingResult): boolean {
    const reader = this.#readers.shift()
    if (reader === undefined) this.#ready.push(result)
    else reader.resolve({ done: false, value: read(result) })
    this.#arrived()
    return reader !== undefined
  }

  take(): AnyResult | undefined {
    const result = this.#ready[this.#at]
    if (result === undefined) return undefined
    this.#at += 1
    if (this.#at === this.#ready.length) this.clear()
    return read(result)
  }

  /** Takes all results that are ready. */
  takeAll(): PendingResult[] {
    const ready = this.#at === 0 ? this.#ready : this.#ready.slice(this.#at)
    this.clear()
    return ready
  }

  /**
   * Resolves when there may be something to take, and at the end. The reader goes on after the whole
   * delivery has been taken in.
   */
  async arrival(): Promise<void> {
    if (this.#end !== undefined) return
    this.#arrival ??= new Arrival()
    await this.#arrival.promise
  }

  /** To be called when there is nothing to take. */
  wait(): Promise<Read> {
    return (
      this.finish() ?? new Promise((resolve, reject) => this.#readers.push({ resolve, reject }))
    )
  }

  /** What reading gets after the end; undefined before. */
  finish(): Promise<IteratorReturnResult<undefined>> | undefined {
    if (this.#end === undefined) return undefined
    const { failure } = this.#end
    // Thrown once, as by a generator.
    this.#end.failure = undefined
    return failure ? Promise.reject(failure.error) : Promise.resolve(DONE)
  }

  /** Drops the results that are ready, and returns how many these were. */
  clear(): number {
    const left = this.#ready.length - this.#at
    this.#ready = []
    this.#at = 0
    return left
  }

  /** No more results will come; the next reader is thrown the failure. */
  end(failure: { error: unknown } | undefined): void {
    this.#end = { failure }
    const readers = this.#readers
    this.#readers = []
    for (const { resolve, reject } of readers) this.wait().then(resolve, reject)
    this.#arrived()
  }

  #arrived(): void {
    const arrival = this.#arrival
    this.#arrival = undefined
    arrival?.resolve()
  }
}
