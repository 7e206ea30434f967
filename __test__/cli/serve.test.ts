// wasiexec serve: what it prints, what it serves, and how it ends.
import { once } from 'node:events'
import { createServer, request, type IncomingMessage } from 'node:http'
import { connect, type AddressInfo } from 'node:net'
import { text } from 'node:stream/consumers'
import test, { type ExecutionContext } from 'ava'
import type { InterruptSignal } from '../../cli/io.ts'
import { call, Screen, shell, start, type Called } from '../support/cli.ts'
import { ended } from '../support/child.ts'
import { realPath, until, wat, watPath } from '../support/guest.ts'

/** The command in this process, once it listens. */
interface Serving {
  url: string
  stderr: Screen
  stop: () => Promise<Called>
}

async function serve(...words: string[]): Promise<Serving> {
  return serveProgram([...words, await realPath('http')])
}

async function serveProgram(words: readonly string[], stderr = new Screen()): Promise<Serving> {
  const stdout = new Screen()
  let interrupt: ((signal: InterruptSignal) => void) | undefined
  const onStart = (given: typeof interrupt): void => void (interrupt = given)
  const all = ['serve', '--no-cache', '--port', '0', ...words]
  const called = call(all, { stdout, stderr, onStart })
  await until(() => stdout.text.includes('\n'))
  const [, url = ''] = /^listening on (http:\/\/127\.0\.0\.1:\d+)\n$/.exec(stdout.text) ?? []
  const stop = (): Promise<Called> => {
    interrupt!('SIGTERM')
    return called
  }
  return { url, stderr, stop }
}

const get = async (url: string): Promise<[number, string]> => {
  const response = await fetch(url)
  return [response.status, await response.text()]
}

test('it serves, says how requests end, and drains', async (t) => {
  const { url, stderr, stop } = await serve('--timeout', '300ms', '-e', 'GREETING=hi')
  t.deepEqual(await get(`${url}/`), [200, 'hello\n'])
  t.deepEqual(await get(`${url}/env`), [200, 'GREETING=hi\n'])
  for (const path of ['/trap', '/loop', '/none', '/exit/1'])
    t.deepEqual(await get(`${url}${path}`), [500, 'Internal Server Error\n'])
  t.deepEqual(await get(`${url}/print`), [200, 'printed\n'])
  await until(() => stderr.text.includes('on stderr'))
  // The server says that it has begun.
  const slow = request(`${url}/sleep/200`, { agent: false, headers: { expect: '100-continue' } })
  slow.flushHeaders()
  await once(slow, 'continue')
  const stopping = stop()
  slow.end()
  const [response] = (await once(slow, 'response')) as [IncomingMessage]
  t.deepEqual([response.statusCode, await text(response)], [200, 'slept\n'])
  const { status, stdout } = await stopping
  t.is(status, 0)
  t.regex(stdout, /^listening on .*\non stdout\n$/)
  const name = 'wasiexec: http.wasm: GET'
  t.deepEqual(
    stderr.text.trimEnd().replace('on stderr', '').split('\n').filter(Boolean).toSorted(),
    [
      `${name} /exit/1: the program exited with code 1`,
      `${name} /loop: the program was ended by its timeout limit`,
      `${name} /none: the handler has returned without a response`,
      `${name} /trap: the program trapped: wasm \`unreachable\` instruction executed (unreachable)`,
    ],
  )
})

/** A pipe that is full for a while. */
class SlowScreen extends Screen {
  override _write(chunk: Buffer, _: BufferEncoding, done: () => void): void {
    setTimeout(() => {
      this.chunks.push(chunk)
      done()
    }, 300)
  }
}

test('it has ended when all that it says was written', async (t) => {
  const { url, stderr, stop } = await serveProgram([await realPath('http')], new SlowScreen())
  for (const path of ['/trap', '/none']) t.is((await get(`${url}${path}`))[0], 500)
  await stop()
  t.is(stderr.text.trimEnd().split('\n').length, 2)
})

test('--config and --keyvalue are those of each request', async (t) => {
  const stores = ['--config', 'mode=fast', '--keyvalue', 'a/', watPath('component-serve-stores')]
  const { url, stderr, stop } = await serveProgram(stores)
  t.is((await get(`${url}/`))[0], 500)
  await until(() => stderr.text.includes('open'))
  await stop()
  t.regex(stderr.text, /^INFO fast\nINFO open\n/)
})

test('--max-request and --max-response cap bodies', async (t) => {
  const { url, stderr, stop } = await serve('--max-request', '1KiB', '--max-response', '1KiB')
  const post = (bytes: number): Promise<Response> =>
    fetch(`${url}/count`, { method: 'POST', body: new Uint8Array(bytes) })
  t.is(await (await post(1024)).text(), '1024\n')
  t.is((await post(1025)).status, 413)
  t.is((await (await fetch(`${url}/big/1024`)).arrayBuffer()).byteLength, 1024)
  await t.throwsAsync(async () => (await fetch(`${url}/big/1025`)).arrayBuffer())
  await stop()
  const line = 'wasiexec: http.wasm: GET /big/1025: the program was ended by its response limit\n'
  t.is(stderr.text, line)
})

test('half a request does not hold the end up', async (t) => {
  const { url, stop } = await serve()
  const socket = connect(Number(new URL(url).port), '127.0.0.1')
  socket.on('error', () => {})
  socket.write('GET / HTTP/1.1\r\nHo')
  // By then the server has seen it.
  await get(url)
  t.is((await stop()).status, 0)
})

test('a client that goes away is said', async (t) => {
  const { url, stderr, stop } = await serve()
  const controller = new AbortController()
  const asked = fetch(`${url}/loop-after`, { signal: controller.signal })
  await (await asked).body!.getReader().read()
  controller.abort()
  await until(() => stderr.text.includes('\n'))
  t.is(stderr.text, 'wasiexec: http.wasm: GET /loop-after: the client has disconnected\n')
  t.is((await stop()).status, 0)
})

test('--allow-http, also of run', async (t: ExecutionContext) => {
  const server = createServer((_, response) => response.end('asked')).listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => server.close())
  const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  const { url, stop } = await serve('--allow-http', 'https://a', '--allow-http', origin)
  t.deepEqual(await get(`${url}/fetch?${origin}/`), [200, 'asked'])
  t.deepEqual(await get(`${url}/fetch?http://127.0.0.1:1/`), [502, 'ErrorCode::HttpRequestDenied'])
  await stop()
  const args = [await realPath('http'), 'GET', origin]
  const granted = await call(['run', '--no-cache', '--allow-http', origin, ...args])
  t.is(granted.stdout, '200 asked\n')
  t.is((await call(['run', '--no-cache', ...args])).stdout, 'ErrorCode::HttpRequestDenied\n')
  const caps = ['--max-sent', '1KiB', '--max-received', '16']
  const capped = await call(['run', '--no-cache', '--allow-http', origin, ...caps, ...args])
  t.is(capped.status, 153)
  t.regex(capped.stderr, /network limit of 1 KiB sent and 16 B received/)
})

test('what cannot be served is one line', async (t) => {
  const taken = createServer().listen(0, '127.0.0.1')
  await once(taken, 'listening')
  t.teardown(() => taken.close())
  const { port } = taken.address() as AddressInfo
  for (const [words, message] of [
    [[watPath('hello')], /^wasiexec: the program is not an HTTP handler: /],
    [['--port', '65536', 'x'], /Expected a port from 0 to 65535/],
    // To Node, an empty host is all addresses of the machine.
    [['--host', '', await realPath('http')], /Expected an address or a name such as/],
    [
      ['--port', `${port}`, await realPath('http')],
      /^wasiexec: cannot listen on 127\.0\.0\.1, port \d+: /,
    ],
    [['--allow-http', 'example.com', await realPath('http')], /must be an origin/],
  ] as const) {
    const { status, stdout, stderr } = await call(['serve', '--no-cache', ...words])
    t.deepEqual([status, stdout, stderr.split('\n').length], [125, '', 2])
    t.regex(stderr, message)
  }
})

if (process.platform === 'linux') {
  test('a server ends whose address nobody can be told', async (t) => {
    const line = `wasiexec serve --port 0 '${await realPath('http')}' >/dev/full`
    const { code, stderr } = await shell(line)
    t.is(code, 125)
    t.regex(stderr, /^wasiexec: ENOSPC.*\n$/)
  })
}

test('inspect says that a program can be served', async (t) => {
  const served = await call(['inspect', await realPath('http-p3')])
  t.regex(served.stdout, /^note +handles HTTP requests: wasiexec serve$/m)
  t.notRegex(served.stdout, /cannot be run/)
  t.false((await (await wat('hello')).inspect()).handler)
})

if (process.platform !== 'win32') {
  test('as a process, a signal ends it with status 0', async (t) => {
    const child = start(['serve', '--port', '0', await realPath('http')])
    const end = ended(child)
    const [line] = (await once(child.stdout!, 'data')) as [Buffer]
    const url = /http:\S+/.exec(line.toString())![0]
    t.deepEqual(await get(url), [200, 'hello\n'])
    const response = await fetch(`${url}/print`)
    t.is(await text(response.body!), 'printed\n')
    child.kill('SIGINT')
    const { code } = await end
    t.is(code, 0)
  })
}

test('a directory that is not there is an error before it listens', async (t) => {
  const words = [
    'serve',
    '--no-cache',
    '--port',
    '0',
    '--dir',
    '/not/there',
    await realPath('http'),
  ]
  const { status, stdout, stderr } = await call(words)
  t.deepEqual([status, stdout], [125, ''])
  t.regex(stderr, /^wasiexec: --dir: cannot open the directory: ENOENT: .*not.there'\n$/)
})
