/** Runs by the signals that abort them: one listener per signal, however many runs it stops. */
export class Signals {
  readonly #runs = new Map<AbortSignal, Set<number>>()
  readonly #aborted: (runs: Iterable<number>) => void

  constructor(aborted: (runs: Iterable<number>) => void) {
    this.#aborted = aborted
  }

  add(signal: AbortSignal, run: number): void {
    const runs = this.#runs.get(signal)
    if (runs !== undefined) {
      runs.add(run)
      return
    }
    this.#runs.set(signal, new Set([run]))
    signal.addEventListener('abort', this.#onAbort, { once: true })
  }

  delete(signal: AbortSignal, run: number): void {
    const runs = this.#runs.get(signal)
    runs?.delete(run)
    if (runs?.size !== 0) return
    this.#runs.delete(signal)
    signal.removeEventListener('abort', this.#onAbort)
  }

  readonly #onAbort = (event: Event): void => {
    this.#aborted(this.#runs.get(event.target as AbortSignal) ?? [])
  }
}
