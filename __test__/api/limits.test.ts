// Run once more with worker processes, with each compiler, through spawn, and by calls.
import test from 'ava'
import fc from 'fast-check'
import { byCalls, type Limits } from '../support/package.ts'
import { ending, observed, ownWat, Sink, wat } from '../support/guest.ts'
import { PATIENCE_MS, withMoreTime } from '../support/patience.ts'

const PAGE = 65_536

/** Making an instance has fuel of its own, so a call uses less than a run. */
const testOfRuns = byCalls ? test.skip : test

/** What `flood` has printed after so many bytes. */
function flood(bytes: number): string {
  return '0123456789abcdef'.repeat(Math.ceil(bytes / 16)).slice(0, bytes)
}

test('a memory cap denies growth by default and the guest decides', async (t) => {
  const program = await wat('grow-until-denied')
  const outcome = await program.run({ limits: { memoryBytes: 10 * PAGE } })
  t.deepEqual(observed(outcome), ['exit 0', '10\n', ''])
  t.true(outcome.usage.memoryDenied)
  t.is(outcome.usage.memoryPeakBytes, 10 * PAGE)
})

test('a memory cap with onMemory stop ends the run at the first growth beyond it', async (t) => {
  const program = await wat('grow-until-denied')
  const outcome = await program.run({ limits: { memoryBytes: 10 * PAGE, onMemory: 'stop' } })
  t.deepEqual(observed(outcome), ['limit memory', '', ''])
  t.true(outcome.usage.memoryDenied)
  t.is(outcome.usage.memoryPeakBytes, 10 * PAGE)
})

test('memory up to exactly the cap is granted', async (t) => {
  const program = await wat('grow-argv')
  for (const onMemory of ['deny', 'stop'] as const) {
    const limits = { memoryBytes: 5 * PAGE, onMemory }
    const enough = await program.run({ args: ['4'], limits })
    t.deepEqual(observed(enough), ['exit 0', '1\n', ''])
    t.is(enough.usage.memoryPeakBytes, 5 * PAGE)
    t.false(enough.usage.memoryDenied)
    const more = await program.run({ args: ['5'], limits })
    t.is(ending(more), onMemory === 'deny' ? 'exit 0' : 'limit memory')
    t.true(more.usage.memoryDenied)
  }
})

test('a memory cap counts all memories of a run together', async (t) => {
  const program = await wat('grow-two-memories')
  const outcome = await program.run({ limits: { memoryBytes: 9 * PAGE } })
  t.deepEqual(observed(outcome), ['exit 0', '9\n', ''])
})

test('a memory cap counts tables', async (t) => {
  const program = await wat('grow-table')
  const outcome = await program.run({ limits: { memoryBytes: 1 << 20 } })
  t.is(ending(outcome), 'exit 0')
  t.true(Number(outcome.stdout.toString()) * 8 <= 1 << 20)
  t.true(outcome.usage.memoryDenied)
})

test('a program that begins with more memory than its cap ends as limit memory', async (t) => {
  const program = await wat('big-minimum')
  t.is(ending(await program.run()), 'exit 0')
  t.is(ending(await program.run({ limits: { memoryBytes: 1 << 20 } })), 'limit memory')
  t.is(ending(await (await wat('hello')).run({ limits: { memoryBytes: 0 } })), 'limit memory')
})

test('a growth beyond the own maximum of a memory is denied, not a limit', async (t) => {
  const program = await wat('grow-past-maximum')
  const outcome = await program.run({ limits: { onMemory: 'stop' } })
  t.is(ending(outcome), 'exit 0')
})

test('output up to exactly the cap is kept', async (t) => {
  const program = await wat('flood-argv')
  for (const onOutput of ['stop', 'truncate'] as const) {
    const enough = await program.run({ args: ['70000'], limits: { outputBytes: 70_000, onOutput } })
    t.is(ending(enough), 'exit 0')
    t.is(enough.stdout.length, 70_000)
    t.false(enough.usage.outputTruncated)
    const less = await program.run({ args: ['70000'], limits: { outputBytes: 69_999, onOutput } })
    t.is(ending(less), onOutput === 'stop' ? 'limit output' : 'exit 0')
    t.is(less.stdout.length, 69_999)
    t.is(less.usage.outputTruncated, onOutput === 'truncate')
  }
})

test('any cap cuts output exactly, on either stream', async (t) => {
  const programs = { stdout: await wat('flood'), stderr: await wat('flood-stderr') }
  const stream = fc.constantFrom('stdout' as const, 'stderr' as const)
  const property = fc.asyncProperty(stream, fc.nat(200_000), async (name, outputBytes) => {
    const outcome = await programs[name].run({ limits: { outputBytes } })
    t.is(ending(outcome), 'limit output')
    t.is(outcome[name].length, outputBytes)
    t.true(outcome[name].toString() === flood(outputBytes))
  })
  await fc.assert(property, { numRuns: 60 })
})

test('stdout and stderr share the output cap', async (t) => {
  const program = await wat('print-both')
  const limits = { outputBytes: 6, onOutput: 'truncate' } as const
  t.deepEqual(observed(await program.run({ limits })), ['exit 2', 'out\n', 'er'])
  t.deepEqual(observed(await program.run({ limits: { outputBytes: 6 } })), [
    'limit output',
    'out\n',
    'er',
  ])
  t.deepEqual(observed(await program.run({ limits: { outputBytes: 8 } })), [
    'exit 2',
    'out\n',
    'err\n',
  ])
})

test('truncated output goes on until another limit', async (t) => {
  const program = await wat('flood')
  const limits = { outputBytes: 100, onOutput: 'truncate' } as const
  const outcome = await withMoreTime(
    500,
    (timeoutMs) => program.run({ limits: { ...limits, timeoutMs } }),
    ({ usage }) => usage.outputTruncated,
  )
  t.deepEqual(observed(outcome), ['limit timeout', flood(100), ''])
  t.true(outcome.usage.outputTruncated)
})

test('16 MiB of output are the default cap', async (t) => {
  const outcome = await (await wat('flood')).run()
  t.is(ending(outcome), 'limit output')
  t.is(outcome.stdout.length, 16 << 20)
})

test('output that is not captured has no cap unless one is given', async (t) => {
  const program = await wat('flood-argv')
  const length = 17 * 1024 * 1024
  const run = (stdout: 'ignore' | Sink, outputBytes?: number) =>
    program.run({ args: [String(length)], limits: { outputBytes }, stdout })
  t.is(ending(await run('ignore')), 'exit 0')
  t.is(ending(await run('ignore', 10)), 'exit 0')
  const whole = new Sink()
  t.is(ending(await run(whole)), 'exit 0')
  t.is(whole.text.length, length)
  const cut = new Sink()
  t.is(ending(await run(cut, 10)), 'limit output')
  t.is(cut.text.length, 10)
})

for (const guest of ['hello', 'loop-argv', 'component-hello', 'component-p3-hello']) {
  testOfRuns(`fuel is exact: ${guest}`, async (t) => {
    const program = await wat(guest)
    const run = (fuel: number | bigint) => program.run({ args: ['1'], limits: { fuel } })
    const first = await run(1n << 40n)
    const second = await run(Number.MAX_SAFE_INTEGER)
    const fuel = first.usage.fuel!
    t.is(ending(first), 'exit 0')
    t.true(fuel > 0n)
    t.is(second.usage.fuel, fuel)

    const enough = await run(fuel)
    t.deepEqual(observed(enough), observed(first))
    t.is(enough.usage.fuel, fuel)
    const less = await run(fuel - 1n)
    t.is(ending(less), 'limit fuel')
    t.is(less.usage.fuel, fuel - 1n)
  })
}

test('no fuel at all starts nothing that costs any', async (t) => {
  const outcome = await (await wat('loop')).run({ limits: { fuel: 0 } })
  t.is(ending(outcome), 'limit fuel')
  t.is(outcome.usage.fuel, 0n)
})

test('the most fuel there is is enough', async (t) => {
  const limits = { fuel: (1n << 64n) - 1n }
  const outcome = await (await wat('hello')).run({ limits })
  t.is(ending(outcome), 'exit 0')
  t.true(outcome.usage.fuel! < 1000n)
})

testOfRuns('fuel is the same whether it was asked for at load or at the first run', async (t) => {
  const early = await ownWat('loop-argv', { fuel: true })
  const late = await ownWat('loop-argv')
  const options = { args: ['1'], limits: { fuel: 1n << 40n } }
  const [a, b, c] = [await early.run(options), await late.run(options), late.runSync(options)]
  t.is(a.usage.fuel, b.usage.fuel)
  t.is(b.usage.fuel, c.usage.fuel)
})

test('cpuMs ends a loop and leaves a sleeper alone', async (t) => {
  const loop = await (await wat('loop')).run({ limits: { cpuMs: 30 } })
  t.is(ending(loop), 'limit cpu')
  t.true(loop.usage.cpuMs >= 30)
  const sleep = await (await wat('sleep-argv')).run({ args: ['150'], limits: { cpuMs: 100 } })
  t.deepEqual(observed(sleep), ['exit 0', 'slept\n', ''])
})

test('timeoutMs is not over before its time', async (t) => {
  for (const guest of ['loop', 'sleep-hour', 'component-loop', 'component-p3-loop']) {
    const outcome = await (await wat(guest)).run({ limits: { timeoutMs: 80 } })
    t.is(ending(outcome), 'limit timeout', guest)
    t.true(outcome.usage.wallMs >= 80, guest)
    t.true(outcome.usage.wallMs < PATIENCE_MS, guest)
  }
})

test('the limit that is reached first is the one reported', async (t) => {
  const program = await wat('loop')
  const ends: [Limits, string][] = [
    [{ timeoutMs: 20, cpuMs: 10_000, fuel: 1n << 50n }, 'limit timeout'],
    [{ timeoutMs: 60_000, cpuMs: 20, fuel: 1n << 50n }, 'limit cpu'],
    [{ timeoutMs: 60_000, cpuMs: 60_000, fuel: 1000 }, 'limit fuel'],
  ]
  for (const [limits, expected] of ends) t.is(ending(await program.run({ limits })), expected)
})

test('limits that are large beyond all measure are as good as none', async (t) => {
  const limits: Limits = {
    timeoutMs: Number.MAX_VALUE,
    cpuMs: Number.MAX_VALUE,
    memoryBytes: Number.MAX_SAFE_INTEGER,
    outputBytes: 2 ** 31 - 1,
  }
  t.deepEqual(observed(await (await wat('hello')).run({ limits })), ['exit 0', 'hello\n', ''])
})
