import { PIPE } from '../protocol.ts'
import type { InputEvents, LiveInput } from '../port/pipes.ts'

/** Where the body of a request comes from. */
export interface BodySource {
  /** The next bytes; undefined at the end. */
  next(): Promise<Uint8Array | undefined>
  /** Nobody reads the rest. */
  cancel(): void
}

/** The body of a request: reads as much as its guest has room for. */
export class RequestBody implements LiveInput {
  readonly #source: BodySource
  readonly #failed: (error: unknown) => void
  #run: InputEvents | undefined
  #room = 0
  #rest: Uint8Array | undefined
  #isReading = false
  #isOver = false

  /** @param failed Is called if the source fails: the guest must not take this for the end. */
  constructor(source: BodySource, failed: (error: unknown) => void) {
    this.#source = source
    this.#failed = failed
  }

  connect(run: InputEvents): void {
    this.#run = run
  }

  give(bytes: number): void {
    // Not more than a window: the number may come from another process.
    this.#room = Math.min(this.#room + bytes, PIPE.window)
    if (!this.#isReading) void this.#read()
  }

  close(): void {
    if (this.#isOver) return
    this.#isOver = true
    this.#source.cancel()
  }

  async #read(): Promise<void> {
    this.#isReading = true
    try {
      while (this.#room > 0 && !this.#isOver) {
        const bytes = this.#rest ?? (await this.#source.next())
        if (this.#isOver) return
        if (bytes === undefined) {
          this.#isOver = true
          this.#run?.end()
          return
        }
        const part = bytes.subarray(0, this.#room)
        this.#rest = part.length < bytes.length ? bytes.subarray(part.length) : undefined
        this.#room -= part.length
        if (part.length > 0) this.#run?.push(part)
      }
    } catch (error) {
      if (!this.#isOver) this.#failed(error)
    } finally {
      this.#isReading = false
    }
  }
}
