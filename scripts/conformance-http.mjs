// The cases of scripts/conformance.mjs that need HTTP: servers that guests ask, and guests that serve.
import { once } from 'node:events'
import { createServer } from 'node:http'
import { text } from 'node:stream/consumers'
import { describeOutcome } from '../dist/index.mjs'

/** What guests may send requests to: this machine, and a name that does not exist. */
const HTTP = { allow: ['http://127.0.0.1:*', 'http://nonexistent.invalid'] }

async function listen(server) {
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return `127.0.0.1:${server.address().port}`
}

/** The servers of a case. Guests find their addresses in the environment. */
export class Servers {
  #servers = []
  env = {}

  async start(specs) {
    for (const { name, kind, endpoints = [] } of specs) {
      const server = createServer((request, response) => void answer(request, response, endpoints))
      this.env[`HTTP_SERVER_${name.toUpperCase()}`] = await listen(server)
      if (kind === 'closed') await new Promise((closed) => server.close(closed))
      else this.#servers.push(server)
    }
  }

  close() {
    for (const server of this.#servers) {
      server.closeAllConnections()
      server.close()
    }
  }
}

async function answer(request, response, endpoints) {
  const { method, url, headers, rawHeaders } = request
  const body = await text(request).catch(() => undefined)
  const endpoint = endpoints.find((one) => one.method === method && one.path === url)
  if (body === undefined) response.destroy()
  else if (endpoint === undefined) response.writeHead(404).end()
  else if (endpoint.mode === 'echo-body') response.end(body)
  else if (endpoint.mode === 'echo-headers') {
    const echoed = ['x-request-method', method, 'x-request-path', url]
    for (const name of Object.keys(headers)) {
      for (let at = 0; at < rawHeaders.length; at += 2)
        if (rawHeaders[at].toLowerCase() === name) echoed.push(`x-echo-${name}`, rawHeaders[at + 1])
    }
    for (const [name, value] of Object.entries(request.trailers))
      echoed.push(`x-trailer-${name}`, value)
    response.writeHead(200, echoed).end()
  } else {
    const { status, headers: own = {}, body: whole = '', chunks, trailers = {} } = endpoint.response
    const names = Object.keys(trailers)
    response.writeHead(status, names.length === 0 ? own : { ...own, trailer: names.join(', ') })
    for (const chunk of chunks ?? []) response.write(chunk)
    response.addTrailers(trailers)
    response.end(chunks === undefined ? whole : '')
  }
}

/** A program that serves while operations send it requests. */
export class Service {
  #server
  #handler
  #at
  #problems = []

  static async start(program, { env, grants, limits, mismatch }) {
    const service = new Service()
    service.mismatch = mismatch
    service.#handler = await program.serve({
      env,
      ...grants,
      http: HTTP,
      limits,
      onOutcome: (outcome, _, { problem }) => {
        if (!outcome.ok || problem !== undefined)
          service.#problems.push(`${describeOutcome(outcome)}: ${problem}; ${outcome.stderr}`)
      },
      onError: (error) => service.#problems.push(error.message),
    })
    service.#server = createServer(service.#handler.node)
    service.#at = await listen(service.#server)
    return service
  }

  async request({ method, path, headers = {}, body, response: expected }) {
    const got = await fetch(`http://${this.#at}${path}`, {
      method,
      headers,
      body: body || undefined,
    })
    const content = await got.text()
    if (got.status !== expected.status) {
      // What has become of the run says more.
      await this.#handler.close()
      const why = ['', ...this.#problems].join('; ')
      throw this.mismatch(
        `${method} ${path} must have the status ${expected.status}, got ${got.status}${why}`,
      )
    }
    for (const [name, value] of Object.entries(expected.headers ?? {}))
      if (got.headers.get(name) !== value)
        throw this.mismatch(
          `${method} ${path} must have ${name}: ${value}, got ${got.headers.get(name)}`,
        )
    const text = expected.body ?? ''
    if (content !== text)
      throw this.mismatch(
        `${method} ${path} must have the body ${JSON.stringify(text)}, got ${JSON.stringify(content)}`,
      )
  }

  async kill() {
    await this.#handler.close()
  }

  async wait() {
    await this.#handler.close()
    if (this.#problems.length > 0) throw this.mismatch(this.#problems.join('; '))
  }

  close() {
    this.#server.closeAllConnections()
    this.#server.close()
    // What failed is told by `wait`.
    this.outcome = this.#handler.close()
  }
}
