import { Buffer } from 'node:buffer'
import type { ServerResponse } from 'node:http'
import type { Bytes, Client } from './exchange.ts'
import { waitInLine } from './pipelined.ts'

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
  #isEnded = false
  /** Whether trailers can be sent. */
  #sendsTrailers = false

  constructor(response: ServerResponse, events: Events) {
    this.#response = response
    this.#events = events
    const closed = (): void => {
      // Also where somebody else has ended it.
      if (!this.#isEnded || !response.writableFinished)
        events.cancelled(new DOMException('The client has disconnected', 'AbortError'))
    }
    response.on('close', closed)
    // A response that waits for others of its connection does not hear of the end of the connection.
    if (response.socket === null) response.on('close', waitInLine(response.req.socket, closed))
    response.on('drain', () => events.drained())
  }

  begin(
    status: number,
    headers: readonly string[],
    body: Bytes,
    trailers: readonly string[] | undefined,
  ): boolean | undefined {
    const response = this.#response
    const hasBody = response.req.method !== 'HEAD' && status !== 204 && status !== 304
    const hasLength = !hasBody || hasHeader(headers, 'content-length')
    // Where the whole is known not to have any, a length is better.
    this.#sendsTrailers = !hasLength && trailers?.length !== 0 && takesTrailers(response)
    const needsLength = trailers !== undefined && !hasLength && !this.#sendsTrailers
    const length = needsLength ? ['content-length', String(body.length)] : []
    try {
      const sent = this.#sendsTrailers ? headers : withoutTrailer(headers)
      response.writeHead(status, [...sent, ...length])
      if (trailers !== undefined || !hasBody) this.#end(hasBody ? body : EMPTY, trailers ?? [])
      else if (body.length > 0) return response.write(body)
      else response.flushHeaders()
    } catch (error) {
      this.#failed(error)
      return undefined
    }
    return true
  }

  write(bytes: Bytes): boolean {
    return this.#isOver || this.#response.write(bytes)
  }

  end(trailers: readonly string[]): void {
    if (this.#isOver) return
    try {
      this.#end(EMPTY, trailers)
    } catch (error) {
      this.#failed(error)
    }
  }

  breakOff(): void {
    if (this.#isOver) return
    // After what was written has left.
    setImmediate(() => {
      const response = this.#response
      try {
        // The end of the connection alone would be the end of such a body.
        if (!response.chunkedEncoding) response.socket?.resetAndDestroy()
      } catch {
        // Not a connection by TCP.
      }
      response.destroy()
    })
  }

  refuse(fault: unknown): void {
    if (fault !== undefined) this.#events.failed(fault)
    this.#plain(500, 'Internal Server Error')
  }

  tooLarge(): void {
    this.#plain(413, 'Content Too Large', ['connection', 'close'])
  }

  #plain(status: number, text: string, more: readonly string[] = []): void {
    const response = this.#response
    if (this.#isOver || response.destroyed) return
    this.#isEnded = true
    sendPlain(response, status, text, more)
  }

  /** Nothing more can be sent. */
  get #isOver(): boolean {
    return this.#isEnded || this.#response.writableEnded
  }

  #end(rest: Bytes, trailers: readonly string[]): void {
    if (this.#sendsTrailers && trailers.length > 0) this.#response.addTrailers(pairs(trailers))
    this.#isEnded = true
    endWith(this.#response, rest)
  }

  /** The response was used by somebody else. */
  #failed(error: unknown): void {
    this.#events.failed(error)
    this.#events.cancelled(error)
    this.#response.destroy()
  }
}

const EMPTY: Bytes = Buffer.alloc(0)

/** Whether a client has said that it takes trailers. */
function takesTrailers({ req }: ServerResponse): boolean {
  const takes = String(req.headers['te'] ?? '')
  return req.httpVersion === '1.1' && /(?:^|,)\s*trailers\s*(?:$|[,;])/i.test(takes)
}

/** Whether there is a header of this name: names are at even places, and values may be like them. */
function hasHeader(flat: readonly string[], name: string): boolean {
  return flat.some((text, at) => at % 2 === 0 && text === name)
}

/** Without the header that announces trailers. */
function withoutTrailer(headers: readonly string[]): readonly string[] {
  if (!hasHeader(headers, 'trailer')) return headers
  return pairs(headers).flatMap(([name, value]) => (name === 'trailer' ? [] : [name, value]))
}

function pairs(flat: readonly string[]): [name: string, value: string][] {
  const all: [string, string][] = []
  for (let at = 0; at < flat.length; at += 2) all.push([flat[at]!, flat[at + 1]!])
  return all
}

/** Without a chunk where there is none: Node may refuse an empty one. */
function endWith(response: ServerResponse, rest: Bytes): void {
  if (rest.length === 0) response.end()
  else response.end(rest)
}

/** Sends a response that says nothing of the guest; one that somebody else has begun breaks off. */
export function sendPlain(
  response: ServerResponse,
  status: number,
  text: string,
  more: readonly string[] = [],
): void {
  const body = Buffer.from(`${text}\n`)
  const headers = ['content-type', 'text/plain', 'content-length', String(body.length), ...more]
  try {
    response.writeHead(status, headers)
    endWith(response, response.req.method === 'HEAD' ? EMPTY : body)
  } catch {
    response.destroy()
  }
}
