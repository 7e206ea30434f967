import type { Buffer } from 'node:buffer'
import type { Readable } from 'node:stream'
import type { InputEvents } from '../port/pipes.ts'
import { PIPE } from '../protocol.ts'

/** What passes here first: for less, asking does not pay. */
const BULK_BYTES = 64 * 1024

/** When so much still comes, the guests are in different processes, or the first one writes very much at a time. */
const REFUSED_BYTES = PIPE.window * 4

/** How many times as much passes here before the core is asked once more. */
const LATER = 16

/** The output that is relayed. */
export interface RelayedOutput {
  readonly stream: Readable
  /** Which guest prints it; undefined before that has started. */
  readonly guest: unknown
  /** Lets the core pass output on to this stdin, or stop that. Returns whether it was asked. */
  ask(to: InputEvents | undefined): boolean
  /** Tells the guest that everything was taken. */
  tellAll(): void
}

/** The stdin it goes to. */
export interface RelayingInput {
  /** The run, if it reads and has got everything that was written. */
  readonly idleRun: InputEvents | undefined
  /** The pipes to it. */
  readonly relays: Set<Relay>
  /** Whether the one that writes has to wait. */
  readonly isFull: boolean
}

/**
 * A pipe from one guest to another, which carries bytes past JavaScript while nothing but the pipe wants them. What is
 * on its way here when the core is asked goes on through the streams, and the core holds what comes later until it is
 * told that this was taken. So here it is taken only once the other guest has it.
 */
export class Relay {
  readonly #from: RelayedOutput
  readonly #to: RelayingInput
  /** Bytes that came since the last change. */
  #passed = 0
  /** The chunk that came last, until it is written to the stdin. */
  #newest: Buffer | undefined
  /** Chunks that came since the core was asked; undefined while it is not. */
  #passing: WeakSet<Buffer> | undefined
  #least = BULK_BYTES
  /** What Node has added to the output. */
  readonly #listener: unknown

  constructor(from: RelayedOutput, to: RelayingInput, listener: unknown) {
    this.#from = from
    this.#to = to
    this.#listener = listener
    to.relays.add(this)
    for (const other of this.#siblings) other.stop()
  }

  get to(): RelayingInput {
    return this.#to
  }

  /** Whether the core was asked, and output is taken only by {@link proceed}. */
  get isAsked(): boolean {
    return this.#passing !== undefined
  }

  /** A chunk comes. */
  comes(chunk: Buffer): void {
    this.#passed += chunk.length
    this.#newest = chunk
    this.#passing?.add(chunk)
  }

  /** The stdin writes a chunk. Returns whether this is one of those that came since the core was asked. */
  passes(chunk: Buffer): boolean {
    if (chunk === this.#newest) this.#newest = undefined
    return this.#passing?.has(chunk) === true
  }

  /** Something was passed on. */
  proceed(): void {
    const run = this.#to.idleRun
    if (run === undefined || this.#from.stream.readableLength > 0) return
    if (this.#passing !== undefined) {
      this.#from.tellAll()
      if (this.#passed < REFUSED_BYTES) return
      this.#least *= LATER
      this.stop()
    } else if (this.#passed >= this.#least && this.#isAlone) {
      if (!this.#from.ask(run)) {
        this.#least *= LATER
        return
      }
      // All that is on its way to this place is still to come.
      this.#from.tellAll()
      this.#passing = new WeakSet()
      this.#passed = 0
    }
  }

  /** From now on everything comes through the streams. */
  stop(): void {
    if (this.#passing === undefined) return
    this.#passing = undefined
    this.#passed = 0
    this.#from.ask(undefined)
  }

  /** The pipe has ended. */
  close(): void {
    this.stop()
    this.#to.relays.delete(this)
  }

  /** Whether the pipe is all that reads, and has let all bytes through as they are. */
  get #isAlone(): boolean {
    const { stream } = this.#from
    const [listener, other] = stream.listeners('data')
    return (
      listener === this.#listener &&
      other === undefined &&
      stream.listenerCount('readable') === 0 &&
      stream.readableEncoding === null &&
      stream.readableFlowing === true &&
      // A listener may write while a chunk is on its way to the pipe.
      this.#newest === undefined &&
      this.#siblings.length === 0
    )
  }

  /** Pipes of the same guest's other output to the same stdin: neither overtakes the other. */
  get #siblings(): Relay[] {
    const { guest } = this.#from
    return [...this.#to.relays].filter((other) => other !== this && other.#from.guest === guest)
  }
}
