import { Buffer } from 'node:buffer'
import type { Writable } from 'node:stream'
import { invalid } from '../check.ts'
import { WasiexecError } from '../errors.ts'
import { STREAM } from '../protocol.ts'
import type { LocalOptions } from './encode-options.ts'
import type { StdinReader } from './stdin.ts'
import { thrownWords } from '../words.ts'

/** Who hears what happens to the streams of runs. */
export interface PipeEvents {
  pushStdin(run: number, chunk: Uint8Array): void
  endStdin(run: number): void
  outputTaken(run: number, stream: number, bytes: number): void
  outputClosed(run: number, stream: number): void
  /** Output goes straight into the stdin of the run `to`; 0 ends that. */
  outputRelayed(run: number, stream: number, to: number): void
}

/** What a stdin that the caller writes to tells its run. */
export interface InputEvents {
  readonly port: PipeEvents
  readonly run: number
  push(chunk: Uint8Array): void
  end(): void
}

/** What an output tells its run. */
export interface OutputEvents {
  /** The same for all outputs of a guest. */
  readonly guest: object
  taken(bytes: number): void
  closed(error: unknown): void
  /** Lets the output go straight into this stdin, or back here. Returns whether that was asked for. */
  relay(to: InputEvents | undefined): boolean
}

/** Stdin that the caller writes to while the guest runs. */
export interface LiveInput {
  connect(run: InputEvents): void
  /** There is room for so many more bytes. */
  give(bytes: number): void
  /** The run has ended, or failed with `fault`. */
  close(fault: unknown): void
}

/** Output that the caller reads while the guest runs. */
export interface LiveOutput {
  connect(run: OutputEvents): void
  write(bytes: Buffer): void
  /** The run has ended, or failed with `fault`. */
  close(fault: unknown): void
}

/** The response of a run that serves a request. */
export interface LiveResponse {
  connect(run: Pick<OutputEvents, 'taken'>): void
  /** Its head: names and values of headers, each with its length before it. To be read before this returns. */
  head(status: number, headers: Buffer): void
  write(bytes: Buffer): void
  /** What became of it, as a number of {@link RESPONSE_END}, and trailers or why. To be read before this returns. */
  end(how: number, content: Buffer): void
  /** The run has ended, or failed with `fault`. */
  close(fault: unknown): void
}

/** The streams of a run that belong to it, and are not the caller's. */
export interface LiveStreams {
  readonly response?: LiveResponse
  readonly stdin: LiveInput | undefined
  readonly stdout: LiveOutput | undefined
  readonly stderr: LiveOutput | undefined
}

/** The streams of one run that live on this side. */
export class Pipes {
  readonly #events: PipeEvents
  readonly #source: StdinReader | undefined
  readonly #input: LiveInput | undefined
  readonly #outputs: readonly (OutputEnd | undefined)[]
  readonly #response: LiveResponse | undefined
  readonly #id: number
  #ended = false
  /** Whether nothing more of stdin comes. */
  #hasReadAll = false
  #failure: WasiexecError | undefined

  constructor(
    events: PipeEvents,
    id: number,
    { stdout, stderr }: LocalOptions,
    source: StdinReader | undefined,
    live?: LiveStreams,
  ) {
    this.#events = events
    this.#id = id
    this.#source = source
    this.#input = live?.stdin
    this.#input?.connect({
      port: events,
      run: id,
      push: (chunk) => events.pushStdin(id, chunk),
      end: () => events.endStdin(id),
    })
    this.#outputs = [
      this.#output(STREAM.stdout, stdout, live?.stdout),
      this.#output(STREAM.stderr, stderr, live?.stderr),
      live?.response,
    ]
    this.#response = live?.response
    this.#response?.connect({
      taken: (bytes) => {
        if (!this.#ended) events.outputTaken(id, STREAM.body, bytes)
      },
    })
  }

  /** Whether stdin is a stream that has not ended. */
  get isReading(): boolean {
    return this.#source !== undefined && !this.#hasReadAll
  }

  /** The guest waits for more of stdin, or there is room for so many bytes of it. */
  ask(room: number): void {
    if (this.#input === undefined) void this.#pull()
    else this.#input.give(room)
  }

  /** The guest printed. The bytes may be kept. */
  write(stream: number, bytes: Buffer): void {
    this.#outputs[stream - 1]?.write(bytes)
  }

  /** The head of the response. */
  respond(status: number, headers: Buffer): void {
    this.#response?.head(status, headers)
  }

  endResponse(how: number, content: Buffer): void {
    this.#response?.end(how, content)
  }

  /** Called when the run has ended or failed; returns what went wrong with a stream, if anything did. */
  end(fault: unknown): WasiexecError | undefined {
    this.#ended = true
    this.#input?.close(fault)
    for (const output of this.#outputs) output?.close(fault)
    void this.#source?.close()
    return this.#failure
  }

  async #pull(): Promise<void> {
    const source = this.#source
    if (source === undefined) return
    try {
      const next = await source.next()
      if (this.#ended) return
      if (next.done === true) this.#endStdin()
      else this.#events.pushStdin(this.#id, toBytes(next.value))
    } catch (error) {
      if (this.#ended) return
      this.#fail('stdin', error)
      this.#endStdin()
    }
  }

  #endStdin(): void {
    this.#hasReadAll = true
    this.#events.endStdin(this.#id)
  }

  #output(
    stream: number,
    writable: Writable | undefined,
    live: LiveOutput | undefined,
  ): OutputEnd | undefined {
    const events: OutputEvents = {
      guest: this,
      taken: (bytes) => {
        if (!this.#ended) this.#events.outputTaken(this.#id, stream, bytes)
      },
      closed: (error) => {
        if (this.#ended) return
        if (error !== undefined) this.#fail(stream === STREAM.stdout ? 'stdout' : 'stderr', error)
        this.#events.outputClosed(this.#id, stream)
      },
      relay: (to) => {
        if (this.#ended || (to !== undefined && to.port !== this.#events)) return false
        this.#events.outputRelayed(this.#id, stream, to?.run ?? 0)
        return true
      },
    }
    live?.connect(events)
    return live ?? (writable && new Output(writable, events))
  }

  /** The first failure counts. */
  #fail(option: string, error: unknown): void {
    if (error instanceof WasiexecError) this.#failure ??= error
    const message = `the stream given as \`${option}\` failed: ${thrownWords(error)}`
    this.#failure ??= new WasiexecError('ERR_STREAM', message, { cause: error })
  }
}

type OutputEnd = Pick<LiveOutput, 'write' | 'close'>

/** A Writable for as long as a guest prints to it. */
class Output implements OutputEnd {
  readonly #writable: Writable
  readonly #events: OutputEvents
  /** Writes that the stream has not finished. */
  #pending = 0
  #detached = false

  constructor(writable: Writable, events: OutputEvents) {
    this.#writable = writable
    this.#events = events
    listen(writable, this)
  }

  write(bytes: Buffer): void {
    if (this.#writable.destroyed || this.#writable.writableEnded) {
      this.#events.closed(undefined)
      return
    }
    try {
      this.#pending += 1
      this.#writable.write(bytes, (error) => {
        this.#pending -= 1
        // The error itself arrives as an event, which needs a listener even after the run.
        if (error !== null && error !== undefined) return
        this.#events.taken(bytes.length)
        if (this.#detached && this.#pending === 0) forget(this.#writable, this)
      })
    } catch (error) {
      this.#pending -= 1
      this.#events.closed(error)
    }
  }

  close(): void {
    this.#detached = true
    if (this.#pending === 0) forget(this.#writable, this)
  }

  failed(error: unknown): void {
    // A reader that has gone, as with `| head`, is for the guest to notice.
    const isBrokenPipe = (error as { code?: unknown } | null)?.code === 'EPIPE'
    this.#events.closed(isBrokenPipe ? undefined : error)
  }

  closed(): void {
    this.#events.closed(undefined)
  }
}

/** One pair of listeners per Writable, however many runs print to it. */
const outputs = new WeakMap<Writable, { runs: Set<Output>; stop: () => void }>()

function listen(writable: Writable, output: Output): void {
  const known = outputs.get(writable)
  if (known !== undefined) {
    known.runs.add(output)
    return
  }
  const runs = new Set([output])
  const onError = (error: unknown): void => runs.forEach((run) => run.failed(error))
  const onClose = (): void => runs.forEach((run) => run.closed())
  writable.on('error', onError)
  writable.on('close', onClose)
  const stop = (): void => {
    writable.off('error', onError)
    writable.off('close', onClose)
  }
  outputs.set(writable, { runs, stop })
}

function forget(writable: Writable, output: Output): void {
  const known = outputs.get(writable)
  if (!known?.runs.delete(output) || known.runs.size > 0) return
  outputs.delete(writable)
  known.stop()
}

function toBytes(chunk: unknown): Uint8Array {
  if (typeof chunk === 'string') return Buffer.from(chunk, 'utf8')
  if (chunk instanceof Uint8Array) return chunk
  throw invalid('stdin (a chunk)', 'a string or bytes', chunk)
}
