import type { IncomingMessage, ServerResponse } from 'node:http'
import { invalid } from '../check.ts'
import { ended, limitsOf, runs, withOutcome } from '../diagnostics.ts'
import { WasiexecError } from '../errors.ts'
import type { HostError, Outcome } from '../outcome.ts'
import type { Port } from '../port/port.ts'
import { prepareServed, prepareServing, type Prepared } from '../port/prepared.ts'
import type { RunOwner } from '../port/run-target.ts'
import { Exchange, type Client } from './exchange.ts'
import { FetchClient } from './fetch-client.ts'
import { encodeRequest, type RequestHead } from './head.ts'
import { NodeClient, sendPlain } from './node-client.ts'
import {
  checkServeOptions,
  type CheckedServeOptions,
  type ServedRequest,
  type ServeLimits,
} from './options.ts'
import { RequestBody, type BodySource } from './request-body.ts'

/** A run that serves a request. */
interface Going {
  /** Aborts it, unless it has ended. */
  abort(reason: unknown): void
  /** The client has room again. */
  drained(): void
}

/**
 * Handles HTTP requests with a program; made by {@link Program.serve}. Each request gets an instance of its own, which
 * waits for a slot of the runtime like a run. `fetch` and `node` need no `this`.
 *
 * @example
 * const handler = await program.serve()
 * const response = await handler.fetch(new Request('http://localhost/'))
 */
export class Handler {
  readonly #port: Port
  readonly #owner: RunOwner
  readonly #options: CheckedServeOptions
  readonly #shared: Prepared
  readonly #name: string
  /** The caps that were given: the caller may change the object that it gave. */
  readonly #limits: ServeLimits | undefined
  readonly #going = new Set<Promise<unknown>>()
  #closed: WasiexecError | undefined

  /** @internal */
  constructor(port: Port, owner: RunOwner, name: string, options: CheckedServeOptions) {
    this.#port = port
    this.#owner = owner
    this.#name = name
    this.#options = options
    this.#shared = prepareServing(options.run)
    this.#limits = limitsOf(options.run)
  }

  /**
   * Resolves to the response when its head is there. A run that ends before gives a plain 500, and one that ends later
   * breaks the body off with `ERR_RESPONSE_BROKEN`. The request's `signal`, and cancelling the response's body, abort the
   * run. A body that is not read holds its run, so read it or cancel it.
   *
   * @throws {WasiexecError} (rejects) `ERR_INVALID_OPTION` for what is not a `Request` of HTTP, `ERR_HANDLER_CLOSED`; the
   * reason of the `signal`, what the body of the request fails with; and as {@link Program.run}.
   */
  readonly fetch = async (request: Request): Promise<Response> => {
    if (!(request instanceof Request)) throw invalid('request', 'a Request', request)
    const closed = this.#closedReason
    if (closed !== undefined) throw closed
    const { signal } = request
    signal.throwIfAborted()
    const head = headOf(request)
    if (request.bodyUsed || request.body?.locked === true)
      throw invalid('request', 'a Request whose body was not used', request)
    const source = request.body === null ? undefined : webSource(request.body)
    if (this.#isTooLarge(request.headers.get('content-length'))) {
      source?.cancel()
      return new Response('Content Too Large\n', {
        status: 413,
        headers: { 'content-type': 'text/plain' },
      })
    }
    return new Promise((resolve, reject) => {
      let going: Going | undefined
      const abort = (reason: unknown): void => {
        going?.abort(reason)
        client.fail(reason)
        // If there is a response, this comes too late to matter.
        reject(reason)
      }
      const onAbort = (): void => abort(signal.reason)
      const client = new FetchClient(
        {
          resolve,
          reject,
          drained: () => going?.drained(),
          cancelled: (reason) => going?.abort(reason),
        },
        request.method === 'HEAD',
      )
      signal.addEventListener('abort', onAbort)
      try {
        going = this.#start(request, head, client, source, abort, () =>
          signal.removeEventListener('abort', onAbort),
        )
      } catch (error) {
        signal.removeEventListener('abort', onAbort)
        source?.cancel()
        reject(error)
      }
    })
  }

  /**
   * Handles a request of Node's `http` or `https` server, for `createServer(handler.node)`. A run that ends before the
   * head gives a 500, and one that ends later ends the connection. A client that disconnects aborts the run. Errors of a
   * request go to {@link ServeOptions.onError}.
   *
   * @throws {WasiexecError} `ERR_INVALID_OPTION` for what is not a request and a response of Node's.
   */
  readonly node = (request: IncomingMessage, response: ServerResponse): void => {
    checkNode(request, response)
    // Somebody else has answered, or nobody waits any more.
    if (response.destroyed || response.writableEnded || request.socket.destroyed) return
    if (this.#closedReason !== undefined) {
      sendPlain(response, 503, 'Service Unavailable', ['connection', 'close'])
      return
    }
    const head = nodeHeadOf(request)
    if (head === undefined) {
      sendPlain(response, 400, 'Bad Request')
      return
    }
    if (this.#isTooLarge(request.headers['content-length'])) {
      sendPlain(response, 413, 'Content Too Large', ['connection', 'close'])
      return
    }
    let going: Going | undefined
    const client = new NodeClient(response, {
      drained: () => going?.drained(),
      cancelled: (reason) => going?.abort(reason),
      failed: (error) => this.#fail(error, request),
    })
    try {
      if (head.hasBody && request.readableDidRead)
        throw invalid('request', 'a request whose body was not read', request)
      const source = head.hasBody ? nodeSource(request) : undefined
      going = this.#start(request, head, client, source, (error) => going?.abort(error))
    } catch (error) {
      client.refuse(error)
    }
  }

  /**
   * Refuses new requests, and resolves when those that go on have ended.
   *
   * @example
   * process.once('SIGTERM', () => void handler.close())
   */
  async close(): Promise<void> {
    this.#closed ??= new WasiexecError('ERR_HANDLER_CLOSED', 'the handler was closed')
    while (this.#going.size > 0) await Promise.allSettled(this.#going)
  }

  /**
   * The same as {@link close}, for `await using`.
   *
   * @example
   * await using handler = await program.serve()
   */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.close()
  }

  /** Whether a body says that it is larger than it may be. */
  #isTooLarge(length: string | null | undefined): boolean {
    const most = this.#limits?.requestBytes ?? Infinity
    return Number(length ?? 0) > most
  }

  get #closedReason(): WasiexecError | undefined {
    return this.#closed ?? this.#owner.closeReason ?? this.#port.closeReason
  }

  #start(
    request: ServedRequest,
    head: RequestHead,
    client: Client,
    source: BodySource | undefined,
    bodyFailed: (error: unknown) => void,
    ended: () => void = ignore,
  ): Going {
    const exchange = new Exchange(client)
    const prepared = prepareServed(this.#shared, (to) => encodeRequest(head, to))
    const stdin = source && new RequestBody(source, bodyFailed)
    const [stdout, stderr] = [undefined, undefined]
    const live = { stdin, stdout, stderr, response: exchange }
    const [id, outcome] = this.#spawn(prepared, live)
    const going = this.#follow(outcome, request, exchange, ended)
    this.#going.add(going)
    void going.finally(() => this.#going.delete(going))
    return {
      abort: (reason) => this.#port.abort(id, reason),
      drained: () => exchange.drained(),
    }
  }

  /** Resolves when the run has ended and the caller was told. */
  async #follow(
    running: Promise<Outcome | HostError>,
    request: ServedRequest,
    exchange: Exchange,
    ended: () => void,
  ): Promise<void> {
    let outcome: Outcome | HostError
    try {
      outcome = await running
    } catch {
      // The client was told.
      return
    } finally {
      ended()
    }
    try {
      this.#options.onOutcome?.(outcome, request, exchange.sent)
    } catch (error) {
      // What the caller's function throws is not hidden.
      process.nextTick(rethrow, error)
    }
  }

  #spawn(
    prepared: Prepared,
    live: Parameters<Port['spawn']>[2],
  ): [number, Promise<Outcome | HostError>] {
    if (!runs.isObserved) return this.#port.spawn(this.#owner, prepared, live)
    const message = { program: this.#name, method: 'serve', limits: this.#limits } as const
    return runs.begin(message, (end) => {
      const [id, outcome] = this.#port.spawn(this.#owner, prepared, live)
      return [id, endedRun(outcome, end)]
    })
  }

  #fail(error: unknown, request: ServedRequest): void {
    const { onError } = this.#options
    try {
      if (onError !== undefined) onError(error, request)
      else process.emitWarning(error instanceof Error ? error : String(error))
    } catch (thrown) {
      process.nextTick(rethrow, thrown)
    }
  }
}

const endedRun = (
  outcome: Promise<Outcome | HostError>,
  end: Parameters<typeof ended<Outcome | HostError, object>>[1],
): Promise<Outcome | HostError> => ended(outcome, end, withOutcome)

/**
 * The head of a `Request`.
 *
 * @throws {WasiexecError} `ERR_INVALID_OPTION`.
 */
function headOf(request: Request): RequestHead {
  const url = new URL(request.url)
  const scheme = url.protocol.slice(0, -1)
  if (scheme !== 'http' && scheme !== 'https')
    throw invalid('request', 'a Request to a URL of http or https', request.url)
  return {
    method: request.method,
    scheme,
    authority: url.host,
    path: url.pathname + url.search,
    headers: [...request.headers].flat(),
    hasBody: request.body !== null,
  }
}

/** Frameworks have requests and responses of their own, around those of Node. */
function checkNode(request: Partial<IncomingMessage>, response: Partial<ServerResponse>): void {
  const expected = (what: string): string => `the ${what} of a server of node:http or node:https`
  if (!Array.isArray(request?.rawHeaders)) throw invalid('request', expected('request'), request)
  if (typeof response?.writeHead !== 'function')
    throw invalid('response', expected('response'), response)
}

/** The head of a request of Node's; undefined for one that means nothing. */
function nodeHeadOf(request: IncomingMessage): RequestHead | undefined {
  const { method = '', url: target = '', headers, rawHeaders, socket } = request
  const scheme = 'encrypted' in socket ? 'https' : 'http'
  const isHost = (name: string, at: number): boolean => at % 2 === 0 && /^host$/i.test(name)
  if (rawHeaders.filter(isHost).length > 1) return undefined
  const hasBody =
    headers['transfer-encoding'] !== undefined || Number(headers['content-length']) > 0
  const of = (authority: string, path: string): RequestHead | undefined =>
    isAuthority(authority) && PATH.test(path)
      ? { method, scheme, authority, path, headers: rawHeaders, hasBody }
      : undefined
  const [, absolute, rest = ''] = /^https?:\/\/([^/?#]+)(.*)$/i.exec(target) ?? []
  if (absolute !== undefined) return of(absolute, rest.startsWith('/') ? rest : `/${rest}`)
  // Before HTTP 1.1 a request need not name its host.
  return of(headers.host || 'localhost', target)
}

const AUTHORITY = /^(?:[\w.~!$&'()*+,;=-]+|\[[\da-f:.]+\])(?::(?<port>\d{0,5}))?$/i
const MAX_PORT = 65_535

function isAuthority(text: string): boolean {
  const match = AUTHORITY.exec(text)
  return match !== null && Number(match.groups?.['port'] ?? 0) <= MAX_PORT
}

/** As the core reads it; `*` is for OPTIONS. */
const PATH = /^(?:\*|\/[\x21\x24-\x3b\x3d\x40-\x5f\x61-\x7e]*(?:\?[\x21\x24-\x3b\x3d\x3f-\x7e]*)?)$/

function webSource(body: ReadableStream<Uint8Array>): BodySource {
  const reader = body.getReader()
  return {
    next: async () => {
      const { done, value } = await reader.read()
      return done ? undefined : bytesOf(value)
    },
    cancel: () => void reader.cancel().catch(ignore),
  }
}

/** @throws {WasiexecError} `ERR_INVALID_OPTION` for text, as requests with an encoding have it. */
function bytesOf(chunk: unknown): Uint8Array {
  if (chunk instanceof Uint8Array) return chunk
  throw invalid('request (a chunk)', 'bytes', chunk)
}

function nodeSource(request: IncomingMessage): BodySource {
  const iterator = request.iterator({ destroyOnReturn: false })
  return {
    next: async () => {
      const { done, value } = await iterator.next()
      return done === true ? undefined : bytesOf(value)
    },
    // What the guest does not read has to be read before the next request of the connection.
    cancel: () =>
      void iterator
        .return?.()
        ?.then(() => request.resume())
        .catch(ignore),
  }
}

function ignore(): void {}

function rethrow(error: unknown): never {
  throw error
}

/**
 * Makes a handler of a program that can be served.
 *
 * @throws {WasiexecError} `ERR_INVALID_OPTION`.
 */
export function makeHandler(
  port: Port,
  owner: RunOwner,
  name: string,
  options: Parameters<typeof checkServeOptions>[0],
): Handler {
  return new Handler(port, owner, name, checkServeOptions(options))
}
