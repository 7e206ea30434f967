import type { BatchResult } from './options.ts'

/** Lets results through in the order of their jobs: keeps those that ended before an earlier one. */
export class InOrder {
  readonly #release: (result: BatchResult) => void
  readonly #early = new Map<number, BatchResult>()
  #next = 0

  constructor(release: (result: BatchResult) => void) {
    this.#release = release
  }

  put(result: BatchResult): void {
    if (result.index !== this.#next) {
      this.#early.set(result.index, result)
      return
    }
    let next: BatchResult | undefined = result
    while (next !== undefined) {
      // Before it is released: whoever gets it may cause the one after it.
      this.#next += 1
      this.#release(next)
      next = this.#take(this.#next)
    }
  }

  #take(index: number): BatchResult | undefined {
    if (this.#early.size === 0) return undefined
    const result = this.#early.get(index)
    this.#early.delete(index)
    return result
  }
}
