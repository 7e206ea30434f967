/** How long something waits before it is looked at, and the longest time between two collections that found nothing. */
const FIRST_MS = 10
const LONGEST_MS = 30_000

/**
 * Frees the slots of instances that nobody uses any more, when something waits for a slot.
 *
 * Such an instance ends when it is garbage-collected, and a process that only waits collects no garbage.
 */
export class SlotWatch {
  readonly #port: WatchedPort
  #timer: NodeJS.Timeout | undefined
  #delay = FIRST_MS
  /** How many instances had been found before the last collection. */
  #found = 0

  constructor(port: WatchedPort) {
    this.#port = port
  }

  /** To be called when something may have to wait, and there are instances. */
  start(): void {
    // What waits keeps the process alive, if it is to.
    if (this.#timer !== undefined) return
    this.#timer = setTimeout(this.#look, this.#delay).unref()
  }

  readonly #look = (): void => {
    this.#timer = undefined
    const { instances, found, isAwaited } = this.#port.watched()
    if (found > this.#found || !isAwaited) this.#delay = FIRST_MS
    if (!isAwaited || instances === 0) return
    if (this.#port.isStalled()) {
      this.#found = found
      this.#port.collect()
      // Where all slots are in use, looking again and again would cost time and find nothing.
      this.#delay = Math.min(this.#delay * 2, LONGEST_MS)
    } else this.#delay = Math.max(this.#delay / 2, FIRST_MS)
    this.start()
  }
}

/** What is looked at. */
export interface Watched {
  /** The instances that have not ended. */
  readonly instances: number
  /** How many instances that nobody used any more have been found so far. */
  readonly found: number
  /** Whether anything is waited for. */
  readonly isAwaited: boolean
}

/** What is watched. */
export interface WatchedPort {
  watched(): Watched
  /** Whether something waits for a slot that an instance has. */
  isStalled(): boolean
  collect(): void
}
