// Batches read in arrays: the same results as one by one, with the same end.
import test from 'ava'
import fc from 'fast-check'
import { drain, idle, numbers, ownWat, refusal, summarize, until, wat } from '../support/guest.ts'
import {
  Runtime,
  type Batch,
  type BatchOptions,
  type BatchResult,
  type Job,
} from '../support/package.ts'

/** All results of a batch, and what ended the loop; none of its arrays is empty. */
async function drainChunks<Id>(batch: Batch<Id>): Promise<{
  all: BatchResult<Id>[]
  thrown: unknown
  chunks: number
}> {
  const { all, thrown } = await drain(batch.chunks())
  if (all.some((chunk) => !Array.isArray(chunk) || chunk.length === 0)) throw new Error('empty')
  return { all: all.flat(), thrown, chunks: all.length }
}

const shown = ({ index, id, ...result }: BatchResult): unknown[] => [
  index,
  id,
  summarize({ index, id, ...result } as BatchResult),
  result.outcome?.stdout.toString(),
]

test('no jobs are no arrays', async (t) => {
  const program = await wat('hello')
  const batch = program.batch([])
  t.deepEqual(await drainChunks(batch), { all: [], thrown: undefined, chunks: 0 })
  t.is((await batch.summary).endedBy, 'jobs')
})

for (const ordered of [true, false]) {
  test(`many jobs are few arrays with each result once (ordered: ${ordered})`, async (t) => {
    const program = await wat('exit-argv')
    const jobs = numbers(20_000).map((n) => ({ id: n, args: [`${n % 7}`] }))
    const batch = program.batch(jobs, { ordered })
    const { all, thrown, chunks } = await drainChunks(batch)
    t.is(thrown, undefined)
    t.true(chunks < jobs.length / 2, `${chunks} arrays`)
    const read = ordered ? all : all.toSorted((a, b) => a.index - b.index)
    for (const [n, result] of read.entries()) {
      if (result.index !== n || result.id !== n || summarize(result) !== `exit ${n % 7}`)
        t.fail(`${n}: ${summarize(result)}`)
    }
    t.is(read.length, jobs.length)
    t.deepEqual(Object.keys(all[0]!), ['index', 'id', 'outcome'])
    t.is((await batch.summary).jobs, jobs.length)
  })
}

test('whatever the jobs, the arrays together are what is read one by one', async (t) => {
  await using runtime = new Runtime({ threads: 2 })
  const own = (name: string) => ownWat(name, { runtime })
  const [exit, cat, trap] = [
    await own('exit-argv'),
    await own('cat'),
    await own('trap-unreachable'),
  ]
  const job = fc.oneof(
    fc.nat(255).map((code): Job => ({ id: code, args: [`${code}`] })),
    fc.string().map((stdin): Job => ({ program: cat, stdin })),
    fc.string().map((text): Job => ({ program: cat, stdin: streamOf(text) })),
    fc.constant<Job>({ program: trap }),
    fc.constant<Job>({ args: 5 as never }),
    fc.constant<Job>({ preopens: { '/': '/missing' } }),
    fc.constant<Job>(null as never),
  )
  const options = fc.record<BatchOptions>({
    ordered: fc.boolean(),
    concurrency: fc.integer({ min: 1, max: 50 }),
  })
  const property = fc.asyncProperty(
    fc.array(job, { maxLength: 80 }),
    options,
    fc.boolean(),
    fc.boolean(),
    async (jobs, chosen, isAsync, fails) => {
      const error = new Error('the source')
      const make = (): Iterable<Job> | AsyncIterable<Job> => {
        const source = function* (): Generator<Job> {
          yield* jobs
          if (fails) throw error
        }
        return isAsync ? later(source()) : source()
      }
      const one = exit.batch(make(), chosen)
      const other = exit.batch(make(), chosen)
      const [expected, got] = [await drain(one), await drainChunks(other)]
      const sorted = (all: BatchResult[]) =>
        chosen.ordered ? all : all.toSorted((a, b) => a.index - b.index)
      t.deepEqual(sorted(got.all).map(shown), sorted(expected.all).map(shown))
      t.is(got.thrown, expected.thrown)
      t.is(got.thrown, fails ? error : undefined)
      const totals = [await one.summary, await other.summary].map(
        ({ jobs: taken, ok, kinds, exitCodes, traps, limits, endedBy }) => ({
          taken,
          ok,
          kinds,
          exitCodes,
          traps,
          limits,
          endedBy,
        }),
      )
      t.deepEqual(totals[1], totals[0])
    },
  )
  await t.notThrowsAsync(fc.assert(property, { numRuns: 60 }))
})

/** Chunks of the text as a stream; each job needs one of its own, and each reading of the jobs, too. */
function streamOf(text: string): AsyncIterable<Buffer> {
  return {
    async *[Symbol.asyncIterator]() {
      yield Buffer.from(text)
    },
  }
}

async function* later(jobs: Iterable<Job>): AsyncGenerator<Job> {
  for (const job of jobs) yield job
}

test('a batch is read once, either way', async (t) => {
  const program = await wat('hello')
  const ways: [string, (batch: Batch) => AsyncIterable<unknown>][] = [
    ['one by one', (batch) => batch],
    ['chunks', (batch) => batch.chunks()],
  ]
  for (const [first, one] of ways) {
    for (const [second, other] of ways) {
      const batch = program.batch([{}, {}])
      const reading = drain(one(batch))
      const refused = await refusal(() => other(batch)[Symbol.asyncIterator]())
      t.is(refused.code, 'ERR_BATCH_USED', `${first}, ${second}`)
      t.regex(refused.message, /in chunks/)
      t.is((await reading).thrown, undefined)
      t.is((await batch.summary).ok, 2)
    }
  }
  const batch = program.batch([{}])
  await batch.summary
  t.is((await refusal(() => batch.chunks()[Symbol.asyncIterator]())).code, 'ERR_BATCH_USED')
})

test('nothing is taken before somebody reads, and a bounded number ahead', async (t) => {
  await using runtime = new Runtime({ threads: 2 })
  const program = await ownWat('hello', { runtime })
  let taken = 0
  const jobs = function* (): Generator<Job> {
    for (;;) {
      taken += 1
      yield {}
    }
  }
  const chunks = program.batch(jobs()).chunks()
  await program.run()
  t.is(taken, 0)
  const iterator = chunks[Symbol.asyncIterator]()
  let read = 0
  for (let round = 0; round < 20; round += 1) {
    const { value } = await iterator.next()
    read += value.length
    await idle(runtime)
    t.true(taken - read <= 2048, `${taken - read} ahead`)
  }
  await iterator.return!()
})

test('asking for many at once gives each result once, and then the end', async (t) => {
  const program = await wat('exit-argv')
  const batch = program.batch(numbers(10).map((code) => ({ args: [`${code}`] })))
  const iterator = batch.chunks()[Symbol.asyncIterator]()
  const reads = await Promise.all(numbers(30).map(() => iterator.next()))
  const ends = reads.findIndex(({ done }) => done)
  t.true(reads.slice(ends).every(({ done, value }) => done === true && value === undefined))
  t.deepEqual(
    reads.slice(0, ends).flatMap(({ value }) => (value as BatchResult[]).map(summarize)),
    numbers(10).map((code) => `exit ${code}`),
  )
})

test('leaving the loop aborts what goes on and closes the source', async (t) => {
  await using runtime = new Runtime({ threads: 2 })
  const hello = await ownWat('hello', { runtime })
  const sleep = await ownWat('sleep-hour', { runtime })
  let state = 'new'
  const jobs = function* (): Generator<Job> {
    state = 'open'
    try {
      yield { program: hello }
      for (;;) yield {}
    } finally {
      state = 'closed'
    }
  }
  const batch = sleep.batch(jobs(), { concurrency: 10 })
  for await (const results of batch.chunks()) {
    t.deepEqual(results.map(summarize), ['exit 0'])
    break
  }
  t.is(state, 'closed')
  const { jobs: taken, kinds, endedBy } = await batch.summary
  t.deepEqual([endedBy, kinds.exit, kinds.abort], ['consumer', 1, taken - 1])
  await idle(runtime)
})

test('after a leave there are no arrays, also for those who wait for them', async (t) => {
  const program = await wat('sleep-hour')
  const iterator = program.batch([{}, {}, {}]).chunks()[Symbol.asyncIterator]()
  const reads = [iterator.next(), iterator.next()]
  const done = { done: true, value: undefined } as const
  t.deepEqual(await iterator.return!(), done)
  const all = await Promise.all([...reads, iterator.next(), iterator.return!()])
  t.deepEqual(all, [done, done, done, done])
})

test('`stopOn` and a signal end it, and every job that was taken has its result', async (t) => {
  const program = await wat('exit-argv')
  const codes = numbers(50).map((n) => ({ args: [`${n === 9 ? 1 : 0}`] }))
  const stopped = program.batch(codes, { stopOn: ({ outcome }) => outcome?.ok === false })
  const { all, thrown } = await drainChunks(stopped)
  t.is(thrown, undefined)
  t.deepEqual(
    all.slice(0, 10).map(summarize),
    numbers(10).map((n) => `exit ${n === 9 ? 1 : 0}`),
  )
  const { jobs, endedBy } = await stopped.summary
  t.deepEqual([jobs, endedBy], [all.length, 'stop-on'])

  const sleep = await wat('sleep-hour')
  const controller = new AbortController()
  const batch = sleep.batch(
    numbers(5).map(() => ({})),
    { signal: controller.signal },
  )
  const reading = drainChunks(batch)
  await new Promise((resolve) => setImmediate(resolve))
  const reason = new Error('enough')
  controller.abort(reason)
  const aborted = await reading
  t.is(aborted.thrown, undefined)
  t.is(aborted.all.length, 5)
  t.true(aborted.all.every(({ outcome }) => outcome?.kind === 'abort' && outcome.reason === reason))
  t.is((await batch.summary).endedBy, 'signal')
})

test('a program that is disposed of ends it with an error after the last array', async (t) => {
  await using runtime = new Runtime({ threads: 2 })
  const program = await ownWat('sleep-hour', { runtime })
  const batch = program.batch([{}, {}, {}])
  const reading = drainChunks(batch)
  await until(() => runtime.stats().running === 2)
  program[Symbol.dispose]()
  const { all, thrown } = await reading
  t.deepEqual(all.map(summarize), ['abort', 'abort', 'abort'])
  t.is((thrown as { code?: string }).code, 'ERR_PROGRAM_CLOSED')
})
