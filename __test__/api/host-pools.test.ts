// Run once more with each compiler.
import test from 'ava'
import {
  inProcesses,
  type CallJob,
  type CallOutcome,
  type HostError,
  type HostFunction,
  type Program,
} from '../support/package.ts'
import { callEnding, numbers, refusal, until, wat } from '../support/guest.ts'
import { module } from '../support/host.ts'

interface Functions {
  twice(value: number): number
}

const GUEST = `
  (import "env" "f" (func $f (param i32) (result i32)))
  (memory (export "memory") 1)
  (func (export "twice") (param i32) (result i32)
    (i32.add (call $f (local.get 0)) (call $f (local.get 0))))`

const oh = new Error('oh')

const FUNCTIONS: readonly [name: string, f: HostFunction][] = [
  ['a value', (value: number) => throwSeven(value) + 1],
  [
    'a promise',
    async (value: number) => {
      await new Promise(setImmediate)
      return throwSeven(value) + 1
    },
  ],
]

/** Fails for one value in ten. */
function throwSeven(value: number): number {
  if (value % 10 === 7) throw oh
  return value
}

function told(outcome: CallOutcome | HostError): unknown {
  if (outcome.kind === 'host-error') return outcome.error
  return outcome.kind === 'returned' ? outcome.values[0] : callEnding(outcome)
}

const expected = numbers(100).map((value) => (value % 10 === 7 ? oh : 2 * (value + 1)))

/** Imports that nothing gives, and a pattern of files: neither makes an instance. */
const REFUSED = [
  ['without imports', {}, 'ERR_UNRESOLVED_IMPORT'],
  [
    'with files to collect',
    { imports: { env: { f: () => 1 } }, collect: ['*'] },
    'ERR_INVALID_OPTION',
  ],
] as const

if (!inProcesses) {
  for (const [name, f] of FUNCTIONS) {
    for (const state of ['kept', 'fresh'] as const) {
      test(`calls of a pool of ${state} instances call host functions that return ${name}, and one that throws ends its instance`, async (t) => {
        const program = await module(GUEST)
        const imports = { env: { f } }
        await using pool = program.pool<Functions>({ instances: 3, state, imports })
        const outcomes = await Promise.all(numbers(100).map((value) => pool.call('twice', value)))
        t.deepEqual(outcomes.map(told), expected)
        t.is(pool.stats().replaced, state === 'kept' ? 10 : 100)
        t.is(await pool.value('twice', 1), 4)
      })

      test(`a batch of calls, on ${state} instances, calls host functions that return ${name}`, async (t) => {
        const program = await module(GUEST)
        const jobs = numbers(100).map((value): CallJob => ({ call: ['twice', value] }))
        const defaults = { imports: { env: { f } } }
        const batch = program.batch(jobs, { concurrency: 2, state, defaults })
        const results: unknown[] = []
        for await (const { outcome, error } of batch) {
          results.push(outcome === undefined ? error.code : told(outcome))
        }
        t.deepEqual(results, expected)
        const { jobs: count, ok, kinds } = await batch.summary
        t.deepEqual([count, ok], [100, 90])
        t.like(kinds, { returned: 90, 'host-error': 10, exit: 0, error: 0 })
      })
    }
  }

  test('a pool and a batch of calls refuse what an instance refuses', async (t) => {
    const program: Program = await module(GUEST)
    for (const [name, options, code] of REFUSED) {
      const alone = await refusal(program.instantiate(options as object))
      t.is(alone.code, code, name)
      const [{ error } = {}] = await results(program, options as object)
      t.is(error?.code, code, name)
      const pooled = await refusal(async () => program.pool(options as object).call('twice', 1))
      t.is(pooled.code, code, name)
    }
  })

  for (const instances of [1, 3]) {
    test(`a host function may call its own pool of ${instances}, until all instances wait for such calls`, async (t) => {
      const program = await module(`${GUEST}
        (func (export "one") (param i32) (result i32) (i32.const 1))`)
      let inside = 0
      let open: (() => void) | undefined
      const all = new Promise<void>((resolve) => (open = resolve))
      const refused: unknown[] = []
      const f = async (value: number): Promise<number> => {
        inside += 1
        if (inside === instances) open!()
        await all
        try {
          return (await pool.value('one', value)) as number
        } catch (error) {
          refused.push(error)
          throw error
        }
      }
      await using pool = program.pool({ instances, imports: { env: { f } } })
      const calls = numbers(instances).map((value) => pool.call('twice', value))
      const ends = (await Promise.all(calls)).map(callEnding)
      // The others get the instance that takes the place of the one that has ended.
      t.deepEqual(ends.toSorted(), ['host-error', ...numbers(instances - 1).map(() => 'returned')])
      t.is(refused.length, 1)
      t.like(refused[0], { code: 'ERR_INSTANCE_BUSY' })
      t.regex(
        (refused[0] as Error).message,
        instances === 1 ? /its instance waits/ : /each of its 3 instances waits/,
      )
      t.is(await pool.value('one', 0), 1)
      // An instance that is free, or one that can be made, takes such a call.
      await using larger = program.pool({
        instances: 2,
        imports: { env: { f: (value: number) => larger.value('one', value) } },
      })
      t.is(await larger.value('twice', 1), 2)
      t.is(await larger.value('twice', 1), 2)
    })
  }

  test('a call of a host function that was aborted while it waited is not waited for', async (t) => {
    const program = await module(`${GUEST}
      (func (export "one") (param i32) (result i32) (i32.const 1))`)
    const ends: string[] = []
    const f = async (value: number): Promise<number> => {
      if (value === 0) {
        await until(() => ends.length > 0)
        return value
      }
      const hasty = pool.with({ signal: AbortSignal.timeout(20) })
      ends.push(callEnding(await hasty.call('one', value)))
      return value
    }
    await using pool = program.pool({ instances: 2, imports: { env: { f } } })
    const calls = [pool.call('twice', 0), pool.call('twice', 1)]
    t.deepEqual((await Promise.all(calls)).map(callEnding), ['returned', 'returned'])
    t.is(ends[0], 'abort')
  })

  test('instances of a pool have files of their own', async (t) => {
    const program = await wat('exports')
    await using pool = program.pool({ instances: 1, files: { 'a.txt': 'text' } })
    t.is(await pool.value('add', 1, 2), 3)
    const jobs: CallJob[] = [{ call: ['add', 3, 4] }]
    for await (const { outcome } of program.batch(jobs, { defaults: { files: { a: 'b' } } })) {
      t.is(outcome && told(outcome), 7)
    }
  })
}

async function results(
  program: Program,
  defaults: object,
): Promise<{ error?: { code: string } | undefined }[]> {
  const all = []
  const jobs: CallJob[] = [{ call: ['twice', 1] }]
  for await (const result of program.batch(jobs, { defaults })) all.push(result)
  return all
}
