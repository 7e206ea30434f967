import { isDeepStrictEqual } from 'node:util'
import test from 'ava'
import fc from 'fast-check'
import type { BatchResult, Job } from '../support/package.ts'
import {
  errorCases,
  outcomeCases,
  waitingCases,
  type ErrorCase,
  type OutcomeCase,
} from '../support/cases.ts'
import { drain, numbers, observed, wat } from '../support/guest.ts'

const JOBS = 200_000

type Make = (number: number) => OutcomeCase | ErrorCase

/** Makers of jobs of every kind: exits, traps, all limits, aborts before and in the middle, errors. */
async function kinds(): Promise<readonly Make[]> {
  return [...(await outcomeCases()), ...(await waitingCases()), ...(await errorCases())]
}

function toJob({ program, options }: OutcomeCase | ErrorCase, id: number): Job<number> {
  return { id, program, ...options }
}

/** Whether a job became what it was to become. */
function isAsExpected({ outcome, error }: BatchResult, made: OutcomeCase | ErrorCase): boolean {
  if ('expected' in made) {
    return outcome !== undefined && isDeepStrictEqual(observed(outcome), made.expected)
  }
  return error?.code === made.code && error.message.includes(made.message)
}

for (const [ordered, concurrency] of [
  [true, undefined],
  [false, 200],
] as const) {
  test.serial(`200,000 jobs of all kinds are what they were; ordered: ${ordered}`, async (t) => {
    const make = await kinds()
    t.true(make.length >= 10)
    const waiting = new Map<number, OutcomeCase | ErrorCase>()
    const jobs = function* (): Generator<Job<number>> {
      for (let id = 0; id < JOBS; id += 1) {
        // Neighbours differ, and what they are cannot be told from their place alone.
        const made = make[(Math.imul(id, 0x9e3779b1) >>> 8) % make.length]!(id)
        waiting.set(id, made)
        yield toJob(made, id)
      }
    }
    let next = 0
    let wrong = 0
    const program = await wat('hello')
    const batch = program.batch(jobs(), { ordered, concurrency })
    for await (const result of batch) {
      const made = waiting.get(result.id)!
      // A second result of a job finds nothing here.
      waiting.delete(result.id)
      const isInPlace = result.index === result.id && (!ordered || result.index === next)
      if (!isInPlace || !isAsExpected(result, made)) {
        wrong += 1
        if (wrong < 5) t.log(result.index, made, result)
      }
      next += 1
    }
    t.deepEqual({ next, wrong, left: waiting.size }, { next: JOBS, wrong: 0, left: 0 })
    const { jobs: counted, runsPerSecond } = await batch.summary
    t.is(counted, JOBS)
    t.log(`${Math.round(runsPerSecond)} runs per second`)
  })
}

test('any jobs, however they are run, have their own results', async (t) => {
  const make = await kinds()
  const program = await wat('hello')
  const kind = fc.record({ maker: fc.nat(make.length - 1), number: fc.nat(1_000_000) })
  const how = fc.record({
    ordered: fc.boolean(),
    concurrency: fc.option(fc.integer({ min: 1, max: 50 }), { nil: undefined }),
  })
  const property = fc.asyncProperty(
    fc.array(kind, { maxLength: 100 }),
    how,
    fc.boolean(),
    fc.option(fc.nat(50), { nil: undefined }),
    async (picked, options, isAsync, leaveAt) => {
      const made = picked.map(({ maker, number }) => make[maker]!(number))
      const jobs = made.map(toJob)
      const batch = program.batch(isAsync ? asynchronously(jobs) : jobs, options)
      const results: BatchResult<number>[] = []
      for await (const result of batch) {
        results.push(result)
        if (results.length === leaveAt) break
      }
      const read = results.map(({ id }) => id)
      if (!options.ordered) read.sort((a, b) => a - b)
      if (leaveAt === undefined || options.ordered) t.deepEqual(read, numbers(results.length))
      if (!leaveAt || leaveAt > jobs.length) t.is(results.length, jobs.length)
      t.true(results.every((result) => isAsExpected(result, made[result.id]!)))
      const { jobs: counted, kinds } = await batch.summary
      t.true(counted >= results.length)
      t.is(
        Object.values(kinds).reduce((sum, count) => sum + count),
        counted,
      )
    },
  )
  await fc.assert(property, { numRuns: 60 })
})

async function* asynchronously<T>(items: Iterable<T>): AsyncGenerator<T> {
  for (const item of items) yield item
}

test('many batches at once do not mix', async (t) => {
  const make = await kinds()
  const program = await wat('hello')
  const batches = numbers(50).map((batch) =>
    numbers(200).map((job) => make[job % make.length]!(batch)),
  )
  await Promise.all(
    batches.map(async (made, index) => {
      const jobs = made.map(toJob)
      const { all } = await drain(
        program.batch(jobs, { ordered: index % 2 === 0, concurrency: 1 + index }),
      )
      t.is(all.length, jobs.length)
      t.true(all.every((result) => isAsExpected(result, made[result.id]!)))
    }),
  )
})
