/** Work that waits for Redis, which may never come. */
export class GiveUp {
  readonly #over: Promise<void>
  readonly #timer: NodeJS.Timeout

  /** @param stop is called after `ms`, unless {@link end} was called before */
  constructor(ms: number, stop: () => void) {
    let give!: () => void
    this.#over = new Promise((resolve) => (give = resolve))
    this.#timer = setTimeout(() => {
      stop()
      give()
    }, ms)
  }

  /** Resolves when the work has ended, or is not waited for any more. Rejects with what the work rejects with in time. */
  async wait(work: Promise<unknown>): Promise<void> {
    await Promise.race([work, this.#over])
  }

  end(): void {
    clearTimeout(this.#timer)
  }
}
