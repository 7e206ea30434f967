import { setTimeout } from 'node:timers/promises'
import test from 'ava'
import {
  BatchTotals,
  type BatchCounts,
  type BatchResult,
  type BatchSummary,
  type CountableResult,
  type Job,
} from '../support/package.ts'
import { mixedJobs } from '../support/cases.ts'
import { drain, numbers, refusal, wat } from '../support/guest.ts'

/** How often each of the words comes. */
function count(words: readonly PropertyKey[]): Record<PropertyKey, number> {
  const counts: Record<PropertyKey, number> = {}
  for (const word of words) counts[word] = (counts[word] ?? 0) + 1
  return counts
}

/** The totals but for times, counted by hand. */
function counted(results: readonly BatchResult[]): Partial<BatchSummary> {
  const outcomes = results.flatMap(({ outcome }) => outcome ?? [])
  const none = { exit: 0, trap: 0, limit: 0, abort: 0, error: 0 }
  return {
    jobs: results.length,
    ok: outcomes.filter(({ ok }) => ok).length,
    kinds: { ...none, ...count(results.map(({ outcome }) => outcome?.kind ?? 'error')) },
    exitCodes: count(outcomes.flatMap((end) => (end.kind === 'exit' ? [end.code] : []))),
    traps: count(outcomes.flatMap((end) => (end.kind === 'trap' ? [end.trap.code] : []))),
    limits: count(outcomes.flatMap((end) => (end.kind === 'limit' ? [end.limit] : []))),
    errors: count(results.flatMap(({ error }) => error?.code ?? [])),
  }
}

for (const ordered of [true, false]) {
  test(`the totals are those of the results; ordered: ${ordered}`, async (t) => {
    const batch = (await wat('hello')).batch(await mixedJobs(2000, 1000), { ordered })
    const { all } = await drain(batch)
    const summary = await batch.summary
    const { wallMs, cpuMs, runMs, runsPerSecond, endedBy, ...counts } = summary
    t.deepEqual(counts as Partial<BatchSummary>, counted(all))
    t.true(Object.values(counts.kinds).every((kind) => kind > 0))
    t.is(endedBy, 'jobs')
    const usages = all.flatMap(({ outcome }) => outcome?.usage ?? [])
    const times = usages.map((usage) => usage.wallMs).toSorted((a, b) => a - b)
    t.is(runMs.max, times.at(-1)!)
    for (const [percent, value] of [
      [50, runMs.p50],
      [90, runMs.p90],
      [99, runMs.p99],
    ] as const) {
      // To three digits, and one run more or less.
      const at = Math.ceil((times.length * percent) / 100) - 1
      t.true(value >= times[at - 1]! * 0.998, `p${percent} is ${value}, not ${times[at]}`)
      t.true(value <= times[at + 1]! * 1.002, `p${percent} is ${value}, not ${times[at]}`)
    }
    const cpu = usages.reduce((sum, usage) => sum + usage.cpuMs, 0)
    t.true(Math.abs(cpuMs - cpu) <= cpu * 1e-9)
    t.true(wallMs > 0)
    t.is(runsPerSecond, (usages.length / wallMs) * 1000)
  })
}

test('results that were written as JSON count like those that came', async (t) => {
  const program = await wat('hello')
  const batch = program.batch(await mixedJobs(500, 1000))
  const { all } = await drain(batch)
  const {
    wallMs: _wallMs,
    runsPerSecond: _rate,
    endedBy: _endedBy,
    ...counts
  } = await batch.summary
  const came = new BatchTotals()
  const read = new BatchTotals()
  for (const result of all) {
    came.add(result)
    read.add(JSON.parse(JSON.stringify(result)) as CountableResult)
  }
  t.deepEqual(rounded(came.counts()), rounded(counts))
  t.deepEqual(read.counts(), came.counts())
  t.is(read.jobs, 500)
  t.is(read.ok, counts.ok)
  t.deepEqual(read.kinds, counts.kinds)
  t.deepEqual(new BatchTotals().counts().runMs, { p50: 0, p90: 0, p99: 0, max: 0 })
})

/** Sums of fractions depend on their order in the last digits. */
function rounded(counts: BatchCounts): object {
  return { ...counts, cpuMs: Math.round(counts.cpuMs * 1e6) }
}

test('the totals alone: the batch runs by itself', async (t) => {
  const jobs = await mixedJobs(2000, 1000)
  const program = await wat('hello')
  const batch = program.batch(jobs)
  const { kinds, exitCodes, traps, limits, endedBy, jobs: taken } = await batch.summary
  t.deepEqual([taken, endedBy], [2000, 'jobs'])
  const { all } = await drain(program.batch(await mixedJobs(2000, 1000)))
  t.deepEqual({ kinds, exitCodes, traps, limits }, pick(counted(all)))
  t.is((await refusal(() => batch[Symbol.asyncIterator]())).code, 'ERR_BATCH_USED')
})

function pick({ kinds, exitCodes, traps, limits }: Partial<BatchSummary>): Partial<BatchSummary> {
  return { kinds: kinds!, exitCodes: exitCodes!, traps: traps!, limits: limits! }
}

test('the totals alone, of an async source and in any order', async (t) => {
  const program = await wat('exit-argv')
  const jobs = async function* (): AsyncGenerator<Job> {
    for (const code of numbers(5000)) yield { args: [`${code % 3}`] }
  }
  const { exitCodes, ok } = await program.batch(jobs(), { ordered: false }).summary
  t.deepEqual(exitCodes, { 0: 1667, 1: 1667, 2: 1666 })
  t.is(ok, 1667)
})

test('whoever asks for the totals may read the results in the same turn', async (t) => {
  const program = await wat('hello')
  const batch = program.batch([{}, {}])
  const { summary } = batch
  t.is((await drain(batch)).all.length, 2)
  t.is(batch.summary, summary)
  t.is((await summary).ok, 2)
})

test('the totals are there while results wait to be read', async (t) => {
  const program = await wat('exit-argv')
  const batch = program.batch(numbers(20).map(() => ({})))
  const iterator = batch[Symbol.asyncIterator]()
  t.is((await batch.summary).ok, 20)
  t.is((await drain(iterator)).all.length, 20)
})

test('jobs that are all refused, without end, leave the event loop its turn', async (t) => {
  const program = await wat('hello')
  const bad = { args: 5 as unknown as string[] }
  const endless = function* (): Generator<Job> {
    for (;;) yield bad
  }
  const endlessLater = async function* (): AsyncGenerator<Job> {
    for (;;) yield bad
  }
  for (const jobs of [endless(), endlessLater()]) {
    const controller = new AbortController()
    const { summary } = program.batch(jobs, { signal: controller.signal })
    await setTimeout(20)
    controller.abort()
    const { kinds, endedBy } = await summary
    t.true(kinds.error > 0)
    t.is(endedBy, 'signal')
  }
})
