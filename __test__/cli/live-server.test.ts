// The server of a live page: who gets it, and who cannot get in its way.
import { once } from 'node:events'
import { get, type IncomingMessage } from 'node:http'
import { connect, type Socket } from 'node:net'
import test, { type ExecutionContext } from 'ava'
import type { Update } from '../../report/page/data.ts'
import { numbers } from '../support/guest.ts'
import { FakeBatch, request, serveLive } from '../support/live.ts'
import { exit } from '../support/report.ts'

/** The updates of a connection, as they come. */
async function* updates(t: ExecutionContext, url: string): AsyncGenerator<Update> {
  const client = get(`${url}events`, { agent: false })
  t.teardown(() => client.destroy())
  const [response] = (await once(client, 'response')) as [IncomingMessage]
  t.is(response.headers['content-type'], 'text/event-stream; charset=utf-8')
  let text = ''
  for await (const chunk of response.setEncoding('utf8')) {
    text += chunk as string
    const events = text.split('\n\n')
    text = events.pop()!
    for (const event of events) {
      if (event.startsWith('data: ')) yield JSON.parse(event.slice(6)) as Update
    }
  }
}

async function next(all: AsyncGenerator<Update>): Promise<Update> {
  const { value, done } = await all.next()
  if (done) throw new Error('no more updates')
  return value
}

test('the page is served at its address, and nothing of it is kept or shared', async (t) => {
  const { url } = await serveLive(t)
  t.regex(url, /^http:\/\/127\.0\.0\.1:\d+\/[\w-]{22}\/$/)
  for (const address of [url, url.slice(0, -1), `${url}?utm=1`]) {
    const { status, headers, text } = await request(address)
    t.is(status, 200)
    t.regex(text, /^<!doctype html>[^]*a live batch[^]*<\/html>\n$/)
    t.is(headers['cache-control'], 'no-store')
    t.is(headers['referrer-policy'], 'no-referrer')
    t.is(headers['cross-origin-resource-policy'], 'same-origin')
    t.is(headers['access-control-allow-origin'], undefined)
    const policy = headers['content-security-policy'] as string
    t.regex(policy, /^default-src 'none'; script-src 'sha256-[^']+'; style-src 'sha256-[^']+';/)
    t.true(policy.endsWith("connect-src 'self'; trusted-types wasiexec; frame-ancestors 'none'"))
  }
})

test('without the whole address there is nothing', async (t) => {
  const { batch, url } = await serveLive(t)
  const { origin, pathname } = new URL(url)
  const token = pathname.slice(1, -1)
  const paths = [
    '/',
    '/events',
    '/favicon.ico',
    `/${token.slice(0, -1)}/`,
    `/${token}x/`,
    `/${token.toLowerCase()}A/`,
    `/${token}//`,
    `/${token}/events/`,
    `/${token}/../${token}/other`,
    `//${token}/`,
    `/%2f${token}/`,
    `/x?${token}`,
  ]
  for (const path of paths) {
    const { status, text } = await request(origin, { path })
    t.is(status, 404, path)
    t.false(text.includes(token), path)
  }
  const other = await serveLive(t)
  t.is((await request(origin, { path: new URL(other.url).pathname })).status, 404)
  t.is(batch.reads, 0)
})

test('a name that leads here by accident or on purpose is refused', async (t) => {
  const { batch, url } = await serveLive(t)
  const { port } = new URL(url)
  for (const host of [
    'example.com',
    `example.com:${port}`,
    'localhost.example.com',
    '127.0.0.1.nip.io',
    `127.0.0.2:${port}`,
    '0.0.0.0',
    '[::1].example.com',
    '[::2]',
    'localhost@example.com',
    'localhost:1:2',
  ]) {
    const { status, text } = await request(url, { headers: { host } })
    t.is(status, 421, host)
    t.is(text, `expected the host 127.0.0.1 or localhost or [::1], got ${host}\n`)
  }
  t.is(batch.reads, 0)
  // Another port is that of a tunnel.
  for (const host of [`127.0.0.1:${port}`, 'localhost', 'LOCALHOST:9999', '[::1]:80']) {
    t.is((await request(url, { headers: { host } })).status, 200, host)
  }
})

test('it is asked by GET alone', async (t) => {
  const { batch, url } = await serveLive(t)
  for (const method of ['POST', 'PUT', 'DELETE', 'OPTIONS', 'PATCH', 'TRACE', 'PROPFIND']) {
    const { status, headers, text } = await request(url, { method })
    t.is(status, 405, method)
    t.is(headers.allow, 'GET')
    t.is(text, `expected GET, got ${method}\n`)
  }
  t.is((await request(url, { method: 'HEAD' })).status, 405)
  t.is(batch.reads, 0)
})

test('what is not HTTP is refused, and does no harm', async (t) => {
  const { url } = await serveLive(t)
  const { port, pathname } = new URL(url)
  for (const text of [
    'nonsense\r\n\r\n',
    `GET ${pathname} HTTP/1.1\r\n\r\n`,
    `GET ${pathname} HTTP/1.1\r\nHost:\r\n\r\n`,
    `GET ${pathname} HTTP/1.0\r\n\r\n`,
    `GET ${pathname} HTTP/1.1\r\nHost: localhost\r\nHost: example.com\r\n\r\n`,
    `CONNECT localhost:${port} HTTP/1.1\r\nHost: localhost\r\n\r\n`,
    `GET http://example.com${pathname} HTTP/1.1\r\nHost: localhost\r\n\r\n`,
    `GET / HTTP/1.1\r\nHost: localhost\r\nX: ${'x'.repeat(100_000)}\r\n\r\n`,
  ]) {
    const socket = connect(Number(port), '127.0.0.1')
    t.teardown(() => socket.destroy())
    socket.end(text)
    const [line] = (await answer(socket)).split('\r\n')
    t.notRegex(line!, /^HTTP\/1\.1 200/, text.slice(0, 60))
  }
  t.is((await request(url)).status, 200)
})

async function answer(socket: Socket): Promise<string> {
  let text = ''
  socket.setEncoding('latin1').on('data', (chunk: string) => (text += chunk))
  socket.on('error', () => {})
  socket.resume()
  if (!socket.closed) await once(socket, 'close').catch(() => {})
  return text
}

test('updates have what is new; a page that comes later gets everything', async (t) => {
  const { batch, url } = await serveLive(t)
  batch.collector.add(exit(1, { index: 0, id: 'first' }), 1)
  const early = updates(t, url)
  const first = await next(early)
  t.deepEqual(Object.keys(first.rows).toSorted(), ['failing 0', 'slowest 0'])
  t.true(first.rows['failing 0']!.includes('first'))
  t.false(first.main.includes('>first<'))
  t.true(first.main.includes('data-key="failing 0" data-same'))

  batch.collector.add(exit(1, { index: 1, id: 'second' }), 2)
  let seen = await next(early)
  while (seen.data.jobs < 2) seen = await next(early)
  t.deepEqual(Object.keys(seen.rows).toSorted(), ['failing 1', 'slowest 1'])
  // The latest is the first.
  t.true(seen.main.indexOf('"failing 1"') < seen.main.indexOf('"failing 0"'))

  const late = await next(updates(t, url))
  t.deepEqual(Object.keys(late.rows).toSorted(), [
    'failing 0',
    'failing 1',
    'slowest 0',
    'slowest 1',
  ])
  t.deepEqual(Object.keys((await next(early)).rows), [])
})

test('the end reaches every page that is open, and ends its connection', async (t) => {
  const { batch, server, url } = await serveLive(t)
  const pages = [updates(t, url), updates(t, url)]
  for (const page of pages) t.is((await next(page)).data.phase, 'running')
  batch.end()
  const ended = server.end()
  for (const page of pages) {
    let last = await next(page)
    while (last.data.phase !== 'over') last = await next(page)
    t.true((await page.next()).done)
  }
  await ended
  // One that was not connected at that time gets it, too.
  t.is((await next(updates(t, url))).data.phase, 'over')
})

test('nothing is made where nobody looks', async (t) => {
  const { batch, url } = await serveLive(t)
  await new Promise((resolve) => setTimeout(resolve, 1200))
  t.is(batch.reads, 0)
  const page = updates(t, url)
  await next(page)
  await page.return(undefined)
  await request(url, { path: '/' })
  await new Promise((resolve) => setTimeout(resolve, 1200))
  const after = batch.reads
  await new Promise((resolve) => setTimeout(resolve, 1200))
  t.is(batch.reads, after)
})

test('nothing waits for a client that never reads, and it does not hold the end up', async (t) => {
  // Two updates are more than a connection's buffers hold.
  const large = new FakeBatch()
  large.title = 'x'.repeat(3_000_000)
  const { batch, server, url } = await serveLive(t, large)
  const { port, pathname } = new URL(url)
  const sockets = numbers(3).map(() => connect(Number(port), '127.0.0.1'))
  t.teardown(() => sockets.forEach((socket) => socket.destroy()))
  for (const socket of sockets) {
    socket.pause()
    socket.on('error', () => {})
    socket.write(`GET ${pathname}events HTTP/1.1\r\nHost: localhost\r\n\r\n`)
  }
  const reading = updates(t, url)
  for (const _ of numbers(4)) t.is((await next(reading)).data.phase, 'running')
  batch.end()
  await server.end()
  for (const socket of sockets) {
    const events = (await answer(socket)).split('\ndata: ').length - 1
    t.true(events <= 3, `${events} updates`)
  }
})

test('more connections than any reader needs are not taken', async (t) => {
  const { url } = await serveLive(t)
  const { port } = new URL(url)
  const sockets = numbers(60).map(() => connect(Number(port), '127.0.0.1'))
  t.teardown(() => sockets.forEach((socket) => socket.destroy()))
  const closed = sockets.map(async (socket) => {
    socket.on('error', () => {})
    await once(socket, 'close').catch(() => {})
  })
  await Promise.race(closed)
  for (const socket of sockets) socket.destroy()
  await Promise.all(closed)
  let status = 0
  while (status !== 200) {
    status = await request(url).then(
      (response) => response.status,
      () => 0,
    )
  }
  t.is(status, 200)
})

test('a port that is taken is an error', async (t) => {
  const { url } = await serveLive(t)
  const { port } = new URL(url)
  await t.throwsAsync(serveLive(t, new FakeBatch(), Number(port)), { code: 'EADDRINUSE' })
})
