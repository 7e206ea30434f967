import test from 'ava'
import { inProcesses, Runtime, type RuntimeStats } from '../support/package.ts'
import { ownWat } from '../support/guest.ts'
import { exit } from '../support/report.ts'
import { advice } from '../../src/batch/advice.ts'
import { Totals } from '../../cli/batch/totals.ts'
import { summaryText } from '../../cli/batch/words.ts'

const none: RuntimeStats = {
  threads: 1,
  workers: 'threads',
  usefulThreads: 1,
  maxConcurrentRuns: 1,
  allocation: 'pooling',
  programs: 0,
  optimizing: 0,
  compilations: 0,
  queued: 0,
  running: 0,
  finished: 0,
  instances: 0,
  cacheDir: null,
}

test('processes are advised when a long batch did without some of its threads', (t) => {
  for (const workers of ['threads', 'processes'] as const) {
    for (const threads of [1, 2, 16]) {
      for (let usefulThreads = 1; usefulThreads <= threads; usefulThreads += 1) {
        for (const wallMs of [0, 999, 1000, 1e6]) {
          const isHelp = workers === 'threads' && usefulThreads < threads && wallMs >= 1000
          const given = advice({ ...none, workers, threads, usefulThreads }, wallMs)
          t.is(given, isHelp ? 'processes' : undefined)
        }
      }
    }
  }
})

test('a summary has the advice that the runtime gives, and nothing in its place', async (t) => {
  await using runtime = new Runtime({ threads: 2 })
  const program = await ownWat('hello', { runtime })
  function* jobs(): Generator<object> {
    const end = performance.now() + 1100
    while (performance.now() < end) yield {}
  }
  const summary = await program.batch(jobs()).summary
  const { usefulThreads, threads } = runtime.stats()
  t.true(usefulThreads >= 1 && usefulThreads <= threads)
  if (inProcesses) t.is(usefulThreads, threads)
  t.is(summary.advice, advice(runtime.stats(), summary.wallMs))
  t.is('advice' in summary, summary.advice !== undefined)
})

test('the command tells of the advice in one line', (t) => {
  const totals = new Totals(false)
  totals.add(exit(0, { index: 0 }))
  const text = (given: 'processes' | undefined): string[] => {
    const end = { endedBy: 'jobs', advice: given } as const
    const summary = totals.summary(end, { resumed: 0, runs: 1, wallMs: 2000 })
    t.is(summary.advice, given)
    t.is('advice' in summary, given !== undefined)
    return summaryText(summary, totals).split('\n')
  }
  const [line, ...more] = text('processes').slice(text(undefined).length)
  t.regex(line!, /--workers processes/)
  t.deepEqual(more, [])
})
