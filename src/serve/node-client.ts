import { Buffer } from 'node:buffer'
import type { ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
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
  #isEnded = false

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
    if (response.socket === null) response.on('close', whenClosed(response.req.socket, closed))
    response.on('drain', () => events.drained())
  }

  begin(
    status: number,
    headers: readonly string[],
    body: Bytes,
    isWhole: boolean,
  ): boolean | undefined {
    const response = this.#response
    const hasBody = response.req.method !== 'HEAD' && status !== 204 && status !== 304
    const needsLength = isWhole && hasBody && !headers.includes('content-length')
    const length = needsLength ? ['content-length', String(body.length)] : []
    try {
      response.writeHead(status, [...headers, ...length])
      if (isWhole || !hasBody) this.#end(hasBody ? body : EMPTY)
      else if (body.length > 0) return response.write(body)
      else response.flushHeaders()
    } catch (error) {
      // The response was used by somebody else.
      this.#events.failed(error)
      this.#events.cancelled(error)
      response.destroy()
      return undefined
    }
    return true
  }

  write(bytes: Bytes): boolean {
    return this.#isOver || this.#response.write(bytes)
  }

  end(): void {
    if (!this.#isOver) this.#end(EMPTY)
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
    const response = this.#response
    if (this.#isOver || response.destroyed) return
    this.#isEnded = true
    sendPlain(response, 500, 'Internal Server Error')
  }

  /** Nothing more can be sent. */
  get #isOver(): boolean {
    return this.#isEnded || this.#response.writableEnded
  }

  #end(rest: Bytes): void {
    this.#isEnded = true
    endWith(this.#response, rest)
  }
}

const EMPTY: Bytes = Buffer.alloc(0)

/** Without a chunk where there is none: Node may refuse an empty one. */
function endWith(response: ServerResponse, rest: Bytes): void {
  if (rest.length === 0) response.end()
  else response.end(rest)
}

/** Who waits for the ends of connections; each has one listener. */
const sockets = new WeakMap<Socket, Set<() => void>>()

/** Calls a function when a connection has ended. Returns what stops this. */
function whenClosed(socket: Socket, call: () => void): () => void {
  const calls = sockets.get(socket) ?? new Set()
  if (!sockets.has(socket)) {
    sockets.set(socket, calls)
    socket.once('close', () => {
      for (const each of calls) each()
    })
  }
  calls.add(call)
  return () => calls.delete(call)
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
