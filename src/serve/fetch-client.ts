import { WasiexecError } from '../errors.ts'
import { HIGH_WATER_BYTES } from '../guest/streams.ts'
import type { Bytes, Client } from './exchange.ts'

/** Statuses whose responses have no body. */
const BODILESS = [204, 205, 304]

interface Events {
  resolve(response: Response): void
  reject(error: unknown): void
  /** The body has room again. */
  drained(): void
  /** Nobody reads the body any more. */
  cancelled(reason: unknown): void
}

/** Makes a `Response` of what a guest sends. */
export class FetchClient implements Client {
  readonly #events: Events
  /** Undefined while there is no body to add to. */
  #controller: ReadableStreamDefaultController<Uint8Array> | undefined

  readonly #isHead: boolean

  constructor(events: Events, isHead: boolean) {
    this.#events = events
    this.#isHead = isHead
  }

  begin(
    status: number,
    flat: readonly string[],
    first: Bytes,
    trailers: readonly string[] | undefined,
  ): boolean | undefined {
    const headers: [string, string][] = []
    for (let at = 0; at < flat.length; at += 2) {
      // There are no trailers, so none are announced.
      if (flat[at] !== 'trailer') headers.push([flat[at]!, flat[at + 1]!])
    }
    let body: Bytes | ReadableStream<Uint8Array> | null = null
    if (!this.#isHead && !BODILESS.includes(status)) body = trailers ? first : this.#stream(first)
    try {
      this.#events.resolve(new Response(body, { status, headers }))
    } catch (error) {
      // Only for a head that the core has not checked: one of a broken worker.
      this.#events.reject(error)
      this.#events.cancelled(error)
      return undefined
    }
    return this.#hasRoom
  }

  write(bytes: Bytes): boolean {
    this.#controller?.enqueue(bytes)
    return this.#hasRoom
  }

  /** A `Response` has no trailers. */
  end(): void {
    this.#controller?.close()
    this.#controller = undefined
  }

  breakOff(): void {
    const message = 'the response broke off: its run has ended'
    this.fail(new WasiexecError('ERR_RESPONSE_BROKEN', message))
  }

  /** The body, if there is one that is not whole, fails with this. */
  fail(error: unknown): void {
    this.#controller?.error(error)
    this.#controller = undefined
  }

  refuse(fault: unknown): void {
    if (fault !== undefined) this.#events.reject(fault)
    this.#plain(500, 'Internal Server Error')
  }

  tooLarge(): void {
    this.#plain(413, 'Content Too Large')
  }

  #plain(status: number, text: string): void {
    const headers = { 'content-type': 'text/plain' }
    this.#events.resolve(new Response(`${text}\n`, { status, headers }))
  }

  get #hasRoom(): boolean {
    return (this.#controller?.desiredSize ?? 1) > 0
  }

  #stream(first: Bytes): ReadableStream<Uint8Array> {
    return new ReadableStream<Uint8Array>(
      {
        start: (controller) => {
          this.#controller = controller
          if (first.length > 0) controller.enqueue(first)
        },
        pull: () => this.#events.drained(),
        cancel: (reason: unknown) => {
          this.#controller = undefined
          this.#events.cancelled(reason)
        },
      },
      { highWaterMark: HIGH_WATER_BYTES, size: (chunk) => chunk?.length ?? 0 },
    )
  }
}
