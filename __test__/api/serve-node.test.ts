// Requests that components handle behind Node's own server.
import { once } from 'node:events'
import { request } from 'node:http'
import { connect } from 'node:net'
import { text } from 'node:stream/consumers'
import test from 'ava'
import { ask, listen, serve } from '../support/handlers.ts'
import { until } from '../support/guest.ts'

test('a request and its response', async (t) => {
  const { handler } = await serve(t)
  const port = await listen(t, handler.node)
  const { status, headers, body } = await ask(port, '/')
  t.deepEqual([status, headers['content-length'], body], [200, '6', 'hello\n'])
  const { body: head } = await ask(port, '/head?x=1', {
    headers: { 'x-a': ['1', '2'], host: 'h:1' },
  })
  t.is(head, 'GET http h:1 /head?x=1\nx-a: 1\nx-a: 2\n')
})

test('bodies are streamed both ways, as the other side reads', async (t) => {
  const { handler } = await serve(t, { limits: { memoryBytes: 4 << 20 } })
  const port = await listen(t, handler.node)
  const asked = request({ host: '127.0.0.1', port, path: '/echo', method: 'POST', agent: false })
  const size = 16 << 20
  const responded = once(asked, 'response')
  asked.write(Buffer.alloc(1 << 20))
  const [response] = (await responded) as [NodeJS.ReadableStream]
  for (let left = size - (1 << 20); left > 0; left -= 1 << 20) asked.write(Buffer.alloc(1 << 20))
  asked.end()
  let got = 0
  for await (const chunk of response) got += (chunk as Buffer).length
  t.is(got, size)
})

test('headers, statuses and bodies that HTTP has none for', async (t) => {
  const { handler } = await serve(t)
  const port = await listen(t, handler.node)
  const { headers } = await ask(port, '/headers?set-cookie=a&set-cookie=b&x-latin=%e9')
  t.deepEqual([headers['set-cookie'], headers['x-latin']], [['a', 'b'], '\u00e9'])
  t.deepEqual((await ask(port, '/status/204')).body, '')
  const head = await ask(port, '/length/5/0', { method: 'HEAD' })
  t.deepEqual([head.headers['content-length'], head.body], ['5', ''])
})

test('endings before the head are a plain 500, later ones end the connection', async (t) => {
  const { handler, outcomes } = await serve(t, { limits: { timeoutMs: 200 } })
  const port = await listen(t, handler.node)
  for (const path of ['/trap', '/loop', '/exit/1', '/none', '/error']) {
    const { status, body } = await ask(port, path)
    t.deepEqual([status, body], [500, 'Internal Server Error\n'], path)
  }
  for (const path of ['/trap-after', '/loop-after', '/unfinished', '/length/5/3', '/length/5/9'])
    t.regex((await ask(port, path)).body, /^broken off: ECONNRESET/, path)
  await until(() => outcomes.length === 10)
})

test('a client that disconnects aborts the run', async (t) => {
  const { handler, outcomes } = await serve(t)
  const port = await listen(t, handler.node)
  for (const path of ['/sleep/60000', '/loop', `/big/${256 << 20}`]) {
    const asked = request({ host: '127.0.0.1', port, path, agent: false })
    asked.on('error', () => {})
    asked.end()
    if (path.startsWith('/big')) await once(asked, 'response')
    else await once(asked, 'finish')
    // It must have come to the guest.
    await until(() => outcomes.length === 0)
    asked.destroy()
    await until(() => outcomes.length === 1)
    t.regex(outcomes.pop()!, /^abort: /, path)
  }
})

test('requests on one connection, one after the other, also where a body is not read', async (t) => {
  const { handler } = await serve(t)
  const port = await listen(t, handler.node)
  const socket = connect(port, '127.0.0.1')
  const body = 'x'.repeat(300_000)
  socket.write(`POST / HTTP/1.1\r\nHost: a\r\nContent-Length: ${body.length}\r\n\r\n${body}`)
  socket.write('GET /head HTTP/1.1\r\nHost: b\r\nConnection: close\r\n\r\n')
  const got = await text(socket)
  t.is(got.match(/HTTP\/1\.1 200 OK/g)?.length, 2)
  t.regex(got, /hello\n[^]*GET http b \/head\n/)
})

test('requests that mean nothing are refused without a run', async (t) => {
  const { handler, outcomes } = await serve(t)
  const port = await listen(t, handler.node)
  for (const head of [
    'GET / HTTP/1.1\r\nHost: a b\r\n',
    'GET / HTTP/1.1\r\nHost: user@a\r\n',
    'GET nowhere HTTP/1.1\r\nHost: a\r\n',
    'GET http://a@b/ HTTP/1.1\r\nHost: a\r\n',
  ]) {
    const socket = connect(port, '127.0.0.1')
    socket.end(`${head}Connection: close\r\n\r\n`)
    t.regex(await text(socket), /^HTTP\/1\.1 400 /, head)
  }
  t.deepEqual(outcomes, [])
})

test('targets of other forms, and a request without a host', async (t) => {
  const { handler } = await serve(t)
  const port = await listen(t, handler.node)
  for (const [head, expected] of [
    ['GET http://other:81/head?x HTTP/1.1\r\nHost: a\r\n', 'GET http other:81 /head?x\n'],
    ['GET /head HTTP/1.0\r\n', 'GET http localhost /head\n'],
  ] as const) {
    const socket = connect(port, '127.0.0.1')
    socket.write(`${head}Connection: close\r\n\r\n`)
    t.true((await text(socket)).includes(expected), head)
  }
})

test('a handler that is closed says that it is not available', async (t) => {
  const { handler } = await serve(t)
  const port = await listen(t, handler.node)
  await handler.close()
  const { status, headers } = await ask(port, '/')
  t.deepEqual([status, headers.connection], [503, 'close'])
})

test('what keeps a request from being run is a 500, and is told', async (t) => {
  const errors: unknown[] = []
  const preopens = { '/data': '/there/is/no/such/folder' }
  const { handler } = await serve(t, { preopens, onError: (error) => errors.push(error) })
  const port = await listen(t, handler.node)
  t.is((await ask(port, '/')).status, 500)
  t.is((errors[0] as { code: string }).code, 'ERR_PREOPEN')
})
