// `QueueProgram.batch` is `Program.batch` of the main package, on other machines.
import { readFile } from 'node:fs/promises'
import type { ExecutionContext } from 'ava'
import { Redis } from 'ioredis'
import {
  load,
  WasiexecError,
  type Batch,
  type BatchEnd,
  type BatchResult,
  type Outcome,
} from 'wasiexec'
import type { QueueBatchOptions, QueueJob } from '../src/index.ts'
import { all, openQueue, openRuntime, openWorker, QUEUE, until, watPath } from './support/queues.ts'
import { onEach, onOne, type Server } from './support/servers.ts'

/** A result without what differs from run to run. */
function fixed({ index, id, outcome, error }: BatchResult): object {
  if (outcome === undefined) return { index, id, code: error.code, message: error.message }
  const { usage, ...rest } = outcome as Outcome
  const { memoryPeakBytes, memoryDenied, outputTruncated, fuel } = usage
  return {
    index,
    id,
    ...JSON.parse(JSON.stringify(rest)),
    usage: { memoryPeakBytes, memoryDenied, outputTruncated, fuel },
  }
}

/** Runs the same jobs in this process and over a queue; returns the results of both. */
async function both(
  t: ExecutionContext,
  server: Server,
  guest: string,
  jobs: readonly QueueJob[],
  options: QueueBatchOptions = {},
): Promise<[here: object[], there: object[]]> {
  await openWorker(t, server)
  const here = await load(watPath(guest), { cache: false, runtime: openRuntime(t) })
  const there = await openQueue(t, server).addProgram(watPath(guest))
  const batch = here.batch(jobs as never, options as never) as AsyncIterable<BatchResult>
  return [
    (await all(batch)).map(fixed),
    (await all(there.batch(jobs, options) as AsyncIterable<BatchResult>)).map(fixed),
  ]
}

/** What a program of a user asks of its programs, wherever they run. */
interface Runs {
  batch(
    jobs: Iterable<{ id: string; args: string[] }>,
    options: { defaults: { limits: { timeoutMs: number } }; ordered: boolean },
  ): Batch<string>
}

async function codes(program: Runs): Promise<[string, number | undefined][]> {
  const jobs = ['1', '2'].map((code) => ({ id: `job ${code}`, args: [code] }))
  const batch = program.batch(jobs, { defaults: { limits: { timeoutMs: 60_000 } }, ordered: true })
  const ended: [string, number | undefined][] = []
  for await (const { id, outcome } of batch)
    ended.push([id, outcome?.kind === 'exit' ? outcome.code : undefined])
  return ended
}

onOne(
  'the same code runs with a program of this process and with one of a queue',
  async (t, server) => {
    await openWorker(t, server)
    const here = await load(watPath('exit-argv'), { cache: false, runtime: openRuntime(t) })
    const there = await openQueue(t, server).addProgram(watPath('exit-argv'))
    const expected = [
      ['job 1', 1],
      ['job 2', 2],
    ]
    t.deepEqual(await codes(here), expected as never)
    t.deepEqual(await codes(there), expected as never)
  },
)

onEach(
  'exits, ids, errors and their order are those of a batch in the process',
  async (t, server) => {
    const jobs: QueueJob[] = [
      ...[0, 1, 126, 255, 256, 4_294_967_295].map((code) => ({ id: { code }, args: [`${code}`] })),
      { id: 'bad', args: 5 as never },
      { id: 'unknown', colour: 'red' } as never,
      { error: new Error('no such test') },
      { error: new WasiexecError('ERR_READ_FAILED', 'no such file') },
      { id: Symbol.iterator, args: ['7'] },
    ]
    const [here, there] = await both(t, server, 'exit-argv', jobs)
    // The message names what is possible, which is less over a network.
    const same = (results: object[]): object[] => results.filter((_, index) => index !== 7)
    t.deepEqual(same(there), same(here))
    t.like(there[7], { id: 'unknown', code: 'ERR_INVALID_OPTION' })
  },
)

for (const [guest, jobs, defaults] of [
  ['trap-divide-by-zero', [{}], {}],
  ['loop', [{}, { limits: { fuel: 20_000 } }], { limits: { fuel: 10_000n } }],
  [
    'flood',
    [
      { limits: { outputBytes: 1000 } },
      { limits: { outputBytes: 10, onOutput: 'truncate', timeoutMs: 20 } },
    ],
    {},
  ],
  [
    'cat',
    [{ stdin: 'text' }, { stdin: new Uint8Array([0, 255, 128]) }, { stdin: 'empty' }],
    { stdin: 'shared' },
  ],
  ['env', [{ env: { A: '1', B: undefined } }, {}], { env: { C: 'ü' } }],
  ['read-file', [{ files: { 'in.txt': 'hello' } }], {}],
  [
    'write-file',
    [
      { files: {}, collect: ['**'] },
      { files: { 'a/b': new Uint8Array([255]) }, collect: ['**'] },
    ],
    {},
  ],
  ['clock', [{ clock: { now: new Date(1e12) } }, { clock: { now: 5 } }], {}],
  ['random', [{ randomSeed: 7n }, { randomSeed: 2 ** 40 }], { stdout: 'capture' }],
  ['hello', [{ stdout: 'ignore' }, {}], { stderr: 'ignore' }],
] as [string, QueueJob[], object][]) {
  onOne(`${guest}: outcomes are those of a batch in the process`, async (t, server) => {
    const [here, there] = await both(t, server, guest, jobs, { defaults })
    t.deepEqual(there, here)
  })
}

onOne('calls are carried out in fresh instances', async (t, server) => {
  const [here, there] = await both(
    t,
    server,
    'exports',
    [
      { call: ['add', 1, 2], id: 1 },
      { call: ['nothing-like-it'], id: 2 },
      { call: ['add', 'text', 2], id: 3 },
      { call: ['add', -5, 2], id: 4 },
    ] as never,
    { state: 'fresh' },
  )
  t.deepEqual(there, here)
})

onOne('calls take and return the values that they do in the process', async (t, server) => {
  const component = new TextEncoder().encode(`(component
    (core module $m (memory (export "mem") 1)
      (data (i32.const 0) "\\10\\00\\00\\00\\03\\00\\00\\00") (data (i32.const 16) "\\01\\00\\02\\00\\00\\01")
      (func (export "list") (result i32) i32.const 0)
      (func (export "none") (result i32) i32.const 64)
      (func (export "zero") (result f64) f64.const -0))
    (core instance $i (instantiate $m))
    (func (export "words") (result (list u16)) (canon lift (core func $i "list") (memory $i "mem")))
    (func (export "bytes") (result (list u8)) (canon lift (core func $i "list") (memory $i "mem")))
    (func (export "none") (result (option u32)) (canon lift (core func $i "none") (memory $i "mem")))
    (func (export "zero") (result f64) (canon lift (core func $i "zero"))))`)
  await openWorker(t, server)
  const calls = ['words', 'bytes', 'none', 'zero'].map((name) => ({ call: [name] as [string] }))
  const here = await load(component, { cache: false, runtime: openRuntime(t) })
  const there = await openQueue(t, server).addProgram(component)
  const values = async (results: AsyncIterable<{ outcome?: unknown }>): Promise<unknown[]> =>
    (await all(results)).map(({ outcome }) => (outcome as { values?: unknown }).values)
  const expected = await values(here.batch(calls))
  t.deepEqual(await values(there.batch(calls)), expected)
  t.deepEqual(expected[0], [new Uint16Array([1, 2, 256])])
})

onOne('a lost write of Redis ends a batch with an error', async (t, server) => {
  await openWorker(t, server)
  const redis = new Redis(server.url)
  t.teardown(() => redis.disconnect())
  const queue = openQueue(t, server)
  const program = await queue.addProgram(watPath('exit-argv'))
  async function* jobs(): AsyncGenerator<QueueJob> {
    for (let job = 0; job < 30; job += 1) {
      if (job === 20) {
        const [key] = await redis.keys('*:submission:*')
        await until(async () => (await redis.hget(key!, 'next')) === '2')
        await redis.hset(key!, 'next', 1)
      }
      yield {}
    }
  }
  const message = /^Redis has lost jobs of the submission .*: a chunk of it is missing; let it keep/
  await t.throwsAsync(all(program.batch(jobs(), { chunkJobs: 10 })), { message })
  async function* others(): AsyncGenerator<QueueJob> {
    yield {}
    await until(async () => (await redis.keys('*:submission:mine')).length === 1)
    await until(async () => (await redis.hget(key, 'jobs')) === '1')
    await redis.hset(key, 'jobs', 0)
  }
  const key = `wasiexec:{${QUEUE}}:submission:mine`
  await t.throwsAsync(queue.submit(others(), { program, id: 'mine' }), {
    message: /: it has 0 of 1; let it keep/,
  })
})

for (const [ending, options] of [
  ['signal', () => ({ signal: AbortSignal.timeout(100) })],
  ['deadline', () => ({ deadline: Date.now() + 100 })],
  ['stop-on', () => ({ stopOn: () => true })],
] as [BatchEnd, () => object][])
  onOne(`${ending} ends a batch whose source hangs`, async (t, server) => {
    await openWorker(t, server)
    const program = await openQueue(t, server).addProgram(watPath('exit-argv'))
    async function* jobs(): AsyncGenerator<QueueJob> {
      yield {}
      await new Promise(() => {})
    }
    const batch = program.batch(jobs(), options())
    // A slow machine may not have taken the job before.
    t.true((await all(batch)).length <= 1)
    t.is((await batch.summary).endedBy, ending)
  })

onOne('a source may return promises of another kind', async (t, server) => {
  await openWorker(t, server)
  const program = await openQueue(t, server).addProgram(watPath('exit-argv'))
  let left = 3
  const next = () => ({
    // oxlint-disable-next-line unicorn/no-thenable -- this is what is tested
    then: (resolve: (result: unknown) => void) => resolve({ done: left-- === 0, value: {} }),
  })
  const jobs = { [Symbol.asyncIterator]: () => ({ next }) }
  t.is((await all(program.batch(jobs as never))).length, 3)
})

onOne('an ordered batch does not run far ahead of its first job', async (t, server) => {
  await openWorker(t, server, { runtime: { threads: 2 } })
  const queue = openQueue(t, server, { maxPending: 200 })
  const [exit, sleep] = await Promise.all(
    ['exit-argv', 'sleep-argv'].map((guest) => queue.addProgram(watPath(guest))),
  )
  let taken = 0
  function* jobs(): Generator<QueueJob> {
    for (; taken < 5000; taken += 1) yield taken === 0 ? { program: sleep!, args: ['1500'] } : {}
  }
  for await (const { index } of exit!.batch(jobs(), { chunkJobs: 20 })) {
    if (index > 0) continue
    t.true(taken <= 200 + 4 * 20, `${taken} jobs were taken before the first ended`)
  }
  t.is(taken, 5000)
})

for (const defaults of [
  { http: false },
  { config: { a: '1' } },
  { keyvalue: { b: { c: new Uint8Array([1]) } } },
] as const)
  onOne(`${Object.keys(defaults)[0]} goes over a queue`, async (t, server) => {
    // A module has no use for the other two, which is said of both.
    const [here, there] = await both(t, server, 'hello', [{}, { http: false }], { defaults })
    t.deepEqual(there, here)
  })

onOne(
  'the totals are those of a batch in the process, also when nobody reads the results',
  async (t, server) => {
    await openWorker(t, server)
    const queue = openQueue(t, server)
    const [exit, trap] = await Promise.all(
      ['exit-argv', 'trap-divide-by-zero'].map((guest) => queue.addProgram(watPath(guest))),
    )
    function* jobs(): Generator<QueueJob> {
      for (let index = 0; index < 3000; index += 1) yield { args: [`${index % 3}`] }
      yield { program: trap }
      yield { args: 5 as never }
    }
    const { runMs, wallMs, cpuMs, runsPerSecond, ...counts } = await exit!.batch(jobs()).summary
    t.deepEqual(counts as object, {
      jobs: 3002,
      ok: 1000,
      kinds: { exit: 3000, trap: 1, limit: 0, abort: 0, error: 1 },
      exitCodes: { '0': 1000, '1': 1000, '2': 1000 },
      traps: { 'integer-divide-by-zero': 1 },
      limits: {},
      errors: { ERR_INVALID_OPTION: 1 },
      endedBy: 'jobs',
    })
    t.true(wallMs > 0 && runsPerSecond > 0 && cpuMs > 0 && runMs.p50 <= runMs.max)
  },
)

onOne('order: as the jobs, or as they end', async (t, server) => {
  await openWorker(t, server)
  const program = await openQueue(t, server).addProgram(watPath('sleep-argv'))
  const jobs = [{ args: ['300'] }, { args: ['1'] }]
  const indexes = async (ordered: boolean): Promise<number[]> =>
    (await all(program.batch(jobs, { ordered, chunkJobs: 1 }))).map(({ index }) => index)
  t.deepEqual(await indexes(true), [0, 1])
  t.deepEqual(await indexes(false), [1, 0])
})

onOne(
  'a batch ends by stopOn, deadline and signal, and every job taken has its result',
  async (t, server) => {
    await openWorker(t, server)
    const queue = openQueue(t, server)
    const [exit, loop] = await Promise.all(
      ['exit-argv', 'loop'].map((guest) => queue.addProgram(watPath(guest))),
    )
    const stopped = exit!.batch(
      [0, 0, 1, 0].map((code) => ({ args: [`${code}`] })),
      {
        stopOn: ({ outcome }) => outcome?.ok !== true,
      },
    )
    t.is((await all(stopped)).length, 4)
    t.is((await stopped.summary).endedBy, 'stop-on')

    const late = loop!.batch([{}, {}, {}], { deadline: Date.now() + 200, chunkJobs: 1 })
    for (const { outcome } of await all(late)) {
      t.is(outcome?.kind, 'abort')
      if (outcome?.kind === 'abort')
        t.is((outcome.reason as WasiexecError).code, 'ERR_BATCH_DEADLINE')
    }
    t.is((await late.summary).endedBy, 'deadline')

    const reason = { anything: true }
    const signal = AbortSignal.timeout(200)
    const controller = new AbortController()
    signal.addEventListener('abort', () => controller.abort(reason))
    const aborted = loop!.batch([{}, {}], { signal: controller.signal })
    for (const { outcome } of await all(aborted))
      t.is(outcome?.kind === 'abort' && outcome.reason, reason)
    t.is((await aborted.summary).endedBy, 'signal')
  },
)

onOne('leaving the loop cancels the jobs and closes their source', async (t, server) => {
  const worker = await openWorker(t, server)
  const queue = openQueue(t, server)
  const program = await queue.addProgram(watPath('exit-argv'))
  const loop = await queue.addProgram(watPath('loop'))
  let isClosed = false
  function* jobs(): Generator<QueueJob> {
    try {
      yield {}
      for (;;) yield { program: loop }
    } finally {
      isClosed = true
    }
  }
  const batch = program.batch(jobs(), { ordered: false, chunkJobs: 1 })
  for await (const { outcome } of batch) {
    t.is(outcome?.kind, 'exit')
    break
  }
  t.true(isClosed)
  t.is((await batch.summary).endedBy, 'consumer')
  await until(() => worker.stats().active === 0)
})

onOne(
  'a source that throws: the jobs before it have their results, then the loop throws',
  async (t, server) => {
    await openWorker(t, server)
    const program = await openQueue(t, server).addProgram(watPath('exit-argv'))
    const error = new Error('no more')
    async function* jobs(): AsyncGenerator<QueueJob> {
      yield { id: 1 }
      yield { id: 2 }
      throw error
    }
    const ids: unknown[] = []
    const batch = program.batch(jobs())
    await t.throwsAsync(
      async () => {
        for await (const { id } of batch) ids.push(id)
      },
      { is: error },
    )
    t.deepEqual(ids, [1, 2])
    t.like(await batch.summary, { endedBy: 'error', error, jobs: 2 })
    t.throws(() => batch.chunks(), { code: 'ERR_BATCH_USED' })
  },
)

onOne('a slow consumer slows the source', async (t, server) => {
  await openWorker(t, server)
  const queue = openQueue(t, server, { maxPending: 200 })
  const program = await queue.addProgram(watPath('exit-argv'))
  let taken = 0
  function* jobs(): Generator<QueueJob> {
    for (; taken < 100_000; taken += 1) yield {}
  }
  for await (const { index } of program.batch(jobs(), { chunkJobs: 50 })) {
    if (index < 500) continue
    t.true(taken <= index + 200 + 4 * 50, `${taken} jobs were taken before ${index} was read`)
    break
  }
})

onOne('bad options are refused before anything is sent', async (t, server) => {
  const queue = openQueue(t, server)
  const program = await queue.addProgram(await readFile(watPath('hello')), { name: 'hello' })
  for (const [jobs, options, message] of [
    [5, {}, /^`jobs` must be an iterable or an async iterable of jobs, got 5$/],
    ['abc', {}, /^`jobs` must be an iterable or an async iterable of jobs, got "abc"$/],
    [[], { defaults: { http: {} } }, /^`http` must be false in a job for a queue/],
    [[], { ordered: 'yes' }, /^`ordered` must be true or false, got "yes"$/],
    [[], { signal: {} }, /^`signal` must be an AbortSignal, got an object$/],
    [[], { stopOn: 1 }, /^`stopOn` must be a function, got 1$/],
    [
      [],
      { deadline: 'soon' },
      /^`deadline` must be a Date or milliseconds since 1970, got "soon"$/,
    ],
    [[], { chunkJobs: 5000 }, /^`chunkJobs` must be at most 1024, got 5000$/],
    [
      [],
      { defaults: { preopens: { '/': '/' } } },
      /^`preopens` must be left out of a job for a queue/,
    ],
    [[], { defaults: { stdin: 'inherit' } }, /^`stdin` must be text, bytes or 'empty' in a job/],
    [[], { defaults: { network: {} } }, /^`network` must be false in a job for a queue/],
  ] as [never, object, RegExp][])
    t.throws(() => program.batch(jobs, options), { code: 'ERR_INVALID_OPTION', message })
})
