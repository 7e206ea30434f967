// The network of WASI 0.3. Everything stays on this machine.
import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import test from 'ava'
import type { NetworkOptions, RunOptions } from '../support/package.ts'
import { ending, real, until } from '../support/guest.ts'
import {
  counter,
  echoServer,
  exchange,
  nobody,
  portOf,
  prints as printed,
  tcpServer,
  udpEcho,
} from '../support/servers.ts'

const prints = (
  args: readonly string[],
  network?: false | NetworkOptions,
  options?: RunOptions,
): Promise<string> => printed('net-p3', args, network, options)
const DENIED = 'ErrorCode::AccessDenied'

test('a guest reaches the addresses that a rule allows, and its bytes are counted', async (t) => {
  const at = await echoServer(t)
  const text = 'x'.repeat(300_000)
  const { stdout, usage } = await (
    await real('net-p3')
  ).run({ args: ['get', at, text], network: { allow: [at] } })
  t.is(stdout.toString(), `${at}: ${text}\n`)
  t.deepEqual([usage.networkSentBytes, usage.networkReceivedBytes], [text.length, text.length])
})

test('a guest reaches no address that no rule allows', async (t) => {
  const { at, count } = await counter(t)
  const networks: (false | NetworkOptions | undefined)[] = [
    undefined,
    false,
    {},
    { allow: [`127.0.0.2:${portOf(at)}`, `udp:${at}`, '127.0.0.1:1', '[::/0]:*'] },
    { listen: ['*:*'], dns: ['*'] },
    { allow: [`localhost:${portOf(at)}`] },
  ]
  for (const network of networks)
    t.is(await prints(['get', at, 'x'], network), `${at}: ${DENIED}\n`)
  t.is(count(), 0)
})

test('where nothing listens, the connection is refused', async (t) => {
  const at = await nobody(t)
  const printed = await prints(['get', at, 'x'], { allow: [at] })
  t.is(printed, `${at}: ErrorCode::ConnectionRefused\n`)
})

test('a guest binds what it may listen on, and nothing else', async (t) => {
  const at = '127.0.0.1:0'
  for (const network of [undefined, {}, { allow: ['*:*'] }, { listen: ['udp:*:*', '127.0.0.1:1'] }])
    t.is(await prints(['bind', at], network), `${at}: ${DENIED}\n`)
  for (const rule of [at, '*:*', '127.0.0.0/8:0'])
    t.is(await prints(['bind', at], { listen: [rule] }), `${at}: listening\n`)
})

test('a guest serves clients, and its listener ends with it', async (t) => {
  const guest = (await real('net-p3')).spawn({
    args: ['echo', '127.0.0.1:0', '2'],
    network: { listen: ['127.0.0.1:0'] },
  })
  const { value } = await guest.lines()[Symbol.asyncIterator]().next()
  const port = portOf(String(value))
  for (const text of ['one', 'three']) t.is(await exchange(port, text), text)
  const { usage } = await guest.outcome
  t.deepEqual([usage.networkReceivedBytes, usage.networkSentBytes], [8, 8])
  const [error] = (await once(connect(port, '127.0.0.1'), 'error')) as [NodeJS.ErrnoException]
  t.is(error.code, 'ECONNREFUSED')
})

test('datagrams are checked and counted', async (t) => {
  const { at, received } = await udpEcho(t)
  t.is(
    await prints(['udp', at, 'four'], { allow: ['*:*'], listen: ['udp:*:*'] }),
    `${at}: ${DENIED}\n`,
  )
  t.is(received(), 0)
  const { stdout, usage } = await (
    await real('net-p3')
  ).run({ args: ['udp', at, 'four'], network: { allow: [`udp:${at}`] } })
  t.is(stdout.toString(), `${at}: four\n`)
  t.deepEqual([usage.networkSentBytes, usage.networkReceivedBytes], [4, 4])
})

test('names are looked up if they are granted, and addresses are returned as they are', async (t) => {
  const resolve = (name: string, network?: NetworkOptions) => prints(['resolve', name], network)
  t.is(await resolve('localhost'), `localhost: ${DENIED}\n`)
  t.is(await resolve('localhost', { dns: ['other'] }), `localhost: ${DENIED}\n`)
  t.is(await resolve('localhost', { dns: ['localhost'] }), 'localhost: loopback\n')
  t.is(await resolve('127.0.0.1'), '127.0.0.1: loopback\n')
  t.is(await resolve('a/b', { dns: ['*'] }), 'a/b: ErrorCode::InvalidArgument\n')
  t.is(
    await resolve('nowhere.invalid', { dns: ['*'] }),
    'nowhere.invalid: ErrorCode::NameUnresolvable\n',
  )
})

test('streams of a socket that was dropped count as open, until they are dropped', async (t) => {
  const { at, sockets } = await tcpServer(t, (socket) => socket.resume())
  const network = { allow: [at] }
  const limits = { sockets: 5 }
  const full = 'streams: 5 and then ErrorCode::OutOfMemory\n'
  t.is(await prints(['streams', at, '10'], network, { limits }), full)
  await until(() => [...sockets].every((socket) => socket.readableEnded))
  t.is(await prints(['again', at, '50'], network, { limits }), 'again: 50\n')
})

test('clients wait while the guest has as many sockets as it may have', async (t) => {
  const guest = (await real('net-p3')).spawn({
    args: ['hoard', '127.0.0.1:0', '10'],
    network: { listen: ['127.0.0.1:0'] },
    limits: { sockets: 4 },
  })
  const lines = guest.lines()[Symbol.asyncIterator]()
  const port = portOf(String((await lines.next()).value))
  const clients: Socket[] = []
  for (let left = 6; left > 0; left -= 1) {
    const client = connect(port, '127.0.0.1')
    client.on('error', () => {})
    await once(client, 'connect')
    clients.push(client)
  }
  // The listener is one of the four.
  for (const count of ['1', '2', '3']) t.is((await lines.next()).value, count)
  const fourth = lines.next()
  guest.kill()
  t.true((await fourth).done)
  t.is(ending(await guest.outcome), 'abort')
  for (const client of clients) client.destroy()
})
