// Run once more with worker processes and with each compiler.
import { AsyncLocalStorage } from 'node:async_hooks'
import test from 'ava'
import { inProcesses, type Program } from '../support/package.ts'
import { drain } from '../support/guest.ts'
import { module } from '../support/host.ts'

const context = new AsyncLocalStorage<string>()

/** Calls `env.f` when it is run, and when `again` is called. */
const GUEST = `
  (import "env" "f" (func $f))
  (memory (export "memory") 1)
  (func (export "_start") (call $f))
  (func (export "again") (call $f))`

/** The contexts that the function has seen, before and after it has waited for something. */
function watched(): { seen: (string | undefined)[]; imports: object; sync: object } {
  const seen: (string | undefined)[] = []
  const look = (): void => void seen.push(context.getStore())
  const f = async (): Promise<void> => {
    look()
    await new Promise(setImmediate)
    look()
  }
  return { seen, imports: { env: { f } }, sync: { env: { f: look } } }
}

/** Everything that calls host functions, by the context in which they are to be called; done by `caller`. */
const WAYS: readonly [
  way: string,
  expected: string,
  act: (program: Program, given: ReturnType<typeof watched>) => () => unknown,
][] = [
  [
    'run',
    'caller',
    (program, { imports }) =>
      () =>
        program.run({ imports } as never),
  ],
  [
    'runSync',
    'caller',
    (program, { sync }) =>
      () =>
        program.runSync({ imports: sync } as never),
  ],
  [
    'spawn',
    'caller',
    (program, { imports }) =>
      () =>
        program.spawn({ imports } as never).outcome,
  ],
  [
    'a batch with shared functions',
    'maker',
    (program, { imports }) => {
      const jobs = Array.from({ length: 100 }, () => ({}))
      const batch = program.batch(jobs, { defaults: { imports } } as never)
      return () => drain(batch)
    },
  ],
  [
    'a batch whose jobs have functions of their own',
    'maker',
    (program, { imports }) => {
      const jobs = Array.from({ length: 100 }, () => ({ imports }))
      const batch = program.batch(jobs as never)
      return () => drain(batch)
    },
  ],
]

const CALLS: typeof WAYS = [
  [
    'a call',
    'maker',
    (program, { imports }) => {
      const instance = program.instantiate({ imports } as never)
      return async () => (await instance).call('again')
    },
  ],
  [
    'callSync',
    'caller',
    (program, { sync }) => {
      const instance = program.instantiate({ imports: sync } as never)
      return async () => (await instance).callSync('again')
    },
  ],
  [
    'a pool',
    'maker',
    (program, { imports }) => {
      const pool = program.pool({ instances: 1, imports } as never)
      return () => pool.call('again')
    },
  ],
  [
    'a batch of calls',
    'maker',
    (program, { imports }) => {
      const jobs = Array.from({ length: 100 }, () => ({ call: ['again'] as const }))
      const batch = program.batch(jobs, { defaults: { imports } } as never)
      return () => drain(batch)
    },
  ],
]

for (const [way, expected, act] of inProcesses ? WAYS : [...WAYS, ...CALLS]) {
  test(`host functions have the context of their caller: ${way}`, async (t) => {
    // Not in that of the first who has loaded anything.
    const program = await context.run('loader', () => module(GUEST))
    const given = watched()
    const go = context.run('maker', () => act(program, given))
    await context.run('caller', go)
    t.true(given.seen.length > 0)
    t.deepEqual([...new Set(given.seen)], [expected])
  })
}
