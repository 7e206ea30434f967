import { existsSync } from 'node:fs'
import { mkdir, writeFile } from 'node:fs/promises'
import { join, relative } from 'node:path'
import { Readable } from 'node:stream'
import { setImmediate } from 'node:timers/promises'
import test from 'ava'
import fc from 'fast-check'
import {
  load,
  loadSync,
  Runtime,
  type Program,
  type RunOptions,
  type RunSyncOptions,
} from '../support/package.ts'
// Not that of the support, which copies options.
import { run } from '../../src/index.ts'
import { node } from '../support/child.ts'
import { ending, folder, observed, ownWat, refusal, Sink, wat, watPath } from '../support/guest.ts'

const HALF = '\u{d800}'
const { signal } = new AbortController()
/** In milliseconds; the next one has more nanoseconds than 64 bits can count. */
const LAST_TIME = 18_446_744_073_709
const TIME = `\`clock.now\` must be a Date or a whole number of milliseconds since 1970, from 0 to ${LAST_TIME} (July 2554)`

/** Options of a run that are refused, and how the message begins. */
const REFUSED: readonly [options: unknown, message: string][] = [
  [null, '`options` must be an object, got null'],
  [3, '`options` must be an object, got 3'],
  ['args', '`options` must be an object, got "args"'],
  [['args'], '`options` must be an object, got an array'],
  [() => {}, '`options` must be an object, got a function'],
  // These would seem empty: limits in them would not be there.
  [new Map([['limits', {}]]), '`options` must be an object, got a Map'],
  [Promise.resolve({}), '`options` must be an object (await it first), got a Promise'],
  [{ limits: new Map([['cpuMs', 1]]) }, '`limits` must be an object, got a Map'],
  [
    { limits: Promise.resolve({ cpuMs: 1 }) },
    '`limits` must be an object (await it first), got a Promise',
  ],
  [
    {
      limits: new (class {
        get cpuMs() {
          return 1
        }
      })(),
    },
    '`limits` must be an object with enumerable properties, got an object',
  ],
  [new Date(0), '`options` must be an object with enumerable properties, got the Date 1970-01-01'],
  [{ limits: new Date(0) }, '`limits` must be an object with enumerable properties, got the Date'],
  [{ http: /x/ }, '`http` must be false or { allow, ca } with enumerable properties, got a RegExp'],
  [{ network: new Map() }, '`network` must be false or { allow, listen, dns }, got a Map'],
  [{ http: Promise.resolve({}) }, '`http` must be false or { allow, ca } (await it first)'],
  [{ preopens: Promise.resolve({}) }, '`preopens` must be an object with names as keys (await it'],
  [{ netwrok: {} }, 'unknown option `netwrok`; did you mean `network`?'],
  [
    { limits: { memoryBytes: 2 ** 53 } },
    '`limits.memoryBytes` must be an integer of at least 0 and at most 2^53 - 1, got 9007199254740992',
  ],
  [{ arg: [] }, 'unknown option `arg`; did you mean `args`?'],
  [{ Stdin: '' }, 'unknown option `Stdin`; did you mean `stdin`?'],
  [{ timeoutMs: 5 }, 'unknown option `timeoutMs`; did you mean `limits.timeoutMs`?'],
  [{ memory: 5 }, 'unknown option `memory`; did you mean `limits.memoryBytes`?'],
  [{ cwd: '/' }, 'unknown option `cwd`; known options:'],
  [{ args: 'a' }, '`args` must be an array of strings, got "a"'],
  [{ args: {} }, '`args` must be an array of strings, got an object'],
  [{ args: new Set(['a']) }, '`args` must be an array of strings, got a Set'],
  [{ args: ['a', 1] }, '`args[1]` must be a string, got 1'],
  [{ args: [null] }, '`args[0]` must be a string, got null'],
  // oxlint-disable-next-line no-sparse-arrays
  [{ args: ['a', , 'c'] }, '`args[1]` must be a string, got undefined'],
  [{ args: Array.from({ length: 2 }) }, '`args[0]` must be a string, got undefined'],
  [{ args: ['a\0b'] }, '`args[0]` must be a string without NUL characters, got "a\\u0000b"'],
  [{ args: [`a${HALF}`] }, '`args[0]` must be well-formed Unicode, got "a\\ud800"'],
  [{ env: 'A=1' }, '`env` must be an object, got "A=1"'],
  [{ env: ['A=1'] }, '`env` must be an object, got an array'],
  [{ env: new Map([['A', '1']]) }, '`env` must be '],
  [{ env: { A: 1 } }, '`env.A` must be a string, got 1'],
  [{ env: { '': 'x' } }, '`env (a name)` must be a non-empty string without "=", got ""'],
  [{ env: { 'A=B': 'x' } }, '`env (a name)` must be a non-empty string without "=", got "A=B"'],
  [{ env: { 'A\0': 'x' } }, '`env (a name)` must be a string without NUL'],
  [{ env: { A: '\0' } }, '`env.A` must be a string without NUL'],
  [{ env: { [HALF]: 'x' } }, '`env (a name)` must be well-formed Unicode'],
  [{ env: { A: HALF } }, '`env.A` must be well-formed Unicode'],
  [{ onBrokenPipe: 'ignore' }, "`onBrokenPipe` must be 'fail' or 'stop', got \"ignore\""],
  [{ onBrokenPipe: true }, "`onBrokenPipe` must be 'fail' or 'stop', got true"],
  [
    { stdin: 5 },
    "`stdin` must be a string, bytes, a Readable, an async iterable, 'inherit' or 'empty', got 5",
  ],
  [{ stdin: null }, '`stdin` must be'],
  [{ stdin: ['a'] }, '`stdin` must be'],
  [{ stdin: new ArrayBuffer(4) }, '`stdin` must be'],
  [{ stdin: Promise.resolve('a') }, '`stdin` must be'],
  [
    { stdout: 'pipe' },
    "`stdout` must be 'capture', 'inherit', 'ignore' or a Writable, got \"pipe\"",
  ],
  [{ stdout: 1 }, '`stdout` must be'],
  [{ stdout: null }, '`stdout` must be'],
  [{ stderr: {} }, "`stderr` must be 'capture', 'inherit', 'ignore' or a Writable, got an object"],
  [{ preopens: '/' }, '`preopens` must be an object, got "/"'],
  [{ preopens: ['/'] }, '`preopens` must be an object, got an array'],
  [{ preopens: new Map([['/', '/']]) }, '`preopens` must be '],
  [
    { preopens: { '/': 5 } },
    '`preopens["/"]` must be a path of the host or { hostPath, access }, got 5',
  ],
  [{ preopens: { '/': ['/'] } }, '`preopens["/"]` must be a path of the host or '],
  [{ preopens: { '': '/' } }, '`preopens (a guest path)` must be a non-empty string'],
  [{ preopens: { '\0': '/' } }, '`preopens (a guest path)` must be a string without NUL'],
  [{ preopens: { [HALF]: '/' } }, '`preopens (a guest path)` must be well-formed'],
  [{ preopens: { '/': '' } }, '`preopens["/"].hostPath` must be a non-empty string'],
  [{ preopens: { '/': '/tmp\0' } }, '`preopens["/"].hostPath` must be a string without NUL'],
  [
    { preopens: { '/': { hostPath: '/' } } },
    "`preopens[\"/\"].access` must be 'read' or 'write', got undefined",
  ],
  [
    { preopens: { '/': { hostPath: '/', access: 'all' } } },
    '`preopens["/"].access` must be \'read\' or \'write\', got "all"',
  ],
  [
    { preopens: { '/': { access: 'read' } } },
    '`preopens["/"].hostPath` must be a string, got undefined',
  ],
  [{ preopens: { '/': { path: '/', access: 'read' } } }, 'unknown option `preopens["/"].path`'],
  [{ network: true }, '`network` must be false or { allow, listen, dns }, got true'],
  [{ network: { allow: ['80'] } }, '`network.allow[0]` must be [tcp:|udp:]HOST:PORTS'],
  [{ clock: 'fake' }, '`clock` must be'],
  [{ clock: null }, '`clock` must be'],
  [{ clock: {} }, `${TIME}, got undefined`],
  [{ clock: { now: new Date(Number.NaN) } }, `${TIME}, got an invalid Date`],
  [{ clock: { now: new Date(-1) } }, `${TIME}, got the Date 1969-12-31T23:59:59.999Z`],
  [{ clock: { now: new Date(LAST_TIME + 1) } }, `${TIME}, got the Date 2554-07-21T23:34:33.710Z`],
  [{ clock: { now: new Date(8.64e15) } }, `${TIME}, got the Date +275760-09-13T00:00:00.000Z`],
  ...[
    -1,
    -Number.MIN_VALUE,
    -0.5,
    -Infinity,
    -Number.MAX_VALUE,
    Number.MIN_VALUE,
    0.5,
    1.5,
    LAST_TIME - 0.5,
    1e12 + 0.25,
    LAST_TIME + 1,
    2 ** 64,
    Number.MAX_SAFE_INTEGER,
    Number.MAX_VALUE,
    Infinity,
    Number.NaN,
    '2020',
    '',
    0n,
    5n,
    true,
    null,
    [],
    [5],
    {},
    { valueOf: () => 5 },
    () => 5,
    Symbol.iterator,
  ].map((now): [unknown, string] => [{ clock: { now } }, TIME]),
  [{ clock: { now: 0, zone: 'UTC' } }, 'unknown option `clock.zone`'],
  [
    { randomSeed: 2 ** 53 },
    '`randomSeed` must be an integer from 0 to 2^64 - 1, got 9007199254740992; give integers from 2^53 on as bigints',
  ],
  [
    { randomSeed: 2 ** 64 },
    '`randomSeed` must be an integer from 0 to 2^64 - 1, got 18446744073709552000',
  ],
  [{ randomSeed: -1 }, '`randomSeed` must be an integer from 0 to 2^64 - 1, got -1'],
  [{ randomSeed: 1.5 }, '`randomSeed` must be an integer'],
  [
    { randomSeed: 1n << 64n },
    '`randomSeed` must be an integer from 0 to 2^64 - 1, got 18446744073709551616n',
  ],
  [{ randomSeed: '1' }, '`randomSeed` must be an integer'],
  [{ limits: null }, '`limits` must be an object, got null'],
  [{ limits: 5 }, '`limits` must be an object, got 5'],
  [{ limits: { timeout: 5 } }, 'unknown option `limits.timeout`; did you mean `timeoutMs`?'],
  [{ limits: { memory: 5 } }, 'unknown option `limits.memory`; did you mean `memoryBytes`?'],
  [{ limits: { cpu: 5 } }, 'unknown option `limits.cpu`; did you mean `cpuMs`?'],
  [{ limits: { seconds: 5 } }, 'unknown option `limits.seconds`; known options: timeoutMs'],
  ...['timeoutMs', 'cpuMs'].flatMap((name): [unknown, string][] =>
    [0, -1, Number.NaN, Infinity, '5', 5n, null, true].map((value) => [
      { limits: { [name]: value } },
      `\`limits.${name}\` must be a positive number, got `,
    ]),
  ),
  ...['memoryBytes', 'outputBytes', 'networkSentBytes', 'networkReceivedBytes'].flatMap(
    (name): [unknown, string][] =>
      [-1, 0.5, Number.NaN, Infinity, 2 ** 53, '5', 5n, null].map((value) => [
        { limits: { [name]: value } },
        `\`limits.${name}\` must be an integer of at least 0${value === 2 ** 53 ? ' and at most 2^53 - 1' : ''}, got `,
      ]),
  ),
  [{ limits: { sockets: 513 } }, '`limits.sockets` must be at most 512, got 513'],
  [{ limits: { sockets: -1 } }, '`limits.sockets` must be an integer of at least 0, got -1'],
  ...[-1, -1n, 0.5, Number.NaN, Infinity, 2 ** 53, 1n << 64n, '5', null].map(
    (value): [unknown, string] => [
      { limits: { fuel: value } },
      '`limits.fuel` must be an integer from 0 to 2^64 - 1, got ',
    ],
  ),
  [{ limits: { onMemory: 'kill' } }, "`limits.onMemory` must be 'deny' or 'stop', got \"kill\""],
  [{ limits: { onOutput: true } }, "`limits.onOutput` must be 'stop' or 'truncate', got true"],
  [{ signal: {} }, '`signal` must be an AbortSignal, got an object'],
  [{ signal: new AbortController() }, '`signal` must be an AbortSignal, got an AbortController'],
  [{ signal: null }, '`signal` must be an AbortSignal, got null'],
]

for (const [index, [options, message]] of REFUSED.entries()) {
  test(`refused (${index}): ${message}`, async (t) => {
    const program = await wat('hello')
    // A rejection, never a throw.
    const running = program.run(options as RunOptions)
    const error = await refusal(running)
    t.is(error.name, 'WasiexecError')
    t.is(error.code, 'ERR_INVALID_OPTION')
    t.true(error.message.startsWith(message), error.message)
    t.deepEqual(await refusal(() => program.check(options as RunOptions)), error)
    t.is((await refusal(() => program.runSync(options as object))).code, 'ERR_INVALID_OPTION')
    t.is(ending(await program.run()), 'exit 0')
  })
}

const ALLOWED: Readonly<Record<string, RunOptions>> = {
  'no option at all': {},
  'undefined for all': {
    args: undefined,
    env: undefined,
    stdin: undefined,
    stdout: undefined,
    stderr: undefined,
    preopens: undefined,
    network: undefined,
    clock: undefined,
    randomSeed: undefined,
    limits: undefined,
    signal: undefined,
  },
  'undefined limits': { limits: { timeoutMs: undefined, fuel: undefined, onMemory: undefined } },
  'the words of the defaults': {
    args: [],
    env: {},
    stdin: 'empty',
    stdout: 'capture',
    stderr: 'capture',
    preopens: {},
    network: false,
    clock: 'real',
    limits: { onMemory: 'deny', onOutput: 'stop' },
  },
  'frozen objects': Object.freeze({
    args: Object.freeze(['a']),
    env: Object.freeze({ A: 'b' }),
    limits: Object.freeze({ timeoutMs: 10_000 }),
    signal,
  }),
  'an object without a prototype': Object.assign(Object.create(null) as object, { args: ['a'] }),
  'inherited options': Object.create({ args: ['a'] }) as RunOptions,
  'a transparent Proxy': new Proxy({ args: new Proxy(['a'], {}) }, {}),
  'the environment of this process': { env: process.env as Record<string, string> },
  'the largest seed': { randomSeed: (1n << 64n) - 1n },
  'the first time of all': { clock: { now: 0 } },
  'no negative time': { clock: { now: -0 } },
  'the last time of all': { clock: { now: LAST_TIME } },
  'the last date of all': { clock: { now: new Date(LAST_TIME) } },
}
for (const [name, options] of Object.entries(ALLOWED)) {
  test(`allowed: ${name}`, async (t) => {
    const program = await wat('hello')
    t.notThrows(() => program.check(options))
    t.deepEqual(observed(await program.run(options)), ['exit 0', 'hello\n', ''])
  })
}

test('a check neither runs the program nor touches its streams', async (t) => {
  const program = await ownWat('hello')
  const stdin = Readable.from(['text'])
  const stdout = new Sink()
  const before = [stdin.listenerCount('error'), stdout.listenerCount('error')]
  program.check()
  program.check({ stdin, stdout, signal: AbortSignal.abort() })
  // What only a run finds out.
  program.check({ preopens: { '/': '/missing/folder' } })
  await setImmediate()
  t.deepEqual([stdin.listenerCount('error'), stdout.listenerCount('error')], before)
  t.false(stdin.destroyed)
  t.is(stdout.text, '')
  program[Symbol.dispose]()
  t.is((await refusal(() => program.check())).code, 'ERR_PROGRAM_CLOSED')
})

const HOSTILE: Readonly<Record<string, () => unknown>> = {
  'a getter that throws': () => ({
    get args() {
      throw new Error('hostile')
    },
  }),
  'a nested getter that throws': () => ({
    args: ['a'],
    limits: {
      get fuel() {
        throw new Error('hostile')
      },
    },
  }),
  'a Proxy that throws': () =>
    new Proxy(
      {},
      {
        ownKeys() {
          throw new Error('hostile')
        },
      },
    ),
  'an array whose element throws': () => ({
    args: Object.defineProperty(['a', 'b'], 1, {
      get() {
        throw new Error('hostile')
      },
    }),
  }),
  'a Writable that takes no listeners': () => ({
    stdout: {
      write() {},
      on() {
        throw new Error('hostile')
      },
      off() {},
    },
  }),
}
for (const [name, make] of Object.entries(HOSTILE)) {
  test(`${name} rejects, and other runs of the same tick are as they should be`, async (t) => {
    const program = await wat('args')
    const before = program.run({ args: ['before'] })
    const hostile = program.run(make() as RunOptions)
    const after = program.run({ args: ['after'] })
    t.regex((await refusal(hostile)).message, /hostile/)
    t.is((await before).stdout.toString(), 'args.wat\nbefore\n')
    t.is((await after).stdout.toString(), 'args.wat\nafter\n')
  })
}

for (const how of ['run', 'runSync', 'spawn'] as const) {
  test(`a getter that disposes of the program of its own ${how} is an error by name`, async (t) => {
    const program = await ownWat('hello')
    const options = {
      stdin: how === 'runSync' ? 'text' : Readable.from(['text']),
      get args() {
        program[Symbol.dispose]()
        return []
      },
    }
    const error = await refusal(async () =>
      (program[how] as (options: object) => unknown).call(program, options),
    )
    t.is(error.code, 'ERR_PROGRAM_CLOSED')
    await setImmediate()
    if (options.stdin instanceof Readable) t.true(options.stdin.destroyed)
    t.is(ending(await (await wat('hello')).run()), 'exit 0')
  })
}

test('a revoked Proxy rejects', async (t) => {
  const { proxy, revoke } = Proxy.revocable({}, {})
  revoke()
  t.is((await refusal((await wat('hello')).run(proxy))).name, 'TypeError')
})

for (const how of ['run', 'runSync'] as const) {
  const start = (program: Program, options: RunSyncOptions): unknown =>
    how === 'run' ? program.run(options) : program.runSync(options)

  test(`a getter that starts a run with ${how} mixes up nothing`, async (t) => {
    const program = await wat('args')
    const others: unknown[] = []
    // Without arguments of its own, so that those of others would show.
    const options = {
      get env() {
        others.push(start(program, { args: ['inner', 'of', how], stdin: 'x'.repeat(1000) }))
        return { A: 'b' }
      },
      get limits() {
        others.push(start(program, { args: ['second'] }))
        return { outputBytes: 1000 }
      },
    }
    const first = program.run({ args: ['first'] })
    const outer = program.run(options)
    const last = program.run({ args: ['last'] })
    const printed = async (run: unknown): Promise<string> =>
      ((await run) as { stdout: Buffer }).stdout.toString()
    t.is(await printed(first), 'args.wat\nfirst\n')
    t.is(await printed(outer), 'args.wat\n')
    t.is(await printed(last), 'args.wat\nlast\n')
    t.is(await printed(others[0]), `args.wat\ninner\nof\n${how}\n`)
    t.is(await printed(others[1]), 'args.wat\nsecond\n')
  })

  test(`a getter that starts a run with ${how} and then throws loses nothing`, async (t) => {
    const program = await wat('args')
    const others: unknown[] = []
    const bad = program.run({
      get env(): Record<string, string> {
        others.push(start(program, { args: ['inner'] }))
        throw new Error('hostile')
      },
    })
    const last = program.run({ args: ['last'] })
    t.is((await refusal(bad)).message, 'hostile')
    t.is(((await others[0]) as { stdout: Buffer }).stdout.toString(), 'args.wat\ninner\n')
    t.is((await last).stdout.toString(), 'args.wat\nlast\n')
  })
}

/** Text that a line of a guest's output can show. */
const line = fc
  .string({ unit: 'binary', maxLength: 40 })
  .filter((text) => text.isWellFormed() && !/[\0\n]/.test(text))

test('any arguments arrive as they are', async (t) => {
  const program = await wat('args')
  const property = fc.asyncProperty(fc.array(line, { maxLength: 20 }), async (args) => {
    const { stdout } = await program.run({ args })
    t.deepEqual(stdout.toString().split('\n'), ['args.wat', ...args, ''])
  })
  await fc.assert(property, { numRuns: 200 })
})

test('any environment arrives as it is, and nothing else', async (t) => {
  const program = await wat('env')
  const name = line.filter((text) => text !== '' && !text.includes('='))
  const property = fc.asyncProperty(fc.dictionary(name, line), async (env) => {
    const { stdout } = await program.run({ env })
    const expected = Object.entries(env).map(([key, value]) => `${key}=${value}`)
    t.deepEqual(stdout.toString().split('\n'), [...expected, ''])
  })
  await fc.assert(property, { numRuns: 200 })
})

test('nothing is inherited', async (t) => {
  t.true(Object.keys(process.env).length > 0)
  t.is((await (await wat('env')).run()).stdout.toString(), '')
  t.is((await (await wat('list-preopens')).run()).stdout.toString(), '')
  t.is((await (await wat('args')).run()).stdout.toString(), 'args.wat\n')
})

test('many and long arguments arrive', async (t) => {
  const args = Array.from({ length: 2000 }, (_, index) => `${index}`.repeat(5))
  const { stdout } = await (await wat('args')).run({ args })
  t.deepEqual(stdout.toString().split('\n').slice(1, -1), args)
})

test('a preopen is read-only as a bare string, and by its access otherwise', async (t) => {
  const hostPath = await folder(t)
  await writeFile(join(hostPath, 'file'), 'content')
  await mkdir(join(hostPath, 'below'))
  const [read, write] = [await wat('read-file'), await wat('write-file')]
  const access = async (preopens: RunOptions['preopens']): Promise<string[]> => [
    (await read.run({ args: ['file'], preopens })).stdout.toString(),
    ending(await write.run({ args: ['made', 'x'], preopens })),
  ]
  t.deepEqual(await access({ '/': hostPath }), ['content', 'exit 1'])
  t.deepEqual(await access({ '/': { hostPath, access: 'read' } }), ['content', 'exit 1'])
  t.false(existsSync(join(hostPath, 'made')))
  t.deepEqual(await access({ '/': { hostPath, access: 'write' } }), ['content', 'exit 0'])
  t.true(existsSync(join(hostPath, 'made')))

  const outside = await read.run({ args: ['../file'], preopens: { '/': join(hostPath, 'below') } })
  t.is(ending(outside), 'exit 1')
  const here = relative(process.cwd(), hostPath)
  t.deepEqual(await access({ '/x': here }), ['content', 'exit 1'])
})

test('preopens keep their order and names', async (t) => {
  const hostPath = await folder(t)
  const preopens = { '/b': hostPath, '/a': hostPath, 'relative/🦀': hostPath }
  const { stdout } = await (await wat('list-preopens')).run({ preopens })
  t.is(stdout.toString(), '/b\n/a\nrelative/🦀\n')
})

test('a preopen that is not there is named', async (t) => {
  const hostPath = join(await folder(t), 'missing')
  const program = await wat('hello')
  const error = await refusal(program.run({ preopens: { '/data': hostPath } }))
  t.is(error.code, 'ERR_PREOPEN')
  t.true(error.message.includes('"/data"') && error.message.includes(hostPath), error.message)
  const file = await refusal(program.run({ preopens: { '/': watPath('hello') } }))
  t.is(file.code, 'ERR_PREOPEN')
})

test('a seed makes random numbers the same, and no seed does not', async (t) => {
  const program = await wat('random')
  const random = async (randomSeed?: number | bigint): Promise<string> =>
    (await program.run({ randomSeed })).stdout.toString()
  t.is(await random(7), await random(7n))
  t.not(await random(7), await random(8))
  t.not(await random((1n << 64n) - 1n), await random(0))
  t.not(await random(), await random())
})

test('a clock can stand still, and counts from 0 then', async (t) => {
  const program = await wat('clock')
  const now = new Date('2020-02-03T04:05:06.789Z')
  const read = async (clock: RunOptions['clock']): Promise<bigint[]> =>
    (await program.run({ clock })).stdout.toString().trim().split('\n').map(BigInt)
  const [wall, monotonic] = await read({ now })
  t.is(wall, BigInt(now.getTime()) * 1_000_000n)
  t.true(monotonic! < 10_000_000_000n)
  t.is((await read({ now: 0 }))[0], 0n)
  t.is((await read({ now: LAST_TIME }))[0], BigInt(LAST_TIME) * 1_000_000n)
  const before = BigInt(Date.now() - 1) * 1_000_000n
  t.true((await read('real'))[0]! >= before)
})

const LOADS: readonly [source: unknown, options: unknown, message: string][] = [
  ['', {}, '`source` must be a path, a file: URL or bytes, got ""'],
  [undefined, {}, '`source` must be'],
  [null, {}, '`source` must be'],
  [5, {}, '`source` must be'],
  [{}, {}, '`source` must be'],
  [[0, 97, 115, 109], {}, '`source` must be'],
  [new ArrayBuffer(8), {}, '`source` must be'],
  ['a\0b', {}, '`source` must be a string without NUL'],
  [HALF, {}, '`source` must be well-formed'],
  [new URL('https://example.com/a.wasm'), {}, '`source` must be a file: URL, got "https:'],
  ['x', null, '`options` must be an object, got null'],
  ['x', 'name', '`options` must be an object'],
  ['x', { nmae: 'x' }, 'unknown option `nmae`; '],
  ['x', { names: 'x' }, 'unknown option `names`; did you mean `name`?'],
  ['x', { args: [] }, 'unknown option `args`; '],
  ['x', { name: 5 }, '`name` must be a string, got 5'],
  ['x', { name: 'a\0' }, '`name` must be a string without NUL'],
  ['x', { name: HALF }, '`name` must be well-formed'],
  ['x', { fuel: 1 }, '`fuel` must be a boolean, got 1'],
  ['x', { cache: 1 }, '`cache` must be a'],
  ['x', { cache: '' }, '`cache` must be a'],
  ['x', { cache: '\0' }, '`cache` must be'],
  ['x', { runtime: {} }, '`runtime` must be a Runtime, got an object'],
  ['x', { runtime: null }, '`runtime` must be a Runtime, got null'],
]
for (const [index, [source, options, message]] of LOADS.entries()) {
  test(`load refuses (${index}): ${message}`, async (t) => {
    const loading = load(source as string, options as object)
    const error = await refusal(loading)
    t.is(error.code, 'ERR_INVALID_OPTION')
    t.true(error.message.startsWith(message), error.message)
    t.is(
      (await refusal(() => loadSync(source as string, options as object))).message,
      error.message,
    )
  })
}

test('a file: URL with a host is refused by our code where the platform has none', async (t) => {
  const error = await refusal(load(new URL('file://host/share/a.wasm')))
  t.true(['ERR_INVALID_OPTION', 'ERR_READ_FAILED'].includes(error.code), error.code)
})

const RUNTIMES: readonly [options: unknown, message: string][] = [
  [null, '`options` must be an object, got null'],
  [{ thread: 1 }, 'unknown option `thread`; did you mean `threads`?'],
  ...[0, -1, 1.5, Number.NaN, Infinity, '2', 2n, null].flatMap((value): [unknown, string][] => [
    [{ threads: value }, '`threads` must be a positive integer, got '],
    [{ maxConcurrentRuns: value }, '`maxConcurrentRuns` must be a positive integer, got '],
  ]),
  [{ threads: 1025 }, '`threads` must be at most 1024, got 1025'],
  [{ maxConcurrentRuns: 2 ** 32 }, '`maxConcurrentRuns` must be at most'],
  [{ cacheDir: true }, '`cacheDir` must be a folder or false, got true'],
  [{ cacheDir: '' }, '`cacheDir` must be a folder or false, got ""'],
  [{ cacheDir: 'a\0' }, '`cacheDir` must be'],
]
for (const [index, [options, message]] of RUNTIMES.entries()) {
  test(`new Runtime refuses (${index}): ${message}`, async (t) => {
    const error = await refusal(() => new Runtime(options as object))
    t.is(error.code, 'ERR_INVALID_OPTION')
    t.true(error.message.startsWith(message), error.message)
  })
}

test('the most of everything makes a runtime that works', async (t) => {
  const child = await node(`
    const runtime = new Runtime({ threads: 64, maxConcurrentRuns: 4096 })
    console.log(ending(await (await ownWat('hello', { runtime })).run()))
    await runtime.close()`)
  t.like(child, { code: 0, stdout: 'exit 0\n' }, child.stderr)
})

test('what is undefined in an environment is left out', async (t) => {
  const program = await wat('env')
  const { stdout } = await program.run({ env: { A: '1', B: undefined, C: '3' } })
  t.is(stdout.toString(), 'A=1\nC=3\n')
})

test('inherited options count wherever options are taken', async (t) => {
  const inherited = <T extends object>(options: T): T => Object.create(options) as T
  const { stdout } = await run(watPath('args'), inherited({ cache: false, args: ['a'] }))
  t.is(stdout.toString(), 'args.wat\na\n')
  const options = inherited({ limits: { fuel: 1n } })
  const early = await refusal((await wat('hello')).snapshot(options))
  t.regex(early.message, /ended by its fuel limit$/)
})

test('arrays that getters lengthen while they are read are read as long as they were', async (t) => {
  const growing = (): string[] => {
    const array = ['a', 'b']
    const get = (): string => {
      array.push('c')
      return 'a'
    }
    return Object.defineProperty(array, 0, { get })
  }
  const options = { args: growing(), files: {}, collect: growing() }
  const { stdout } = await (await wat('args')).run(options)
  t.is(stdout.toString(), 'args.wat\na\nb\n')
})

test('bytes that only look like bytes are refused, and keep no process alive', async (t) => {
  const { stdout, code } = await node(`
    for (const source of [Object.create(Uint8Array.prototype), new Proxy(new Uint8Array(8), {})])
      await load(source).catch((error) => console.log(error instanceof Error))
  `)
  t.deepEqual([stdout, code], ['true\ntrue\n', 0])
})
