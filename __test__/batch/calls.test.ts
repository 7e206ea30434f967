// Batches of calls.
import test from 'ava'
import {
  Runtime,
  load,
  type CallJob,
  type CallOutcome,
  type CallResult,
  type WasiexecError,
} from '../support/package.ts'
import { callEnding, ownWat, refusal, until, wat } from '../support/guest.ts'
import { withMoreTime } from '../support/patience.ts'

const add = (a: number, b: number): CallJob => ({ call: ['add', a, b] })

/** What each result is: its ending and values, or the code of its error. */
function told({ outcome, error }: CallResult): unknown {
  return outcome === undefined ? error.code : [callEnding(outcome), valuesOf(outcome)]
}

function valuesOf(outcome: CallOutcome): unknown {
  return outcome.kind === 'returned' ? outcome.values : undefined
}

async function all(results: AsyncIterable<CallResult>): Promise<CallResult[]> {
  const list = []
  for await (const result of results) list.push(result)
  return list
}

test('calls are carried out, and their results come in their order', async (t) => {
  const program = await wat('exports')
  const jobs = Array.from({ length: 10_000 }, (_, n): CallJob<string> => ({
    call: ['add', n, 1],
    id: `${n}`,
  }))
  for (const concurrency of [1, 3]) {
    const batch = program.batch(jobs, { concurrency })
    let index = 0
    for await (const result of batch) {
      if (result.index !== index || result.id !== `${index}`) t.fail(`${index}`)
      if (valuesOf(result.outcome!) === undefined) t.fail(`${index}`)
      if ((valuesOf(result.outcome!) as number[])[0] !== index + 1) t.fail(`${index}`)
      index += 1
    }
    t.is(index, 10_000)
    const { jobs: count, ok, kinds, endedBy } = await batch.summary
    t.deepEqual({ count, ok, endedBy }, { count: 10_000, ok: 10_000, endedBy: 'jobs' })
    t.deepEqual(kinds, { exit: 0, trap: 0, limit: 0, abort: 0, error: 0, returned: 10_000 })
  }
})

test('state is kept, or each call has a fresh instance', async (t) => {
  const program = await wat('exports')
  const jobs = Array.from({ length: 50 }, (): CallJob => ({ call: ['next'] }))
  const kept = await all(program.batch(jobs, { concurrency: 1 }))
  t.deepEqual(
    kept.map((result) => valuesOf(result.outcome!)),
    jobs.map((_, n) => [n + 1]),
  )
  const fresh = await all(program.batch(jobs, { concurrency: 3, state: 'fresh' }))
  t.deepEqual(
    fresh.map((result) => valuesOf(result.outcome!)),
    jobs.map(() => [1]),
  )
})

test('a call that ends its instance is one result, and the others go on', async (t) => {
  const program = await wat('exports')
  const jobs = Array.from({ length: 600 }, (_, n): CallJob => {
    if (n % 20 === 7) return { call: ['trap'] }
    if (n % 20 === 13) return { call: ['exit', n] }
    return add(n, 1)
  })
  for (const state of ['kept', 'fresh'] as const) {
    const results = await all(program.batch(jobs, { concurrency: 2, state }))
    t.deepEqual(
      results.map(told),
      jobs.map((_, n) => {
        if (n % 20 === 7) return ['trap unreachable', undefined]
        if (n % 20 === 13) return [`exit ${n}`, undefined]
        return ['returned', [n + 1]]
      }),
    )
  }
})

test('a job that cannot be carried out has an error', async (t) => {
  const program = await wat('exports')
  const jobs = [
    add(1, 2),
    { call: ['missing'] },
    { call: ['add', 1] },
    { call: ['add', 1, '2'] },
    { call: 'add' },
    { call: [] },
    { call: ['add', 1, 2], args: ['a'] },
    { call: ['add', 1, 2], limits: { memoryBytes: 1 } },
    { call: ['add', 1, 2], limits: { fuel: 1 } },
    { call: ['add', 1, 2], error: new Error('no') },
    add(3, 4),
  ] as CallJob[]
  const results = await all(program.batch(jobs))
  const call = 'ERR_INVALID_CALL'
  const option = 'ERR_INVALID_OPTION'
  t.deepEqual(results.map(told), [
    ['returned', [3]],
    call,
    call,
    call,
    option,
    option,
    option,
    option,
    option,
    'ERR_JOB',
    ['returned', [7]],
  ])
})

test('limits of calls, and the defaults of their instances', async (t) => {
  const program = await wat('exports')
  const attempt = async (ms: number) => {
    const jobs: CallJob[] = [
      { call: ['loop'], limits: { timeoutMs: ms } },
      { call: ['loop'] },
      { call: ['print', 1, 1024, 4] },
      { call: ['print', 1, 1024, 14] },
    ]
    const defaults = { limits: { cpuMs: 1.5 * ms, outputBytes: 4 } }
    return all(program.batch(jobs, { defaults, concurrency: 1 }))
  }
  const havePrinted = (results: Awaited<ReturnType<typeof attempt>>) =>
    results.every(({ outcome }) => outcome!.stdout.length > 0)
  const results = await withMoreTime(20, attempt, havePrinted)
  t.deepEqual(
    results.map(({ outcome }) => [callEnding(outcome!), outcome!.stdout.toString()]),
    [
      ['limit timeout', 'text'],
      ['limit cpu', 'text'],
      ['returned', 'text'],
      ['limit output', 'text'],
    ],
  )
})

test('a program that cannot be instantiated is the error of each call', async (t) => {
  const program = await wat('trap-in-start-function')
  const results = await all(program.batch([add(1, 2), add(3, 4)], { concurrency: 1 }))
  t.deepEqual(results.map(told), ['ERR_INSTANTIATE', 'ERR_INSTANTIATE'])
})

test('a batch of calls that is ended aborts them', async (t) => {
  const runtime = new Runtime({ threads: 1, cacheDir: false })
  const program = await ownWat('exports', { runtime })
  const jobs = function* (): Generator<CallJob> {
    yield add(1, 2)
    for (;;) yield { call: ['sleep', 3_600_000n] }
  }
  const controller = new AbortController()
  const batch = program.batch(jobs(), { signal: controller.signal, concurrency: 2 })
  const seen: unknown[] = []
  for await (const { outcome } of batch) {
    if (outcome?.kind === 'returned') controller.abort('enough')
    else seen.push(outcome?.kind === 'abort' && outcome.reason)
  }
  t.true(seen.length > 1)
  t.deepEqual([...new Set(seen)], ['enough'])
  // Left by its reader.
  for await (const { outcome } of program.batch(jobs(), { concurrency: 1 })) {
    t.is(outcome?.kind, 'returned')
    break
  }
  await runtime.close()
  t.is(runtime.stats().instances, 0)
})

test('runs and calls in one batch', async (t) => {
  const program = await wat('reactor')
  const other = await wat('print-both')
  const jobs = [{ call: ['add', 1, 2] }, { program: other }, { call: ['add', 3, 4] }]
  const results = await all(program.batch(jobs as CallJob[]))
  t.deepEqual(results.map(told), [
    ['returned', [3]],
    ['exit 2', undefined],
    ['returned', [7]],
  ])
})

test('a batch of calls that ends takes the instances with it that are being made', async (t) => {
  const runtime = new Runtime({ threads: 1, cacheDir: false })
  const text = '(module (func (export "_initialize") (loop (br 0))) (func (export "next")))'
  const program = await load(Buffer.from(text), { runtime })
  const other = await ownWat('return', { runtime })
  const begun = (): Promise<void> => until(() => runtime.stats().instances > 0)
  const jobs = Array.from({ length: 5 }, (): CallJob => ({ call: ['next'] }))
  const ends: Record<string, () => Promise<unknown>> = {
    signal: async () => {
      const controller = new AbortController()
      const results = all(program.batch(jobs, { signal: controller.signal, concurrency: 3 }))
      await begun()
      controller.abort('enough')
      return (await results).map(({ outcome }) => outcome?.kind === 'abort' && outcome.reason)
    },
    deadline: async () => {
      const results = await all(program.batch(jobs, { deadline: Date.now() + 50 }))
      return results.map(({ outcome }) => outcome?.kind === 'abort' && 'enough')
    },
    consumer: async () => {
      const loop = program.batch(jobs, { state: 'fresh' })[Symbol.asyncIterator]()
      const read = loop.next()
      await begun()
      await loop.return!()
      t.true((await read).done)
      return jobs.map(() => 'enough')
    },
  }
  for (const [name, end] of Object.entries(ends)) {
    t.deepEqual(
      await end(),
      jobs.map(() => 'enough'),
      name,
    )
    // The thread is free.
    t.is((await other.run()).kind, 'exit', name)
    await until(() => runtime.stats().instances === 0)
  }
  await runtime.close()
})

test('the totals have every call that was taken, however the batch ended', async (t) => {
  const program = await wat('exports')
  const calls: Record<string, CallJob['call']> = { waits: ['sleep', 3_600_000n], traps: ['trap'] }
  for (const [name, call] of Object.entries(calls)) {
    for (const state of ['kept', 'fresh'] as const) {
      for (const end of ['signal', 'deadline', 'stop-on', 'consumer'] as const) {
        let taken = 0
        const jobs = function* (): Generator<CallJob> {
          for (; ; taken += 1) yield taken === 0 ? add(1, 2) : { call }
        }
        const controller = new AbortController()
        const batch = program.batch(jobs(), {
          state,
          concurrency: 2,
          signal: controller.signal,
          ...(end === 'deadline' && { deadline: Date.now() + 20 }),
          ...(end === 'stop-on' && { stopOn: () => true }),
        })
        let read = 0
        for await (const { error } of batch) {
          t.is(error, undefined)
          read += 1
          if (end === 'signal') controller.abort()
          if (end === 'consumer') break
        }
        const { jobs: counted, kinds, endedBy } = await batch.summary
        const way = `${name}, ${state}, ${end}`
        t.is(endedBy, end, way)
        // The last one was handed over when the source was asked for the next.
        if (end === 'consumer') t.true(counted >= taken, way)
        else t.is(counted, read, way)
        t.is(kinds.error, 0, way)
      }
    }
  }
})

test('calls that had no instance when their program was disposed of are aborts, like all others', async (t) => {
  for (const state of ['kept', 'fresh'] as const) {
    const program = await ownWat('exports')
    const jobs = Array.from({ length: 20 }, (): CallJob => ({ call: ['sleep', 3_600_000n] }))
    const seen: unknown[] = []
    const batch = program.batch([add(1, 2), ...jobs], { concurrency: 2, state })
    const error = await refusal(async () => {
      for await (const result of batch) {
        if (result.index === 0) program[Symbol.dispose]()
        else
          seen.push(
            result.outcome?.kind === 'abort' && (result.outcome.reason as WasiexecError).code,
          )
      }
    })
    t.is(error.code, 'ERR_PROGRAM_CLOSED')
    t.deepEqual(
      seen,
      jobs.map(() => 'ERR_PROGRAM_CLOSED'),
    )
  }
})

test('runs get slots although the instances of batches are kept, however few slots there are', async (t) => {
  for (const maxConcurrentRuns of [1, 2, 3]) {
    const runtime = new Runtime({ threads: 2, maxConcurrentRuns, cacheDir: false })
    const text =
      '(module (func (export "_start")) (func (export "add") (param i32 i32) (result i32) (i32.add (local.get 0) (local.get 1))))'
    const program = await load(Buffer.from(text), { runtime })
    // Calls, runs, and runs that are started apart from the others.
    const jobs = Array.from({ length: 60 }, (_, n) => {
      if (n % 7 < 4) return add(n, 1)
      return n % 2 === 0 ? {} : { signal: new AbortController().signal }
    })
    const expected = jobs.map((job, n) => ('call' in job ? ['returned', [n + 1]] : 'exit 0'))
    for (const state of ['kept', 'fresh'] as const) {
      const batches = [1, 2, 8].map(async (concurrency) => {
        const batch = program.batch(jobs as CallJob[], { concurrency, state })
        return (await all(batch)).map((result) => {
          const what = told(result) as [string, unknown]
          return what[0] === 'exit 0' ? 'exit 0' : what
        })
      })
      t.is((await program.run()).kind, 'exit')
      for (const batch of batches) t.deepEqual(await batch, expected)
    }
    await runtime.close()
  }
})

test('a batch of calls leaves a slot for other runs', async (t) => {
  const runtime = new Runtime({ threads: 1, maxConcurrentRuns: 3, cacheDir: false })
  const program = await ownWat('exports', { runtime })
  const other = await ownWat('return', { runtime })
  const controller = new AbortController()
  const jobs = Array.from({ length: 10 }, (): CallJob => ({ call: ['sleep', 3_600_000n] }))
  const results = all(program.batch(jobs, { concurrency: 8, signal: controller.signal }))
  await until(() => runtime.stats().instances === 2)
  for (let run = 0; run < 5; run += 1) t.is((await other.run()).kind, 'exit')
  controller.abort()
  t.is((await results).length, 10)
  await runtime.close()
})

test('defaults that are inherited count', async (t) => {
  const defaults = Object.create({ limits: { fuel: 1n } }) as object
  const results = await all((await wat('exports')).batch([add(1, 2)], { defaults }))
  t.deepEqual(results.map(told), ['ERR_INSTANTIATE'])
})
