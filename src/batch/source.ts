import { invalid } from '../check.ts'

type Jobs = Iterator<unknown> | AsyncIterator<unknown>

/** Where the jobs of a batch come from, read one after the other and closed once. */
export class JobSource {
  readonly #iterator: Jobs
  readonly isAsync: boolean
  #pending = false
  #done = false

  /** @throws {WasiexecError} `ERR_INVALID_OPTION` when `jobs` cannot be iterated over. */
  constructor(jobs: unknown) {
    const iterable = (jobs ?? {}) as Iterable<unknown> & AsyncIterable<unknown>
    const async = iterable[Symbol.asyncIterator]
    const open: () => Jobs = async ?? iterable[Symbol.iterator]
    // A string would be a batch of its characters.
    if (typeof open !== 'function' || typeof jobs === 'string') {
      throw invalid('jobs', 'an iterable or async iterable of jobs', jobs)
    }
    this.isAsync = open === async
    this.#iterator = open.call(iterable)
  }

  /** For sources that are not async. After its end or an error, the source is not called again. */
  next(): IteratorResult<unknown> {
    let ended = true
    try {
      const result = checked((this.#iterator as Iterator<unknown>).next())
      ended = result.done === true
      return result
    } finally {
      this.#done = ended
    }
  }

  /** For async sources. To be called again only after it has settled. */
  async nextLater(): Promise<IteratorResult<unknown>> {
    let ended = true
    this.#pending = true
    try {
      const result = checked(await this.#iterator.next())
      ended = result.done === true
      return result
    } finally {
      this.#pending = false
      this.#done ||= ended
    }
  }

  /** Tells the source that no more jobs are wanted. What it throws now concerns no job. */
  async close(): Promise<void> {
    if (this.#done) return
    this.#done = true
    try {
      const closing = this.#iterator.return?.()
      // While a read goes on, a generator closes only after it.
      if (!this.#pending) await closing
      else if (closing instanceof Promise) closing.catch(() => {})
    } catch {}
  }
}

/** Throws where `for of` would. Without this, an iterator that returns no objects would have no end. */
function checked(result: IteratorResult<unknown>): IteratorResult<unknown> {
  if (typeof result === 'object' && result !== null) return result
  throw new TypeError(`the iterator of \`jobs\` returned ${String(result)}, which is not an object`)
}
