import { Buffer } from 'node:buffer'
import type { ServerResponse } from 'node:http'
import type { Bytes, Client } from './exchange.ts'

interface Events {
  /** The client has room again. */
  drained(): void
  /** Nobody reads any more. */
  cancelled(reason: unknown): void
  failed(error: unknown): void
}

/** Sends what a guest responds through a response of Node's server. */
export class NodeClient implements Client {
  readonly #response: ServerResponse
  readonly #events: Events

  constructor(response: ServerResponse, events: Events) {
    this.#response = response
    this.#events = events
    response.on('close', () => {
      if (!response.writableFinished)
        events.cancelled(new DOMException('The client has disconnected', 'AbortError'))
    })
    response.on('drain', () => events.drained())
  }

  begin(status: number, headers: readonly string[], body: Bytes, isWhole: boolean): boolean {
    const response = this.#response
    const hasBody = response.req.method !== 'HEAD' && status !== 204 && status !== 304
    const needsLength = isWhole && hasBody && !headers.includes('content-length')
    const length = needsLength ? ['content-length', String(body.length)] : []
    try {
      response.writeHead(status, [...headers, ...length])
      if (isWhole) response.end(body)
      else if (body.length > 0) return response.write(body)
      else response.flushHeaders()
    } catch (error) {
      // The response was used by somebody else.
      this.#events.failed(error)
      this.#events.cancelled(error)
      response.destroy()
    }
    return true
  }

  write(bytes: Bytes): boolean {
    return this.#response.write(bytes)
  }

  end(): void {
    this.#response.end()
  }

  breakOff(): void {
    // After what was written has left.
    setImmediate(() => this.#response.destroy())
  }

  refuse(fault: unknown): void {
    const response = this.#response
    if (fault !== undefined) this.#events.failed(fault)
    if (response.headersSent || response.destroyed) response.destroy()
    else sendPlain(response, 500, 'Internal Server Error')
  }
}

/** Sends a response that says nothing of the guest. */
export function sendPlain(response: ServerResponse, status: number, text: string): void {
  const body = Buffer.from(`${text}\n`)
  const length = ['content-length', String(body.length)]
  response.writeHead(status, ['content-type', 'text/plain', ...length]).end(body)
}
