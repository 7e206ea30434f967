import type { Buffer } from 'node:buffer'
import { Readable } from 'node:stream'
import type { LiveOutput, OutputEvents } from '../port/pipes.ts'
import { PIPE } from '../protocol.ts'
import { HIGH_WATER_BYTES, needsNoListener } from './streams.ts'

/** The guest is told what was taken each time it is this much: while the window is not full, it does not wait for it. */
const TELL_BYTES = PIPE.window / 2

/** A guest's stdout or stderr as a Readable, made when somebody asks for it. */
export class GuestOutput implements LiveOutput {
  #run: OutputEvents | undefined
  #readable: Readable | undefined
  /** Printed before there was a Readable: the guest waits when it is a window. */
  #early: Buffer[] = []
  /** Bytes for which the reader has no room. */
  #held = 0
  /** Bytes that were taken, of which the guest was not told. */
  #untold = 0
  #isClosed = false
  #fault: Error | undefined

  connect(run: OutputEvents): void {
    this.#run = run
  }

  get stream(): Readable {
    if (this.#readable !== undefined) return this.#readable
    const readable = new Readable({
      highWaterMark: HIGH_WATER_BYTES,
      read: () => this.#take(),
      destroy: (error, done) => {
        if (!this.#isClosed) this.#run?.closed(undefined)
        done(error)
      },
    })
    needsNoListener(readable)
    this.#readable = readable
    for (const chunk of this.#early) readable.push(chunk)
    this.#early = []
    if (this.#isClosed) this.#end(readable)
    return readable
  }

  write(bytes: Buffer): void {
    const readable = this.#readable
    if (readable?.destroyed === true) {
      // Said again, because it counts only once the guest has started.
      this.#run?.closed(undefined)
      return
    }
    this.#held += bytes.length
    if (readable === undefined) this.#early.push(bytes)
    else if (readable.push(bytes)) this.#take()
  }

  close(fault: unknown): void {
    this.#isClosed = true
    if (fault !== undefined) this.#fault = fault as Error
    if (this.#readable?.destroyed === false) this.#end(this.#readable)
  }

  #end(readable: Readable): void {
    if (this.#fault === undefined) readable.push(null)
    else readable.destroy(this.#fault)
  }

  /** The reader has room again. */
  #take(): void {
    this.#untold += this.#held
    this.#held = 0
    if (this.#untold < TELL_BYTES) return
    this.#run?.taken(this.#untold)
    this.#untold = 0
  }
}
