// Run once more with worker processes.
// Requests that components handle, by `fetch`: what a client gets, and what the caller is told.
import { setTimeout } from 'node:timers/promises'
import test from 'ava'
import { ask, bodyOf, listen, serve } from '../support/handlers.ts'
import { numbers, ownWat, real, refusal, until, wat } from '../support/guest.ts'
import { withMoreTime } from '../support/patience.ts'
import { load, type RunOptions, type ServeOptions } from '../support/package.ts'

const GUESTS = ['http', 'http-p3'] as const
const ENDED = 'the run ended before its response was complete'

for (const guest of GUESTS) {
  test(`${guest}: a request and its response`, async (t) => {
    const { get, outcomes } = await serve(t, {}, guest)
    const response = await get('/')
    t.deepEqual([response.status, await response.text()], [200, 'hello\n'])
    await until(() => outcomes.length === 1)
    t.deepEqual(outcomes, ['exit 0: 200 complete'])
  })

  test(`${guest}: the head of a request arrives as it is`, async (t) => {
    const { handler } = await serve(t, {}, guest)
    const headers = { 'x-text': 'caf\u00e9', 'x-list': 'one, two', host: 'other.example' }
    const body = new Uint8Array([1])
    const init = { method: 'POST', headers, body }
    const response = await handler.fetch(new Request('https://a.example:8443/head?q=a%20b|c', init))
    const [first, ...lines] = (await response.text()).trimEnd().split('\n')
    t.is(first, 'POST https a.example:8443 /head?q=a%20b|c')
    // `host` is not among the headers that a guest sees.
    t.deepEqual(lines.toSorted(), ['x-list: one, two', 'x-text: caf\\xe9'])
  })

  test(`${guest}: bodies larger than the guest's memory pass through it`, async (t) => {
    const { get } = await serve(t, { limits: { memoryBytes: 4 << 20 } }, guest)
    const size = 24 << 20
    let made = 0
    const body = new ReadableStream<Uint8Array>({
      pull: (controller) => {
        if (made === size) controller.close()
        else controller.enqueue(new Uint8Array(1 << 20).fill(made >> 20))
        made = Math.min(size, made + (1 << 20))
      },
    })
    const response = await get('/echo', { method: 'POST', body, duplex: 'half' } as RequestInit)
    let got = 0
    let isSame = true
    for await (const chunk of response.body!) {
      isSame &&= chunk[0] === got >> 20
      got += chunk.length
    }
    t.deepEqual([got, isSame], [size, true])
  })

  test(`${guest}: a guest waits for a client that does not read`, async (t) => {
    let ended = false
    const { get } = await serve(t, { onOutcome: () => (ended = true) }, guest)
    const response = await get(`/big/${8 << 20}`)
    await setTimeout(100)
    t.false(ended)
    t.is((await response.arrayBuffer()).byteLength, 8 << 20)
    await until(() => ended)
  })

  test(`${guest}: endings before the head are a plain 500`, async (t) => {
    const endings = [
      ['/trap', {}, `trap unreachable: 500 ${ENDED}`],
      ['/loop', { timeoutMs: 200 }, `limit timeout: 500 ${ENDED}`],
    ] as const
    for (const [path, limits, expected] of endings) {
      const { get, outcomes } = await serve(t, { limits }, guest)
      const response = await get(path)
      t.deepEqual([response.status, await response.text()], [500, 'Internal Server Error\n'])
      t.deepEqual([...response.headers.keys()], ['content-type'])
      await until(() => outcomes.length === 1)
      t.deepEqual(outcomes.splice(0), [expected])
    }
  })

  test(`${guest}: endings after the head break the body off`, async (t) => {
    for (const [path, limited, end] of [
      ['/trap-after', false, 'trap unreachable'],
      ['/loop-after', true, 'limit timeout'],
    ] as const) {
      const attempt = async (timeoutMs: number) => {
        const { get, outcomes } = await serve(t, limited ? { limits: { timeoutMs } } : {}, guest)
        return { outcomes, response: await get(path) }
      }
      const hasHead = (came: { response: Response }) => came.response.status === 200
      const { outcomes, response } = await withMoreTime(200, attempt, hasHead)
      t.is(response.status, 200)
      t.is(await bodyOf(response), 'broken off: ERR_RESPONSE_BROKEN')
      await until(() => outcomes.length === 1)
      t.deepEqual(outcomes.splice(0), [`${end}: 200 ${ENDED}`])
    }
  })

  test(`${guest}: an error of the handler's is a 500 without its text`, async (t) => {
    const { get, outcomes } = await serve(t, {}, guest)
    const response = await get('/error')
    t.deepEqual([response.status, await response.text()], [500, 'Internal Server Error\n'])
    await until(() => outcomes.length === 1)
    t.regex(outcomes[0]!, /^exit 0: 500 the handler returned .*a secret of the guest/)
  })

  test(`${guest}: a body of another length than it says breaks off`, async (t) => {
    const { get } = await serve(t, {}, guest)
    t.is(await (await get('/length/5/5')).text(), 'yyyyy')
    for (const path of ['/length/5/3', '/length/5/9'])
      t.is(await bodyOf(await get(path)), 'broken off: ERR_RESPONSE_BROKEN', path)
  })

  test(`${guest}: nothing outgoing is granted by what comes in`, async (t) => {
    const { get } = await serve(t, {}, guest)
    t.regex(await (await get('/fetch?http://127.0.0.1:1/')).text(), /HttpRequestDenied/)
  })
}

test('what a guest does after its response belongs to its request', async (t) => {
  for (const [path, limited, end] of [
    ['/trap-finished', false, 'trap unreachable'],
    ['/loop-finished', true, 'limit timeout'],
  ] as const) {
    const attempt = async (timeoutMs: number) => {
      const { get, outcomes } = await serve(t, limited ? { limits: { timeoutMs } } : {})
      return { outcomes, body: await bodyOf(await get(path)) }
    }
    const isWhole = (came: { body: string }) => came.body === 'finished\n'
    const { outcomes, body } = await withMoreTime(300, attempt, isWhole)
    t.is(body, 'finished\n')
    await until(() => outcomes.length === 1)
    t.deepEqual(outcomes.splice(0), [`${end}: 200 complete`])
  }
  let printed = ''
  const onOutcome = ({ stdout }: { stdout: Buffer }): void => void (printed = stdout.toString())
  const later = await serve(t, { onOutcome }, 'http-p3')
  t.is(await (await later.get('/later/30')).text(), 'now\n')
  await until(() => printed !== '')
  t.is(printed, 'later\n')
})

test('endings without a response', async (t) => {
  const { get, outcomes } = await serve(t)
  for (const [path, expected] of [
    ['/exit/0', `exit 0: 500 ${ENDED}`],
    ['/exit/1', `exit 1: 500 ${ENDED}`],
    ['/none', 'exit 0: 500 the handler has returned without a response'],
    ['/status/101', 'exit 0: 500 a response cannot have the status 101'],
    ['/status/600', 'exit 0: 500 a response cannot have the status 600'],
  ] as const) {
    t.is((await get(path)).status, 500)
    await until(() => outcomes.length === 1)
    t.deepEqual(outcomes.splice(0), [expected], path)
  }
})

test('bodies that are not finished', async (t) => {
  const { get } = await serve(t)
  t.is(await bodyOf(await get('/exit-after')), 'broken off: ERR_RESPONSE_BROKEN')
  t.is(await bodyOf(await get('/unfinished')), 'broken off: ERR_RESPONSE_BROKEN')
  // Its handler has returned, and cannot write more.
  t.is(await bodyOf(await get('/leaked')), 'to the end\n')
})

test('statuses and headers of a response', async (t) => {
  const { get } = await serve(t)
  t.is((await get('/status/418')).status, 418)
  const empty = await get('/status/204')
  t.deepEqual([empty.status, empty.body], [204, null])
  const query = [
    'x-a=1',
    'set-cookie=a',
    'set-cookie=b',
    'x-latin=%e9',
    // What would change the connection, and what is no header.
    'connection=close',
    'transfer-encoding=chunked',
    'x%0d%0ay=1',
    'x-split=a%0d%0ab:c',
    'upgrade=websocket',
  ]
  const response = await get(`/headers?${query.join('&')}`)
  t.deepEqual(
    [...response.headers],
    [
      ['set-cookie', 'a'],
      ['set-cookie', 'b'],
      ['x-a', '1'],
      ['x-latin', '\u00e9'],
    ],
  )
  t.is((await response.text()).match(/Forbidden|InvalidSyntax/g)?.length, 5)
})

test('a guest with too many headers ends, and no one else does', async (t) => {
  const { get, outcomes } = await serve(t)
  t.is(await (await get('/many/50/500')).text(), '50\n')
  t.is((await get('/many/2000/1000')).status, 500)
  await until(() => outcomes.length === 2)
  t.regex(outcomes[1]!, /^trap host-call: 500 /)
})

test('a HEAD has the head of a response and no error', async (t) => {
  const { get, outcomes } = await serve(t)
  const response = await get('/length/5/0', { method: 'HEAD' })
  t.is(response.headers.get('content-length'), '5')
  await until(() => outcomes.length === 1)
  // Nobody reads a body, so no body may hold the run.
  const { body } = await get(`/big/${8 << 20}`, { method: 'HEAD' })
  t.is(body, null)
  await until(() => outcomes.length === 2)
})

test('the signal of a request aborts its run, before the head and after', async (t) => {
  const reasons: unknown[] = []
  const onOutcome = (outcome: { kind: string; reason?: unknown }): void =>
    void reasons.push(outcome.reason)
  const { get } = await serve(t, { onOutcome })
  const early = new AbortController()
  const waiting = get('/sleep/60000', { signal: early.signal })
  early.abort('early')
  t.is(await waiting.catch((error: unknown) => error), 'early')
  await until(() => reasons.length === 1)
  const late = new AbortController()
  const response = await get('/loop-after', { signal: late.signal })
  late.abort('late')
  await until(() => reasons.length === 2)
  t.deepEqual(reasons, ['early', 'late'])
  t.is(await response.text().catch((error: unknown) => error), 'late')
  const aborted = get('/', { signal: AbortSignal.abort('before') })
  t.is(await aborted.catch((error: unknown) => error), 'before')
})

test('cancelling the body of a response aborts its run', async (t) => {
  const { get, outcomes } = await serve(t)
  const response = await get(`/big/${64 << 20}`)
  await response.body!.cancel()
  await until(() => outcomes.length === 1)
  t.regex(outcomes[0]!, /^abort: 200 /)
})

test('a request whose body fails is not taken for one that has ended', async (t) => {
  const { get, outcomes } = await serve(t)
  let pulled = 0
  const body = new ReadableStream<Uint8Array>({
    pull: (controller) => {
      pulled += 1
      if (pulled === 1) controller.enqueue(new Uint8Array(100))
      else controller.error(new Error('the client is gone'))
    },
  })
  const counted = get('/count', { method: 'POST', body, duplex: 'half' } as RequestInit)
  t.is((await refusal(counted)).message, 'the client is gone')
  await until(() => outcomes.length === 1)
  t.regex(outcomes[0]!, /^abort: /)
})

test('a body that the guest does not read is cancelled', async (t) => {
  const { get } = await serve(t)
  let isCancelled = false
  const body = new ReadableStream<Uint8Array>({
    pull: (controller) => controller.enqueue(new Uint8Array(1 << 20)),
    cancel: () => void (isCancelled = true),
  })
  const response = await get('/', { method: 'POST', body, duplex: 'half' } as RequestInit)
  t.is(await response.text(), 'hello\n')
  await until(() => isCancelled)
})

test('each request has an instance and an outcome of its own', async (t) => {
  const outputs: string[] = []
  const { get } = await serve(t, {
    env: { GREETING: 'hi' },
    limits: { memoryBytes: 8 << 20, outputBytes: 100 },
    onOutcome: ({ stdout, stderr, usage }) => {
      outputs.push(`${stdout}${stderr}`)
      t.true(usage.memoryPeakBytes > 0 && usage.wallMs > 0)
    },
  })
  t.is(await (await get('/env')).text(), 'GREETING=hi\n')
  t.is(await (await get('/print')).text(), 'printed\n')
  await until(() => outputs.length === 2)
  t.deepEqual(outputs, ['', 'on stdout\non stderr'])
  t.is((await get(`/grow/${64 << 20}`)).status, 500)
})

test('a thousand requests at once, among them some that loop', async (t) => {
  const { get, outcomes } = await serve(t, { limits: { cpuMs: 100 } })
  const statuses = await Promise.all(
    numbers(1000).map(async (index) => {
      const response = await get(index % 100 === 50 ? '/loop' : `/head?${index}`)
      const text = await response.text()
      return [response.status, response.status === 500 || text.includes(`/head?${index}\n`)]
    }),
  )
  t.is(statuses.filter(([status]) => status === 500).length, 10)
  t.true(statuses.every(([, isOwn]) => isOwn))
  await until(() => outcomes.length === 1000)
  t.is(outcomes.filter((text) => text.startsWith('limit cpu')).length, 10)
})

test('a closed handler has drained, and refuses requests', async (t) => {
  const { handler, get, outcomes } = await serve(t)
  const slow = get('/sleep/100')
  const closing = handler.close()
  t.is((await refusal(get('/'))).code, 'ERR_HANDLER_CLOSED')
  await closing
  t.deepEqual(outcomes, ['exit 0: 200 complete'])
  t.is(await (await slow).text(), 'slept\n')
  await handler[Symbol.asyncDispose]()
})

const MORE = 'the body of the request is larger than `limits.requestBytes`'
const LONGER = 'the body is larger than `limits.responseBytes`'

for (const guest of ['http', 'http-p3']) {
  test(`${guest}: a request has as many bytes as it may have, or ends its run`, async (t) => {
    const { get, outcomes } = await serve(t, { limits: { requestBytes: 300_000 } }, guest)
    const post = (path: string, bytes: number): Promise<Response> =>
      get(path, { method: 'POST', body: new Uint8Array(bytes) })
    t.is(await (await post('/count', 300_000)).text(), '300000\n')
    await until(() => outcomes.length === 1)
    const refused = await post('/count', 300_001)
    t.deepEqual([refused.status, await refused.text()], [413, 'Content Too Large\n'])
    await until(() => outcomes.length === 2)
    // After the head of the response.
    const late = await post('/echo', 2_000_000)
    t.is(await bodyOf(late), 'broken off: ERR_RESPONSE_BROKEN')
    await until(() => outcomes.length === 3)
    t.deepEqual(outcomes, [
      'exit 0: 200 complete',
      `limit request: 413 ${MORE}`,
      `limit request: 200 ${MORE}`,
    ])
    // What is not read is not too much.
    t.is((await post('/', 2_000_000)).status, 200)
  })

  test(`${guest}: a response has as many bytes as it may have, or ends its run`, async (t) => {
    const { get, outcomes } = await serve(t, { limits: { responseBytes: 300_000 } }, guest)
    t.is((await (await get('/big/300000')).arrayBuffer()).byteLength, 300_000)
    await until(() => outcomes.length === 1)
    t.is(await bodyOf(await get('/big/300001')), 'broken off: ERR_RESPONSE_BROKEN')
    await until(() => outcomes.length === 2)
    t.deepEqual(outcomes, ['exit 0: 200 complete', `limit response: 200 ${LONGER}`])
    // Of which nothing is sent.
    t.is((await get('/big/300001', { method: 'HEAD' })).status, 200)
  })
}

test('a request that says that it is too large is refused without a run', async (t) => {
  const { get, outcomes } = await serve(t, { limits: { requestBytes: 10 } })
  let cancelled = false
  const body = new ReadableStream({ cancel: () => void (cancelled = true) })
  const headers = { 'content-length': '11' }
  const init = { method: 'POST', body, headers, duplex: 'half' } as RequestInit
  const refused = await get('/count', init)
  t.deepEqual([refused.status, await refused.text()], [413, 'Content Too Large\n'])
  t.true(cancelled)
  t.deepEqual(outcomes, [])
})

test('caps of no bytes at all', async (t) => {
  const { get } = await serve(t, { limits: { requestBytes: 0, responseBytes: 0 } })
  t.is((await get('/status/204')).status, 204)
  t.is(await (await get('/big/0')).text(), '')
  t.is((await get('/count', { method: 'POST', body: 'x' })).status, 413)
  t.is(await bodyOf(await get('/')), 'broken off: ERR_RESPONSE_BROKEN')
})

test('bodies of requests have caps where requests are served alone', async (t) => {
  const program = await real('http')
  for (const name of ['requestBytes', 'responseBytes'] as const) {
    for (const value of [-1, 0.5, '5']) {
      const refused = await refusal(program.serve({ limits: { [name]: value } } as ServeOptions))
      t.is(refused.code, 'ERR_INVALID_OPTION')
      t.regex(refused.message, new RegExp(`^\`limits\\.${name}\` must be an integer of at least 0`))
    }
    const elsewhere = await refusal(program.run({ limits: { [name]: 5 } as RunOptions['limits'] }))
    t.is(elsewhere.code, 'ERR_INVALID_OPTION')
    t.regex(
      elsewhere.message,
      new RegExp(`\`limits\\.${name}\` must be absent: only \`serve\` has`),
    )
  }
})

test('what is not a handler is refused by name', async (t) => {
  const component = await refusal((await wat('component-hello')).serve())
  t.is(component.code, 'ERR_NO_ENTRY_POINT')
  t.regex(
    component.message,
    /exports wasi:cli\/run@0\.2\.\d+, and no `wasi:http\/incoming-handler`/,
  )
  const module = await refusal((await wat('hello')).serve())
  t.is(module.code, 'ERR_NO_ENTRY_POINT')
  t.regex(module.message, /core module/)
  const unresolved = await refusal((await wat('component-unknown-wasi')).serve())
  t.is(unresolved.code, 'ERR_UNRESOLVED_IMPORT')
})

test('inspection says whether a program can be served', async (t) => {
  const { handler, serveProblem } = await (await real('http')).inspect()
  t.deepEqual([handler, serveProblem], [true, null])
  const hello = await (await wat('hello')).inspect()
  t.deepEqual([hello.handler, hello.serveProblem?.code], [false, 'ERR_NO_ENTRY_POINT'])
})

test('functions may be provided, and those that are not imported are left out', async (t) => {
  const handler = await (await real('http')).serve({ imports: { 'my:pkg/a': { f: () => 1 } } })
  const response = await handler.fetch(new Request('http://a/'))
  t.is(await response.text(), 'hello\n')
  await handler.close()
})

const WANTS_FUNCTIONS = `(component
  (import "my:pkg/a" (instance (export "f" (func)) (export "g" (func))))
  (import "wasi:http/types@0.2.0" (instance $types
    (export "incoming-request" (type (sub resource)))
    (export "response-outparam" (type (sub resource)))))
  (alias export $types "incoming-request" (type $request))
  (alias export $types "response-outparam" (type $out))
  (core module $module (func (export "handle") (param i32 i32)))
  (core instance $instance (instantiate $module))
  (func $handle (param "request" (own $request)) (param "response-out" (own $out))
    (canon lift (core func $instance "handle")))
  (instance $handler (export "handle" (func $handle)))
  (export "wasi:http/incoming-handler@0.2.0" (instance $handler)))`

test('functions do not make a handler of a program', async (t) => {
  const wants = '(component (import "my:pkg/a" (instance (export "f" (func)))))'
  const program = await load(Buffer.from(wants), { cache: false })
  t.is((await refusal(program.serve())).code, 'ERR_UNRESOLVED_IMPORT')
  const imports = { 'my:pkg/a': { f: () => {} } }
  t.is((await refusal(program.serve({ imports }))).code, 'ERR_NO_ENTRY_POINT')
})

test('functions that are imported and not provided', async (t) => {
  const program = await load(Buffer.from(WANTS_FUNCTIONS), { cache: false })
  const f = (): void => {}
  const lacking = await refusal(program.serve({ imports: { 'my:pkg/a': { f } } }))
  t.is(lacking.code, 'ERR_UNRESOLVED_IMPORT')
  t.regex(lacking.message, /`imports` lacks .*"?g"?/)
  const types = await refusal(program.serve({ imports: { 'wasi:http/types': { f } } }))
  t.is(types.code, 'ERR_INVALID_OPTION')
  // Different ones each time.
  let reads = 0
  const imports = {
    get 'my:pkg/a'() {
      return (reads += 1) === 1 ? { f } : { f, g: f }
    },
  }
  const handler = await program.serve({ imports, onError: () => {} })
  const refused = await refusal(handler.fetch(new Request('http://a/')))
  t.is(refused.code, 'ERR_UNRESOLVED_IMPORT')
  t.is((await ask(await listen(t, handler.node), '/')).status, 500)
})

test('options and requests that are wrong', async (t) => {
  const program = await real('http')
  for (const [options, message] of [
    [{ stdin: 'x' }, /^unknown option `stdin`; known options: args, env, /],
    [{ signal: new AbortController().signal }, /unknown option `signal`/],
    [{ limits: { timeoutMs: -1 } }, '`limits.timeoutMs` must be a positive number, got -1'],
    [{ onOutcome: 1 }, '`onOutcome` must be a function, got 1'],
    [[], '`options` must be an object, got an array'],
  ] as const) {
    const { code, message: text } = await refusal(program.serve(options as never))
    t.is(code, 'ERR_INVALID_OPTION')
    if (typeof message === 'string') t.is(text, message)
    else t.regex(text, message)
  }
  const { handler, get } = await serve(t)
  const refused = async (request: unknown): Promise<string> =>
    (await refusal(handler.fetch(request as Request))).message
  t.regex(await refused({ url: 'http://a' }), /^`request` must be a Request, got/)
  t.regex(await refused(new Request('data:text/plain,x')), /to a URL of http or https/)
  const used = new Request('http://a', { method: 'POST', body: 'x' })
  await used.text()
  t.regex(await refused(used), /whose body was not used/)
  const locked = new Request('http://a', { method: 'POST', body: 'x' })
  locked.body!.getReader()
  t.regex(await refused(locked), /whose body was not used/)
  t.is((await get('/')).status, 200)
})

test('a program that is disposed of aborts its requests', async (t) => {
  const program = await ownWat('component-p3-hello')
  program[Symbol.dispose]()
  t.is((await refusal(program.serve())).code, 'ERR_PROGRAM_CLOSED')
})

test('limits that are changed after `serve` stay as they were', async (t) => {
  const limits = { requestBytes: 4 }
  const { handler } = await serve(t, { limits })
  limits.requestBytes = 1
  const port = await listen(t, handler.node)
  const { status, body } = await ask(port, '/count', { method: 'POST' }, 'abc')
  t.deepEqual([status, body], [200, '3\n'])
})

test('inherited options of `serve` count', async (t) => {
  const handler = await (
    await real('http')
  ).serve(Object.create({ limits: Object.create({ requestBytes: 1 }) }) as ServeOptions)
  t.teardown(() => handler.close())
  const port = await listen(t, handler.node)
  t.is((await ask(port, '/count', { method: 'POST' }, 'abc')).status, 413)
})
