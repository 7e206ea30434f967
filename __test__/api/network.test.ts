// Run once more through spawn.
// What a guest may use of the network. Everything stays on this machine.
import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { connect, type AddressInfo } from 'node:net'
import { networkInterfaces } from 'node:os'
import { setTimeout } from 'node:timers/promises'
import test from 'ava'
import type { NetworkOptions, RunOptions } from '../support/package.ts'
import { ending, real, refusal, until, wat } from '../support/guest.ts'
import { withMoreTime } from '../support/patience.ts'
import {
  counter,
  echoServer,
  exchange,
  nobody,
  portOf,
  prints as printed,
  redisServer,
  tcpServer,
  udpEcho,
} from '../support/servers.ts'

const net = () => real('net')

const prints = (
  args: readonly string[],
  network?: false | NetworkOptions,
  options?: RunOptions,
): Promise<string> => printed('net', args, network, options)

/** Networks that do not reach this server. */
function others(at: string): [what: string, network: false | NetworkOptions | undefined][] {
  const port = portOf(at)
  return [
    ['nothing is given', undefined],
    ['it is off', false],
    ['nothing is granted', {}],
    ['another port', { allow: [`127.0.0.1:1-${port - 1},${port + 1}-65535`] }],
    ['another address', { allow: [`127.0.0.2:${port}`] }],
    ['another network', { allow: [`10.0.0.0/8:${port}`] }],
    ['another family', { allow: [`[::1]:${port}`, '[::/0]:*'] }],
    ['another protocol', { allow: [`udp:127.0.0.1:${port}`, 'udp:*:*'] }],
    ['only listeners', { listen: ['*:*'] }],
    ['only names', { dns: ['*'] }],
    ['a name that was not looked up', { allow: [`localhost:${port}`, '*.example:*'] }],
  ]
}

test('a guest reaches the addresses that a rule allows', async (t) => {
  const at = await echoServer(t)
  const port = portOf(at)
  for (const rule of [
    at,
    `tcp:${at}`,
    '*:*',
    '127.0.0.1:*',
    '127.0.0.0/8:*',
    `0.0.0.0/0:1-65535`,
    `127.0.0.1:1,${port}`,
  ]) {
    const { stdout, usage, ...outcome } = await (
      await net()
    ).run({ args: ['get', at, 'hello'], network: { allow: ['udp:*:*', rule] } })
    t.is(stdout.toString(), `${at}: hello\n`, rule)
    t.deepEqual([usage.networkSentBytes, usage.networkReceivedBytes], [5, 5])
    t.is(outcome.kind, 'exit')
  }
})

test('a guest reaches no address that no rule allows', async (t) => {
  const { at, count } = await counter(t)
  for (const [what, network] of others(at))
    t.is(await prints(['connect', at], network), `${at}: PermissionDenied\n`, what)
  t.is(count(), 0)
})

test('where nothing listens, the connection is refused, and is not a lack of permission', async (t) => {
  const at = await nobody(t)
  t.is(await prints(['connect', at], { allow: [at] }), `${at}: ConnectionRefused\n`)
})

test('addresses that are no remote address are refused by themselves', async (t) => {
  const { at } = await tcpServer(t, (socket) => socket.end())
  const port = portOf(at)
  const words = [`0.0.0.0:${port}`, '127.0.0.1:0', `[::]:${port}`, `[::ffff:127.0.0.1]:${port}`]
  const printed = await prints(['connect', ...words], { allow: ['*:*'] })
  t.deepEqual(
    printed.trimEnd().split('\n'),
    words.map((word) => `${word}: InvalidInput`),
  )
})

const hasIPv6 = Object.values(networkInterfaces()).some((addresses) =>
  addresses?.some(({ address }) => address === '::1'),
)

;(hasIPv6 ? test : test.skip)('the same holds for IPv6', async (t) => {
  const at = await echoServer(t, '::1')
  t.is(await prints(['get', at, 'six'], { allow: [at] }), `${at}: six\n`)
  t.is(await prints(['get', at, 'six'], { allow: ['[::/0]:*'] }), `${at}: six\n`)
  t.is(await prints(['get', at, 'six'], { allow: ['0.0.0.0/0:*'] }), `${at}: PermissionDenied\n`)
  t.is(await prints(['bind', '[::1]:0'], { listen: ['[::1]:0'] }), '[::1]:0: listening\n')
  t.is(
    await prints(['bind', '[::1]:0'], { listen: ['127.0.0.1:0'] }),
    '[::1]:0: PermissionDenied\n',
  )
})

test('a guest binds what it may listen on, and nothing else', async (t) => {
  const addresses = ['127.0.0.1:0', '127.0.0.2:0', '0.0.0.0:0', '127.0.0.1:1']
  const said = async (network: NetworkOptions) =>
    (await prints(['bind', ...addresses], network))
      .trimEnd()
      .split('\n')
      .map((line) => line.slice(line.indexOf(' ') + 1))
  const no = 'PermissionDenied'
  t.deepEqual(await said({}), [no, no, no, no])
  t.deepEqual(await said({ allow: ['*:*'] }), [no, no, no, no])
  t.deepEqual(await said({ listen: ['udp:*:*'] }), [no, no, no, no])
  t.deepEqual(await said({ listen: ['127.0.0.1:0'] }), ['listening', no, no, no])
  t.deepEqual(await said({ listen: ['127.0.0.1:2-9'] }), [no, no, no, no])
  t.deepEqual(await said({ listen: ['*:0'] }), ['listening', 'listening', 'listening', no])
  t.deepEqual(await said({ allow: ['*:*'], listen: ['127.0.0.1:0'] }), ['listening', no, no, no])
})

test('a guest serves clients, and its listener ends with it', async (t) => {
  const guest = (await net()).spawn({
    args: ['echo', '127.0.0.1:0', '2'],
    network: { listen: ['127.0.0.1:0'] },
  })
  const lines = guest.lines()[Symbol.asyncIterator]()
  const first = await lines.next()
  const port = portOf(String(first.value).trimEnd())
  for (const text of ['one', 'three']) t.is(await exchange(port, text), text)
  const outcome = await guest.outcome
  t.is(ending(outcome), 'exit 0')
  t.deepEqual([outcome.usage.networkReceivedBytes, outcome.usage.networkSentBytes], [8, 8])
  const late = connect(port, '127.0.0.1')
  const [error] = (await once(late, 'error')) as [NodeJS.ErrnoException]
  t.is(error.code, 'ECONNREFUSED')
})

test('a guest that listens and never accepts holds no thread, and is stopped with its sockets', async (t) => {
  const guest = (await net()).spawn({
    args: ['listen', '127.0.0.1:0'],
    network: { listen: ['127.0.0.1:0'] },
    limits: { cpuMs: 10_000 },
  })
  const { value } = await guest.lines()[Symbol.asyncIterator]().next()
  const port = portOf(String(value).trimEnd())
  const client = connect(port, '127.0.0.1')
  await once(client, 'connect')
  // A reset, or an end.
  client.on('error', () => {})
  const closed = new Promise((resolve) => client.once('close', resolve))
  guest.kill()
  t.is(ending(await guest.outcome), 'abort')
  client.resume()
  await closed
  const late = connect(port, '127.0.0.1')
  const [error] = (await once(late, 'error')) as [NodeJS.ErrnoException]
  t.is(error.code, 'ECONNREFUSED')
})

test('waiting for the network counts for the timeout and not for the time on a core', async (t) => {
  const { at, sockets } = await tcpServer(t, () => {})
  const program = await net()
  const hold = { args: ['hold', at], network: { allow: [at] } }
  const outcome = await withMoreTime(
    300,
    (timeoutMs) => program.run({ ...hold, limits: { timeoutMs, cpuMs: 600_000 } }),
    ({ stdout }) => stdout.length > 0,
  )
  t.is(ending(outcome), 'limit timeout')
  t.is(outcome.stdout.toString(), 'connected\n')
  // Its connection is closed with it.
  await until(() => sockets.size === 0 || [...sockets].every((socket) => socket.readableEnded))
  t.pass()
})

test('many guests that wait for the network take turns on few threads', async (t) => {
  let open = 0
  const { at, sockets } = await tcpServer(t, () => {
    open += 1
    // All of them wait at the same time.
    if (open === 100) for (const socket of sockets) socket.write('x')
  })
  const program = await net()
  const runs = Array.from({ length: 100 }, () =>
    program.run({ args: ['hold', at], network: { allow: [at] } }),
  )
  for (const outcome of await Promise.all(runs)) {
    t.is(outcome.stdout.toString(), `connected\n${at}: read\n`)
    t.is(outcome.usage.networkReceivedBytes, 1)
  }
})

test('datagrams go to the addresses that a rule allows, each by itself', async (t) => {
  const [yes, no] = [await udpEcho(t), await udpEcho(t)]
  const ask = (network: NetworkOptions) =>
    prints(['udp', '0.0.0.0:0', yes.at, 'a', `${no.at}=bb`, 'ccc'], network)
  t.is(await ask({ allow: [`udp:${yes.at}`] }), `${yes.at}: a, PermissionDenied, ccc\n`)
  t.deepEqual([yes.received(), no.received()], [2, 0])
  t.is(await ask({ allow: ['udp:127.0.0.1:*'] }), `${yes.at}: a, bb, ccc\n`)
  t.is(no.received(), 1)
  t.is(await ask({ allow: ['*:*'] }), `${yes.at}: PermissionDenied\n`)
  t.is(
    await ask({ listen: ['udp:*:*'] }),
    `${yes.at}: PermissionDenied, PermissionDenied, PermissionDenied\n`,
  )
  const { usage } = await (
    await net()
  ).run({
    args: ['udp', '0.0.0.0:0', yes.at, 'four', 'more'],
    network: { allow: [`udp:${yes.at}`] },
  })
  t.deepEqual([usage.networkSentBytes, usage.networkReceivedBytes], [8, 8])
})

test('a guest receives datagrams from the addresses that a rule allows', async (t) => {
  const allowed = createSocket('udp4')
  const other = createSocket('udp4')
  t.teardown(() => {
    allowed.close()
    other.close()
  })
  for (const socket of [allowed, other]) {
    socket.bind(0, '127.0.0.1')
    await once(socket, 'listening')
  }
  const { port } = allowed.address() as AddressInfo
  const guest = (await net()).spawn({
    args: ['udp-echo', '127.0.0.1:0', '1'],
    network: { allow: [`udp:127.0.0.1:${port}`], listen: ['udp:127.0.0.1:0'] },
  })
  const { value } = await guest.lines()[Symbol.asyncIterator]().next()
  const at = portOf(String(value).trimEnd())
  const answered = once(allowed, 'message')
  other.on('message', () => t.fail('it was answered'))
  await new Promise<void>((sent) => other.send('other', at, '127.0.0.1', () => sent()))
  await new Promise<void>((sent) => allowed.send('allowed', at, '127.0.0.1', () => sent()))
  const [message] = (await answered) as [Buffer]
  t.is(message.toString(), 'allowed')
  const { usage } = await guest.outcome
  t.deepEqual([usage.networkSentBytes, usage.networkReceivedBytes], [7, 7])
})

test('names are looked up if they are granted, and their addresses are checked', async (t) => {
  const at = await echoServer(t)
  const port = portOf(at)
  const resolve = (network: false | NetworkOptions | undefined, name = 'localhost') =>
    prints(['resolve', name], network)
  // The standard library of the guest has no kind for it.
  const refused = 'localhost: Uncategorized\n'
  for (const network of [
    undefined,
    false,
    {},
    { dns: false },
    { dns: [] },
    { allow: ['*:*'] },
    { dns: ['localhost.example', '*.localhost'] },
  ] as const)
    t.is(await resolve(network), refused, JSON.stringify(network))
  for (const network of [
    { dns: ['localhost'] },
    { dns: ['LOCALHOST.'] },
    { dns: ['*'] },
    { allow: [`localhost:${port}`] },
    { allow: ['udp:localhost:1'] },
  ])
    t.is(await resolve(network), 'localhost: loopback\n', JSON.stringify(network))
  t.is(await resolve({ dns: ['localhost'] }, 'LocalHost'), 'LocalHost: loopback\n')

  const fetch = (network: NetworkOptions) => prints(['fetch', 'localhost', `${port}`], network)
  const denied = 'localhost: PermissionDenied\n'
  t.is(await fetch({ dns: ['localhost'] }), denied)
  t.is(await fetch({ dns: ['localhost'], allow: ['10.0.0.0/8:*'] }), denied)
  t.is(await fetch({ dns: ['localhost'], allow: ['127.0.0.0/8:*'] }), 'localhost: connected\n')
  t.is(await fetch({ allow: [`localhost:${port}`] }), 'localhost: connected\n')
  t.is(await fetch({ allow: [`localhost:${port - 1}`] }), denied)
  t.is(await fetch({ allow: [`udp:localhost:${port}`] }), denied)
})

test('what one run has looked up is nothing to the next', async (t) => {
  const at = await echoServer(t)
  const network = { allow: [`localhost:${portOf(at)}`] }
  t.is(await prints(['fetch', 'localhost', `${portOf(at)}`], network), 'localhost: connected\n')
  t.is(await prints(['connect', at], network), `${at}: PermissionDenied\n`)
})

test('open sockets are capped, and closed ones make room', async (t) => {
  const network = { allow: ['udp:127.0.0.1:9'] }
  const full = /^sockets: (\d+) and then /
  const held = async (sockets?: number) =>
    full.exec(await prints(['sockets', '1000'], network, { limits: { sockets } }))?.[1]
  t.is(await held(), '64')
  t.is(await held(0), '0')
  t.is(await held(5), '5')
  t.is(await held(100), '100')
  t.is(await prints(['again', '500'], network, { limits: { sockets: 1 } }), 'again: 500\n')
})

for (const guest of ['net', 'net-p3']) {
  test(`${guest}: bytes have caps in each direction`, async (t) => {
    const tcp = await echoServer(t)
    const udp = await udpEcho(t)
    const network = { allow: [tcp, `udp:${udp.at}`] }
    const program = await real(guest)
    const text = 'x'.repeat(5000)
    const from = guest === 'net' ? ['0.0.0.0:0'] : []
    for (const args of [
      ['get', tcp, text],
      ['udp', ...from, udp.at, text],
    ]) {
      for (const name of ['networkSentBytes', 'networkReceivedBytes'] as const) {
        const enough = await program.run({ args, network, limits: { [name]: 5000 } })
        t.is(ending(enough), 'exit 0', `${args[0]} ${name}`)
        t.is(enough.usage[name], 5000)
        for (const cap of [0, 4999]) {
          const less = await program.run({ args, network, limits: { [name]: cap } })
          t.is(ending(less), 'limit network', `${args[0]} ${name} ${cap}`)
          t.true(less.usage[name]! <= cap)
        }
      }
    }
  })
}

test('bytes that nobody reads end in the backpressure of the connection', async (t) => {
  const { at } = await tcpServer(t, (socket) => socket.pause())
  const program = await net()
  const send = { args: ['send', at, String(2 ** 30)], network: { allow: [at] } }
  const outcome = await withMoreTime(
    1000,
    (timeoutMs) => program.run({ ...send, limits: { timeoutMs, memoryBytes: 16 << 20 } }),
    ({ usage }) => usage.networkSentBytes! > 0,
  )
  t.is(ending(outcome), 'limit timeout')
  t.true(outcome.usage.networkSentBytes! > 0)
  t.true(outcome.usage.networkSentBytes! < 2 ** 30)
})

test('a client of Redis works', async (t) => {
  const at = await redisServer(t)
  const args = [at, 'PING', 'GET a', 'SET a 1', 'INCR a', 'GET a']
  const client = await real('redis')
  const { stdout } = await client.run({ args, network: { allow: [at] } })
  t.is(stdout.toString(), 'PONG, nil, ok, int(2), 2\n')
  const refused = await client.run({ args, network: { allow: ['127.0.0.1:1'] } })
  t.regex(refused.stdout.toString(), /^Io: Permission denied/)
})

test('each job of a batch has the network of the defaults or its own', async (t) => {
  const at = await echoServer(t)
  const program = await net()
  const jobs = [
    { id: 'defaults', args: ['connect', at] },
    { id: 'none', args: ['connect', at], network: false as const },
    { id: 'other', args: ['connect', at], network: { allow: ['127.0.0.1:1'] } },
  ]
  const printed = new Map<unknown, string | undefined>()
  for await (const { id, outcome } of program.batch(jobs, {
    defaults: { network: { allow: [at] } },
  }))
    printed.set(id, outcome?.stdout.toString())
  t.deepEqual(
    [...printed],
    [
      ['defaults', `${at}: connected\n`],
      ['none', `${at}: PermissionDenied\n`],
      ['other', `${at}: PermissionDenied\n`],
    ],
  )
})

test('a run that is waited for has a network, too', async (t) => {
  const at = '127.0.0.1:9'
  const program = await net()
  const { stdout, usage } = program.runSync({
    args: ['bind', '127.0.0.1:0'],
    network: { listen: ['*:*'] },
  })
  t.is(stdout.toString(), '127.0.0.1:0: listening\n')
  t.is(usage.networkSentBytes, 0)
  const denied = program.runSync({ args: ['connect', at], network: { allow: ['127.0.0.1:10'] } })
  t.is(denied.stdout.toString(), `${at}: PermissionDenied\n`)
})

test('usage says nothing of the network where there is none', async (t) => {
  const { usage } = await (await net()).run({ args: ['bind', '127.0.0.1:0'] })
  t.false('networkSentBytes' in usage)
  t.false('networkReceivedBytes' in usage)
  const granted = await (await net()).run({ args: ['bind'], network: {} })
  t.deepEqual([granted.usage.networkSentBytes, granted.usage.networkReceivedBytes], [0, 0])
})

test('a module is refused a network, which it could not use', async (t) => {
  const error = await refusal((await wat('hello')).run({ network: { allow: ['*:*'] } }))
  t.is(error.code, 'ERR_INVALID_OPTION')
  t.regex(
    error.message,
    /^`network` cannot be given to .*hello.*, which is a core module: WASI 0\.1/,
  )
  t.is(ending(await (await wat('hello')).run({ network: false })), 'exit 0')
  await setTimeout(0)
})
