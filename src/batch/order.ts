import type { PendingResult } from './lazy-result.ts'

/** Where the ring begins; it grows up to the size of the window. */
const FIRST_SIZE = 64

/** Lets results through in the order of their jobs: keeps those that ended before an earlier one. */
export class InOrder {
  readonly #release: (result: PendingResult) => void
  /**
   * A ring, by index; its size is a power of two. With a Map, whose tables are made anew every few
   * hundred results, a batch of a million jobs took a third more memory.
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
      // Before it is released: whoever gets it may cause the one after it.
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
