import { Buffer } from 'node:buffer'
import type { HostCalls } from './host-calls.ts'
import type { NativePort } from './native.ts'
import { Delivery, RECORD_FIELDS } from './records.ts'
import type { Words } from './words.ts'

/** Output up to this size comes in one buffer that is used again, and is copied. */
export const OUTPUT_BYTES = 4096

/** What is larger, or does not fit beside the rest, is not copied once more. */
const COPIED_BYTES = 16 * 1024 * 1024

/** To lend so much to the core takes less time than a copy. */
const LENT_BYTES = 32 * 1024

/** What the core returns for a run that goes on; for one that calls a host function it returns less. */
const GOES_ON = -1

/** Runs and calls that this thread waits for: `runSync` and `callSync`. */
export class CallerWait {
  /** Where the core writes how one ended. */
  readonly record: Float64Array = new Float64Array(RECORD_FIELDS)
  readonly output: Buffer = Buffer.allocUnsafeSlow(OUTPUT_BYTES)
  readonly #words: Words
  #port!: NativePort
  #runSync!: ReturnType<NativePort['makeRunSync']>
  #callSync!: ReturnType<NativePort['makeCallSync']>
  #callSyncWith!: ReturnType<NativePort['makeCallSyncWith']>
  #returnSync!: ReturnType<NativePort['makeReturnSync']>
  /** Whether one that was terminated while a host function ran is about to be given up. */
  #isGivingUp = false

  /** @param words Where the core and this side write what host functions are given and return. */
  constructor(words: Words) {
    this.#words = words
  }

  /** To be called once, with the port that has its buffers. */
  connect(port: NativePort): void {
    this.#port = port
    this.#runSync = port.makeRunSync()
    this.#callSync = port.makeCallSync()
    this.#callSyncWith = port.makeCallSyncWith()
    this.#returnSync = port.makeReturnSync()
  }

  /** Runs a program with the options in the first bytes of `options`. What is returned is to be read before anything else. */
  run(
    id: number,
    handle: number,
    hostCalls: HostCalls | undefined,
    options: Uint8Array,
    length: number,
  ): Delivery {
    if (hostCalls !== undefined) this.#giveUpLater()
    return this.#end(id, hostCalls, this.#runSync(id, handle, options, length))
  }

  /**
   * Calls a function with what the first bytes are that were passed, or of another buffer, which the core may read until
   * the call has returned. What is returned is to be read before anything else.
   *
   * @param beside The elements of the last argument, if they are not in the buffer.
   */
  call(
    id: number,
    instance: number,
    hostCalls: HostCalls | undefined,
    called: number,
    length: number,
    other?: Buffer,
    beside?: Uint8Array,
  ): Delivery {
    if (hostCalls !== undefined) this.#giveUpLater()
    let first
    if (other === undefined) first = this.#callSync(id, instance, called, length)
    else if (beside !== undefined) {
      first = this.#port.callSyncBeside(id, instance, called, other, length, beside)
    } else if (length < LENT_BYTES) {
      first = this.#callSyncWith(id, instance, called, other, length)
    } else first = this.#port.callSyncLent(id, instance, called, other, length)
    return this.#end(id, hostCalls, first)
  }

  /** Waits for the record of what was begun, whose first turn returned `first`, and calls host functions for it. */
  #end(id: number, hostCalls: HostCalls | undefined, first: number): Delivery {
    let length = first
    // In turns, because a thread can be terminated only between two calls.
    while (length < 0) {
      if (length === GOES_ON || hostCalls === undefined) length = this.#port.waitSync(id)
      else length = this.#call(id, hostCalls, GOES_ON - 1 - length)
    }
    const delivery = new Delivery(this.record, this.#bytes(length))
    delivery.next()
    return delivery
  }

  #bytes(length: number): Uint8Array {
    if (length <= OUTPUT_BYTES) return this.output
    // What the core made is freed in a later turn of the event loop, for which a script that waits has no time.
    if (length > COPIED_BYTES) return this.#port.takeSync()
    const bytes = Buffer.allocUnsafeSlow(length)
    this.#port.copySync(bytes)
    return bytes
  }

  /** Calls a host function, and goes on with the run. */
  #call(id: number, calls: HostCalls, index: number): number {
    this.#words.filled()
    const results = calls.calledSync(index, this.#words)
    if (results < 0) return this.#port.throwSync(id)
    return this.#words.isLarge(results)
      ? this.#port.returnSyncWith(id, this.#words.bytes(results))
      : this.#returnSync(id, results)
  }

  /**
   * A script that is terminated while a host function runs leaves its run behind, and nothing of it is called. At the
   * end of this turn of the event loop no thread waits for a run.
   */
  #giveUpLater(): void {
    if (this.#isGivingUp) return
    this.#isGivingUp = true
    process.nextTick(() => {
      this.#isGivingUp = false
      this.#port.giveUpSync()
    })
  }
}
