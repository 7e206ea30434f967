/** Jobs that are held at a time, at the least and, unless `concurrency` needs more, at the most. */
const LEAST = 32
const MOST = 2048

/**
 * The part of them that should still be in the core when results arrive: results of short runs arrive
 * many at a time, and it takes time to take as many jobs again.
 */
const ENOUGH = 3 / 4

/** What the stdin of jobs in the core may take before no more jobs are taken. */
const INPUT_BYTES = 64 * 1024 * 1024

/**
 * How many jobs are held at a time: taken from the source and not yet read as results.
 *
 * Begins small, so that slow jobs are not taken long before their time, and doubles whenever somebody
 * waited for results and the core is running out of work.
 */
export class Window {
  readonly #concurrency: number
  readonly #most: number
  #size: number

  constructor(concurrency: number) {
    this.#concurrency = concurrency
    this.#size = Math.max(LEAST, 2 * concurrency)
    this.#most = Math.max(MOST, this.#size)
  }

  /** Whether one more job may be taken while so many are held. */
  admits(held: number, inputBytes: number): boolean {
    return held < this.#size && inputBytes < INPUT_BYTES
  }

  /** Somebody waits for results, and so many jobs are still in the core. */
  hungry(jobs: number): boolean {
    const enough = Math.max(this.#concurrency, this.#size * ENOUGH)
    if (jobs >= enough || this.#size === this.#most) return false
    this.#size = Math.min(this.#size * 2, this.#most)
    return true
  }
}
