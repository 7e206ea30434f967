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
    while (await this.#waits(signal)) {
      const line = await read()
      if (line !== undefined) this.#give({ value: `${line}\n` })
      else if (!signal.aborted) this.#give(DONE)
    }
  }

  /** Resolves once the program waits; to false when the signal aborts. */
  #waits(signal: AbortSignal): Promise<boolean> {
    return new Promise((resolve) => {
      this.#onWait = () => resolve(!signal.aborted)
      signal.addEventListener('abort', () => resolve(false), { once: true })
      if (this.#waiting !== undefined || signal.aborted) this.#onWait()
    })
  }

  #give(result: Result): void {
    const give = this.#waiting
    this.#waiting = undefined
    give?.(result)
  }
}
