import { Buffer } from 'node:buffer'
import type { ServerResponse } from 'node:http'
import type { Client } from './exchange.ts'

interface Events {
  /** The client has room for so many more bytes. */
  taken(bytes: number): void
  /** Nobody reads any more. */
  cancelled(reason: unknown): void
  failed(error: unknown): void
}

/** Sends what a guest responds through a response of Node's server. */
export class NodeClient implements Client {
  readonly #response: ServerResponse
  readonly #events: Events
  #head: { readonly status: number; readonly headers: readonly string[] } | undefined
  /** What came before the head was sent. */
  #early: Buffer[] = []
  #isSent = false
  #hasEnded = false
  /** Bytes that wait for the client. */
  #held = 0

  constructor(response: ServerResponse, events: Events) {
    this.#response = response
    this.#events = events
    response.on('close', () => {
      if (!response.writableFinished) events.cancelled(disconnected())
    })
    response.on('drain', () => this.#take())
  }

  begin(status: number, headers: readonly string[]): void {
    this.#head = { status, headers }
    // What comes together with the head is sent together with it.
    process.nextTick(() => this.#send())
  }

  write(bytes: Buffer): void {
    this.#held += bytes.length
    if (!this.#isSent) this.#early.push(bytes)
    else if (this.#response.write(bytes)) this.#take()
  }

  end(): void {
    this.#hasEnded = true
    if (this.#isSent) this.#response.end()
  }

  breakOff(): void {
    // After what was sent, so that a client sees how far it came.
    if (!this.#isSent) this.#send()
    this.#response.destroy()
  }

  refuse(fault: unknown): void {
    const response = this.#response
    if (fault !== undefined) this.#events.failed(fault)
    if (response.headersSent || response.destroyed) response.destroy()
    else sendPlain(response, 500)
  }

  #send(): void {
    if (this.#isSent) return
    this.#isSent = true
    const response = this.#response
    const { status, headers } = this.#head!
    const body = this.#early.length === 1 ? this.#early[0]! : Buffer.concat(this.#early)
    this.#early = []
    try {
      const isWhole = this.#hasEnded && response.req.method !== 'HEAD' && status !== 304
      const needsLength = isWhole && status !== 204 && !hasLength(headers)
      const length = needsLength ? ['content-length', String(body.length)] : []
      response.writeHead(status, [...headers, ...length])
      if (this.#hasEnded) {
        response.end(body)
        return
      }
      response.flushHeaders()
      if (body.length === 0 || response.write(body)) this.#take()
    } catch (error) {
      // The response was used by somebody else.
      this.#events.failed(error)
      this.#events.cancelled(error)
      response.destroy()
    }
  }

  #take(): void {
    const held = this.#held
    this.#held = 0
    if (held > 0) this.#events.taken(held)
  }
}

function hasLength(headers: readonly string[]): boolean {
  return headers.some((text, at) => at % 2 === 0 && text === 'content-length')
}

/** A response that says nothing of the guest. */
export function sendPlain(response: ServerResponse, status: 400 | 500 | 503): void {
  const texts = { 400: 'Bad Request', 500: 'Internal Server Error', 503: 'Service Unavailable' }
  const body = Buffer.from(`${texts[status]}\n`)
  const length = ['content-length', String(body.length)]
  response.writeHead(status, ['content-type', 'text/plain', ...length])
  response.end(body)
}

function disconnected(): DOMException {
  return new DOMException('The client has disconnected', 'AbortError')
}
