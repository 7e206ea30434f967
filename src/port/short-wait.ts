/** The most calls in a row that are not waited for. */
const MOST = 64

/**
 * Decides whether a call that is alone in the core is waited for, for a few microseconds: to be woken takes longer than a
 * short call. The more calls took longer, the fewer are waited for.
 */
export class ShortWait {
  #skipped = 0
  #skips = 1

  /** To be asked once per call. */
  pays(): boolean {
    if (this.#skipped === 0) return true
    this.#skipped -= 1
    return false
  }

  /** A call was waited for. */
  waited(came: boolean): void {
    this.#skips = came ? 1 : Math.min(2 * this.#skips, MOST)
    this.#skipped = came ? 0 : this.#skips
  }
}
