// Run once more with each compiler.
import test from 'ava'
import { getEventListeners } from 'node:events'
import { setTimeout as delay } from 'node:timers/promises'
import {
  ProgramError,
  Runtime,
  load,
  type CallOutcome,
  type PoolOptions,
  type WasiexecError,
} from '../support/package.ts'
import { callEnding, ownWat, refusal, until, wat } from '../support/guest.ts'

interface Functions {
  add(a: number, b: number): number
  next(): number
  sleep(milliseconds: bigint): void
  trap(): void
  exit(code: number): void
  loop(): void
}

test('calls are shared by as many instances as there may be', async (t) => {
  const program = await wat('exports')
  await using pool = program.pool<Functions>({ instances: 3 })
  t.like(pool.stats(), { instances: 0, busy: 0, waiting: 0, finished: 0 })
  const outcomes = await Promise.all(Array.from({ length: 300 }, () => pool.call('next')))
  const counts = outcomes.map((outcome) => (outcome.kind === 'returned' ? outcome.values[0] : 0))
  // Each instance counts for itself.
  const ones = counts.filter((count) => count === 1).length
  t.true(ones >= 1 && ones <= 3)
  t.is(Math.max(...counts) >= 100, true)
  const { instances, busy, starting, waiting, finished, replaced } = pool.stats()
  t.deepEqual(
    [instances + starting, busy, waiting, finished, replaced],
    [ones + starting, 0, 0, 300, 0],
  )
  t.is(await pool.value('add', 1, 2), 3)
})

test('a free instance takes the next call while others are busy', async (t) => {
  const program = await wat('exports')
  await using pool = program.pool<Functions>({ instances: 2 })
  const slow = pool.call('sleep', 3_600_000n)
  for (let call = 0; call < 20; call += 1) t.is(await pool.value('add', call, 1), call + 1)
  t.like(pool.stats(), { instances: 2, busy: 1 })
  pool[Symbol.dispose]()
  const outcome = await slow
  t.is(outcome.kind === 'abort' && (outcome.reason as WasiexecError).code, 'ERR_INSTANCE_CLOSED')
})

test('an instance that has ended is replaced', async (t) => {
  const program = await wat('exports')
  await using pool = program.pool<Functions>({ instances: 2, limits: { timeoutMs: 30 } })
  const endings: string[] = []
  for (let round = 0; round < 10; round += 1) {
    const calls: Promise<CallOutcome>[] = [
      pool.call('trap'),
      pool.call('exit', round),
      pool.call('add', 1, 2),
      pool.call('loop'),
      pool.call('add', 1, 2),
    ]
    endings.push(...(await Promise.all(calls)).map(callEnding))
  }
  const expected = Array.from({ length: 10 }, (_, round) => [
    'trap unreachable',
    `exit ${round}`,
    'returned',
    'limit timeout',
    'returned',
  ])
  t.deepEqual(endings, expected.flat())
  t.is(pool.stats().replaced, 30)
  const error = await t.throwsAsync(pool.value('exit', 3), { instanceOf: ProgramError })
  t.is((error as ProgramError).outcome.kind, 'exit')
})

test('a call that is refused leaves its instance alone', async (t) => {
  const program = await wat('exports')
  await using pool = program.pool({ instances: 1 })
  await t.throwsAsync(pool.call('missing'), { code: 'ERR_INVALID_CALL' })
  await t.throwsAsync(pool.call('add', 1), { code: 'ERR_INVALID_CALL' })
  t.is(await pool.value('add', 1, 2), 3)
  t.like(pool.stats(), { replaced: 0, instances: 1, finished: 3 })
})

test('options of calls, and calls that are aborted while they wait', async (t) => {
  const program = await wat('exports')
  await using pool = program.pool<Functions>({ instances: 1 })
  const hasty = pool.with({ limits: { timeoutMs: 20 } })
  t.is(callEnding(await hasty.call('loop')), 'limit timeout')
  const error = await t.throwsAsync(hasty.value('loop'), { instanceOf: ProgramError })
  t.is((error as ProgramError).outcome.kind, 'limit')
  t.is(await pool.with({ limits: { timeoutMs: 3_600_000 } }).value('add', 1, 2), 3)
  const controller = new AbortController()
  const slow = pool.call('sleep', 3_600_000n)
  const waits = pool.with({ signal: controller.signal }).call('next')
  while (pool.stats().busy === 0) await delay(5)
  controller.abort('enough')
  const outcome = await waits
  t.is(outcome.kind === 'abort' && outcome.reason, 'enough')
  t.is(pool.stats().waiting, 0)
  const late = pool.call('next')
  await pool[Symbol.asyncDispose]()
  t.is((await slow).kind, 'abort')
  t.is((await late).kind, 'abort')
  await t.throwsAsync(pool.call('next'), { code: 'ERR_INSTANCE_CLOSED' })
  t.like(pool.stats(), { instances: 0, busy: 0, waiting: 0 })
})

test('a pool whose program cannot be instantiated rejects its calls', async (t) => {
  for (const [guest, code] of [
    ['trap-in-start-function', 'ERR_INSTANTIATE'],
    ['unresolved-import', 'ERR_UNRESOLVED_IMPORT'],
    ['component-imports-nn', 'ERR_UNRESOLVED_IMPORT'],
  ] as const) {
    const pool = (await wat(guest)).pool({ instances: 2 })
    const calls = [pool.call('a'), pool.call('b'), pool.call('c')]
    for (const call of calls) await t.throwsAsync(call, { code }, guest)
    t.like(pool.stats(), { instances: 0, starting: 0, waiting: 0 })
  }
})

test('options of pools are checked', async (t) => {
  const program = await wat('exports')
  for (const [options, message] of [
    [{ instances: 0 }, /`instances` must be a positive integer/],
    [{ instances: 1.5 }, /`instances`/],
    [{ instances: 5000 }, /at most 4096/],
    [{ instance: 1 }, /did you mean `instances`/],
    [{ state: 'new' }, /`state` must be 'kept' or 'fresh', got "new"/],
    [{ signal: 5 }, /`signal` must be an AbortSignal/],
    [{ limits: { timeoutMs: 0 } }, /timeoutMs/],
    [{ stdin: process.stdin }, /`stdin` must be a string, bytes, 'inherit' or 'empty'/],
  ] as const) {
    t.throws(() => program.pool(options as object), { code: 'ERR_INVALID_OPTION', message })
  }
})

for (const instances of [1, 3]) {
  test(`each call of a pool of ${instances} fresh instances finds the state of the start`, async (t) => {
    const runtime = new Runtime({ threads: 2, maxConcurrentRuns: instances, cacheDir: false })
    const program = await ownWat('exports', { runtime })
    const pool = program.pool<Functions>({ instances, state: 'fresh' })
    const calls = Array.from({ length: 60 }, (_, n) =>
      n % 20 === 7 ? pool.call('trap') : pool.call('next'),
    )
    t.deepEqual(
      (await Promise.all(calls)).map((outcome) =>
        outcome.kind === 'returned' ? outcome.values : callEnding(outcome),
      ),
      calls.map((_, n) => (n % 20 === 7 ? 'trap unreachable' : [1])),
    )
    t.like(pool.stats(), { busy: 0, waiting: 0, finished: 60, replaced: 60 })
    t.is(await pool.with({ limits: { timeoutMs: 3_600_000 } }).value('next'), 1)
    await pool[Symbol.asyncDispose]()
    t.is(runtime.stats().instances, 0)
    await runtime.close()
  })
}

test('a call that is refused leaves a fresh instance for the next', async (t) => {
  const program = await wat('exports')
  await using pool = program.pool({ instances: 1, state: 'fresh' })
  await t.throwsAsync(pool.call('missing'), { code: 'ERR_INVALID_CALL' })
  await t.throwsAsync(pool.call('add', 1), { code: 'ERR_INVALID_CALL' })
  t.like(pool.stats(), { replaced: 0, instances: 1 })
  t.is(await pool.value('next'), 1)
  t.like(pool.stats(), { replaced: 1 })
})

for (const state of ['kept', 'fresh'] as const) {
  test(`a pool of ${state} instances that drains lets its calls end and takes no more`, async (t) => {
    const runtime = new Runtime({ threads: 2, maxConcurrentRuns: 2, cacheDir: false })
    const program = await ownWat('exports', { runtime })
    const pool = program.pool<Functions>({ instances: 2, state })
    const controller = new AbortController()
    const aborted = pool.with({ signal: controller.signal }).call('next')
    // An instance that ends is replaced for those that wait.
    const calls = Array.from({ length: 40 }, (_, n) =>
      n % 4 === 3 ? pool.call('trap') : pool.call('sleep', 5n),
    )
    let ended = 0
    for (const call of calls) void call.then(() => (ended += 1))
    const drains = [pool.drain(), pool.drain()]
    const refused = { code: 'ERR_INSTANCE_CLOSED', message: /`drain` was called/ }
    await t.throwsAsync(pool.call('next'), refused)
    await t.throwsAsync(pool.with({}).value('next'), refused)
    controller.abort()
    t.is((await aborted).kind, 'abort')
    await Promise.all(drains)
    t.is(ended, 40)
    t.deepEqual(
      (await Promise.all(calls)).map(callEnding),
      calls.map((_, n) => (n % 4 === 3 ? 'trap unreachable' : 'returned')),
    )
    t.like(pool.stats(), { instances: 0, busy: 0, starting: 0, waiting: 0 })
    t.is(runtime.stats().instances, 0)
    await t.throwsAsync(pool.call('next'), refused)
    await pool.drain()
    await runtime.close()
  })
}

test('a pool without calls drains at once, also while an instance is made that no call waits for', async (t) => {
  await (await wat('exports')).pool().drain()
  const text = '(module (func (export "_initialize") (loop (br 0))) (func (export "next")))'
  const runtime = new Runtime({ threads: 1, cacheDir: false })
  const pool = (await load(Buffer.from(text), { runtime })).pool({ instances: 1 })
  const controller = new AbortController()
  const call = pool.with({ signal: controller.signal }).call('next')
  const drained = pool.drain()
  await until(() => runtime.stats().instances > 0)
  controller.abort('enough')
  t.is((await call).kind, 'abort')
  await drained
  t.is(runtime.stats().instances, 0)
  await runtime.close()
})

test('what ends the calls of a pool while it drains ends the draining', async (t) => {
  const runtime = new Runtime({ threads: 2, cacheDir: false })
  for (const [end, code] of [
    [(pool: Disposable) => pool[Symbol.dispose](), 'ERR_INSTANCE_CLOSED'],
    [(_: Disposable, program: Disposable) => program[Symbol.dispose](), 'ERR_PROGRAM_CLOSED'],
    [() => void runtime.close(), 'ERR_RUNTIME_CLOSED'],
  ] as const) {
    const program = await ownWat('exports', { runtime })
    const pool = program.pool<Functions>({ instances: 1 })
    const calls = [1, 2].map(() => pool.call('sleep', 3_600_000n))
    await until(() => pool.stats().busy === 1)
    const drained = pool.drain()
    end(pool, program)
    await drained
    const codes = await Promise.all(
      calls.map((call) =>
        call.then(
          (outcome) =>
            outcome.kind === 'abort' ? (outcome.reason as WasiexecError).code : outcome,
          (error: WasiexecError) => error.code,
        ),
      ),
    )
    t.deepEqual(codes, [code, code])
  }
})

test('instances of a pool take slots, and free them at its end', async (t) => {
  const runtime = new Runtime({ threads: 2, maxConcurrentRuns: 2, cacheDir: false })
  const program = await ownWat('exports', { runtime })
  // More than there are slots: calls go on with those that there are.
  const pool = program.pool<Functions>({ instances: 8 })
  const sums = await Promise.all(Array.from({ length: 50 }, (_, n) => pool.value('add', n, 1)))
  t.deepEqual(
    sums,
    Array.from({ length: 50 }, (_, n) => n + 1),
  )
  t.is(runtime.stats().instances, 2)
  await pool[Symbol.asyncDispose]()
  await runtime.close()
  t.is(runtime.stats().instances, 0)
})

test('a pool that ends takes the instances with it that are being made', async (t) => {
  const runtime = new Runtime({ threads: 1, maxConcurrentRuns: 2, cacheDir: false })
  const text = '(module (func (export "_initialize") (loop (br 0))) (func (export "next")))'
  const program = await load(Buffer.from(text), { runtime })
  const other = await ownWat('return', { runtime })
  // More than there are slots: some wait for one.
  for (const instances of [1, 2, 4]) {
    const pool = program.pool({ instances })
    const calls = Array.from({ length: 4 }, () => pool.call('next'))
    await until(() => runtime.stats().instances > 0)
    t.is(pool.stats().starting, instances)
    await pool[Symbol.asyncDispose]()
    await until(() => runtime.stats().instances === 0)
    for (const call of calls) {
      const outcome = await call
      t.is(
        outcome.kind === 'abort' && (outcome.reason as WasiexecError).code,
        'ERR_INSTANCE_CLOSED',
      )
    }
    t.like(pool.stats(), { starting: 0, waiting: 0, instances: 0 })
    // The thread is free.
    t.is((await other.run()).kind, 'exit')
  }
  await runtime.close()
})

test('the end of a pool is waited for, whenever the instances that it makes are made', async (t) => {
  const program = await wat('exports')
  for (let round = 0; round < 200; round += 1) {
    const pool = program.pool<Functions>({ instances: 4 })
    // Each of them is replaced, and some of the new ones are made when the pool is told to end.
    await Promise.all([pool.call('trap'), pool.call('trap'), pool.call('trap'), pool.call('trap')])
    for (let turn = 0; turn < round % 4; turn += 1) await new Promise(setImmediate)
    await pool[Symbol.asyncDispose]()
  }
  t.pass()
})

test('calls that wait have one listener of their signal together, which goes with the last of them', async (t) => {
  const program = await wat('exports')
  await using pool = program.pool<Functions>({ instances: 1 })
  const { signal } = new AbortController()
  const calls = Array.from({ length: 1000 }, () => pool.with({ signal }).call('add', 1, 2))
  t.is(getEventListeners(signal, 'abort').length, 1)
  t.deepEqual(new Set((await Promise.all(calls)).map(callEnding)), new Set(['returned']))
  t.is(getEventListeners(signal, 'abort').length, 0)
})

test('calls that wait are carried out in their order, without those that are aborted', async (t) => {
  const program = await wat('exports')
  await using pool = program.pool<Functions>({ instances: 1 })
  const [even, odd] = [new AbortController(), new AbortController()]
  const calls = Array.from({ length: 40 }, (_, n) =>
    pool.with({ signal: (n % 2 === 0 ? even : odd).signal }).call('next'),
  )
  odd.abort('odd')
  t.is(pool.stats().waiting, 20)
  const told = (await Promise.all(calls)).map((outcome) => {
    if (outcome.kind === 'abort') return outcome.reason
    return outcome.kind === 'returned' && outcome.values[0]
  })
  t.deepEqual(
    told,
    calls.map((_, n) => (n % 2 === 0 ? n / 2 + 1 : 'odd')),
  )
  t.is(getEventListeners(even.signal, 'abort').length, 0)
})

test('options that are inherited count', async (t) => {
  const options = Object.create({ limits: { fuel: 1n } }) as PoolOptions
  await using pool = (await wat('exports')).pool<Functions>(options)
  t.is((await refusal(pool.call('add', 1, 2))).code, 'ERR_INSTANTIATE')
})
