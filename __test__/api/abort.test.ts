// Run once more with worker processes, with each compiler, and through spawn.
import { existsSync } from 'node:fs'
import { getEventListeners } from 'node:events'
import { join } from 'node:path'
import { setImmediate } from 'node:timers/promises'
import test, { type ExecutionContext } from 'ava'
import {
  Runtime,
  WasiexecError,
  type Abort,
  type Outcome,
  type RunOptions,
} from '../support/package.ts'
import { deferred, ending, folder, observed, ownWat, refusal, Sink, wat } from '../support/guest.ts'

/** Options of a write-file guest, and whether it has written. */
async function writing(
  t: ExecutionContext,
): Promise<{ options: RunOptions; written: () => boolean }> {
  const hostPath = await folder(t)
  return {
    options: { args: ['proof', 'x'], preopens: { '/': { hostPath, access: 'write' } } },
    written: () => existsSync(join(hostPath, 'proof')),
  }
}

function reasonOf(outcome: Outcome): unknown {
  return outcome.kind === 'abort' ? outcome.reason : ending(outcome)
}

test('a signal that is aborted already starts nothing', async (t) => {
  const program = await wat('write-file')
  const { options, written } = await writing(t)
  const reason = new Error('too late')
  const outcome = await program.run({ ...options, signal: AbortSignal.abort(reason) })
  t.is(reasonOf(outcome), reason)
  t.false(outcome.ok)
  t.deepEqual(observed(outcome), ['abort', '', ''])
  t.false(written())
  // The guest is one that would have.
  t.is(ending(await program.run(options)), 'exit 0')
  t.true(written())
})

test('a signal aborted in the same tick as the run starts nothing', async (t) => {
  const program = await wat('write-file')
  const { options, written } = await writing(t)
  const controller = new AbortController()
  const running = program.run({ ...options, signal: controller.signal })
  controller.abort('at once')
  t.is(reasonOf(await running), 'at once')
  t.false(written())
})

for (const guest of ['signal-then-loop', 'signal-then-sleep']) {
  test(`an abort ends ${guest}, and what it printed is there`, async (t) => {
    const controller = new AbortController()
    const stderr = new Sink()
    const running = (await wat(guest)).run({ stderr, signal: controller.signal })
    await stderr.until('ready')
    const reason = { any: 'value' }
    controller.abort(reason)
    const outcome = await running
    t.is(reasonOf(outcome), reason)
    t.is(outcome.stdout.toString(), 'before\n')
  })
}

test('an abort ends a guest that waits for stdin', async (t) => {
  const controller = new AbortController()
  const asked = deferred<void>()
  async function* never(): AsyncGenerator<string> {
    asked.resolve()
    await new Promise(() => {})
    yield 'never'
  }
  const running = (await wat('cat')).run({ stdin: never(), signal: controller.signal })
  await asked.promise
  controller.abort()
  const outcome = await running
  t.is(ending(outcome), 'abort')
  t.is((reasonOf(outcome) as DOMException).name, 'AbortError')
})

test('an abort ends a component', async (t) => {
  for (const guest of ['component-loop', 'component-p3-loop']) {
    const controller = new AbortController()
    const running = (await wat(guest)).run({ signal: controller.signal })
    await setImmediate()
    controller.abort(guest)
    t.is(reasonOf(await running), guest)
  }
})

test('an abort after the end changes nothing', async (t) => {
  const controller = new AbortController()
  const outcome = await (await wat('hello')).run({ signal: controller.signal })
  controller.abort()
  await setImmediate()
  t.deepEqual(observed(outcome), ['exit 0', 'hello\n', ''])
})

test('AbortSignal.timeout and AbortSignal.any work', async (t) => {
  const program = await wat('loop')
  const first = await program.run({ signal: AbortSignal.timeout(30) })
  t.is((reasonOf(first) as DOMException).name, 'TimeoutError')
  const never = new AbortController().signal
  const second = await program.run({ signal: AbortSignal.any([never, AbortSignal.timeout(30)]) })
  t.is((reasonOf(second) as DOMException).name, 'TimeoutError')
})

test('one signal serves 1,000 runs without a warning and keeps none of them', async (t) => {
  const warnings: Error[] = []
  const onWarning = (warning: Error): void => void warnings.push(warning)
  process.on('warning', onWarning)
  t.teardown(() => process.off('warning', onWarning))
  const { signal } = new AbortController()
  const program = await wat('hello')
  const running = Array.from({ length: 1000 }, () => program.run({ signal }))
  t.is(getEventListeners(signal, 'abort').length, 1)
  const outcomes = await Promise.all(running)
  t.true(outcomes.every((outcome) => outcome.ok))
  t.is(getEventListeners(signal, 'abort').length, 0)
  await setImmediate()
  t.deepEqual(warnings, [])
})

test('one signal aborts all its runs, and no others', async (t) => {
  const controller = new AbortController()
  const sleep = await wat('sleep-hour')
  const hello = await wat('hello')
  const aborted = Array.from({ length: 200 }, () => sleep.run({ signal: controller.signal }))
  const others = Array.from({ length: 200 }, () => hello.run())
  controller.abort('all')
  t.true((await Promise.all(aborted)).every((outcome) => reasonOf(outcome) === 'all'))
  t.true((await Promise.all(others)).every((outcome) => outcome.ok))
})

test('a run that waits in the queue is aborted at once and never starts', async (t) => {
  await using runtime = new Runtime({ threads: 1, maxConcurrentRuns: 1 })
  const first = new AbortController()
  const stderr = new Sink()
  const sleep = await ownWat('signal-then-sleep', { runtime })
  const write = await ownWat('write-file', { runtime })
  const sleeping = sleep.run({ stderr, signal: first.signal })
  await stderr.until('ready')

  const { options, written } = await writing(t)
  const second = new AbortController()
  const queued = write.run({ ...options, signal: second.signal })
  await setImmediate()
  t.like(runtime.stats(), { running: 1, queued: 1 })
  second.abort('not any more')
  const outcome = await queued
  t.is(reasonOf(outcome), 'not any more')
  t.is(outcome.usage.wallMs, 0)
  first.abort()
  t.is(ending(await sleeping), 'abort')
  t.false(written())
  t.is(ending(await write.run(options)), 'exit 0')
})

test('disposing of a program aborts its runs, with a reason that says so', async (t) => {
  const stderr = new Sink()
  const running: Promise<Outcome>[] = []
  {
    using program = await ownWat('signal-then-sleep', { name: 'sleeper' })
    running.push(program.run({ stderr }), program.run({ stderr }))
    await stderr.until('ready')
  }
  for (const outcome of await Promise.all(running)) {
    const reason = reasonOf(outcome) as WasiexecError
    t.true(reason instanceof WasiexecError)
    t.is(reason.code, 'ERR_PROGRAM_CLOSED')
    t.regex(reason.message, /"sleeper"/)
  }
})

test('a program that was disposed of refuses runs and leaves others alone', async (t) => {
  const program = await ownWat('hello')
  const other = await ownWat('hello')
  program[Symbol.dispose]()
  program[Symbol.dispose]()
  t.is((await refusal(program.run())).code, 'ERR_PROGRAM_CLOSED')
  t.is((await refusal(() => program.runSync())).code, 'ERR_PROGRAM_CLOSED')
  t.is(ending(await other.run()), 'exit 0')
})

test('closing a runtime aborts running and waiting runs, with a reason that says so', async (t) => {
  const runtime = new Runtime({ threads: 1, maxConcurrentRuns: 1 })
  const stderr = new Sink()
  const program = await ownWat('signal-then-loop', { runtime })
  const running = program.run({ stderr })
  await stderr.until('ready')
  const queued = program.run()
  const closed = runtime.close()
  const outcomes = await Promise.all([running, queued])
  for (const outcome of outcomes) {
    t.is((reasonOf(outcome) as WasiexecError).code, 'ERR_RUNTIME_CLOSED')
  }
  t.is(outcomes[0].stdout.toString(), 'before\n')
  await closed
})

test('the first cause of an abort is the one reported', async (t) => {
  const program = await ownWat('signal-then-sleep')
  const stderr = new Sink()
  const controller = new AbortController()
  const running = program.run({ stderr, signal: controller.signal })
  await stderr.until('ready')
  program[Symbol.dispose]()
  controller.abort('second')
  t.is((reasonOf(await running) as WasiexecError).code, 'ERR_PROGRAM_CLOSED')
})

test('an abort that comes with the end is one or the other, never both or none', async (t) => {
  const program = await wat('hello')
  for (let round = 0; round < 200; round += 1) {
    const controller = new AbortController()
    const running = program.run({ signal: controller.signal })
    if (round % 2 === 1) await setImmediate()
    controller.abort(round)
    const outcome = await running
    if (outcome.kind === 'abort') t.is((outcome satisfies Abort).reason, round)
    else t.deepEqual(observed(outcome), ['exit 0', 'hello\n', ''])
  }
})
