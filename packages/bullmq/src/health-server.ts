import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'

/** What a health server tells. */
export interface HealthSource {
  /** Why no work should be expected of the worker; undefined if it works. */
  problem(): string | undefined
  metrics(): string
}

/**
 * Serves `/livez` (the process answers), `/readyz` and `/healthz` (it takes work: it is connected and not draining) and
 * `/metrics`.
 */
export class HealthServer {
  readonly #server: Server

  constructor(source: HealthSource) {
    this.#server = createServer((request, response) => {
      const send = (status: number, text: string, type = 'text/plain; charset=utf-8'): void => {
        response.writeHead(status, { 'content-type': type, 'cache-control': 'no-store' }).end(text)
      }
      const [path] = (request.url ?? '').split('?', 1)
      if (request.method !== 'GET' && request.method !== 'HEAD') return send(405, 'only GET\n')
      if (path === '/livez') return send(200, 'ok\n')
      if (path === '/metrics')
        return send(200, source.metrics(), 'text/plain; version=0.0.4; charset=utf-8')
      if (path !== '/readyz' && path !== '/healthz')
        return send(404, 'there are /healthz, /livez, /readyz and /metrics\n')
      const problem = source.problem()
      return problem === undefined ? send(200, 'ok\n') : send(503, `${problem}\n`)
    })
    // The worker keeps the process alive, not this.
    this.#server.unref()
  }

  /** Listens; resolves to the port. */
  listen(port: number, host: string): Promise<number> {
    return new Promise((resolve, reject) => {
      this.#server.once('error', reject)
      this.#server.listen(port, host, () => {
        this.#server.off('error', reject)
        resolve((this.#server.address() as AddressInfo).port)
      })
    })
  }

  close(): Promise<void> {
    this.#server.closeAllConnections()
    return new Promise((resolve) => this.#server.close(() => resolve()))
  }
}
