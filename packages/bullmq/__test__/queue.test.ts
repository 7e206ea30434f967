// Submissions and results that are not of one batch: `submit`, `results`, `cancel`, `progress`.
import { once } from 'node:events'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { createConnection, createServer, type AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import test from 'ava'
import { Redis } from 'ioredis'
import { WasiexecError } from 'wasiexec'
import { ProgramQueue, type QueueJob } from '../src/index.ts'
import { Keys } from '../src/keys.ts'
import { Scripts } from '../src/scripts.ts'
import { all, openQueue, openWorker, QUEUE, until, watPath } from './support/queues.ts'
import { onEach, onOne } from './support/servers.ts'

onEach(
  'what one process submits another reads, with its ids and submissions',
  async (t, server) => {
    const [producer, consumer] = [openQueue(t, server), openQueue(t, server)]
    const program = await producer.addProgram(watPath('exit-argv'))
    const ids = ['text', -0, 2n ** 40n, null, true, [1, { a: undefined }], Buffer.from([1, 255])]
    const first = await producer.submit(
      ids.map((id, code) => ({ id, args: [`${code}`] })),
      { program, id: 'exam-1' },
    )
    const second = await producer.submit([{ args: ['9'] }], { program })
    t.deepEqual(first, { id: 'exam-1', jobs: ids.length })
    await openWorker(t, server)
    const results = await all(consumer.results())
    const ofFirst = results.filter(({ submission }) => submission === 'exam-1')
    t.deepEqual(
      ofFirst
        .toSorted((a, b) => a.index - b.index)
        .map(({ id, outcome }) => [id, outcome?.kind === 'exit' && outcome.code]),
      ids.map((id, code) => [id, code]),
    )
    t.like(
      results.find(({ submission }) => submission === second.id),
      { index: 0, id: undefined },
    )
    t.deepEqual(await consumer.submission('exam-1'), {
      jobs: ids.length,
      finished: ids.length,
      sealed: true,
      cancelled: false,
    })
    t.is(await consumer.submission('exam-2'), undefined)
    const { submitted, finished, read, kinds, workers } = await producer.progress()
    t.deepEqual(
      { submitted, finished, read, kinds, workers },
      { submitted: 8, finished: 8, read: 8, kinds: { exit: 8 }, workers: 1 },
    )
    // Nothing stays behind but the totals, the program, and for a day the two submissions.
    const redis = new Redis(server.url)
    const keys = (await redis.keys('*')).map((key) => key.replace(`wasiexec:{${QUEUE}}:`, ''))
    redis.disconnect()
    const own = keys.filter((key) => !key.startsWith('chunks:'))
    t.deepEqual(
      own.toSorted(),
      [
        'channel:shared',
        `program:${program.digest}`,
        'results:shared',
        'stats',
        'submission:exam-1',
        `submission:${second.id}`,
      ].toSorted(),
    )
  },
)

onOne(
  'a submission waits while results are not read, and several readers share them',
  async (t, server) => {
    const queue = openQueue(t, server, { maxPending: 300 })
    const other = openQueue(t, server)
    const program = await queue.addProgram(watPath('exit-argv'))
    await openWorker(t, server)
    let taken = 0
    function* jobs(): Generator<QueueJob<number>> {
      for (; taken < 2000; taken += 1) yield { id: taken }
    }
    const submitting = queue.submit(jobs(), { program, chunkJobs: 50 })
    await until(async () => (await queue.progress()).finished >= 300)
    t.true(taken <= 300 + 4 * 50, `${taken} jobs were taken`)
    const ids: number[] = []
    const read = async (from: ProgramQueue): Promise<void> => {
      for await (const { id } of from.results<number>({ follow: true, signal: stop.signal })) {
        ids.push(id)
        if (ids.length === 2000) stop.abort()
      }
    }
    const stop = new AbortController()
    await Promise.all([submitting, read(queue), read(other)])
    t.deepEqual(
      ids.toSorted((a, b) => a - b),
      Array.from({ length: 2000 }, (_, id) => id),
    )
  },
)

onOne('what a loop had not dealt with when it was left comes again', async (t, server) => {
  const queue = openQueue(t, server)
  const program = await queue.addProgram(watPath('exit-argv'))
  await openWorker(t, server)
  await queue.submit([{ id: 1 }, { id: 2 }, { id: 3 }], { program })
  await until(async () => (await queue.progress()).finished === 3)
  for await (const _ of queue.results()) break
  const again = await all(queue.results())
  // In the order in which the runs ended.
  t.deepEqual(
    again.map(({ id }) => id as number).toSorted((a, b) => a - b),
    [1, 2, 3],
  )
  t.deepEqual(await all(queue.results()), [])
})

onOne('a submission with a bad signal is refused before it is opened', async (t, server) => {
  const queue = openQueue(t, server)
  const submitted = queue.submit([], { id: 'bad', signal: {} as AbortSignal })
  await t.throwsAsync(submitted, { code: 'ERR_INVALID_OPTION', message: /^`signal` must be an/ })
  t.is(await queue.submission('bad'), undefined)
})

onOne('a queue is read by one loop at a time', async (t, server) => {
  const queue = openQueue(t, server)
  const stop = new AbortController()
  const reading = all(queue.results({ follow: true, signal: stop.signal }))
  await t.throwsAsync(all(queue.results()), { code: 'ERR_BATCH_USED' })
  stop.abort()
  t.deepEqual(await reading, [])
})

onEach(
  'a cancelled submission ends without a worker, each job as an abort with the reason',
  async (t, server) => {
    const queue = openQueue(t, server)
    const program = await queue.addProgram(watPath('loop'))
    const { id } = await queue.submit(
      Array.from({ length: 500 }, (_, job) => ({ id: job })),
      { program, chunkJobs: 40 },
    )
    t.true(await queue.cancel(id, new RangeError('the exam is over')))
    t.false(await queue.cancel(id))
    t.false(await queue.cancel('unknown'))
    const results = await all(queue.results<number>())
    t.is(results.length, 500)
    for (const { outcome } of results) {
      const reason = outcome?.kind === 'abort' ? (outcome.reason as Error) : undefined
      t.deepEqual([reason?.name, reason?.message], ['RangeError', 'the exam is over'])
    }
    t.is((await queue.submission(id))?.cancelled, true)
    // A worker that comes later finds nothing to do.
    const worker = await openWorker(t, server)
    await until(async () => (await queue.progress()).chunks.waiting === 0)
    t.deepEqual(worker.stats().jobs, {})
  },
)

onOne(
  'jobs in progress are aborted by a cancellation, and a signal stops a submission',
  async (t, server) => {
    const queue = openQueue(t, server, { maxPending: 50 })
    const worker = await openWorker(t, server)
    const program = await queue.addProgram(watPath('loop'))
    const stop = new AbortController()
    function* endless(): Generator<QueueJob> {
      for (;;) yield {}
    }
    const submitting = queue.submit(endless(), { program, chunkJobs: 10, signal: stop.signal })
    const reading = all(queue.results())
    await until(() => worker.stats().active > 0)
    stop.abort(new WasiexecError('ERR_BATCH_DEADLINE', 'too late'))
    const { jobs } = await submitting
    const results = await reading
    t.is(results.length, jobs)
    for (const { outcome } of results)
      t.is(
        outcome?.kind === 'abort' && (outcome.reason as WasiexecError).code,
        'ERR_BATCH_DEADLINE',
      )
  },
)

onOne(
  'jobs that name no program, or ids that would not come back, have errors',
  async (t, server) => {
    const queue = openQueue(t, server)
    await openWorker(t, server)
    const program = await queue.addProgram(watPath('hello'))
    await queue.submit<unknown>([
      { id: 1 },
      { id: 2, program },
      { id: new Date(0), program },
      { id: { at: new Map() }, program },
      { id: 2n ** 70n, program },
    ])
    const results = await all(queue.results())
    t.deepEqual(
      results
        .toSorted((a, b) => a.index - b.index)
        .map(({ outcome, error }) => outcome?.kind ?? error?.message),
      [
        '`program` must be a program that `queue.addProgram()` returned, of the job or of the submission, got undefined',
        'exit',
        '`id` must be plain data: text, numbers, bigints, booleans, null, undefined, bytes, typed arrays, lists and objects of these, got a Date',
        '`id` must be plain data: text, numbers, bigints, booleans, null, undefined, bytes, typed arrays, lists and objects of these, got a Map',
        '`id` must be a bigint of at most 64 bits, got 1180591620717411303424',
      ],
    )
  },
)

onOne('programs are stored once, by their content', async (t, server) => {
  const queue = openQueue(t, server)
  const folder = await mkdtemp(join(tmpdir(), 'wasiexec-program-'))
  t.teardown(() => rm(folder, { recursive: true, force: true }))
  const path = join(folder, 'tool.wasm')
  const bytes = new TextEncoder().encode('(module (func (export "_start")))')
  await writeFile(path, bytes)
  const [a, b, c] = [
    await queue.addProgram(path),
    await queue.addProgram(pathToFileURL(path)),
    await queue.addProgram(bytes, { name: 'other' }),
  ]
  t.deepEqual([a.name, b.name, c.name], ['tool.wasm', 'tool.wasm', 'other'])
  t.true(a.digest === b.digest && b.digest === c.digest)
  t.is(queue.program(a.digest).digest, a.digest)
  for (const [source, code] of [
    [join(folder, 'missing'), 'ERR_READ_FAILED'],
    [5, 'ERR_INVALID_OPTION'],
  ] as [string, string][])
    await t.throwsAsync(queue.addProgram(source), { code })
  await t.throwsAsync(queue.addProgram(bytes, { name: 'a\0b' }), { code: 'ERR_INVALID_OPTION' })
  t.throws(() => queue.program('abc'), {
    message: /^`digest` must be a SHA-256 in hexadecimal, got "abc"$/,
  })
})

onOne(
  'a submission has a name of its own, and jobs that can be iterated over',
  async (t, server) => {
    const queue = openQueue(t, server)
    const program = await queue.addProgram(watPath('hello'))
    await queue.submit([], { id: 'one', program })
    for (const [jobs, options, message] of [
      [[], { id: 'one' }, /^`id` must be the name of no other submission, got "one"$/],
      [[], { id: 'a.b' }, /^`id` must be 1 to 100 letters/],
      [5, {}, /^`jobs` must be an iterable/],
      [[], { defaults: 5 }, /^`defaults` must be an object, got 5$/],
      [[], { chunkJobs: 0 }, /^`chunkJobs` must be a whole number from 1 on, got 0$/],
    ] as [never, object, RegExp][])
      await t.throwsAsync(queue.submit(jobs, options), { code: 'ERR_INVALID_OPTION', message })
    t.deepEqual(await all(queue.results()), [])
  },
)

onOne('a name stays free when the connection breaks while it is taken', async (t, server) => {
  let isCut = false
  const proxy = createServer((client) => {
    const redis = createConnection(server.port, '127.0.0.1')
    let isDeaf = false
    client.on('data', (bytes: Buffer) => {
      redis.write(bytes)
      if (isCut || !bytes.includes(':submission:mine')) return
      isCut = isDeaf = true
      setTimeout(() => client.destroy(), 50)
    })
    redis.on('data', (bytes) => !isDeaf && client.write(bytes))
    for (const [one, other] of [
      [client, redis],
      [redis, client],
    ] as const)
      one.on('error', () => {}).on('close', () => other.destroy())
  }).listen(0, '127.0.0.1')
  t.teardown(() => proxy.close())
  await once(proxy, 'listening')
  // Redis knows the script then, so that what is cut off is its reply.
  await openQueue(t, server).submit([], { id: 'other' })
  const { port } = proxy.address() as AddressInfo
  const queue = openQueue(t, server, { connection: `redis://127.0.0.1:${port}` })
  queue.on('error', () => {})
  t.deepEqual(await queue.submit([], { id: 'mine' }), { id: 'mine', jobs: 0 })
  t.true(isCut)
})

onOne("a chunk that a worker has begun is its worker's to end", async (t, server) => {
  const queue = openQueue(t, server)
  const program = await queue.addProgram(watPath('exit-argv'))
  const { id: submission } = await queue.submit([{}], { program })
  const redis = new Redis(server.url)
  t.teardown(() => redis.disconnect())
  const scripts = new Scripts(redis, new Keys('wasiexec', QUEUE))
  const address = { id: `${submission}.0`, submission, channel: 'shared' }
  t.like(await scripts.begin(address, 'a worker', true), { count: 1, losses: 0 })
  t.is(await scripts.begin(address, 'a canceller', true), undefined)
  t.like(await scripts.begin(address, 'a worker'), { losses: 0 })
  t.like(await scripts.begin(address, 'another worker'), { losses: 1 })
})

onOne('results that cannot be read are an event, and others are read', async (t, server) => {
  const queue = openQueue(t, server)
  const program = await queue.addProgram(watPath('exit-argv'))
  const redis = new Redis(server.url)
  t.teardown(() => redis.disconnect())
  const key = `wasiexec:{${QUEUE}}:results:shared`
  await redis.xadd(key, '*', 's', 'x', 'l', '1', 'r', 'z')
  const errors: string[] = []
  queue.on('error', ({ message }) => errors.push(message))
  await openWorker(t, server)
  await queue.submit([{}, {}], { program })
  t.is((await all(queue.results())).length, 2)
  t.is((await all(queue.results())).length, 0)
  t.is(errors.length, 1)
  t.regex(errors[0]!, /^the results \d+-\d+ of .*:results:shared cannot be read, and stay there: /)
  t.is(await redis.xlen(key), 1)
})

test('options of a queue that cannot be are refused', (t) => {
  const connection = 'redis://127.0.0.1:1'
  for (const [name, options, message] of [
    ['a b', { connection }, /^`name` must be of 1 to 100 letters/],
    ['a', { connection, prefix: '{' }, /^`prefix` must be of 1 to 100 letters/],
    ['a', { connection: 'http://host' }, /^`connection` must be a URL that begins with redis:/],
    [
      'a',
      { connection: 'valkey://user:secret@host' },
      /^`connection` must be a URL .* got "valkey:\/\/"$/,
    ],
    ['a', { connection: 'user:secret@host' }, /^`connection` .* got "a text without a scheme"$/],
    ['a', { connection: 'redis://host:99999' }, /^`connection` must be a URL such as redis:/],
    ['a', undefined, /^`options` must be an object, got undefined$/],
    [
      'a',
      { connection, maxpending: 1 },
      /^unknown option `maxpending`; did you mean `maxPending`\?$/,
    ],
    ['a', { connection: 5 }, /^`connection` must be a URL, options of ioredis or a connection/],
    ['a', { connection, store: {} }, /^`store` must be an object with `has`, `get` and `put`/],
    ['a', { connection, maxPending: 0 }, /^`maxPending` must be a whole number from 1 on, got 0$/],
  ] as [string, never, RegExp][])
    t.throws(() => new ProgramQueue(name, options), { code: 'ERR_INVALID_OPTION', message })
})

onOne('options of calls that there are not are refused with the nearest', async (t, server) => {
  const queue = openQueue(t, server)
  const program = await queue.addProgram(watPath('exit-argv'))
  const code = 'ERR_INVALID_OPTION'
  for (const [call, message] of [
    [() => queue.addProgram(watPath('exit-argv'), { names: 'x' } as never), /did you mean `name`/],
    [() => queue.submit([], { programs: program } as never), /did you mean `program`/],
    [() => all(queue.results({ folow: true } as never)), /did you mean `follow`/],
    [() => all(program.batch([], { order: false } as never)), /did you mean `ordered`/],
  ] as [() => Promise<unknown>, RegExp][])
    await t.throwsAsync(async () => call(), { code, message })
  await openWorker(t, server)
  const [result] = await all(program.batch([{ timeoutMs: 5 } as never]))
  t.is(result?.error?.message, 'unknown option `timeoutMs`; did you mean `limits.timeoutMs`?')
})

test('a queue without a server says so once, where nobody listens', async (t) => {
  const warnings: string[] = []
  const hear = ({ message }: Error): void => {
    if (message.includes('queue unheard')) warnings.push(message)
  }
  process.on('warning', hear)
  t.teardown(() => process.off('warning', hear))
  const queue = new ProgramQueue('unheard', { connection: 'redis://127.0.0.1:1' })
  t.teardown(() => queue.close())
  const heard = new ProgramQueue('heard', { connection: 'redis://127.0.0.1:1' })
  t.teardown(() => heard.close())
  let errors = 0
  heard.on('error', () => (errors += 1))
  await until(() => errors > 3 && warnings.length > 0)
  t.is(warnings.length, 1)
  t.regex(warnings[0]!, /^wasiexec: queue unheard: connect ECONNREFUSED 127\.0\.0\.1:1; it tries/)
})
