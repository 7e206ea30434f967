// Requests that components handle behind Node's own server.
import { once } from 'node:events'
import {
  request,
  type IncomingHttpHeaders,
  type IncomingMessage,
  type ServerResponse,
} from 'node:http'
import { connect } from 'node:net'
import { text } from 'node:stream/consumers'
import { setTimeout } from 'node:timers/promises'
import test from 'ava'
import { NodeClient } from '../../src/serve/node-client.ts'
import { node } from '../support/child.ts'
import { ask, listen, send, serve } from '../support/handlers.ts'
import { load, Runtime, type ServeOptions } from '../support/package.ts'
import { compiled, idle, real, realPath, until } from '../support/guest.ts'
import { withMoreTime } from '../support/patience.ts'

/** Whether there is no other length than that of the body. There is none where the body came after its head. */
function fits(headers: IncomingHttpHeaders, body: string): boolean {
  return [undefined, String(body.length)].includes(headers['content-length'])
}

test('a request and its response', async (t) => {
  const { handler } = await serve(t)
  const port = await listen(t, handler.node)
  const { status, headers, body } = await ask(port, '/')
  t.deepEqual([status, body], [200, 'hello\n'])
  t.true(fits(headers, body), headers['content-length'])
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

for (const guest of ['http', 'http-p3']) {
  test(`${guest}: trailers reach clients that take them`, async (t) => {
    const { handler } = await serve(t, {}, guest)
    const port = await listen(t, handler.node)
    const from = (path: string, ...head: string[]): Promise<string> =>
      send(
        port,
        [`GET ${path} HTTP/1.1`, 'Host: a', 'Connection: close', ...head, '', ''].join('\r\n'),
      )
    // A small body, which comes at once, and one that is streamed.
    for (const size of [0, 3, 1 << 20]) {
      const path = `/trailers/${size}?x-sum=abc&x-sum=d&x-more=e`
      for (const te of ['trailers', 'Trailers;q=0.5', 'deflate, trailers']) {
        const got = await from(path, `TE: ${te}`)
        t.regex(
          got,
          /^HTTP\/1\.1 200 OK\r\n[^]*\r\ntrailer: x-sum\r\n[^]*transfer-encoding: chunked/i,
        )
        t.regex(got, /\r\n0\r\nx-sum: abc\r\nx-sum: d\r\nx-more: e\r\n\r\n$/, `${size} ${te}`)
      }
      for (const head of [[], ['TE: deflate'], ['TE: xtrailers']]) {
        const got = await from(path, ...head)
        t.notRegex(got, /x-sum|x-more/, `${size} ${head.join()}`)
      }
      const none = await from(`/trailers/${size}`, 'TE: trailers')
      // With a length if it has come at once.
      t.regex(none, /\r\ncontent-length: \d+\r\n|\r\n0\r\n\r\n$/)
    }
    const old = await send(port, 'GET /trailers/3?x-sum=abc HTTP/1.0\r\nTE: trailers\r\n\r\n')
    t.regex(old, /^HTTP\/1\.1 200 OK\r\n[^]*\r\n\r\nxxx$/)
    t.notRegex(old, /x-sum/)
    const head =
      'HEAD /trailers/3?x-sum=abc HTTP/1.1\r\nHost: a\r\nTE: trailers\r\nConnection: close\r\n\r\n'
    t.regex(await send(port, head), /^HTTP\/1\.1 200 OK\r\n[^]*\r\n\r\n$/)
    const fetched = await handler.fetch(new Request('http://a/trailers/3?x-sum=abc'))
    t.deepEqual([await fetched.text(), fetched.headers.get('trailer')], ['xxx', null])
  })
}

test('a request that is too large is refused, and its connection ends', async (t) => {
  const { handler, outcomes } = await serve(t, { limits: { requestBytes: 10 } })
  const port = await listen(t, handler.node)
  const head = 'POST /count HTTP/1.1\r\nHost: a\r\n'
  const said = await send(port, `${head}Content-Length: 11\r\n\r\n`)
  t.regex(said, /^HTTP\/1\.1 413 [^]*\r\n\r\nContent Too Large\n$/)
  t.deepEqual(outcomes, [])
  const chunked = `${head}Transfer-Encoding: chunked\r\n\r\n6\r\nabcdef\r\n`
  const found = await send(port, `${chunked}5\r\nghijk\r\n`)
  t.regex(found, /^HTTP\/1\.1 413 [^]*\r\n\r\nContent Too Large\n$/)
  await until(() => outcomes.length === 1)
  t.regex(outcomes[0]!, /^limit request: 413 the body of the request is larger/)
  const whole = await send(port, `${head}Connection: close\r\nContent-Length: 10\r\n\r\n0123456789`)
  t.regex(whole, /^HTTP\/1\.1 200 [^]*\r\n\r\n10\n$/)
})

test('endings before the head are a plain 500, later ones end the connection', async (t) => {
  const { handler, outcomes } = await serve(t)
  const port = await listen(t, handler.node)
  const limited = async (path: string, timeoutMs: number) => {
    const { handler, outcomes } = await serve(t, { limits: { timeoutMs } })
    const got = await ask(await listen(t, handler.node), path)
    await until(() => outcomes.length === 1)
    return got
  }
  const early = ['/trap', '/exit/1', '/none', '/error'].map(async (path) => ask(port, path))
  for (const { status, body } of await Promise.all([...early, limited('/loop', 200)]))
    t.deepEqual([status, body], [500, 'Internal Server Error\n'])
  for (const path of ['/trap-after', '/unfinished', '/length/5/3', '/length/5/9'])
    t.regex((await ask(port, path)).body, /^broken off: ECONNRESET/, path)
  await until(() => outcomes.length === 8)
  const hasHead = ({ status }: { status: number | undefined }): boolean => status === 200
  const { body } = await withMoreTime(200, async (ms) => limited('/loop-after', ms), hasHead)
  t.regex(body, /^broken off: ECONNRESET/)
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

test('a client that sends requests without end is read as far as it is answered', async (t) => {
  const { handler } = await serve(t, { limits: { timeoutMs: 60_000 } })
  let seen = 0
  const respond = (request: IncomingMessage, response: ServerResponse): void => {
    seen += 1
    handler.node(request, response)
  }
  // Node's server gives a request a minute to be read, waits for earlier responses included.
  const port = await listen(t, respond, { headersTimeout: 0, requestTimeout: 0 })
  const line = (path: string): string => `GET ${path} HTTP/1.1\r\nHost: a\r\n\r\n`
  const hostile = connect(port, '127.0.0.1').on('error', () => {})
  hostile.write(line('/sleep/60000').repeat(100_000))
  await until(() => seen > 64)
  await setTimeout(300)
  t.true(seen < 10_000, `${seen}`)
  hostile.destroy()
  // One that reads has them all, in their order.
  const count = 2000
  const many = Array.from({ length: count }, (_, index) => line(`/head?${index}.`))
  const got = await send(port, ...many, line('/').replace('Host', 'Connection: close\r\nHost'))
  const answered = [...got.matchAll(/ \/head\?(\d+)\.\n/g)].map(([, index]) => Number(index))
  t.deepEqual(
    answered,
    many.map((_, index) => index),
  )
})

test('a length that clients could read in several ways does not reach them', async (t) => {
  const { handler } = await serve(t)
  const port = await listen(t, handler.node)
  for (const length of ['%2b5', '5,5', '0x5', '-1', '5%20', '', '5e0', '99999999999999999999']) {
    const { headers, body } = await ask(port, `/headers?content-length=${length}`)
    t.true(fits(headers, body), `${length}: ${headers['content-length']}`)
    t.regex(body, /^content-length: HeaderError::InvalidSyntax\n$/, length)
  }
  const two =
    'GET /headers?content-length=0&content-length=0 HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n'
  t.is((await send(port, two)).match(/content-length: /g)?.length, 1)
  const later = await serve(t, {}, 'http-p3')
  t.is((await later.get('/length/+5/5')).status, 500)
})

test('requests that mean nothing are refused without a run', async (t) => {
  const { handler, outcomes } = await serve(t)
  const port = await listen(t, handler.node)
  for (const head of [
    'GET / HTTP/1.1\r\nHost: a b\r\n',
    'GET / HTTP/1.1\r\nHost: user@a\r\n',
    'GET nowhere HTTP/1.1\r\nHost: a\r\n',
    'GET http://a@b/ HTTP/1.1\r\nHost: a\r\n',
    'GET / HTTP/1.1\r\nHost: a%41\r\n',
    'GET / HTTP/1.1\r\nHost: a:123456\r\n',
    'GET /< HTTP/1.1\r\nHost: a\r\n',
    'GET /`?x HTTP/1.1\r\nHost: a\r\n',
    'GET /?> HTTP/1.1\r\nHost: a\r\n',
    'GET / HTTP/1.1\r\nHost: a\r\nhost: b\r\n',
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

test('responses that wait for others of their connection end with it', async (t) => {
  const runtime = new Runtime({ maxConcurrentRuns: 4 })
  const { handler, outcomes } = await serve(t, {}, await real('http', { runtime }))
  const port = await listen(t, handler.node)
  const socket = connect(port, '127.0.0.1')
  const asked = (path: string): string => `GET ${path} HTTP/1.1\r\nHost: a\r\n\r\n`
  socket.write(asked('/sleep/60000') + asked(`/big/${64 << 20}`).repeat(3))
  await until(() => runtime.stats().running === 4)
  socket.destroy()
  await until(() => outcomes.length === 4)
  t.true(outcomes.every((text) => text.startsWith('abort: ')))
  await idle(runtime)
})

const LAST = 'GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n'

test('a response that somebody else ends aborts its run, and no write to it is an error', async (t) => {
  const { handler, outcomes } = await serve(t)
  for (const path of ['/sleep/60000', `/big/${64 << 20}`]) {
    const port = await listen(t, (asked, response) => {
      handler.node(asked, response)
      if (path.startsWith('/sleep')) response.end('x')
      else response.once('drain', () => response.end())
    })
    t.is((await ask(port, path)).status, 200)
    await until(() => outcomes.length === 1)
    t.regex(outcomes.pop()!, /^abort: /, path)
  }
})

test('a body of which a part was read does not hold its connection up', async (t) => {
  const attempt = async (timeoutMs: number): Promise<string> => {
    const { handler } = await serve(t, { limits: { timeoutMs } })
    const port = await listen(t, handler.node)
    const socket = connect(port, '127.0.0.1')
    const size = 4 << 20
    socket.write(`POST /count HTTP/1.1\r\nHost: a\r\nContent-Length: ${size}\r\n\r\n`)
    socket.write(Buffer.alloc(100_000))
    const [first] = (await once(socket, 'data')) as [Buffer]
    t.regex(first.toString(), /^HTTP\/1\.1 500 /)
    socket.write(Buffer.alloc(size - 100_000))
    socket.write(LAST)
    return text(socket)
  }
  const isServed = (rest: string): boolean => /hello\n/.test(rest)
  t.regex(await withMoreTime(100, attempt, isServed), /hello\n/)
})

test('responses that somebody else has begun or ended', async (t) => {
  const errors: unknown[] = []
  const onError = (error: unknown): void => void errors.push((error as { code: string }).code)
  const { handler, outcomes } = await serve(t, { onError })
  const ended = await listen(t, (asked, response) => {
    response.end('done')
    handler.node(asked, response)
  })
  t.is((await ask(ended, '/')).body, 'done')
  t.deepEqual(outcomes, [])
  const begun = await listen(t, (asked, response) => {
    response.writeHead(200).write('x')
    handler.node(asked, response)
  })
  const isWhole = /\r\n0\r\n\r\n$/
  t.notRegex(await send(begun, LAST), isWhole)
  await until(() => outcomes.length === 1)
  t.notRegex(outcomes[0]!, /complete$/)
  t.deepEqual(errors, ['ERR_HTTP_HEADERS_SENT'])
  await handler.close()
  t.notRegex(await send(begun, LAST), isWhole)
})

test('responses without a body are whole with their heads, and Node may be strict', async (t) => {
  const { handler, outcomes } = await serve(t, { limits: { cpuMs: 300 } })
  const port = await listen(t, handler.node, { rejectNonStandardBodyWrites: true })
  for (const [head, status] of [
    ['HEAD /', 200],
    ['HEAD /trap', 500],
    ['HEAD /big/3000000', 200],
    ['HEAD /loop-after', 200],
    ['GET /status/204', 204],
    ['GET /status/304', 304],
  ] as const) {
    const got = await send(port, `${head} HTTP/1.1\r\nHost: a\r\n\r\n`, LAST)
    t.true(got.startsWith(`HTTP/1.1 ${status} `), head)
    t.regex(got, /hello\n/, head)
  }
  await handler.close()
  t.is(outcomes.length, 12)
})

test('without chunks, a body that breaks off is no body that ends', async (t) => {
  const runtime = new Runtime()
  const program = await load(await realPath('http'), { runtime, cache: compiled })
  const { handler } = await serve(t, {}, program)
  const port = await listen(t, handler.node)
  t.notRegex(await send(port, 'GET / HTTP/1.0\r\n\r\n'), /broken off/)
  const socket = connect(port, '127.0.0.1')
  socket.write('GET /loop-after HTTP/1.0\r\n\r\n')
  await once(socket, 'data')
  const closed = once(socket, 'close')
  void runtime.close()
  await t.throwsAsync(closed, { code: 'ECONNRESET' })
})

test('a body that somebody else has read is told', async (t) => {
  const errors: unknown[] = []
  const { handler, outcomes } = await serve(t, { onError: (error) => errors.push(error) })
  const port = await listen(t, (asked, response) => {
    void text(asked).then(() => handler.node(asked, response))
  })
  t.is((await ask(port, '/count', { method: 'POST' }, 'x')).status, 500)
  t.regex((errors[0] as Error).message, /^`request` must be a request whose body was not read/)
  t.is((await ask(port, '/')).status, 200)
  t.is(outcomes.length, 1)
})

test('what onError throws is an uncaught exception, and the client is answered', async (t) => {
  const { code, stdout, stderr } = await node(`
    import { createServer } from 'node:http'
    process.on('uncaughtException', (error) => console.log(error.message))
    const onError = () => { throw new Error('of the caller') }
    const options = { preopens: { '/data': '/there/is/no/such/folder' }, onError }
    const handler = await (await real('http')).serve(options)
    const server = createServer(handler.node).listen(0, '127.0.0.1', async () => {
      const { status } = await fetch('http://127.0.0.1:' + server.address().port)
      console.log(status)
      server.close()
    })
  `)
  t.is(code, 0, stderr)
  t.is(stdout, 'of the caller\n500\n')
})

test('a value of a header that is the name of another is a value', async (t) => {
  const head = ['access-control-expose-headers', 'content-length']
  const ignored = { drained() {}, cancelled() {}, failed() {} }
  const port = await listen(t, (_, response) => {
    new NodeClient(response, ignored).begin(200, head, Buffer.from('abc'), [])
  })
  const { headers, body } = await ask(port, '/')
  t.is(headers['access-control-expose-headers'], 'content-length')
  t.deepEqual([headers['content-length'], body], ['3', 'abc'])
})

test('a body that other code reads as text is refused by name', async (t) => {
  let reason: unknown
  const onOutcome: ServeOptions['onOutcome'] = (outcome) => {
    reason = outcome.kind === 'abort' ? outcome.reason : outcome.kind
  }
  const { handler } = await serve(t, { onOutcome })
  const port = await listen(t, (request, response) => {
    request.setEncoding('utf8')
    handler.node(request, response)
  })
  t.is((await ask(port, '/count', { method: 'POST' }, 'abc')).status, 500)
  await until(() => reason !== undefined)
  t.is((reason as Error).message, '`request (a chunk)` must be bytes, got "abc"')
})

test('a host whose port is none is refused', async (t) => {
  const { handler } = await serve(t)
  const port = await listen(t, handler.node)
  const status = async (host: string) => (await ask(port, '/', { headers: { host } })).status
  t.is(await status('x:65535'), 200)
  for (const host of ['x:65536', 'x:99999', '[::1]:70000']) t.is(await status(host), 400, host)
})

test('what is not a request and a response of Node is refused by name', async (t) => {
  const { handler } = await serve(t)
  const answer = handler.node as (...given: unknown[]) => void
  const expected = (name: string, got: string) => ({
    code: 'ERR_INVALID_OPTION',
    message: `\`${name}\` must be the ${name} of a server of node:http or node:https, got ${got}`,
  })
  t.throws(() => answer(new Request('http://x/'), {}), expected('request', 'a Request'))
  t.throws(() => answer(), expected('request', 'undefined'))
  t.throws(() => answer({ rawHeaders: [] }, {}), expected('response', 'an object'))
})
