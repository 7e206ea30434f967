import { setTimeout } from 'node:timers/promises'
import test from 'ava'
import { Runtime } from '../support/package.ts'
import { ending, numbers, observed, ownWat, Sink, until } from '../support/guest.ts'

test('1,000 sleeping guests and a looping one share two threads', async (t) => {
  await using runtime = new Runtime({ threads: 2 })
  const sleep = await ownWat('sleep-argv', { runtime })
  const loop = await ownWat('loop', { runtime })
  const start = performance.now()
  const looping = loop.run({ limits: { timeoutMs: 300 } })
  const outcomes = await Promise.all(
    Array.from({ length: 1000 }, () => sleep.run({ args: ['200'] })),
  )
  const took = performance.now() - start
  t.log(`1,000 sleeps of 200 ms took ${Math.round(took)} ms`)
  t.true(outcomes.every((outcome) => `${observed(outcome)}` === 'exit 0,slept\n,'))
  // Half as long as one after the other.
  t.true(took < 100_000)
  t.is(ending(await looping), 'limit timeout')
})

test('loops on every thread leave the others their turn', async (t) => {
  await using runtime = new Runtime({ threads: 2 })
  const loop = await ownWat('signal-then-loop', { runtime })
  const hello = await ownWat('hello', { runtime })
  const controller = new AbortController()
  const sinks = Array.from({ length: 6 }, () => new Sink())
  const looping = sinks.map((stderr) => loop.run({ stderr, signal: controller.signal }))
  await Promise.all(sinks.map((sink) => sink.until('ready')))
  // All end although no loop does.
  const outcomes = await Promise.all(Array.from({ length: 50 }, () => hello.run()))
  t.true(outcomes.every((outcome) => outcome.ok))
  controller.abort()
  t.true((await Promise.all(looping)).every((outcome) => outcome.kind === 'abort'))
})

test('the event loop goes on while guests compute', async (t) => {
  await using runtime = new Runtime()
  const loop = await ownWat('loop', { runtime })
  const controller = new AbortController()
  const looping = Array.from({ length: 4 }, () => loop.run({ signal: controller.signal }))
  await until(() => runtime.stats().running === looping.length)
  // None of these timers would fire if the guests, which never end, had this thread.
  for (let turns = 0; turns < 20; turns += 1) await setTimeout(1)
  t.is(runtime.stats().running, looping.length)
  controller.abort()
  t.true((await Promise.all(looping)).every((outcome) => outcome.kind === 'abort'))
})

test('timers have their turn in a loop of runs between which the caller computes', async (t) => {
  await using runtime = new Runtime()
  const hello = await ownWat('hello', { runtime })
  const compute = (milliseconds: number): void => {
    const start = performance.now()
    while (performance.now() - start < milliseconds);
  }
  let [row, longest] = [0, 0]
  const turn = setInterval(() => (row = 0), 1)
  for (const _ of numbers(1000)) {
    await hello.run()
    compute(0.5)
    row += 1
    longest = Math.max(longest, row)
  }
  clearInterval(turn)
  // A timer is due after each second run.
  t.true(longest < 12, `${longest} runs in a row`)
})

test('loading a program leaves the event loop alone', async (t) => {
  await using runtime = new Runtime({ threads: 1, cacheDir: false })
  const functions = Array.from({ length: 20_000 }, (_, index) => {
    const body = `(i32.add (local.get 0) (i32.mul (local.get 0) (i32.const ${index})))`
    return `(func (export "f${index}") (param i32) (result i32) ${body})`
  })
  const source = Buffer.from(`(module ${functions.join('\n')} (func (export "_start")))`)
  const { load } = await import('../support/package.ts')
  let turns = 0
  const loading = load(source, { runtime }).finally(() => {
    turns = -turns
  })
  while (turns >= 0 && turns < 5) {
    await setTimeout(1)
    turns += 1
  }
  // Timers fired in between: a load that blocks would be over before the first.
  t.is(turns, 5)
  t.is(ending(await (await loading).run()), 'exit 0')
})
