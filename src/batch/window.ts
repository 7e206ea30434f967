/** The least and, unless `concurrency` needs more, the most jobs that are held at a time. */
const LEAST = 32
const MOST = 2048

/**
 * The share of them that should still be in the core when results arrive. Results of short runs arrive
 * many at a time, and it takes time to take as many new jobs.
 */
const ENOUGH = 3 / 4

/** No more jobs are taken while the jobs in the core have this much stdin. */
const INPUT_BYTES = 64 * 1024 * 1024

/**
 * How many jobs are held at a time: taken from the source and not yet read as results.
 *
 * It begins small, so that slow jobs are not taken long before they run. It doubles whenever a reader
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

  /** Whether one more job may be taken while this many are held. */
  admits(held: number, inputBytes: number): boolean {
    return held < this.#size && inputBytes < INPUT_BYTES
  }

  /** A reader waits for results while this many jobs are in the core. Returns whether the window grew. */
  hungry(jobs: number): boolean {
    const enough = Math.max(this.#concurrency, this.#size * ENOUGH)
    if (jobs >= enough || this.#size === this.#most) return false
    this.#size = Math.min(this.#size * 2, this.#most)
    return true
  }
}
