// Batches of calls.
import test from 'ava'
import { Runtime, type CallJob, type CallOutcome, type CallResult } from '../support/package.ts'
import { callEnding, ownWat, wat } from '../support/guest.ts'

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
  const jobs: CallJob[] = [
    { call: ['loop'], limits: { timeoutMs: 20 } },
    { call: ['loop'] },
    { call: ['print', 1, 1024, 4] },
    { call: ['print', 1, 1024, 14] },
  ]
  const defaults = { limits: { cpuMs: 30, outputBytes: 4 } }
  const results = await all(program.batch(jobs, { defaults, concurrency: 1 }))
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
