/** Lets many in side by side, or one alone. One that wants to be alone goes before those who come after it. */
export class Gate {
  #inside = 0
  #alone = false
  readonly #waiting: { alone: boolean; enter: () => void }[] = []

  /** Runs `body` beside others. */
  shared<T>(body: () => Promise<T>): Promise<T> {
    return this.#pass(false, body)
  }

  /** Runs `body` while nobody else is inside. */
  exclusive<T>(body: () => Promise<T>): Promise<T> {
    return this.#pass(true, body)
  }

  async #pass<T>(alone: boolean, body: () => Promise<T>): Promise<T> {
    await new Promise<void>((enter) => {
      this.#waiting.push({ alone, enter })
      this.#admit()
    })
    try {
      return await body()
    } finally {
      this.#inside -= 1
      if (alone) this.#alone = false
      this.#admit()
    }
  }

  #admit(): void {
    for (;;) {
      const [next] = this.#waiting
      if (next === undefined || this.#alone || (next.alone && this.#inside > 0)) return
      this.#waiting.shift()
      this.#inside += 1
      this.#alone = next.alone
      next.enter()
    }
  }
}
