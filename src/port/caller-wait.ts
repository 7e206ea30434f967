import { Buffer } from 'node:buffer'
import type { HostCalls } from './host-calls.ts'
import type { NativePort } from './native.ts'
import { Delivery, RECORD_FIELDS } from './records.ts'
import type { Words } from './words.ts'

/** Output up to this size comes in one buffer that is used again, and is copied. */
export const OUTPUT_BYTES = 4096

/** What is larger, or does not fit beside the rest, is not copied once more. */
const COPIED_BYTES = 16 * 1024 * 1024

/** What the core returns for a run that goes on; for one that calls a host function it returns less. */
const GOES_ON = -1

/** Runs and calls that this thread waits for: `runSync` and `callSync`. */
export class CallerWait {
  /** Where the core writes how one ended. */
  readonly record: Float64Array = new Float64Array(RECORD_FIELDS)
  readonly output: Buffer = Buffer.allocUnsafeSlow(OUTPUT_BYTES)
  readonly #words: Words
  /** Whether one that was terminated while a host function ran is about to be given up. */
  #isGivingUp = false

  /** @param words Where the core and this side write what host functions are given and return. */
  constructor(words: Words) {
    this.#words = words
  }

  /** To be called before one begins that calls these host functions. */
  expect(port: NativePort, hostCalls: HostCalls | undefined): void {
    if (hostCalls !== undefined) this.#giveUpLater(port)
  }

  /**
   * Waits for the record of what was begun, whose first turn returned `first`, and calls host functions for it. What is
   * returned is to be read before anything else is done.
   */
  end(port: NativePort, id: number, hostCalls: HostCalls | undefined, first: number): Delivery {
    let length = first
    // In turns, because a thread can be terminated only between two calls.
    while (length < 0) {
      if (length === GOES_ON || hostCalls === undefined) length = port.waitSync(id)
      else length = this.#call(port, id, hostCalls, GOES_ON - 1 - length)
    }
    const delivery = new Delivery(this.record, this.#bytes(port, length))
    delivery.next()
    return delivery
  }

  #bytes(port: NativePort, length: number): Uint8Array {
    if (length <= OUTPUT_BYTES) return this.output
    // What the core made is freed in a later turn of the event loop, for which a script that waits has no time.
    if (length > COPIED_BYTES) return port.takeSync()
    const bytes = Buffer.allocUnsafeSlow(length)
    port.copySync(bytes)
    return bytes
  }

  /** Calls a host function, and goes on with the run. */
  #call(port: NativePort, id: number, calls: HostCalls, index: number): number {
    this.#words.filled()
    const results = calls.calledSync(index, this.#words)
    if (results < 0) return port.throwSync(id)
    return this.#words.isLarge(results)
      ? port.returnSyncWith(id, this.#words.bytes(results))
      : port.returnSync(id, results)
  }

  /**
   * A script that is terminated while a host function runs leaves its run behind, and nothing of it is called. At the
   * end of this turn of the event loop no thread waits for a run.
   */
  #giveUpLater(port: NativePort): void {
    if (this.#isGivingUp) return
    this.#isGivingUp = true
    process.nextTick(() => {
      this.#isGivingUp = false
      port.giveUpSync()
    })
  }
}
