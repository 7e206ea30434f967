type Result = IteratorResult<string, undefined>

const DONE: Result = { done: true, value: undefined }

/** The stdin of an instance: lines that are read when the program waits for them. */
export class GuestInput implements AsyncIterable<string> {
  /** Given a line, or the end, if the program waits. */
  #waiting: ((result: Result) => void) | undefined
  #onWait: () => void = () => {};

  [Symbol.asyncIterator](): AsyncIterator<string, undefined> {
    return {
      next: () =>
        new Promise((resolve) => {
          this.#waiting = resolve
          this.#onWait()
        }),
      return: async () => {
        this.#give(DONE)
        return DONE
      },
    }
  }

  /** Reads lines for the program as it waits for them, until the signal aborts. */
  async feed(read: () => Promise<string | undefined>, signal: AbortSignal): Promise<void> {
    signal.addEventListener('abort', () => this.#onWait(), { once: true })
    for (;;) {
      await this.#wait(signal)
      if (signal.aborted) return
      const line = await read()
      if (line !== undefined) this.#give({ value: `${line}\n` })
      else if (!signal.aborted) this.#give(DONE)
    }
  }

  /** Resolves once the program waits, or the signal aborts. */
  #wait(signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      this.#onWait = resolve
      if (this.#waiting !== undefined || signal.aborted) resolve()
    })
  }

  #give(result: Result): void {
    const give = this.#waiting
    this.#waiting = undefined
    give?.(result)
  }
}
