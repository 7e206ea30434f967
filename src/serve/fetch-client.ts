import { Buffer } from 'node:buffer'
import { HIGH_WATER_BYTES } from '../guest/streams.ts'
import { WasiexecError } from '../errors.ts'
import type { Client } from './exchange.ts'

/** Statuses whose responses have no body. */
const BODILESS = [204, 205, 304]

type Bytes = Uint8Array<ArrayBuffer>

interface Events {
  resolve(response: Response): void
  reject(error: unknown): void
  /** The body has room for so many more bytes. */
  taken(bytes: number): void
  /** Nobody reads the body any more. */
  cancelled(reason: unknown): void
}

/** Makes a `Response` of what a guest sends. */
export class FetchClient implements Client {
  readonly #events: Events
  #head: { readonly status: number; readonly headers: [string, string][] } | undefined
  /** What came before there was a response. */
  #early: Buffer[] = []
  #held = 0
  #controller: ReadableStreamDefaultController<Uint8Array> | undefined
  #isBodiless = false
  #ending: 'whole' | 'broken' | undefined

  constructor(events: Events) {
    this.#events = events
  }

  begin(status: number, headers: readonly string[]): void {
    const pairs: [string, string][] = []
    for (let at = 0; at < headers.length; at += 2) pairs.push([headers[at]!, headers[at + 1]!])
    this.#head = { status, headers: pairs }
    this.#isBodiless = BODILESS.includes(status)
    // What comes together with the head needs no stream.
    process.nextTick(() => this.#respond())
  }

  write(bytes: Buffer): void {
    if (this.#isBodiless) {
      this.#events.taken(bytes.length)
      return
    }
    this.#held += bytes.length
    const controller = this.#controller
    if (controller === undefined) {
      this.#early.push(bytes)
      return
    }
    controller.enqueue(bytes)
    if ((controller.desiredSize ?? 0) > 0) this.#take()
  }

  end(): void {
    this.#ending = 'whole'
    this.#controller?.close()
  }

  breakOff(): void {
    this.#ending = 'broken'
    this.#controller?.error(brokenOff())
  }

  refuse(fault: unknown): void {
    if (fault !== undefined) this.#events.reject(fault)
    else this.#events.resolve(plain(500))
  }

  #respond(): void {
    const { status, headers } = this.#head!
    let body: Bytes | ReadableStream<Uint8Array> | null = null
    if (!this.#isBodiless) body = this.#ending === 'whole' ? this.#all() : this.#stream()
    // The guest has checked what it can; what is wrong for a Response is the same to the client.
    let response: Response
    try {
      response = new Response(body, { status, headers })
    } catch (error) {
      this.#events.cancelled(error)
      response = plain(500)
    }
    this.#events.resolve(response)
  }

  #all(): Bytes | null {
    const early = this.#early
    this.#early = []
    return early.length === 0
      ? null
      : early.length === 1
        ? (early[0] as Bytes)
        : Buffer.concat(early)
  }

  #stream(): ReadableStream<Uint8Array> {
    const size = (chunk: Uint8Array | undefined): number => chunk?.length ?? 0
    return new ReadableStream<Uint8Array>(
      {
        start: (controller) => {
          for (const chunk of this.#early) controller.enqueue(chunk)
          this.#early = []
          if (this.#ending === 'broken') controller.error(brokenOff())
          else this.#controller = controller
        },
        pull: () => this.#take(),
        cancel: (reason: unknown) => {
          this.#controller = undefined
          this.#isBodiless = true
          this.#events.cancelled(reason)
        },
      },
      { highWaterMark: HIGH_WATER_BYTES, size },
    )
  }

  /** The reader has room again. */
  #take(): void {
    const held = this.#held
    this.#held = 0
    if (held > 0) this.#events.taken(held)
  }
}

/** A response that says nothing of the guest. */
export function plain(status: 500 | 503): Response {
  const text = status === 500 ? 'Internal Server Error' : 'Service Unavailable'
  return new Response(`${text}\n`, { status, headers: { 'content-type': 'text/plain' } })
}

function brokenOff(): WasiexecError {
  return new WasiexecError('ERR_RESPONSE_BROKEN', 'the response broke off: its run has ended')
}
