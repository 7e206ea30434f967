import type { PendingResult } from './lazy-result.ts'

/** The first size of the ring, which grows up to the size of the window. */
const FIRST_SIZE = 64

/** Passes results on in the order of their jobs, and keeps results that ended before an earlier one. */
export class InOrder {
  readonly #release: (result: PendingResult) => void
  /**
   * A ring, by index; its size is a power of two. A Map makes its tables anew every few hundred results,
   * and a batch of a million jobs took a third more memory with one.
   */
  #early = ring(FIRST_SIZE)
  #next = 0

  constructor(release: (result: PendingResult) => void) {
    this.#release = release
  }

  put(result: PendingResult): void {
    if (result.index !== this.#next) {
      this.#keep(result)
      return
    }
    let next: PendingResult | undefined = result
    while (next !== undefined) {
      // Before the release, which may bring the next result.
      this.#next += 1
      this.#release(next)
      next = this.#take()
    }
  }

  #keep(result: PendingResult): void {
    while (result.index - this.#next >= this.#early.length) this.#grow()
    this.#early[this.#place(result.index)] = result
  }

  #take(): PendingResult | undefined {
    const place = this.#place(this.#next)
    const result = this.#early[place]
    this.#early[place] = undefined
    return result
  }

  #grow(): void {
    const kept = this.#early
    this.#early = ring(kept.length * 2)
    for (const result of kept) {
      if (result !== undefined) this.#early[this.#place(result.index)] = result
    }
  }

  #place(index: number): number {
    return index & (this.#early.length - 1)
  }
}

function ring(size: number): (PendingResult | undefined)[] {
  return Array.from({ length: size })
}
