/** The most in a row that are not waited for. */
const MOST = 64

/**
 * Decides whether what is alone in the core is waited for, for some microseconds: a run, a call, what a guest does after a
 * host function has returned, or the answer to a line. To be woken takes longer than a short call. The more took longer,
 * the fewer are waited for.
 */
export class ShortWait {
  #skipped = 0
  #skips = 1

  /** To be asked once for each. */
  pays(): boolean {
    if (this.#skipped === 0) return true
    this.#skipped -= 1
    return false
  }

  /** One was waited for. */
  waited(came: boolean): void {
    this.#skips = came ? 1 : Math.min(2 * this.#skips, MOST)
    this.#skipped = came ? 0 : this.#skips
  }
}
