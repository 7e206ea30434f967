// Run once more with each compiler.
import test from 'ava'
import {
  ProgramError,
  type CallOptions,
  type CallOutcome,
  type WasiexecError,
} from '../support/package.ts'
import { became, context, observe, one, type Became, type Observed } from '../support/channels.ts'
import { callEnding, drain, ownWat, wat } from '../support/guest.ts'

interface Functions {
  add(a: number, b: number): number
  exit(code: number): void
  trap(): void
  loop(): void
  next(): number
}

type Name = keyof Functions
type Args = number[]

/** Every way to call a function, each on a fresh instance or pool, and the `method` that it publishes. */
const WAYS: readonly [
  way: string,
  method: string,
  call: (name: Name, args: Args, options: CallOptions) => Promise<unknown>,
][] = [
  ['call', 'call', async (name, args) => (await instance()).call(name, ...(args as []))],
  ['exports', 'call', async (name, args) => (await instance()).exports[name](...(args as [1, 2]))],
  [
    'callSync',
    'callSync',
    async (name, args) => (await instance()).callSync(name, ...(args as [])),
  ],
  [
    'with().call',
    'call',
    async (name, args, options) => (await instance()).with(options).call(name, ...(args as [])),
  ],
  [
    'with().callSync',
    'callSync',
    async (name, args, { limits }) =>
      (await instance()).with({ limits }).callSync(name, ...(args as [])),
  ],
  ['pool.call', 'pool', async (name, args) => (await pool()).call(name, ...(args as []))],
  ['pool.value', 'pool', async (name, args) => (await pool()).value(name, ...(args as []))],
  [
    'pool.with().call',
    'pool',
    async (name, args, options) => (await pool()).with(options).call(name, ...(args as [])),
  ],
  ['batch', 'batch', (name, args) => inBatch(name, args, {})],
  ['batch, with limits', 'batch', (name, args, { limits }) => inBatch(name, args, { limits })],
]

/** For those that do not give any. */
const FUEL = { fuel: 100_000 }
const LIMITS = { timeoutMs: 60_000, fuel: 50_000 }

async function instance() {
  return (await wat('exports')).instantiate<Functions>({ limits: FUEL })
}

async function pool() {
  return (await wat('exports')).pool<Functions>({ instances: 1, limits: FUEL })
}

interface Counters {
  counters: {
    Counter: { create(start: number): Promise<{ nextValue(): Promise<number> }> }
  }
}

async function inBatch(name: Name, args: Args, { limits }: CallOptions): Promise<CallOutcome> {
  const program = await wat('exports')
  const defaults = { limits: FUEL }
  const { all } = await drain(program.batch([{ call: [name, ...args], limits }], { defaults }))
  if (all[0]!.error !== undefined) throw all[0]!.error
  return all[0]!.outcome
}

const UNKNOWN = 'nowhere' as Name

/** Every kind of end. */
const ENDS: readonly [what: string, name: Name, args: Args, options: CallOptions][] = [
  ['returned', 'add', [1, 2], { limits: LIMITS }],
  ['exit 3', 'exit', [3], { limits: LIMITS }],
  ['trap unreachable', 'trap', [], { limits: LIMITS }],
  ['limit fuel', 'loop', [], { limits: LIMITS }],
  ['abort', 'next', [], { signal: AbortSignal.abort('enough') }],
  ['ERR_INVALID_CALL', 'add', [1], { limits: LIMITS }],
  ['ERR_INVALID_CALL', UNKNOWN, [], { limits: LIMITS }],
]

for (const [way, method, call] of WAYS) {
  test.serial(`${way} publishes its start and its end, whatever the end is`, async (t) => {
    const seen = observe(t)
    for (const [expected, name, args, options] of ENDS) {
      const hasSignal = way === 'with().call' || way === 'pool.with().call'
      if (options.signal !== undefined && !hasSignal) continue
      // There is no such function to call.
      if (way === 'exports' && name === UNKNOWN) continue
      seen.splice(0)
      const caller = `${way}: ${expected}`
      const what = await became(() => context.run(caller, () => call(name, args, options)))
      const observed = one(t, seen, 'call', outcomeOf(what, seen), caller)
      const { outcome, error } = observed.message
      t.is(error === undefined ? callEnding(outcome) : (error as WasiexecError).code, expected)
      const { limits, job, ...rest } = observed.atStart
      const own = way.includes('with') ? options.limits : undefined
      t.deepEqual(limits, method === 'batch' ? { ...FUEL, ...own } : own)
      t.deepEqual(job, method === 'batch' ? { index: 0, id: undefined } : undefined)
      t.deepEqual(rest, { program: 'exports.wat', method, function: name })
    }
  })
}

/** What the caller of `exports` and `value` gets is in the outcome that subscribers see. */
function outcomeOf(what: Became, seen: readonly Observed[]): Became {
  if ('error' in what) {
    const { error } = what
    return error instanceof ProgramError ? { outcome: error.outcome } : what
  }
  if (typeof what.outcome === 'object') return what
  const { outcome } = seen.find(({ operation }) => operation === 'call')!.message
  return outcome.values[0] === what.outcome ? { outcome } : what
}

test.serial('a call of an instance that has ended publishes, too', async (t) => {
  const seen = observe(t)
  const over = await instance()
  await over.call('trap')
  const closed = await instance()
  closed[Symbol.dispose]()
  const counters = await (await wat('calc-component')).instantiate<Counters>()
  const counter = await counters.exports.counters.Counter.create(1)
  counters[Symbol.dispose]()
  const calls: readonly [() => unknown, string, string][] = [
    ...[over, closed].flatMap((ended) => {
      const code = ended === over ? 'ERR_INSTANCE_OVER' : 'ERR_INSTANCE_CLOSED'
      return (
        [
          () => ended.call('add', 1, 2),
          () => ended.callSync('add', 1, 2),
          () => ended.exports.add(1, 2),
          () => ended.with({ limits: LIMITS }).exports.add(1, 2),
        ] as const
      ).map((call): [() => unknown, string, string] => [call, 'add', code])
    }),
    [
      () => counter.nextValue(),
      'my:pkg/counters#[method]counter.next-value',
      'ERR_INSTANCE_CLOSED',
    ],
    [
      () => counters.exports.counters.Counter.create(1),
      'my:pkg/counters#[constructor]counter',
      'ERR_INSTANCE_CLOSED',
    ],
  ]
  for (const [call, name, code] of calls) {
    seen.splice(0)
    const what = await became(() => context.run(name, call))
    const { message, atStart } = one(t, seen, 'call', what, name)
    t.is((message['error'] as { code: string }).code, code)
    t.is(atStart['function'], name)
  }
})

test.serial('each instance publishes, whoever makes it', async (t) => {
  const program = await wat('exports')
  const limits = { timeoutMs: 60_000 }
  const seen = observe(t)
  const made = (): Observed[] =>
    seen.splice(0).filter(({ operation }) => operation === 'instantiate')
  const instance = await context.run('caller', () => program.instantiate({ limits }))
  const what = { outcome: instance.initialization }
  const { atStart } = one(t, made(), 'instantiate', what, 'caller')
  t.deepEqual(atStart, { program: 'exports.wat', method: 'instantiate', limits })

  const pool = program.pool({ instances: 2, limits })
  await context.run('caller', () => Promise.all([pool.call('next'), pool.call('next')]))
  const ofPool = made()
  t.is(ofPool.length, pool.stats().instances + pool.stats().starting)
  for (const { atStart, startedIn } of ofPool) {
    t.deepEqual(atStart, { program: 'exports.wat', method: 'pool', limits })
    t.is(startedIn, 'caller')
  }
  t.true(ofPool.some(({ ends, message }) => ends === 1 && message['outcome'].kind === 'returned'))

  const jobs = Array.from({ length: 100 }, () => ({ call: ['trap'] as const }))
  const batch = context.run('maker', () => program.batch(jobs, { defaults: { limits } }))
  await context.run('reader', () => batch.summary)
  const ofBatch = made()
  t.true(ofBatch.length >= 100)
  for (const { atStart, startedIn } of ofBatch) {
    t.deepEqual(atStart, { program: 'exports.wat', method: 'batch', limits })
    t.is(startedIn, 'maker')
  }
})

test.serial('an instance that cannot be made publishes why', async (t) => {
  const traps = await wat('trap-in-start-function')
  const closed = await ownWat('exports')
  closed[Symbol.dispose]()
  const seen = observe(t)
  for (const [program, options, code] of [
    [traps, {}, 'ERR_INSTANTIATE'],
    [await wat('exports'), { collect: ['*'] }, 'ERR_INVALID_OPTION'],
    [await wat('exports'), { args: 3 }, 'ERR_INVALID_OPTION'],
    [closed, {}, 'ERR_PROGRAM_CLOSED'],
  ] as const) {
    seen.splice(0)
    const attempt = () => program.instantiate(options as object)
    const what = await became(() => context.run('caller', attempt))
    t.is(((what as { error: unknown }).error as WasiexecError).code, code)
    one(t, seen, 'instantiate', what, 'caller')
  }
  seen.splice(0)
  const pool = traps.pool({ instances: 1 })
  const what = await became(() => context.run('caller', () => pool.call('nothing')))
  one(t, seen, 'call', what, 'caller')
  one(t, seen, 'instantiate', what, 'caller')
})

test.serial('a call of a pool publishes once, however long it waits', async (t) => {
  const program = await wat('exports')
  const seen = observe(t)
  const pool = program.pool<Functions>({ instances: 1 })
  const calls = Array.from({ length: 100 }, (_, index) =>
    context.run(`caller ${index}`, () => pool.call('next')),
  )
  const all = await Promise.all(calls)
  const observed = seen.filter(({ operation }) => operation === 'call')
  t.deepEqual(
    observed.map(({ startedIn, endedIn, ends, message }) => [
      startedIn,
      endedIn,
      ends,
      message['outcome'],
    ]),
    all.map((outcome, index) => [`caller ${index}`, `caller ${index}`, 1, outcome]),
  )
  seen.splice(0)
  // The instance has the first; the second waits in the pool, and the third is refused.
  const given = ['first', 'second'].map(() => became(() => pool.call('next')))
  pool[Symbol.dispose]()
  const ends = await Promise.all([...given, became(() => pool.call('next'))])
  t.deepEqual(
    seen.map(({ operation, ends, message }) => [
      operation,
      ends,
      message['outcome'],
      message['error'],
    ]),
    ends.map((end) => [
      'call',
      1,
      ...('outcome' in end ? [end.outcome, undefined] : [undefined, end.error]),
    ]),
  )
  t.is(seen[1]!.message['outcome'].kind, 'abort')
  t.is(seen[2]!.message['error'].code, 'ERR_INSTANCE_CLOSED')
})

test.serial(
  'the limits of a call are those that were given when its caller was made',
  async (t) => {
    const seen = observe(t)
    const limits = { timeoutMs: 50_000 }
    const caller = (await instance()).with({ limits })
    limits.timeoutMs = 1
    await caller.call('next')
    t.deepEqual(seen.at(-1)!.atStart['limits'], { timeoutMs: 50_000 })
  },
)
