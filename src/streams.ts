import { Buffer } from 'node:buffer'
import type { Writable } from 'node:stream'
import { invalid } from './check.ts'
import { WasiexecError } from './errors.ts'
import type { LocalOptions } from './encode-options.ts'
import type { Transport } from './transport.ts'

const STDOUT = 1
const STDERR = 2

/** The streams of one run that live on this side. */
export class Streams {
  readonly #transport: Transport
  readonly #source: AsyncIterator<unknown> | undefined
  readonly #outputs: readonly [Output | undefined, Output | undefined]
  readonly #id: number
  #ended = false
  #failure: WasiexecError | undefined

  constructor(transport: Transport, id: number, { stdin, stdout, stderr }: LocalOptions) {
    this.#transport = transport
    this.#id = id
    this.#source = stdin === undefined ? undefined : iterate(stdin)
    this.#outputs = [this.#output(STDOUT, stdout), this.#output(STDERR, stderr)]
  }

  /** The guest waits for more of stdin. */
  ask(): void {
    void this.#pull()
  }

  /** The guest printed. */
  write(stream: number, bytes: Buffer): void {
    const output = this.#outputs[stream - 1]
    // A copy: the bytes share their memory with all that came with them.
    output?.write(Buffer.from(bytes))
  }

  /** The run has ended; answers what went wrong with a stream, if anything did. */
  end(): WasiexecError | undefined {
    this.#ended = true
    for (const output of this.#outputs) output?.detach()
    void this.#closeSource()
    return this.#failure
  }

  async #closeSource(): Promise<void> {
    try {
      await this.#source?.return?.()
    } catch {
      // What it throws now concerns no run.
    }
  }

  async #pull(): Promise<void> {
    const source = this.#source
    if (source === undefined) return
    try {
      const next = await source.next()
      if (this.#ended) return
      if (next.done === true) this.#transport.endStdin(this.#id)
      else this.#transport.pushStdin(this.#id, toBytes(next.value))
    } catch (error) {
      if (this.#ended) return
      this.#fail('stdin', error)
      this.#transport.endStdin(this.#id)
    }
  }

  #output(stream: number, writable: Writable | undefined): Output | undefined {
    if (writable === undefined) return undefined
    return new Output(writable, {
      taken: (bytes) => {
        if (!this.#ended) this.#transport.outputTaken(this.#id, stream, bytes)
      },
      closed: (error) => {
        if (this.#ended) return
        if (error !== undefined) this.#fail(stream === STDOUT ? 'stdout' : 'stderr', error)
        this.#transport.outputClosed(this.#id, stream)
      },
    })
  }

  /** The first failure counts. */
  #fail(option: string, error: unknown): void {
    if (error instanceof WasiexecError) this.#failure ??= error
    const message = `the stream given as \`${option}\` failed: ${error instanceof Error ? error.message : String(error)}`
    this.#failure ??= new WasiexecError('ERR_STREAM', message, { cause: error })
  }
}

/** What an output tells its run. */
interface OutputEvents {
  taken(bytes: number): void
  closed(error: unknown): void
}

/** A Writable for as long as a guest prints to it. */
class Output {
  readonly #writable: Writable
  readonly #events: OutputEvents

  constructor(writable: Writable, events: OutputEvents) {
    this.#writable = writable
    this.#events = events
    writable.on('error', this.#onError)
    writable.on('close', this.#onClose)
  }

  write(bytes: Buffer): void {
    if (this.#writable.destroyed || this.#writable.writableEnded) {
      this.#events.closed(undefined)
      return
    }
    try {
      this.#writable.write(bytes, (error) => {
        // The error itself arrives as an event.
        if (error === null || error === undefined) this.#events.taken(bytes.length)
      })
    } catch (error) {
      this.#events.closed(error)
    }
  }

  detach(): void {
    this.#writable.off('error', this.#onError)
    this.#writable.off('close', this.#onClose)
  }

  readonly #onError = (error: unknown): void => {
    // A reader that has gone, as with `| head`, is the guest's to notice.
    const isBrokenPipe = (error as { code?: unknown } | null)?.code === 'EPIPE'
    this.#events.closed(isBrokenPipe ? undefined : error)
  }

  readonly #onClose = (): void => {
    this.#events.closed(undefined)
  }
}

function iterate(stream: AsyncIterable<unknown>): AsyncIterator<unknown> {
  // The process needs its stdin after this run; everything else ends with its reader.
  if (stream === process.stdin) return process.stdin.iterator({ destroyOnReturn: false })
  return stream[Symbol.asyncIterator]()
}

function toBytes(chunk: unknown): Uint8Array {
  if (typeof chunk === 'string') return Buffer.from(chunk, 'utf8')
  if (chunk instanceof Uint8Array) return chunk
  throw invalid('stdin (a chunk)', 'a string or bytes', chunk)
}
