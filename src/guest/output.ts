import type { Buffer } from 'node:buffer'
import { Readable, type ReadableOptions } from 'node:stream'
import type { InputEvents, LiveOutput, OutputEvents } from '../port/pipes.ts'
import { PIPE } from '../protocol.ts'
import { Relay, type RelayedOutput, type RelayingInput } from './relay.ts'
import { HIGH_WATER_BYTES, needsNoListener } from './streams.ts'

/** The guest is told what was taken each time it is this much: while the window is not full, it does not wait for it. */
const TELL_BYTES = PIPE.window / 2

/** Emitted before bytes become text. */
const ENCODING = Symbol('encoding')

class OutputStream extends Readable {
  readonly #output: GuestOutput

  constructor(output: GuestOutput, options: ReadableOptions) {
    super(options)
    this.#output = output
  }

  static outputOf(stream: unknown): GuestOutput | undefined {
    return stream instanceof OutputStream ? stream.#output : undefined
  }

  override setEncoding(encoding: BufferEncoding): this {
    this.emit(ENCODING)
    return super.setEncoding(encoding)
  }
}

/** The output that this is the stream of, if it is one. */
export const outputOf: (stream: unknown) => GuestOutput | undefined = OutputStream.outputOf

/** A guest's stdout or stderr as a Readable, made when somebody asks for it. */
export class GuestOutput implements LiveOutput, RelayedOutput {
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
  /** The stdins of guests that it is piped to, with the listeners that Node has added for that. */
  readonly #piped = new Map<RelayingInput, unknown>()
  #isWatched = false
  /** Set while it is piped to one. */
  #relay: Relay | undefined

  connect(run: OutputEvents): void {
    this.#run = run
  }

  get stream(): Readable {
    if (this.#readable !== undefined) return this.#readable
    const readable = new OutputStream(this, {
      highWaterMark: HIGH_WATER_BYTES,
      read: () => this.#take(),
      destroy: (error, done) => {
        this.#relay?.stop()
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
    if (readable?.destroyed === true) return
    this.#held += bytes.length
    this.#relay?.comes(bytes)
    if (readable === undefined) this.#early.push(bytes)
    else if (readable.push(bytes)) this.#take()
  }

  /** It was piped to the stdin of a guest. */
  piped(to: RelayingInput): void {
    const { stream } = this
    this.#piped.set(to, stream.listeners('data').at(-1))
    if (!this.#isWatched) this.#watch(stream)
    this.#relays()
  }

  unpiped(to: RelayingInput): void {
    this.#piped.delete(to)
    this.#relays()
  }

  get guest(): unknown {
    return this.#run?.guest
  }

  ask(to: InputEvents | undefined): boolean {
    const isAsked = this.#run?.relay(to) ?? false
    // What was taken meanwhile, which may be all that the guest waits for.
    if (to === undefined) this.#tell()
    return isAsked
  }

  tellAll(): void {
    this.#untold += this.#held
    this.#held = 0
    this.#tell()
  }

  /** Whoever else wants the bytes gets them. */
  #watch(stream: Readable): void {
    this.#isWatched = true
    stream.on('newListener', (event) => {
      if (event === 'data' || event === 'readable') this.#relay?.stop()
    })
    stream.on('pause', () => {
      if (this.#relay?.to.isFull === false) this.#relay.stop()
    })
    stream.on('resume', () => this.#relay?.proceed())
    stream.on(ENCODING, () => this.#relay?.stop())
  }

  #relays(): void {
    this.#relay?.close()
    const [pipe, other] = this.#piped
    this.#relay = pipe === undefined || other !== undefined ? undefined : new Relay(this, ...pipe)
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

  #tell(): void {
    if (this.#untold > 0) this.#run?.taken(this.#untold)
    this.#untold = 0
  }

  /** The reader has room again. */
  #take(): void {
    this.#untold += this.#held
    this.#held = 0
    if (this.#untold >= TELL_BYTES && this.#relay?.isAsked !== true) this.#tell()
  }
}
