/** After so many flushes, or so many milliseconds with what runs between them, the event loop has a turn. */
const MOST_FLUSHES = 16
const MOST_MS = 2

// Not those of a test, where time may stand still.
export const afterTurn: typeof setImmediate = setImmediate
const now = performance.now.bind(performance)

/**
 * Sees to it that timers and sockets have their turn beside a loop that awaits one answer after the other. Without it, the
 * next answer can be there before the turn ends: because it is waited for, or because Node goes on to call the core's
 * function while the core has called it again.
 */
export class Turns {
  /** Flushes since the event loop had a turn. */
  #flushes = 0
  /** When the first of them began. */
  #began = 0
  readonly #hadTurn = (): void => {
    this.#flushes = 0
  }

  /** To be asked before each flush. If a turn is due, the flush comes {@link afterTurn}, and asks again. */
  isDue(): boolean {
    const time = now()
    if (this.#flushes === 0) {
      this.#began = time
      afterTurn(this.#hadTurn)
    }
    this.#flushes += 1
    return this.#flushes > MOST_FLUSHES || time - this.#began > MOST_MS
  }
}
