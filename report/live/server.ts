import { createHash, randomBytes, timingSafeEqual } from 'node:crypto'
import { once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Assets } from '../assets.ts'
import { content, page } from '../page/page.ts'
import { Feed } from './feed.ts'
import type { View } from './renderer.ts'

/** Other machines cannot connect to it. */
const HOST = '127.0.0.1'
/** Names by which a browser on this machine, or at the end of a tunnel to it, comes here. Others are a rebound DNS name. */
const NAMES: ReadonlySet<string> = new Set(['127.0.0.1', 'localhost', '[::1]'])
const MAX_CONNECTIONS = 32
/** A client that neither reads nor sends is cut off. */
const SILENCE_MS = 30_000

const HEADERS = {
  'Cache-Control': 'no-store',
  'Content-Type': 'text/plain; charset=utf-8',
  'Cross-Origin-Opener-Policy': 'same-origin',
  'Cross-Origin-Resource-Policy': 'same-origin',
  'Referrer-Policy': 'no-referrer',
  'X-Content-Type-Options': 'nosniff',
} as const

/** Serves the page of a batch, on this machine and to those who know its address. It keeps no process alive. */
export class LiveServer {
  readonly #assets: Assets
  readonly #read: () => View
  readonly #feed: Feed
  readonly #token = randomBytes(16).toString('base64url')
  readonly #server = createServer({ headersTimeout: SILENCE_MS, requestTimeout: SILENCE_MS })

  private constructor(assets: Assets, read: () => View) {
    this.#assets = assets
    this.#read = read
    this.#feed = new Feed(read)
    this.#server.maxConnections = MAX_CONNECTIONS
    this.#server.setTimeout(SILENCE_MS)
    this.#server.on('connection', (socket) => socket.unref())
    this.#server.on('request', (request, response) => this.#respond(request, response))
  }

  /**
   * Rejects with the error of the operating system.
   *
   * @param read Returns what the page shows now. It is called from the first request on.
   */
  static async listen(port: number, assets: Assets, read: () => View): Promise<LiveServer> {
    const live = new LiveServer(assets, read)
    live.#server.listen(port, HOST)
    await once(live.#server, 'listening')
    live.#server.unref()
    return live
  }

  /** The address of the page. Nobody can guess it. */
  get url(): string {
    const { port } = this.#server.address() as AddressInfo
    return `http://${HOST}:${port}/${this.#token}/`
  }

  /** Sends the last update to the pages that are open. The page can still be loaded. */
  end(): Promise<void> {
    return this.#feed.end()
  }

  /** Keeps the process alive until then. */
  async until(end: Promise<unknown>): Promise<void> {
    this.#server.ref()
    await end
  }

  close(): void {
    this.#server.close()
    this.#server.closeAllConnections()
  }

  #respond({ headersDistinct, method, url = '' }: IncomingMessage, response: ServerResponse): void {
    const [path = ''] = url.split('?', 1)
    const base = `/${this.#token}`
    const hosts = headersDistinct['host'] ?? []
    if (hosts.length !== 1 || !isOurName(hosts[0]!)) {
      const expected = `expected the host ${[...NAMES].join(' or ')}`
      refuse(response, 421, `${expected}, got ${hosts.join(' and ') || 'none'}`)
    } else if (method !== 'GET') {
      refuse(response, 405, `expected GET, got ${method}`, { Allow: 'GET' })
    } else if (isEqual(path, base) || isEqual(path, `${base}/`)) {
      this.#sendPage(response)
    } else if (isEqual(path, `${base}/events`)) {
      this.#sendEvents(response)
    } else {
      refuse(response, 404, 'expected the address that wasiexec has printed')
    }
  }

  #sendPage(response: ServerResponse): void {
    const { info, collected, state } = this.#read()
    const all = content(info, collected, { state, row: (_, markup) => markup })
    const { markup, policy } = page(all, this.#assets)
    response.writeHead(200, {
      ...HEADERS,
      Connection: 'close',
      'Content-Security-Policy': `${policy}; frame-ancestors 'none'`,
      'Content-Type': 'text/html; charset=utf-8',
    })
    response.end(markup)
  }

  #sendEvents(response: ServerResponse): void {
    response.writeHead(200, { ...HEADERS, 'Content-Type': 'text/event-stream; charset=utf-8' })
    this.#feed.add(response)
  }
}

function refuse(
  response: ServerResponse,
  status: number,
  why: string,
  headers: Record<string, string> = {},
): void {
  response.writeHead(status, { ...HEADERS, Connection: 'close', ...headers })
  response.end(`${why}\n`)
}

/** Whether a request is for this machine; another port may be the end of a tunnel. */
function isOurName(host: string): boolean {
  return NAMES.has(host.toLowerCase().replace(/:\d+$/, ''))
}

/** In a time that does not tell how much of it is right. */
function isEqual(path: string, secret: string): boolean {
  const [a, b] = [path, secret].map((text) => createHash('sha256').update(text).digest())
  return timingSafeEqual(a!, b!)
}
