// Run once more with worker processes.
// The HTTP requests that guests send: what is granted, and what becomes of the rest. Everything stays on this machine.
import { once } from 'node:events'
import { createServer, type RequestListener, type Server } from 'node:http'
import { createServer as createSecureServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import { text } from 'node:stream/consumers'
import { setTimeout } from 'node:timers/promises'
import test, { type ExecutionContext } from 'ava'
import { compiled, ending, ownWat, real, realPath, refusal, until, wat } from '../support/guest.ts'
import { withMoreTime } from '../support/patience.ts'
import { load, Runtime, type HttpOptions, type RunOptions } from '../support/package.ts'
import { nobody, prints as printed, tcpServer } from '../support/servers.ts'
import { CA, CERTIFICATE, KEY } from '../support/certificates.ts'
import { serve } from '../support/handlers.ts'

const prints = (
  args: readonly string[],
  http?: false | HttpOptions,
  options: RunOptions = {},
): Promise<string> => printed('http', args, undefined, { http, ...options })

async function started(t: ExecutionContext, server: Server): Promise<number> {
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => {
    server.closeAllConnections()
    server.close()
  })
  return (server.address() as AddressInfo).port
}

/** A server that says what it was asked, and how many it was asked. */
async function server(
  t: ExecutionContext,
  respond?: RequestListener,
): Promise<{ port: number; at: string; count: () => number }> {
  let count = 0
  const port = await started(
    t,
    createServer(async (request, response) => {
      count += 1
      if (respond !== undefined) respond(request, response)
      else {
        const body = await text(request)
        response.end(`${request.method} ${request.headers.host} ${request.url} ${body}`)
      }
    }),
  )
  return { port, at: `127.0.0.1:${port}`, count: () => count }
}

test('a guest sends requests to the origins that a rule allows', async (t) => {
  const { at, port } = await server(t)
  for (const rule of [`http://${at}`, 'http://127.0.0.1:*']) {
    const got = await prints(['GET', `http://${at}/path?q=1`], { allow: ['https://*', rule] })
    t.is(got, `200 GET ${at} /path?q=1 \n`, rule)
  }
  const named = { allow: [`http://localhost:${port}`] }
  const posted = await prints(['POST', `http://localhost:${port}/`, 'a body'], named)
  t.is(posted, `200 POST localhost:${port} / a body\n`)
})

test('a guest sends no request that no rule allows', async (t) => {
  const { at, port, count } = await server(t)
  const grants: readonly (readonly [what: string, http: false | HttpOptions | undefined])[] = [
    ['nothing is given', undefined],
    ['it is off', false],
    ['nothing is granted', {}],
    ['the port of the scheme', { allow: ['http://127.0.0.1'] }],
    ['another port', { allow: [`http://127.0.0.1:${port === 1 ? 2 : port - 1}`] }],
    ['another address', { allow: ['http://127.0.0.2:*', 'http://[::1]:*'] }],
    ['another scheme', { allow: [`https://${at}`] }],
    ['a name', { allow: [`http://localhost:${port}`] }],
    // An address that is not public has to be named.
    ['everything', { allow: ['http://*:*'] }],
  ]
  for (const [what, http] of grants)
    t.is(await prints(['GET', `http://${at}/`], http), 'ErrorCode::HttpRequestDenied\n', what)
  const network = { allow: ['*:*'] }
  const sockets = await prints(['GET', `http://${at}/`], undefined, { network })
  t.is(sockets, 'ErrorCode::HttpRequestDenied\n', 'sockets alone')
  t.is(count(), 0)
})

test('an address in another notation is checked as the address that it is', async (t) => {
  const { port, count } = await server(t)
  const hosts = ['127.1', '2130706433', '0x7f.0.0.1', '0177.0.0.1', '[::ffff:127.0.0.1]']
  for (const host of hosts) {
    const args = ['GET', `http://${host}:${port}/`]
    t.is(await prints(args, { allow: ['http://*:*'] }), 'ErrorCode::HttpRequestDenied\n', host)
    t.regex(await prints(args, { allow: ['http://127.0.0.1:*'] }), /^200 GET /, host)
  }
  t.is(count(), hosts.length)
})

test('a name that only a pattern allows leads to no address of this machine', async (t) => {
  const { port, count } = await server(t)
  const args = ['GET', `http://localhost:${port}/`]
  const prohibited = 'ErrorCode::DestinationIpProhibited\n'
  t.is(await prints(args, { allow: ['http://*:*'] }), prohibited)
  const below = ['GET', `http://a.localhost:${port}/`]
  // Where the resolver knows such names at all.
  t.regex(
    await prints(below, { allow: ['http://*.localhost:*'] }),
    /DestinationIpProhibited|DnsError/,
  )
  t.is(count(), 0)
})

test('a redirect is a request like any other', async (t) => {
  const elsewhere = await server(t)
  const location = `http://${elsewhere.at}/secret`
  const { at } = await server(t, (_, response) => void response.writeHead(302, { location }).end())
  const http = { allow: [`http://${at}`] }
  t.is(await prints(['GET', `http://${at}/`], http), `302 ${location} \n`)
  t.is(await prints(['GET', location], http), 'ErrorCode::HttpRequestDenied\n')
  t.is(elsewhere.count(), 0)
})

test('what is no origin, no method or no scheme of requests', async (t) => {
  const { at, count } = await server(t)
  const http = { allow: [`http://${at}`, 'https://*:*', 'http://*:*'] }
  for (const [args, expected] of [
    [['GET', `http://user:word@${at}/`], /no authority|UriInvalid/],
    [['CONNECT', `http://${at}/`], /HttpRequestMethodInvalid/],
    [['GET', `ftp://${at}/`], /HttpProtocolError/],
    [['GET', 'http:///'], /UriInvalid|no authority/],
  ] as const)
    t.regex(await prints([...args], http), expected, args.join(' '))
  t.is(count(), 0)
})

test('servers that fail are errors with their codes', async (t) => {
  const gone = await nobody(t)
  const http = { allow: ['http://127.0.0.1:*', 'http://no-such-name.invalid'] }
  t.is(await prints(['GET', `http://${gone}/`], http), 'ErrorCode::ConnectionRefused\n')
  t.regex(await prints(['GET', 'http://no-such-name.invalid/'], http), /^ErrorCode::DnsError/)
  const { at } = await tcpServer(t, (socket) => socket.end('this is not HTTP\r\n\r\n'))
  t.is(await prints(['GET', `http://${at}/`], http), 'ErrorCode::HttpProtocolError\n')
  const short = await tcpServer(t, (socket) => {
    socket.end('HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nshort')
  })
  t.regex(await prints(['GET', `http://${short.at}/`], http), /^200 .*\(broken off\)\n$/)
})

test('requests count against the timeout, and end with their run', async (t) => {
  let opened = 0
  let closed = 0
  const { at } = await tcpServer(t, (socket) => {
    opened += 1
    socket.resume().on('error', () => {})
    // Its other end is closed.
    socket.on('end', () => (closed += 1))
  })
  const program = await real('http')
  const get = { args: ['GET', `http://${at}/`], http: { allow: [`http://${at}`] } }
  const outcome = await withMoreTime(
    300,
    (timeoutMs) => program.run({ ...get, limits: { timeoutMs } }),
    () => opened > 0,
  )
  t.is(ending(outcome), 'limit timeout')
  await until(() => closed === opened)
})

test('bytes both ways are in the usage', async (t) => {
  const { at } = await server(t, (request, response) => {
    request.resume().on('end', () => response.end('x'.repeat(100_000)))
  })
  const body = 'y'.repeat(50_000)
  const { usage } = await (
    await real('http')
  ).run({ args: ['POST', `http://${at}/`, body], http: { allow: [`http://${at}`] } })
  // With the heads.
  t.true(usage.networkSentBytes! > 50_000 && usage.networkSentBytes! < 51_000)
  t.true(usage.networkReceivedBytes! > 100_000 && usage.networkReceivedBytes! < 101_000)
  const none = await (await real('http')).run({ args: ['GET', `http://${at}/`] })
  t.is(none.usage.networkSentBytes, undefined)
})

test('a run that would move more bytes than it may is ended', async (t) => {
  const { at } = await server(t, (request, response) => {
    request.resume().on('end', () => response.end('x'.repeat(100_000)))
  })
  const program = await real('http')
  const options = {
    args: ['POST', `http://${at}/`, 'y'.repeat(50_000)],
    http: { allow: [`http://${at}`] },
  }
  const run = (limits: RunOptions['limits']) => program.run({ ...options, limits })
  const { usage } = await run({})
  for (const name of ['networkSentBytes', 'networkReceivedBytes'] as const) {
    const enough = await run({ [name]: usage[name]! })
    t.is(ending(enough), 'exit 0', name)
    for (const cap of [0, 10, usage[name]! - 1]) {
      const less = await run({ [name]: cap })
      t.is(ending(less), 'limit network', `${name} ${cap}`)
      t.true(less.usage[name]! <= cap)
    }
  }
})

/** A server that begins its response like this, and goes on without end. */
async function floodServer(
  t: ExecutionContext,
  start: string,
  again: string,
): Promise<{ at: string; sent: () => number; closed: () => number }> {
  let sent = 0
  let closed = 0
  const more = again.repeat(Math.ceil(16_384 / again.length))
  const { at } = await tcpServer(t, (socket) => {
    const flood = (): void => {
      do sent += more.length
      while (!socket.destroyed && socket.write(more))
    }
    socket.on('drain', flood).on('close', () => (closed += 1))
    // Not before there is a request.
    socket.once('data', () => {
      socket.resume().write(start)
      flood()
    })
  })
  return { at, sent: () => sent, closed: () => closed }
}

test('what a hostile server sends without end ends the request', async (t) => {
  const endless: readonly (readonly [
    what: string,
    start: string,
    again: string,
    printed: RegExp,
  ])[] = [
    ['lines of a head', 'HTTP/1.1 200 OK\r\n', 'x: y\r\n', /^ErrorCode::/],
    ['one line of a head', 'HTTP/1.1 200 OK\r\nx: ', 'y'.repeat(999), /^ErrorCode::/],
    ['a status line', 'HTTP/1.1 200 ', 'y'.repeat(999), /^ErrorCode::/],
    ['no line at all', '', 'y'.repeat(999), /^ErrorCode::/],
    [
      'extensions of a chunk',
      'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1;',
      'y'.repeat(999),
      /^200 +\(broken off\)/,
    ],
    [
      'chunks with extensions',
      'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n',
      `1;${'y'.repeat(999)}\r\nx\r\n`,
      /^200 x*( \(broken off\))?/,
    ],
    [
      'trailers',
      'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n',
      'x: y\r\n',
      /^200 +\(broken off\)/,
    ],
  ]
  for (const [what, start, again, expected] of endless) {
    const { at, closed } = await floodServer(t, start, again)
    const got = await prints(['GET', `http://${at}/`], { allow: [`http://${at}`] })
    t.regex(got, expected, what)
    await until(() => closed() === 1)
  }
})

test('what goes on without being too large ends with the limits of the run', async (t) => {
  for (const [start, again] of [
    ['', 'HTTP/1.1 103 Early Hints\r\nx: y\r\n\r\n'],
    // The size of a chunk.
    ['HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n', '0'.repeat(40)],
  ] as const) {
    const { at } = await floodServer(t, start, again)
    const program = await real('http')
    const run = (limits: RunOptions['limits']) =>
      program.run({ args: ['GET', `http://${at}/`], http: { allow: [`http://${at}`] }, limits })
    t.is(ending(await run({ timeoutMs: 300 })), 'limit timeout')
    t.is(ending(await run({ networkReceivedBytes: 3_000_000 })), 'limit network')
  }
})

test('a server that sends without end keeps no thread to itself', async (t) => {
  await using runtime = new Runtime({ threads: 1 })
  const size = 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n'
  const { at, sent } = await floodServer(t, size, '0'.repeat(40))
  const program = await load(await realPath('http'), { runtime, cache: compiled })
  const http = { allow: [`http://${at}`] }
  const loop = await ownWat('loop', { runtime })
  for (let round = 0; round < 10; round += 1) {
    const before = sent()
    const flood = program.run({ args: ['GET', `http://${at}/`], http, limits: { timeoutMs: 200 } })
    let isOver = false
    void flood.then(() => (isOver = true))
    await until(() => isOver || sent() > before + 5_000_000)
    t.is(ending(await loop.run({ limits: { cpuMs: 20 } })), 'limit cpu')
    t.is(ending(await flood), 'limit timeout')
  }
})

test('connections are sockets, of which a run has as many as its limit', async (t) => {
  const { at } = await server(t)
  const http = { allow: [`http://${at}`] }
  const got = await prints(['again', '5', `http://${at}/`], http, { limits: { sockets: 3 } })
  const lines = got.trimEnd().split('\n')
  t.is(lines.filter((line) => line === 'ErrorCode::ConnectionLimitReached').length, 2)
  t.is(lines.filter((line) => line === '200').length, 3)
})

test('with TLS, a server has to prove what it is', async (t) => {
  const secure = createSecureServer({ cert: CERTIFICATE, key: KEY }, (request, response) => {
    response.end(`secret ${request.url}`)
  })
  const port = await started(t, secure)
  const args = ['GET', `https://localhost:${port}/path`]
  const allow = [`https://localhost:${port}`, 'https://127.0.0.1:*']
  t.is(await prints(args, { allow }), 'ErrorCode::TlsCertificateError\n')
  t.is(await prints(args, { allow, ca: CA }), '200 secret /path\n')
  // The certificate is for another name.
  const other = ['GET', `https://127.0.0.1:${port}/`]
  t.is(await prints(other, { allow, ca: CA }), 'ErrorCode::TlsCertificateError\n')
  const { at } = await tcpServer(t, (socket) => socket.end('this is not TLS'))
  t.regex(
    await prints(['GET', `https://${at}/`], { allow, ca: CA }),
    /^ErrorCode::TlsProtocolError/,
  )
})

test('a job of a batch has the origins of the batch, or its own, or none', async (t) => {
  const { at } = await server(t)
  const program = await real('http')
  const args = ['GET', `http://${at}/`]
  const http = { allow: [`http://${at}`] }
  const jobs = [{ args }, { args, http: false as const }, { args, http: { allow: [] } }]
  const results: string[] = []
  for await (const { outcome } of program.batch(jobs, { defaults: { http } }))
    results.push(outcome!.stdout.toString().slice(0, 3))
  t.deepEqual(results, ['200', 'Err', 'Err'])
})

test('a guest that serves may send what its handler was granted', async (t) => {
  const { at, count } = await server(t)
  for (const guest of ['http', 'http-p3'] as const) {
    const { get } = await serve(t, { http: { allow: [`http://${at}`] } }, guest)
    t.regex(await (await get(`/fetch?http://${at}/x`)).text(), /GET 127\.0\.0\.1:\d+ \/x/)
    t.regex(await (await get('/fetch?http://127.0.0.2:1/')).text(), /HttpRequestDenied/)
  }
  t.is(count(), 2)
})

test('a body is passed on to another server while it arrives', async (t) => {
  const { at } = await server(t, (request, response) => {
    let got = 0
    request.on('data', (chunk: Buffer) => (got += chunk.length))
    request.on('end', () => response.end(`${got} bytes`))
  })
  const { get } = await serve(t, { http: { allow: [`http://${at}`] } })
  const body = new Uint8Array(3_000_000)
  const response = await get(`/forward?http://${at}/`, { method: 'POST', body })
  t.is(await response.text(), '3000000 bytes')
})

test('a request whose run is stopped does not look whole to its server', async (t) => {
  let hasCome = false
  let ended = ''
  const { at } = await server(t, (request) => {
    hasCome = true
    request.resume()
    request.on('end', () => (ended = 'whole'))
    request.on('close', () => (ended ||= 'broken off'))
    request.on('error', () => {})
  })
  const attempt = async (timeoutMs: number): Promise<void> => {
    const { get } = await serve(t, { http: { allow: [`http://${at}`] }, limits: { timeoutMs } })
    const body = new ReadableStream({
      pull: async (controller) => {
        await setTimeout(5)
        controller.enqueue(new Uint8Array(1000))
      },
    })
    const init = { method: 'POST', body, duplex: 'half' } as RequestInit
    t.is((await get(`/forward?http://${at}/`, init)).status, 500)
  }
  await withMoreTime(300, attempt, () => hasCome)
  await until(() => ended !== '')
  t.is(ended, 'broken off')
})

test('origins that are wrong are refused before the run', async (t) => {
  const program = await real('http')
  const refused = async (http: unknown): Promise<string> => {
    const { code, message } = await refusal(program.run({ http } as RunOptions))
    t.is(code, 'ERR_INVALID_OPTION')
    return message
  }
  for (const [origin, expected] of [
    ['api.example.com', /^`http\.allow\[0\]` must be an origin, such as 'https/],
    ['ftp://a', /must be an origin, such as/],
    ['http://', /must be an origin, such as/],
    ['https://api.example.com/', /must be an origin without a path, got/],
    [
      'https://a.*',
      /must be an origin whose host is an address, a name, '\*\.' and a name, or \*, got/,
    ],
    ['https://api.example.com?x', /without a path/],
    ['https://user@api.example.com', /without a user/],
    ['https://a:0', /whose port is from 1 to 65535 or \*/],
    ['https://a:65536', /whose port is/],
    ['https://a:', /whose port is/],
    ['https://a:80-90', /whose port is/],
    ['https://a b', /whose host is/],
    ['https://*a.example', /whose host is/],
    ['https://127.1', /127\.1 is the address 127\.0\.0\.1 in another notation/],
    ['https://[::1', /must be/],
    ['https://10.0.0.0/8', /without a path/],
  ] as const)
    t.regex(await refused({ allow: [origin] }), expected, origin)
  t.regex(await refused(true), /^`http` must be false or \{ allow, ca \}, got true/)
  t.regex(await refused({ allow: 'https://a' }), /^`http\.allow` must be an array of origins/)
  t.regex(await refused({ allowed: [] }), /^unknown option `http\.allowed`; did you mean `allow`\?/)
  // An empty file is not "no authorities of my own".
  for (const ca of [
    '',
    'x',
    '-----BEGIN CERTIFICATE-----',
    CA.slice(0, 200),
    CA.replace(/M/g, 'A'),
  ]) {
    t.regex(await refused({ ca }), /^`http\.ca` must be certificates in PEM, got /)
    // Before there is a run.
    const { code } = await refusal(() => program.check({ http: { ca } }))
    t.is(code, 'ERR_INVALID_OPTION')
    t.is((await refusal(program.serve({ http: { ca } }))).code, 'ERR_INVALID_OPTION')
    t.is((await refusal(() => program.spawn({ http: { ca } }))).code, 'ERR_INVALID_OPTION')
  }
  program.check({ http: { ca: `${CA}${CA}` } })
  const module = await refusal((await wat('hello')).run({ http: { allow: ['https://a'] } }))
  t.regex(module.message, /^`http` cannot be given to "hello\.wat", which is a core module/)
})
