import { invalid } from './faults.ts'

/** The jobs of a submission, read one by one. */
export interface Source<T> {
  next(): IteratorResult<T> | Promise<IteratorResult<T>>
  /** Closes it. */
  close(): Promise<void>
}

/**
 * Opens an iterable, or an async one.
 *
 * @throws {WasiexecError} `ERR_INVALID_OPTION` for what is neither.
 */
export function openSource<T>(jobs: Iterable<T> | AsyncIterable<T>): Source<T> {
  const given = (jobs ?? {}) as Partial<Iterable<T> & AsyncIterable<T>>
  const iterator = given[Symbol.asyncIterator]?.() ?? given[Symbol.iterator]?.()
  if (iterator === undefined) throw invalid('jobs', 'an iterable or an async iterable', jobs)
  return {
    next: () => iterator.next(),
    close: async () => {
      await iterator.return?.()
    },
  }
}
