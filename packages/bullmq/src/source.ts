import { invalid } from './faults.ts'

/** The jobs of a submission, read one by one. */
export interface Source<T> {
  next(): IteratorResult<T> | Promise<IteratorResult<T>>
  /** Closes it. */
  close(): Promise<void>
}

/** Throws where `for of` would. */
function checked<T>(result: IteratorResult<T>): IteratorResult<T> {
  if (typeof result === 'object' && result !== null) return result
  throw new TypeError(`the iterator of \`jobs\` returned ${String(result)}, expected an object`)
}

/**
 * Opens an iterable, or an async one.
 *
 * @throws {WasiexecError} `ERR_INVALID_OPTION` for what is neither.
 */
export function openSource<T>(jobs: Iterable<T> | AsyncIterable<T>): Source<T> {
  const given = (jobs ?? {}) as Partial<Iterable<T> & AsyncIterable<T>>
  const isAsync = typeof given[Symbol.asyncIterator] === 'function'
  const open = (isAsync ? given[Symbol.asyncIterator] : given[Symbol.iterator]) as
    (() => Iterator<T> | AsyncIterator<T>) | undefined
  // A string would be a job per character.
  if (typeof open !== 'function' || typeof jobs === 'string')
    throw invalid('jobs', 'an iterable or an async iterable of jobs', jobs)
  const iterator = open.call(given)
  let isPending = false
  const nextLater = async (): Promise<IteratorResult<T>> => {
    isPending = true
    try {
      // Not only promises of its own kind are waited for.
      return checked(await iterator.next())
    } finally {
      isPending = false
    }
  }
  return {
    next: () => (isAsync ? nextLater() : checked((iterator as Iterator<T>).next())),
    close: async () => {
      try {
        const closing = iterator.return?.()
        // While a read goes on, a generator closes only after it.
        if (!isPending) await closing
        else if (closing instanceof Promise) closing.catch(() => {})
      } catch {
        // It concerns no job.
      }
    },
  }
}
