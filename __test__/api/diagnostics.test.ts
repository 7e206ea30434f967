// Run once more with worker processes and with each compiler.
import { channel, subscribe, unsubscribe } from 'node:diagnostics_channel'
import test from 'ava'
import * as api from '../../src/index.ts'
import {
  Handler,
  Instance,
  load,
  loadSync,
  Pool,
  Program,
  run,
  type Outcome,
  type RunOptions,
  type WasiexecError,
} from '../support/package.ts'
import { became, context, nobodyListens, observe, one, type Message } from '../support/channels.ts'
import { node } from '../support/child.ts'
import { drain, ending, ownWat, real, wat, watPath } from '../support/guest.ts'

type Options = RunOptions & Record<string, unknown>

/** Every way to run a program, by the `method` that it publishes; the one-shot `run` is a second way of `'run'`. */
const WAYS: readonly [
  way: string,
  method: string,
  run: (guest: string, options: Options) => Promise<unknown>,
][] = [
  ['run', 'run', async (guest, options) => (await wat(guest)).run(options)],
  ['runSync', 'runSync', async (guest, options) => (await wat(guest)).runSync(options as never)],
  [
    'spawn',
    'spawn',
    async (guest, options) => (await wat(guest)).spawn({ stdout: 'capture', ...options }).outcome,
  ],
  [
    'batch',
    'batch',
    async (guest, options) => {
      const { all } = await drain((await wat(guest)).batch([options]))
      if (all[0]!.error !== undefined) throw all[0]!.error
      return all[0]!.outcome
    },
  ],
  [
    'the one-shot run',
    'run',
    async (guest, options) => run(watPath(guest), { cache: false, ...options }),
  ],
]

/** Every kind of end. */
const ENDS: readonly [what: string, guest: string, options: () => Options][] = [
  ['exit 0', 'hello', () => ({})],
  ['exit 3', 'exit-argv', () => ({ args: ['3'] })],
  ['trap unreachable', 'trap-unreachable', () => ({})],
  ['limit fuel', 'loop', () => ({ limits: { fuel: 1000 } })],
  ['abort', 'loop', () => ({ signal: AbortSignal.abort('enough') })],
  ['host-error', 'host-adds', () => ({ imports: { env: { next: thrower } } }) as never],
  ['ERR_INVALID_OPTION', 'hello', () => ({ limits: { timeoutMs: -1 } })],
  ['ERR_INVALID_OPTION', 'hello', () => ({ limits: 3 }) as never],
  ['ERR_UNRESOLVED_IMPORT', 'unresolved-import', () => ({})],
  ['ERR_NO_ENTRY_POINT', 'no-start', () => ({})],
]

function thrower(): never {
  throw new Error('no more numbers')
}

for (const [way, method, run] of WAYS) {
  test.serial(`${way} publishes its start and its end, whatever the end is`, async (t) => {
    const seen = observe(t)
    for (const [expected, guest, options] of ENDS) {
      // `runSync` has no signal.
      if (method === 'runSync' && expected === 'abort') continue
      await wat(guest)
      seen.splice(0)
      const caller = `${way}: ${expected}`
      const given = options()
      const what = await became(() => context.run(caller, () => run(guest, given)))
      const found =
        'outcome' in what ? ending(what.outcome as Outcome) : (what.error as WasiexecError).code
      t.is(found, expected, caller)
      const { atStart } = one(t, seen, 'run', what, caller)
      const { program, limits, job, ...rest } = atStart
      t.is(program, `${guest}.wat`)
      t.deepEqual(limits, typeof given.limits === 'object' ? given.limits : undefined)
      t.deepEqual(job, method === 'batch' ? { index: 0, id: undefined } : undefined)
      // Nothing else of the options, which may be secret.
      t.deepEqual(rest, { method })
    }
  })
}

test.serial('serving publishes a run for each request', async (t) => {
  const limits = { timeoutMs: 10_000 }
  const handler = await (await real('http')).serve({ limits })
  const seen = observe(t)
  const outcomes: string[] = []
  for (const path of ['/', '/trap'])
    await (await handler.fetch(new Request(`http://a${path}`))).text()
  await handler.close()
  for (const { operation, atStart, message, ends } of seen) {
    t.deepEqual([operation, ends], ['run', 1])
    t.deepEqual(atStart, { program: 'http.wasm', method: 'serve', limits })
    outcomes.push(ending((message as { outcome: Outcome }).outcome))
  }
  t.deepEqual(outcomes, ['exit 0', 'trap unreachable'])
})

/** What every public function does: publishes as one of these operations, or runs and compiles nothing by itself. */
const FUNCTIONS: Record<string, string> = {
  load: 'load',
  loadSync: 'load',
  run: 'run',
  describeOutcome: 'nothing',
  orThrow: 'nothing',
  'Program.run': 'run',
  'Program.runSync': 'run',
  'Program.spawn': 'run',
  'Program.batch': 'run or call, for each job',
  'Program.snapshot': 'snapshot',
  'Program.instantiate': 'instantiate',
  'Program.serve': 'run, for each request',
  'Program.pool': 'instantiate, when calls need instances',
  'Program.as': 'nothing',
  'Program.check': 'nothing',
  'Program.functions': 'nothing',
  'Program.inspect': 'nothing',
  'Program.serialize': 'nothing',
  'Program.types': 'nothing',
  'Program.wasm': 'nothing',
  'Program.wit': 'nothing',
  'Caller.call': 'call',
  'Caller.callSync': 'call',
  'Caller.exports': 'call',
  'Instance.with': 'nothing',
  'Instance.memory': 'nothing',
  'Handler.close': 'nothing',
  'Pool.call': 'call',
  'Pool.value': 'call',
  'Pool.with': 'nothing',
  'Pool.drain': 'nothing',
  'Pool.stats': 'nothing',
}

test('it is known of every public function what it publishes', (t) => {
  const classes = {
    Program,
    Caller: Object.getPrototypeOf(Instance) as typeof Instance,
    Instance,
    Handler,
    Pool,
  }
  const methods = Object.entries(classes).flatMap(([name, { prototype }]) =>
    Object.getOwnPropertyNames(prototype)
      .filter((method) => method !== 'constructor')
      .map((method) => `${name}.${method}`),
  )
  const others = Object.entries(api)
    .filter(([name, value]) => typeof value === 'function' && /^[a-z]/.test(name))
    .map(([name]) => name)
  t.deepEqual([...others, ...methods].toSorted(), Object.keys(FUNCTIONS).toSorted())
})

test.serial('loading publishes, also that of the one-shot run, once', async (t) => {
  const seen = observe(t)
  const path = watPath('hello')
  const options = { cache: false, name: 'hello', compiler: 'baseline' } as const
  const LOADS: Record<string, () => unknown> = {
    load: () => load(path, options),
    loadSync: () => loadSync(path, options),
    // Of other programs, because it keeps them.
    run: () => run(watPath('return'), options),
  }
  for (const [method, attempt] of Object.entries(LOADS)) {
    seen.splice(0)
    await context.run(method, attempt)
    const loads = seen.filter(({ operation }) => operation === 'load')
    t.is(loads.length, 1, method)
    const [{ atStart, message, startedIn, endedIn, ends }] = loads as [(typeof loads)[0]]
    t.deepEqual(atStart, { program: 'hello', method, compiler: 'baseline' })
    t.deepEqual(message, { ...atStart, kind: 'module', wasi: method === 'run' ? 'none' : 'p1' })
    t.deepEqual([startedIn, endedIn, ends], [method, method, 1])
  }
  seen.splice(0)
  await run(watPath('return'), options)
  t.deepEqual(
    seen.map(({ operation }) => operation),
    ['run'],
  )
})

test.serial('a program that cannot be loaded publishes its error', async (t) => {
  const seen = observe(t)
  const source = Buffer.from('no program')
  const LOADS: Record<string, () => unknown> = {
    load: () => load(source),
    loadSync: () => loadSync(source),
    run: () => run(source),
  }
  for (const [method, attempt] of Object.entries(LOADS)) {
    seen.splice(0)
    const what = await became(() => context.run(method, attempt))
    t.is(((what as { error: unknown }).error as WasiexecError).code, 'ERR_INVALID_WASM')
    t.is(one(t, seen, 'load', what, method).message['program'], 'program')
    t.is(seen.length, method === 'run' ? 2 : 1)
    if (method === 'run') one(t, seen, 'run', what, method)
    // What has no name yet publishes nothing.
    seen.splice(0)
    const refused = { load, loadSync, run }[method] as (source: unknown) => unknown
    await t.throwsAsync(async () => refused(3), { code: 'ERR_INVALID_OPTION' })
    t.deepEqual(seen, [])
  }
})

test.serial('snapshots publish', async (t) => {
  const program = await ownWat('prompt')
  const seen = observe(t)
  const limits = { timeoutMs: 60_000 }
  const warm = await context.run('caller', () => program.snapshot({ limits }))
  t.is(warm.kind, 'module')
  const [{ operation, atStart, message, startedIn, endedIn, ends }] = seen as [(typeof seen)[0]]
  t.deepEqual(
    [operation, seen.length, startedIn, endedIn, ends],
    ['snapshot', 1, 'caller', 'caller', 1],
  )
  t.deepEqual(atStart, { program: 'prompt.wat', limits })
  t.deepEqual(message, atStart)
  seen.splice(0)
  const hello = await wat('hello')
  const what = await became(() => context.run('caller', () => hello.snapshot()))
  t.is(((what as { error: unknown }).error as WasiexecError).code, 'ERR_SNAPSHOT')
  one(t, seen, 'snapshot', what, 'caller')
})

test.serial('a job publishes what it is, in the context in which the batch was made', async (t) => {
  const program = await wat('exit-argv')
  const other = await wat('hello')
  const seen = observe(t)
  const jobs = [
    { id: 'a', args: ['1'] },
    { id: 'b', program: other, limits: { fuel: 1_000_000 } },
    { id: 'c', limits: { timeoutMs: 7_000, fuel: undefined } },
    { id: 'd', error: new Error('not made') },
  ]
  const defaults = { limits: { timeoutMs: 9_000, outputBytes: 100 }, env: { SECRET: 'secret' } }
  const batch = context.run('maker', () => program.batch(jobs, { defaults }))
  const { all } = await context.run('reader', () => drain(batch))
  t.deepEqual(
    seen.map(({ atStart }) => atStart),
    [
      { program: 'exit-argv.wat', id: 'a', limits: defaults.limits },
      { program: 'hello.wat', id: 'b', limits: { ...defaults.limits, fuel: 1_000_000 } },
      { program: 'exit-argv.wat', id: 'c', limits: { ...defaults.limits, timeoutMs: 7_000 } },
      { program: 'exit-argv.wat', id: 'd', limits: defaults.limits },
    ].map(({ program, id, limits }, index) => ({
      program,
      method: 'batch',
      limits,
      job: { index, id },
    })),
  )
  for (const [index, { message, startedIn, endedIn, ends }] of seen.entries()) {
    t.deepEqual([startedIn, endedIn, ends], ['maker', 'maker', 1])
    t.is(message['outcome'], all[index]!.outcome)
    t.is(message['error'], all[index]!.error)
  }
  t.is((seen[3]!.message['error'] as WasiexecError).code, 'ERR_JOB')
})

test.serial('whatever a job is, it publishes one start and one end', async (t) => {
  const program = await wat('hello')
  const seen = observe(t)
  const evil = new Proxy({}, { get: thrower, ownKeys: thrower, has: thrower })
  const broken = {
    get limits() {
      return thrower()
    },
  }
  const jobs: unknown[] = [null, undefined, 3, 'text', [], Promise.resolve({}), evil, broken]
  jobs.push({ call: 3 }, { call: [3] }, { program: {} }, { limits: null }, { limits: evil })
  const { all } = await drain(program.batch(jobs as never))
  t.is(all.length, jobs.length)
  t.deepEqual(
    seen.map(({ ends, message, atStart }) => [ends, message['error'], atStart['program']]),
    all.map(({ error }) => [1, error, 'hello.wat']),
  )
  t.true(all.every(({ error }) => error !== undefined))
})

test.serial('each job ends once, however the batch is read and left', async (t) => {
  const program = await wat('hello')
  const seen = observe(t)
  const jobs = (): { id: number }[] => Array.from({ length: 1000 }, (_, id) => ({ id }))
  const READERS: Record<string, (batch: ReturnType<typeof program.batch>) => Promise<unknown>> = {
    summary: (batch) => batch.summary,
    results: (batch) => drain(batch),
    chunks: (batch) => drain(batch.chunks()),
    'left at once': async (batch) => {
      for await (const _ of batch) break
      await batch.summary
    },
  }
  for (const [reader, read] of Object.entries(READERS)) {
    for (const ordered of [true, false]) {
      seen.splice(0)
      const batch = program.batch(jobs(), { ordered })
      await read(batch)
      const { jobs: taken } = await batch.summary
      t.is(seen.length, taken, reader)
      t.true(
        seen.every(({ ends, message }) => ends === 1 && message['outcome'] !== undefined),
        reader,
      )
    }
  }
})

test.serial(
  'what subscribers bind to the start is the context of the run and of its end',
  async (t) => {
    const start = channel('wasiexec:run:start')
    start.bindStore(context, (message) => `run of ${(message as Message)['program']}`)
    t.teardown(() => start.unbindStore(context))
    const seen = observe(t)
    const program = await wat('host-adds')
    const inside: (string | undefined)[] = []
    const next = (): number => {
      inside.push(context.getStore())
      return -1
    }
    const imports = { env: { next } }
    const bound = 'run of host-adds.wat'
    await context.run('caller', async () => {
      program.runSync({ imports })
      await program.run({ imports })
      t.is(context.getStore(), 'caller')
      await program.spawn({ imports }).outcome
      await drain(program.batch([{ imports }]))
      t.deepEqual(inside.splice(0), [bound, bound, bound, bound])
      // Shared functions are not those of one job.
      await drain(program.batch([{}, {}], { defaults: { imports } }))
      t.deepEqual(inside, ['caller', 'caller'])
      t.is(context.getStore(), 'caller')
    })
    t.is(seen.length, 6)
    for (const { startedIn, endedIn } of seen) t.deepEqual([startedIn, endedIn], [bound, bound])
  },
)

test.serial('the promise of a run settles after its end was published', async (t) => {
  const program = await wat('hello')
  const seen = observe(t)
  await program.run()
  t.is(seen[0]!.ends, 1)
  await program.spawn().outcome
  t.is(seen[1]!.ends, 1)
})

test.serial('who subscribes while a run goes on hears of the next', async (t) => {
  const program = await wat('hello')
  const running = program.run()
  const batch = program.batch([{}])[Symbol.asyncIterator]()
  const seen = observe(t)
  await running
  await batch.next()
  t.deepEqual(seen, [])
  await program.run()
  t.is(seen.length, 1)
})

test.serial('who subscribes to the ends alone hears of them', async (t) => {
  const program = await wat('hello')
  const ends: Message[] = []
  const listener = (message: unknown): void => void ends.push(message as Message)
  subscribe('wasiexec:run:end', listener)
  t.teardown(() => unsubscribe('wasiexec:run:end', listener))
  await program.run()
  program.runSync()
  await program.spawn().outcome
  await program.batch([{}]).summary
  t.deepEqual(
    ends.map(({ method, outcome }) => [method, outcome.kind, typeof outcome.usage.wallMs]),
    ['run', 'runSync', 'spawn', 'batch'].map((method) => [method, 'exit', 'number']),
  )
})

test.serial('without subscribers nothing is made for them: options are read once', async (t) => {
  const program = await wat('hello')
  let reads = 0
  const options = {
    get limits() {
      reads += 1
      return {}
    },
  }
  const read = async (): Promise<number> => {
    reads = 0
    await program.run(options)
    program.runSync(options)
    await program.spawn(options).outcome
    await program.batch([options]).summary
    return reads
  }
  t.true(nobodyListens())
  t.is(await read(), 4)
  observe(t)
  t.is(await read(), 8)
})

test.serial('subscribers cannot change what a run may do', async (t) => {
  const program = await wat('loop')
  const seen = observe(t)
  const change = (message: unknown): void => {
    t.throws(() => ((message as Message)['limits'].fuel = 1e9))
    ;(message as Message)['limits'] = {}
    ;(message as Message)['program'] = 'another'
  }
  subscribe('wasiexec:run:start', change)
  t.teardown(() => unsubscribe('wasiexec:run:start', change))
  t.is(ending(await program.run({ limits: { fuel: 1000 } })), 'limit fuel')
  t.is(seen.length, 1)
})

test('a subscriber that throws breaks nothing: its error is an uncaught exception', async (t) => {
  const { code, stdout, stderr } = await node(`
    import { subscribe } from 'node:diagnostics_channel'
    const program = await wat('hello')
    const thrown = []
    process.on('uncaughtException', (error) => thrown.push(error.message))
    for (const moment of ['start', 'end']) {
      subscribe('wasiexec:run:' + moment, () => { throw new Error(moment) })
    }
    console.log(ending(await program.run()))
    console.log(ending(program.runSync()))
    console.log(ending(await program.spawn().outcome))
    for await (const { outcome } of program.batch([{}])) console.log(ending(outcome))
    await new Promise(setImmediate)
    console.log(thrown.toSorted().join())
  `)
  t.is(code, 0, stderr)
  t.is(stdout, `${'exit 0\n'.repeat(4)}end,end,end,end,start,start,start,start\n`)
})

test('a rejection that nobody handles is one with subscribers, too', async (t) => {
  const { code, stdout } = await node(`
    import { subscribe } from 'node:diagnostics_channel'
    const program = await wat('hello')
    const unhandled = []
    process.on('unhandledRejection', (error) => unhandled.push(error.code))
    const attempt = async () => {
      void program.run({ args: 3 })
      void program.spawn({ preopens: { '/': '/no such folder' } })
      void run(watPath('hello'), { args: 3 })
      void load(watPath('no such file'))
      while (unhandled.length < 4) await new Promise(setImmediate)
      console.log(unhandled.splice(0).toSorted().join())
    }
    await attempt()
    for (const what of ['run', 'load']) subscribe('wasiexec:' + what + ':end', () => {})
    await attempt()
  `)
  t.is(code, 0)
  const [without, withThem] = stdout.split('\n')
  t.is(without, 'ERR_INVALID_OPTION,ERR_INVALID_OPTION,ERR_PREOPEN,ERR_READ_FAILED')
  t.is(withThem, without)
})
