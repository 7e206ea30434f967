// Run once more with worker processes.
import test from 'ava'
import { Runtime, type Job } from '../support/package.ts'
import { deferred, drain, numbers, ownWat, summarize, until } from '../support/guest.ts'

/** Jobs of which the first waits for its stdin until it is told to go on. */
async function blocked(
  runtime: Runtime,
  length: number,
): Promise<{ jobs: Job<string>[]; go: () => void }> {
  const program = await ownWat('cat', { runtime })
  const { promise, resolve } = deferred<void>()
  const stdin = (async function* () {
    await promise
    yield 'at last'
  })()
  const others = numbers(length - 1).map((index) => ({
    id: `${index + 1}`,
    args: [`${index + 1}`],
  }))
  return { jobs: [{ id: '0', program, stdin }, ...others], go: () => resolve() }
}

test('results come in the order of the jobs, however long each takes', async (t) => {
  await using runtime = new Runtime({ threads: 2 })
  const program = await ownWat('exit-argv', { runtime })
  const { jobs, go } = await blocked(runtime, 100)
  const order: number[] = []
  const batch = program.batch(jobs, {
    concurrency: 4,
    stopOn: ({ index }) => order.push(index) < 0,
  })
  const reading = drain(batch)
  // 99 others cannot have ended unless they passed the first: one window is as large as 32 jobs.
  await until(() => runtime.stats().finished >= 31 && runtime.stats().queued === 0)
  t.deepEqual(order, [])
  go()
  const { all } = await reading
  t.deepEqual(
    all.map(({ index }) => index),
    numbers(100),
  )
  t.deepEqual(
    all.map(({ id }) => id),
    numbers(100).map(String),
  )
  t.deepEqual(all.map(summarize), ['exit 0', ...numbers(99).map((index) => `exit ${index + 1}`)])
  t.deepEqual(order, numbers(100))
})

test('`ordered: false` gives results as they end', async (t) => {
  await using runtime = new Runtime({ threads: 2 })
  const program = await ownWat('exit-argv', { runtime })
  const { jobs, go } = await blocked(runtime, 5000)
  const results: number[] = []
  for await (const { index, id, outcome } of program.batch(jobs, { ordered: false })) {
    t.is(id, `${index}`)
    if (index > 0) t.is(outcome?.kind === 'exit' ? outcome.code : undefined, index)
    results.push(index)
    if (results.length === 4999) go()
  }
  t.is(results.at(-1), 0)
  t.deepEqual(
    results.toSorted((a, b) => a - b),
    numbers(5000),
  )
})

test('errors keep their place among the results', async (t) => {
  await using runtime = new Runtime({ threads: 2 })
  const program = await ownWat('sleep-argv', { runtime })
  const jobs = numbers(60).map((index) =>
    index % 2 === 0 ? { args: [`${(60 - index) / 2}`] } : { args: 5 as unknown as string[] },
  )
  const { all } = await drain(program.batch(jobs, { concurrency: 8 }))
  t.deepEqual(
    all.map(({ index }) => index),
    numbers(60),
  )
  t.true(
    all.every((result) => summarize(result) === ['exit 0', 'ERR_INVALID_OPTION'][result.index % 2]),
  )
})

for (const ordered of [true, false]) {
  test(`concurrent reads get one result each; ordered: ${ordered}`, async (t) => {
    await using runtime = new Runtime({ threads: 2 })
    const program = await ownWat('sleep-argv', { runtime })
    const jobs = numbers(200).map((index) => ({ args: [`${(index * 7) % 5}`] }))
    const iterator = program.batch(jobs, { ordered, concurrency: 16 })[Symbol.asyncIterator]()
    const readers = numbers(8).map(async () => {
      const seen: number[] = []
      for (;;) {
        const { done, value } = await iterator.next()
        if (done === true) return seen
        seen.push(value.index)
      }
    })
    const seen = await Promise.all(readers)
    t.deepEqual(
      seen.flat().toSorted((a, b) => a - b),
      numbers(200),
    )
    // Each reader on its own sees the order, too.
    if (ordered)
      for (const own of seen)
        t.deepEqual(
          own,
          own.toSorted((a, b) => a - b),
        )
  })
}

test('the iterator of results can be iterated over, also in the middle', async (t) => {
  await using runtime = new Runtime({ threads: 1 })
  const program = await ownWat('exit-argv', { runtime })
  const batch = program.batch(numbers(5).map((code) => ({ args: [`${code}`] })))
  const iterator = batch[Symbol.asyncIterator]()
  t.is(summarize((await iterator.next()).value!), 'exit 0')
  const { all } = await drain(iterator)
  t.deepEqual(all.map(summarize), ['exit 1', 'exit 2', 'exit 3', 'exit 4'])
})
