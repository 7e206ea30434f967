/** How long it is silent after it has said something. */
const SILENT_MS = 60_000

/**
 * Says on stderr what an event `error` tells its listeners, where there are none: a program that waits for a server that
 * is not there would be silent.
 */
export class Unheard {
  readonly #whose: string
  #saidAt = -Infinity

  /** @param whose what has the event, as messages name it */
  constructor(whose: string) {
    this.#whose = whose
  }

  /** From now on nothing is said: what was asked to close has no faults that matter. */
  end(): void {
    this.#saidAt = Infinity
  }

  say(error: Error): void {
    const now = performance.now()
    if (now - this.#saidAt < SILENT_MS) return
    this.#saidAt = now
    const advice = 'it tries again; a listener of its event `error` takes the place of this warning'
    process.emitWarning(`wasiexec: ${this.#whose}: ${error.message}; ${advice}`)
  }
}
