// Servers on this machine, for guests with a network.
import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net'
import type { ExecutionContext } from 'ava'
import type { NetworkOptions, RunOptions } from './package.ts'
import { observed, real } from './guest.ts'

/** What a real guest prints with these arguments, and how it ended if it failed. */
export async function prints(
  guest: string,
  args: readonly string[],
  network: false | NetworkOptions | undefined,
  options: RunOptions = {},
): Promise<string> {
  const outcome = await (await real(guest)).run({ args, network, ...options })
  const [end, stdout, stderr] = observed(outcome)
  return end === 'exit 0' ? stdout : `${end}: ${stdout}${stderr}`
}

/** The port of `HOST:PORT`. */
export function portOf(at: string): number {
  return Number(at.slice(at.lastIndexOf(':') + 1))
}

/** An address where nothing listens any more. */
export async function nobody(t: ExecutionContext): Promise<string> {
  const { at, server } = await tcpServer(t, () => {})
  server.close()
  await once(server, 'close')
  return at
}

/** What a server on this machine sends back to a text. */
export async function exchange(port: number, text: string): Promise<string> {
  const client = connect(port, '127.0.0.1')
  client.end(text)
  let got = ''
  for await (const chunk of client.setEncoding('utf8')) got += chunk as string
  return got
}

/** A server that counts those who connect. */
export async function counter(t: ExecutionContext): Promise<{ at: string; count: () => number }> {
  let count = 0
  const { at } = await tcpServer(t, (socket) => {
    count += 1
    socket.end()
  })
  return { at, count: () => count }
}

/** A server that hands its connections to `serve`; it ends with the test. Returns `HOST:PORT`. */
export async function tcpServer(
  t: ExecutionContext,
  serve: (socket: Socket) => void,
  host = '127.0.0.1',
): Promise<{ at: string; server: Server; sockets: Set<Socket> }> {
  const sockets = new Set<Socket>()
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    sockets.add(socket)
    socket.once('close', () => sockets.delete(socket))
    // A guest that is stopped resets its connections.
    socket.on('error', () => {})
    serve(socket)
  })
  server.listen(0, host)
  await once(server, 'listening')
  t.teardown(() => {
    for (const socket of sockets) socket.destroy()
    server.close()
  })
  const { port } = server.address() as AddressInfo
  return { at: host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`, server, sockets }
}

/** A server that sends back what it gets. */
export async function echoServer(t: ExecutionContext, host?: string): Promise<string> {
  return (await tcpServer(t, (socket) => socket.pipe(socket), host)).at
}

/** A socket that sends datagrams back; returns `HOST:PORT`, and counts what it has got. */
export async function udpEcho(
  t: ExecutionContext,
): Promise<{ at: string; received: () => number }> {
  const socket = createSocket('udp4')
  let received = 0
  socket.on('message', (message, { port, address }) => {
    received += 1
    socket.send(message, port, address)
  })
  socket.bind(0, '127.0.0.1')
  await once(socket, 'listening')
  t.teardown(() => socket.close())
  return { at: `127.0.0.1:${socket.address().port}`, received: () => received }
}

/** A server that speaks as much of Redis as a client needs to set, get and count. */
export async function redisServer(t: ExecutionContext): Promise<string> {
  const values = new Map<string, string>()
  const answer = ([name = '', key = '', value = '']: string[]): string => {
    switch (name.toUpperCase()) {
      case 'PING':
        return '+PONG\r\n'
      case 'SET':
        values.set(key, value)
        return '+OK\r\n'
      case 'INCR': {
        const next = String(Number(values.get(key) ?? '0') + 1)
        values.set(key, next)
        return `:${next}\r\n`
      }
      case 'GET': {
        const found = values.get(key)
        return found === undefined ? '$-1\r\n' : `$${Buffer.byteLength(found)}\r\n${found}\r\n`
      }
      default:
        return `-ERR unknown command ${name}\r\n`
    }
  }
  const { at } = await tcpServer(t, (socket) => {
    let pending = ''
    socket.setEncoding('utf8')
    socket.on('data', (chunk: string) => {
      pending += chunk
      for (let command = read(pending); command !== undefined; command = read(pending)) {
        pending = pending.slice(command.length)
        socket.write(answer(command.words))
      }
    })
    socket.on('end', () => socket.end())
  })
  return at
}

/** The first command of this text, if it is whole. */
function read(text: string): { words: string[]; length: number } | undefined {
  const head = /^\*(\d+)\r\n/.exec(text)
  if (head === null) return undefined
  const words: string[] = []
  let at = head[0].length
  for (let left = Number(head[1]); left > 0; left -= 1) {
    const size = /^\$(\d+)\r\n/.exec(text.slice(at))
    if (size === null) return undefined
    const start = at + size[0].length
    const end = start + Number(size[1])
    if (text.length < end + 2) return undefined
    words.push(text.slice(start, end))
    at = end + 2
  }
  return { words, length: at }
}
