// Run once more with worker processes.
import { Readable } from 'node:stream'
import test from 'ava'
import { Runtime, type BatchEnd, type BatchOptions, type Job } from '../support/package.ts'
import { deferred, drain, idle, ownWat, refusal, until, wat } from '../support/guest.ts'

test('leaving the loop aborts what goes on and closes the source', async (t) => {
  await using runtime = new Runtime({ threads: 2 })
  const [hello, sleep] = [
    await ownWat('hello', { runtime }),
    await ownWat('sleep-hour', { runtime }),
  ]
  let state = 'new'
  const jobs = async function* (): AsyncGenerator<Job> {
    state = 'open'
    try {
      yield { program: hello }
      for (;;) yield {}
    } finally {
      await hello.run()
      state = 'closed'
    }
  }
  const batch = sleep.batch(jobs(), { concurrency: 10 })
  for await (const { outcome } of batch) {
    t.is(outcome!.stdout.toString(), 'hello\n')
    await until(() => runtime.stats().running === 10)
    break
  }
  t.is(state, 'closed')
  const { jobs: taken, kinds, endedBy } = await batch.summary
  t.is(endedBy, 'consumer')
  t.deepEqual(kinds, { exit: 1, trap: 0, limit: 0, abort: taken - 1, error: 0 })
  await idle(runtime)
  t.is(runtime.stats().finished, taken + 1)
})

test('an error thrown in the loop leaves it, too', async (t) => {
  const program = await wat('sleep-hour')
  let closed = 0
  const jobs = function* (): Generator<Job> {
    try {
      yield { program: hello }
      for (;;) yield {}
    } finally {
      closed += 1
    }
  }
  const hello = await wat('hello')
  const batch = program.batch(jobs())
  const error = new Error('on purpose')
  const loop = async (): Promise<void> => {
    for await (const _ of batch) throw error
  }
  t.is(await t.throwsAsync(loop()), error)
  t.is(closed, 1)
  t.is((await batch.summary).endedBy, 'consumer')
})

test('after a leave there are no results, also of those who wait for them', async (t) => {
  const program = await wat('sleep-hour')
  const iterator = program.batch([{}, {}, {}])[Symbol.asyncIterator]()
  const reads = [iterator.next(), iterator.next()]
  const done = { done: true, value: undefined } as const
  t.deepEqual(await iterator.return!(), done)
  t.deepEqual(await Promise.all([...reads, iterator.next(), iterator.return!()]), [
    done,
    done,
    done,
    done,
  ])
})

test('results that were not read are gone with a leave', async (t) => {
  const program = await wat('exit-argv')
  const failing = function* (): Generator<Job> {
    yield* [{}, {}, {}]
    throw new Error('not told to who left')
  }
  const batch = program.batch(failing())
  const iterator = batch[Symbol.asyncIterator]()
  t.is((await batch.summary).jobs, 3)
  await iterator.return!()
  t.true((await iterator.next()).done)
})

test('a Readable is destroyed', async (t) => {
  const program = await wat('hello')
  const jobs = Readable.from(
    (function* (): Generator<Job> {
      for (;;) yield {}
    })(),
  )
  for await (const _ of program.batch(jobs as AsyncIterable<Job>)) break
  t.true(jobs.destroyed)
})

for (const kind of ['iterator', 'async generator']) {
  test(`an ${kind} that does not answer does not hold up a leave`, async (t) => {
    const program = await wat('hello')
    const never = new Promise<never>(() => {})
    let given = 0
    let returned = 0
    const custom: AsyncIterable<Job> = {
      [Symbol.asyncIterator]: () => ({
        next: () => ((given += 1) === 1 ? Promise.resolve({ done: false, value: {} }) : never),
        return: () => {
          returned += 1
          return never
        },
      }),
    }
    const generator = async function* (): AsyncGenerator<Job> {
      yield {}
      returned += 1
      await never
    }
    const source = kind === 'iterator' ? custom : generator()
    for await (const _ of program.batch(source)) {
      await until(() => given === 2 || returned === 1)
      break
    }
    t.is(returned, 1)
  })
}

test('what closing the source throws concerns nobody', async (t) => {
  const program = await wat('hello')
  const fail = (): never => {
    throw new Error('not closed')
  }
  const next = (): { done: false; value: Job } => ({ done: false, value: {} })
  const later = (): Promise<{ done: false; value: Job }> => Promise.resolve(next())
  const sources: (Iterable<Job> | AsyncIterable<Job>)[] = [
    { [Symbol.iterator]: () => ({ next, return: fail }) },
    { [Symbol.asyncIterator]: () => ({ next: later, return: fail }) },
    { [Symbol.asyncIterator]: () => ({ next: later, return: () => Promise.reject(new Error()) }) },
    { [Symbol.iterator]: () => ({ next, return: () => 5 as never }) },
    { [Symbol.iterator]: () => ({ next }) },
  ]
  for (const source of sources) {
    const batch = program.batch(source)
    for await (const _ of batch) break
    t.is((await batch.summary).endedBy, 'consumer')
  }
})

/** What ends a batch, how often its source is closed for it, and what its reader is thrown. */
const ENDS: readonly [end: BatchEnd, closes: number, options: BatchOptions, last?: string][] = [
  ['jobs', 0, {}, 'done'],
  ['error', 0, {}, 'throws'],
  ['signal', 1, { signal: AbortSignal.abort() }],
  ['deadline', 1, { deadline: 0 }],
  ['stop-on', 1, { stopOn: () => true }],
  ['error', 1, { stopOn: () => JSON.parse('') as boolean }],
]
for (const [end, closes, options, last] of ENDS) {
  for (const name of ['iterator', 'asyncIterator'] as const) {
    test(`an ${name} is closed ${closes} times: ${end}, ${last ?? 'endless'}`, async (t) => {
      let given = 0
      let closed = 0
      const next = (): IteratorResult<Job> => {
        if (last === 'throws') throw new Error('no more')
        given += 1
        return last === 'done' && given > 10 ? { done: true, value: 0 } : { done: false, value: {} }
      }
      const close = (): IteratorResult<Job> => {
        closed += 1
        return { done: true, value: undefined }
      }
      const source = {
        [Symbol[name]]: () =>
          name === 'iterator'
            ? { next, return: close }
            : { next: async () => next(), return: async () => close() },
      } as unknown as Iterable<Job>
      const batch = (await wat('hello')).batch(source, options)
      const { thrown } = await drain(batch)
      t.is(thrown !== undefined, end === 'error')
      t.is((await batch.summary).endedBy, end)
      t.is(closed, closes)
    })
  }
}

test('a source that is closed is not asked again', async (t) => {
  const program = await wat('exit-argv')
  const { promise, resolve } = deferred<IteratorResult<Job>>()
  let asked = 0
  const jobs: AsyncIterable<Job> = {
    [Symbol.asyncIterator]: () => ({
      next: () => {
        asked += 1
        return promise
      },
    }),
  }
  const controller = new AbortController()
  const batch = program.batch(jobs, { signal: controller.signal })
  const reading = drain(batch)
  controller.abort()
  t.deepEqual(await reading, { all: [], thrown: undefined })
  // What it answers now is not taken.
  resolve({ done: false, value: { args: ['1'] } })
  await promise
  t.is((await batch.summary).jobs, 0)
  t.is(asked, 1)
  t.is((await refusal(() => batch[Symbol.asyncIterator]())).code, 'ERR_BATCH_USED')
})
