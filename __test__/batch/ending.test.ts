// Run once more with worker processes.
import { getEventListeners } from 'node:events'
import test from 'ava'
import { Runtime, type BatchResult, type Job } from '../support/package.ts'
import {
  abortReason,
  drain,
  numbers,
  ownWat,
  Sink,
  summarize,
  until,
  wat,
} from '../support/guest.ts'

function* endless(job: Job): Generator<Job> {
  for (;;) yield job
}

/** Whether results are those of jobs 0, 1, 2 …, none left out. */
function areWhole(results: readonly BatchResult[]): boolean {
  return results.every(({ index }, at) => index === at)
}

test('a signal that is aborted already: no job is taken', async (t) => {
  const program = await wat('hello')
  let taken = 0
  const jobs = function* (): Generator<Job> {
    taken += 1
    yield {}
  }
  const batch = program.batch(jobs(), { signal: AbortSignal.abort() })
  t.deepEqual(await drain(batch), { all: [], thrown: undefined })
  const { endedBy, jobs: counted } = await batch.summary
  t.deepEqual([endedBy, counted, taken], ['signal', 0, 0])
})

test('null is a reason like any other, for jobs with streams of their own too', async (t) => {
  const program = await wat('sleep-hour')
  const controller = new AbortController()
  const stdout = new Sink()
  const batch = program.batch([{}, { stdout }], { signal: controller.signal, concurrency: 2 })
  const reading = drain(batch)
  await stdout.until('sleeping')
  controller.abort(null)
  const { all } = await reading
  t.deepEqual(
    all.map(({ outcome }) => outcome?.kind === 'abort' && outcome.reason),
    [null, null],
  )
})

test('a signal ends the batch: what was taken has its result, aborted with its reason', async (t) => {
  await using runtime = new Runtime({ threads: 2 })
  const [hello, sleep] = [
    await ownWat('hello', { runtime }),
    await ownWat('sleep-hour', { runtime }),
  ]
  const controller = new AbortController()
  const { signal } = controller
  const jobs = function* (): Generator<Job> {
    yield* [{ program: hello }, { args: 5 as unknown as string[] }, { stdout: new Sink() }]
    yield* endless({})
  }
  const batch = sleep.batch(jobs(), { signal, concurrency: 4 })
  const reading = drain(batch)
  // Also the first one, which ends by itself, counts while it runs.
  await until(() => runtime.stats().finished === 1 && runtime.stats().running === 4)
  const reason = { any: 'value' }
  controller.abort(reason)
  const { all, thrown } = await reading
  t.is(thrown, undefined)
  t.true(areWhole(all))
  t.deepEqual(all.slice(0, 2).map(summarize), ['exit 0', 'ERR_INVALID_OPTION'])
  t.true(all.length > 2 + 4)
  t.true(all.slice(2).every((result) => abortReason(result) === reason))
  const summary = await batch.summary
  t.deepEqual([summary.endedBy, summary.jobs], ['signal', all.length])
  t.is(summary.kinds.abort, all.length - 2)
})

test('a signal is not listened to before the batch begins and after its end', async (t) => {
  const program = await wat('hello')
  const { signal } = new AbortController()
  const listeners = (): number => getEventListeners(signal, 'abort').length
  const batch = program.batch([{}, {}], { signal })
  t.is(listeners(), 0)
  for await (const _ of batch) t.true(listeners() <= 1)
  t.is(listeners(), 0)
  for await (const _ of program.batch(endless({}), { signal })) break
  t.is(listeners(), 0)
})

for (const kind of ['generator', 'async generator', 'getter']) {
  test(`a signal aborted by the ${kind} of the jobs itself`, async (t) => {
    const loop = await wat('loop')
    const controller = new AbortController()
    const abort = (): Job => {
      controller.abort('by myself')
      return {}
    }
    const jobs = function* (): Generator<Job> {
      yield* [{}, {}]
      if (kind !== 'getter') yield abort()
      yield Object.defineProperty({}, 'args', { enumerable: true, get: () => [abort()].slice(1) })
      for (;;) yield abort()
    }
    const jobsLater = async function* (): AsyncGenerator<Job> {
      yield* jobs()
    }
    const source = kind === 'async generator' ? jobsLater() : jobs()
    const batch = loop.batch(source, { signal: controller.signal })
    const { all, thrown } = await drain(batch)
    t.is(thrown, undefined)
    // The one that aborts is not taken, unless it was before it did.
    t.is(all.length, kind === 'getter' ? 3 : 2)
    t.deepEqual(
      all.map(abortReason),
      all.map(() => 'by myself'),
    )
    t.is((await batch.summary).jobs, all.length)
  })
}

for (const deadline of [0, Date.now() - 1, new Date(), new Date(0)]) {
  test(`a deadline in the past: no job is taken (${JSON.stringify(deadline)})`, async (t) => {
    const batch = (await wat('hello')).batch(endless({}), { deadline })
    t.deepEqual(await drain(batch), { all: [], thrown: undefined })
    t.is((await batch.summary).endedBy, 'deadline')
  })
}

for (const kind of ['number', 'Date']) {
  test(`a deadline (${kind}) ends the batch and aborts what goes on`, async (t) => {
    const sleep = await wat('sleep-hour')
    const time = Date.now() + 300
    const deadline = kind === 'Date' ? new Date(time) : time
    const batch = sleep.batch(endless({}), { deadline, concurrency: 50 })
    const { all, thrown } = await drain(batch)
    t.true(Date.now() >= time)
    t.is(thrown, undefined)
    t.true(areWhole(all))
    t.true(all.length > 50)
    t.true(all.every((result) => abortReason(result) === 'ERR_BATCH_DEADLINE'))
    t.is((await batch.summary).endedBy, 'deadline')
  })
}

test('a deadline that does not come changes nothing', async (t) => {
  const batch = (await wat('hello')).batch([{}, {}], { deadline: Date.now() + 1e13 })
  t.deepEqual((await drain(batch)).all.map(summarize), ['exit 0', 'exit 0'])
  t.is((await batch.summary).endedBy, 'jobs')
})

test('a deadline ends a batch whose source does not answer', async (t) => {
  const jobs = async function* (): AsyncGenerator<Job> {
    yield {}
    await new Promise(() => {})
  }
  // Neither the source nor the deadline keeps the process.
  const alive = setInterval(() => {}, 1000)
  t.teardown(() => clearInterval(alive))
  const batch = (await wat('hello')).batch(jobs(), { deadline: Date.now() + 300 })
  const { all } = await drain(batch)
  t.true(all.length <= 1)
  t.is((await batch.summary).endedBy, 'deadline')
})

test('`stopOn` is asked in the order of the results, until it answers true', async (t) => {
  const [exit, sleep] = [await wat('exit-argv'), await wat('sleep-hour')]
  const jobs = function* (): Generator<Job> {
    for (const code of numbers(20)) yield { args: [`${code}`] }
    yield* endless({ program: sleep })
  }
  const asked: BatchResult[] = []
  const stopOn = (result: BatchResult): boolean => {
    asked.push(result)
    return result.outcome?.kind === 'exit' && result.outcome.code === 15
  }
  const batch = exit.batch(jobs(), { stopOn, concurrency: 4 })
  const { all, thrown } = await drain(batch)
  t.is(thrown, undefined)
  t.true(areWhole(all))
  t.deepEqual(
    all.slice(0, 16).map(summarize),
    numbers(16).map((code) => `exit ${code}`),
  )
  t.deepEqual(asked, all.slice(0, 16))
  t.true(all.slice(20).every((result) => abortReason(result) === 'ERR_BATCH_STOPPED'))
  t.true(all.length > 20)
  t.is((await batch.summary).endedBy, 'stop-on')
})

test('`stopOn` is asked about results as they end when they are not ordered', async (t) => {
  const [trap, sleep] = [await wat('trap-unreachable'), await wat('sleep-hour')]
  const jobs = [...numbers(10).map(() => ({})), { program: trap }]
  const batch = sleep.batch(jobs, {
    ordered: false,
    concurrency: 20,
    stopOn: ({ outcome }) => outcome?.kind === 'trap',
  })
  const { all } = await drain(batch)
  t.is(all[0]!.index, 10)
  t.deepEqual(
    all.slice(1).map(abortReason),
    numbers(10).map(() => 'ERR_BATCH_STOPPED'),
  )
  t.is((await batch.summary).endedBy, 'stop-on')
})

test('`stopOn` sees errors, and only true is true', async (t) => {
  const hello = await wat('hello')
  const jobs = [{}, { args: 5 as unknown as string[] }, ...numbers(10).map(() => ({}))]
  const stopped = hello.batch(jobs, { stopOn: ({ error }) => error !== undefined })
  const { all } = await drain(stopped)
  t.deepEqual(all.slice(0, 2).map(summarize), ['exit 0', 'ERR_INVALID_OPTION'])
  t.is((await stopped.summary).endedBy, 'stop-on')
  const truthy = hello.batch(jobs, { stopOn: () => 'yes' as unknown as boolean })
  t.is((await drain(truthy)).all.length, 12)
  t.is((await truthy.summary).endedBy, 'jobs')
})

test('what `stopOn` throws aborts the batch and is thrown after the results', async (t) => {
  const [exit, sleep] = [await wat('exit-argv'), await wat('sleep-hour')]
  const error = new Error('on purpose')
  const jobs = function* (): Generator<Job> {
    yield { args: ['1'] }
    yield* endless({ program: sleep })
  }
  const stopOn = (): never => {
    throw error
  }
  const batch = exit.batch(jobs(), { stopOn })
  const { all, thrown } = await drain(batch)
  t.is(thrown, error)
  t.true(areWhole(all))
  t.is(summarize(all[0]!), 'exit 1')
  t.true(all.slice(1).every((result) => abortReason(result) === error))
  t.is((await batch.summary).endedBy, 'error')
})
