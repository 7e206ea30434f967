// Handlers of requests, and what became of these.
import { once } from 'node:events'
import {
  createServer,
  request,
  type IncomingMessage,
  type RequestOptions,
  type ServerOptions,
} from 'node:http'
import { connect, type AddressInfo } from 'node:net'
import { text } from 'node:stream/consumers'
import type { ExecutionContext } from 'ava'
import { ending, real } from './guest.ts'
import type { Handler, Program, Sent, ServeOptions } from './package.ts'

/** A handler that ends with its test, and what it is told of each request. */
export interface Served {
  handler: Handler
  /** The endings, with what became of the responses. */
  outcomes: string[]
  /** Handles a request to this path. */
  get(path: string, init?: RequestInit): Promise<Response>
}

export async function serve(
  t: ExecutionContext,
  options: ServeOptions = {},
  program: Program | string = 'http',
): Promise<Served> {
  const outcomes: string[] = []
  const served = typeof program === 'string' ? await real(program) : program
  const handler = await served.serve({
    ...options,
    onOutcome: (outcome, from, response) => {
      outcomes.push(`${ending(outcome)}: ${shown(response)}`)
      options.onOutcome?.(outcome, from, response)
    },
  })
  t.teardown(() => handler.close())
  const get = (path: string, init?: RequestInit): Promise<Response> =>
    handler.fetch(new Request(`http://test.example${path}`, init))
  return { handler, outcomes, get }
}

function shown({ status, complete, problem }: Sent): string {
  return `${status} ${complete ? 'complete' : problem}`
}

/** The code of the error that a body breaks off with, or the body. */
export async function bodyOf(response: Response): Promise<string> {
  try {
    return await response.text()
  } catch (error) {
    return `broken off: ${(error as { code?: string }).code}`
  }
}

/** A server of Node's with this handler, which ends with the test; returns its port. */
export async function listen(
  t: ExecutionContext,
  respond: Parameters<typeof createServer>[1],
  options: ServerOptions = {},
): Promise<number> {
  const server = createServer(options, respond)
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => {
    server.closeAllConnections()
    server.close()
  })
  return (server.address() as AddressInfo).port
}

/** What a client gets that sends these bytes, until its connection ends. */
export async function send(port: number, ...sent: string[]): Promise<string> {
  const socket = connect(port, '127.0.0.1')
  let got = ''
  socket.on('data', (chunk) => (got += chunk.toString('latin1')))
  socket.write(sent.join(''))
  try {
    await once(socket, 'close')
  } catch (error) {
    got += `broken off: ${(error as { code: string }).code}`
  }
  return got
}

/** What a client of Node's gets: status, headers and body, or how the connection ended. */
export async function ask(
  port: number,
  path: string,
  options: RequestOptions = {},
  body?: string,
): Promise<{ status: number | undefined; headers: IncomingMessage['headers']; body: string }> {
  const asked = request({ host: '127.0.0.1', port, path, agent: false, ...options })
  asked.end(body)
  const [response] = (await once(asked, 'response')) as [IncomingMessage]
  const { statusCode: status, headers } = response
  const got = await text(response).catch(({ code }: { code: string }) => `broken off: ${code}`)
  return { status, headers, body: got }
}
