// Run once more with worker processes.
import { setImmediate } from 'node:timers/promises'
import test from 'ava'
import { Runtime, type Job } from '../support/package.ts'
import {
  abortReason,
  drain,
  ending,
  numbers,
  ownWat,
  Sink,
  summarize,
  until,
} from '../support/guest.ts'

function* endless(job: Job): Generator<Job> {
  for (;;) yield job
}

test('`concurrency` runs go on at a time, no more and no fewer', async (t) => {
  await using runtime = new Runtime({ threads: 2 })
  const sleep = await ownWat('sleep-hour', { runtime })
  for (const concurrency of [1, 5, 100]) {
    const controller = new AbortController()
    const jobs = numbers(150).map(() => ({}))
    const reading = drain(sleep.batch(jobs, { concurrency, signal: controller.signal }))
    await until(() => runtime.stats().running === concurrency)
    for (const _ of numbers(20)) await setImmediate()
    t.is(runtime.stats().running, concurrency)
    controller.abort('enough')
    const { all } = await reading
    t.true(all.length > concurrency)
    t.true(all.every((result) => abortReason(result) === 'enough'))
    await until(() => runtime.stats().running === 0)
  }
})

test('as one run of a batch ends, the next one starts', async (t) => {
  await using runtime = new Runtime({ threads: 2 })
  const sleep = await ownWat('sleep-argv', { runtime })
  const jobs = numbers(300).map((index) => ({ args: [`${index % 4}`] }))
  let most = 0
  for await (const result of sleep.batch(jobs, { concurrency: 6 })) {
    if (summarize(result) !== 'exit 0') t.fail()
    most = Math.max(most, runtime.stats().running)
  }
  t.true(most > 0 && most <= 6, `${most} at a time`)
})

test('by default as many runs go on as there are threads', async (t) => {
  await using runtime = new Runtime({ threads: 3 })
  const sleep = await ownWat('sleep-hour', { runtime })
  const controller = new AbortController()
  const reading = drain(sleep.batch(endless({}), { signal: controller.signal }))
  await until(() => runtime.stats().running === 3)
  for (const _ of numbers(20)) await setImmediate()
  t.is(runtime.stats().running, 3)
  controller.abort()
  t.true((await reading).all.length > 3)
})

test('1,000 waiting guests go on at a time over two threads', async (t) => {
  await using runtime = new Runtime({ threads: 2 })
  const sleep = await ownWat('sleep-hour', { runtime })
  const controller = new AbortController()
  const jobs = numbers(1500).map((id) => ({ id }))
  const batch = sleep.batch(jobs, { concurrency: 1000, signal: controller.signal })
  const reading = drain(batch)
  await until(() => runtime.stats().running === 1000)
  t.deepEqual([runtime.stats().running, runtime.stats().queued], [1000, 500])
  controller.abort()
  t.is((await reading).all.length, 1500)
  t.is((await batch.summary).kinds.abort, 1500)
})

test('jobs with streams and signals of their own count like any other', async (t) => {
  await using runtime = new Runtime({ threads: 2 })
  const sleep = await ownWat('sleep-hour', { runtime })
  const controller = new AbortController()
  const jobs = numbers(30).map((index) => {
    if (index % 3 === 0) return { stdout: new Sink() }
    return index % 3 === 1 ? { signal: new AbortController().signal } : {}
  })
  const reading = drain(sleep.batch(jobs, { concurrency: 4, signal: controller.signal }))
  await until(() => runtime.stats().running === 4)
  t.deepEqual([runtime.stats().running, runtime.stats().queued], [4, 26])
  controller.abort('enough')
  const { all } = await reading
  t.is(all.length, 30)
  t.true(all.every((result) => abortReason(result) === 'enough'))
})

test('more concurrency than the runtime has slots waits for them', async (t) => {
  await using runtime = new Runtime({ threads: 1, maxConcurrentRuns: 3 })
  const sleep = await ownWat('sleep-argv', { runtime })
  const jobs = numbers(60).map(() => ({ args: ['1'] }))
  let most = 0
  for await (const result of sleep.batch(jobs, { concurrency: 50 })) {
    if (summarize(result) !== 'exit 0') t.fail()
    most = Math.max(most, runtime.stats().running)
  }
  t.true(most <= 3, `${most} at a time`)
})

test('batches and single runs beside each other all get on', async (t) => {
  await using runtime = new Runtime({ threads: 2 })
  const [exit, loop] = [await ownWat('exit-argv', { runtime }), await ownWat('loop', { runtime })]
  const controller = new AbortController()
  const { signal } = controller
  // Two that never end: one of short runs, one of runs that compute until their time is up.
  const endlessRuns = exit.batch(endless({}), { signal }).summary
  const loops = loop.batch(endless({ limits: { timeoutMs: 20 } }), { signal }).summary
  for (const ordered of [true, false]) {
    const jobs = numbers(3000).map((code) => ({ args: [`${code}`] }))
    const { all } = await drain(exit.batch(jobs, { ordered }))
    const codes = all.toSorted((a, b) => a.index - b.index).map(summarize)
    t.deepEqual(
      codes,
      numbers(3000).map((code) => `exit ${code}`),
    )
  }
  const runs = await Promise.all(numbers(100).map((code) => exit.run({ args: [`${code}`] })))
  t.deepEqual(
    runs.map(ending),
    numbers(100).map((code) => `exit ${code}`),
  )
  for (const code of numbers(20))
    t.is(ending(await exit.run({ args: [`${code}`] })), `exit ${code}`)
  controller.abort()
  // Meanwhile, neither of the two stood still.
  t.true((await endlessRuns).ok > 100)
  t.true((await loops).limits.timeout! > 0)
})
