// Run once more with worker processes.
import test from 'ava'
import { inProcesses, load, loadSync, Runtime } from '../support/package.ts'
import { node } from '../support/child.ts'
import { ending, observed, ownWat, refusal, Sink, watPath } from '../support/guest.ts'

test('a runtime says what it has', async (t) => {
  await using runtime = new Runtime({ threads: 3, maxConcurrentRuns: 7, cacheDir: false })
  t.deepEqual(runtime.stats(), {
    threads: 3,
    workers: inProcesses ? 'processes' : 'threads',
    usefulThreads: 3,
    maxConcurrentRuns: 7,
    allocation: 'pooling',
    programs: 0,
    optimizing: 0,
    compilations: 0,
    queued: 0,
    running: 0,
    finished: 0,
    instances: 0,
    cacheDir: null,
  })
})

test('the defaults are a thread for each core and 1,024 runs', async (t) => {
  await using runtime = new Runtime()
  t.true(runtime.stats().threads >= 1)
  t.is(runtime.stats().maxConcurrentRuns, 1024)
})

test('no more than maxConcurrentRuns run at a time; the others wait in order', async (t) => {
  await using runtime = new Runtime({ threads: 2, maxConcurrentRuns: 3 })
  const program = await ownWat('signal-then-sleep', { runtime })
  const sinks = Array.from({ length: 5 }, () => new Sink())
  const controllers = sinks.map(() => new AbortController())
  const running = sinks.map((stderr, index) =>
    program.run({ stderr, signal: controllers[index]!.signal }),
  )
  await Promise.all(sinks.slice(0, 3).map((sink) => sink.until('ready')))
  t.like(runtime.stats(), { running: 3, queued: 2, programs: 1 })
  t.is(sinks[3]!.text + sinks[4]!.text, '')
  controllers[1]!.abort()
  await sinks[3]!.until('ready')
  t.is(sinks[4]!.text, '')
  for (const controller of controllers) controller.abort()
  t.true((await Promise.all(running)).every((outcome) => outcome.kind === 'abort'))
})

test('a timeout counts from the start of the guest, not from the queue', async (t) => {
  await using runtime = new Runtime({ threads: 1, maxConcurrentRuns: 1 })
  const program = await ownWat('sleep-argv', { runtime })
  const outcomes = await Promise.all(
    Array.from({ length: 5 }, () => program.run({ args: ['150'], limits: { timeoutMs: 600 } })),
  )
  t.deepEqual(
    outcomes.map(ending),
    Array.from({ length: 5 }, () => 'exit 0'),
  )
})

test('finished runs are counted', async (t) => {
  await using runtime = new Runtime({ threads: 1 })
  const program = await ownWat('hello', { runtime })
  for (let round = 0; round < 10; round += 1) program.runSync()
  await Promise.all(Array.from({ length: 10 }, () => program.run()))
  await runtime.close()
  t.like(runtime.stats(), { finished: 20, running: 0, queued: 0 })
})

test('a closed runtime refuses everything by its code', async (t) => {
  const runtime = new Runtime({ threads: 1 })
  const program = await ownWat('hello', { runtime })
  const closed = runtime.close()
  const refused = [
    await refusal(program.run()),
    await refusal(() => program.runSync()),
    await refusal(load(watPath('hello'), { runtime })),
    await refusal(() => loadSync(watPath('hello'), { runtime })),
  ]
  t.deepEqual(
    refused.map(({ code }) => code),
    Array.from({ length: 4 }, () => 'ERR_RUNTIME_CLOSED'),
  )
  await closed
  t.is((await refusal(program.run())).code, 'ERR_RUNTIME_CLOSED')
  t.is((await refusal(load(watPath('hello'), { runtime }))).code, 'ERR_RUNTIME_CLOSED')
  program[Symbol.dispose]()
})

test('a runtime may be closed twice', async (t) => {
  const runtime = new Runtime({ threads: 1 })
  await Promise.all([runtime.close(), runtime.close()])
  await runtime.close()
  await runtime[Symbol.asyncDispose]()
  t.is(runtime.stats().running, 0)
})

test('runs that were submitted in the tick of the close end as abort or are refused', async (t) => {
  const runtime = new Runtime({ threads: 2 })
  const program = await ownWat('sleep-hour', { runtime })
  const running = Array.from({ length: 100 }, () => program.run())
  await runtime.close()
  t.deepEqual([...new Set((await Promise.all(running)).map(ending))], ['abort'])
})

test('loads that are going on when the runtime closes all settle', async (t) => {
  for (let round = 0; round < 20; round += 1) {
    const runtime = new Runtime({ threads: 1 })
    const loading = Array.from({ length: 20 }, (_, index) =>
      ownWat('hello', { runtime, name: String(index) }),
    )
    const closed = runtime.close()
    for (const result of await Promise.allSettled(loading)) {
      const { code } = (result as { reason?: { code: string } }).reason ?? { code: 'none' }
      t.true(['none', 'ERR_RUNTIME_CLOSED'].includes(code), code)
    }
    await closed
  }
})

test('what is asked in the tick of the close is answered or refused', async (t) => {
  for (let round = 0; round < 50; round++) {
    const runtime = new Runtime({ threads: 1, cacheDir: false })
    const program = await ownWat('hello', { runtime })
    const asked = [program.inspect(), program.serialize(), load(watPath('return'), { runtime })]
    const closed = runtime.close()
    for (const answer of await Promise.allSettled<object>(asked)) {
      if (answer.status === 'rejected') t.is(answer.reason.code, 'ERR_RUNTIME_CLOSED')
    }
    await closed
  }
  t.pass()
})

test('runtimes share nothing: one that is full or closed is no matter to another', async (t) => {
  await using full = new Runtime({ threads: 1, maxConcurrentRuns: 1 })
  const closed = new Runtime({ threads: 1 })
  await closed.close()
  await using other = new Runtime({ threads: 1 })
  const looping = (await ownWat('loop', { runtime: full })).run()
  const program = await ownWat('hello', { runtime: other })
  t.deepEqual(observed(await program.run()), ['exit 0', 'hello\n', ''])
  await full.close()
  t.is(ending(await looping), 'abort')
})

test('closed runtimes give back their address space, one after another', async (t) => {
  const child = await node(`
    const allocations = new Set()
    for (let round = 0; round < 64; round += 1) {
      const runtime = new Runtime({ threads: 1 })
      const program = await ownWat('hello', { runtime })
      await program.run()
      allocations.add(runtime.stats().allocation)
      await runtime.close()
    }
    console.log(...allocations)`)
  t.like(child, { code: 0, stdout: 'pooling\n' }, child.stderr)
})

if (process.platform === 'linux') {
  test('closed runtimes leave no threads behind', async (t) => {
    const child = await node(`
      import { readdirSync } from 'node:fs'
      const threads = () => readdirSync('/proc/self/task').length
      const cycle = async () => {
        const runtime = new Runtime({ threads: 2 })
        await (await ownWat('hello', { runtime })).run()
        await runtime.close()
      }
      await cycle()
      const before = threads()
      for (let round = 0; round < 20; round += 1) await cycle()
      // A thread that was told to end needs a moment to do so.
      for (let round = 0; round < 200 && threads() > before + 2; round += 1) {
        await new Promise((resolve) => setTimeout(resolve, 10))
      }
      console.log(threads() - before)`)
    t.true(Number(child.stdout) <= 2, `${child.stdout} more ${child.stderr}`)
  })

  test('where address space is short, programs run all the same', async (t) => {
    const child = await node(
      `const runtime = new Runtime()
       const guests = ['hello', 'trap-stack-overflow', 'component-hello', 'big-minimum']
       const programs = await Promise.all(guests.map((guest) => ownWat(guest, { runtime })))
       const outcomes = await Promise.all(programs.map((program) => program.run()))
       console.log(runtime.stats().allocation, outcomes.map(ending).join())`,
      { addressSpace: 8_000_000 },
    )
    const expected = 'compact exit 0,trap stack-overflow,exit 0,exit 0\n'
    t.like(child, { code: 0, stdout: expected }, child.stderr)
  })
}
