import { readFile } from 'node:fs/promises'
import { setImmediate } from 'node:timers/promises'
import { once } from 'node:events'
import test from 'ava'
import { load, loadSync, run, Runtime, type LoadOptions, type Program } from '../support/package.ts'
import { ended, node, start, type Ended } from '../support/child.ts'
import {
  deferred,
  ending,
  observed,
  ownWat,
  real,
  refusal,
  Sink,
  wat,
  watPath,
} from '../support/guest.ts'

const NEVER = { cache: false, interruptible: false } as const

/** A tiny guest that nobody can interrupt. */
function uninterruptible(name: string, options: LoadOptions = {}): Promise<Program> {
  return ownWat(name, { interruptible: false, ...options })
}

const SAME = [
  'return',
  'hello',
  'print-both',
  'exit-deep-recursion',
  'exit-then-unreachable',
  'trap-unreachable',
  'trap-stack-overflow',
  'trap-uncaught-exception',
  'flood',
  'grow-two-memories',
  'big-table',
  'component-hello',
  'component-exit-with-code-255',
  'component-trap',
  'component-p3-hello',
  'component-p3-exit-with-code-3',
  'component-p3-trap',
]
for (const name of SAME) {
  test(`${name} ends as it does when it is interruptible`, async (t) => {
    const limits = { memoryBytes: 64 << 20, outputBytes: 10_000 }
    const expected = await (await wat(name)).run({ limits })
    const program = await uninterruptible(name)
    for (const outcome of [await program.run({ limits }), program.runSync({ limits })]) {
      t.deepEqual(observed(outcome), observed(expected))
      t.is(outcome.usage.memoryPeakBytes, expected.usage.memoryPeakBytes)
      t.is(outcome.usage.fuel, undefined)
    }
  })
}

test('memory and output are limited as ever', async (t) => {
  const grow = await uninterruptible('grow-until-denied')
  const denied = await grow.run({ limits: { memoryBytes: 10 << 16 } })
  t.deepEqual(observed(denied), ['exit 0', '10\n', ''])
  const stopped = await grow.run({ limits: { memoryBytes: 10 << 16, onMemory: 'stop' } })
  t.deepEqual(observed(stopped), ['limit memory', '', ''])
  const flood = await (await uninterruptible('flood')).run({ limits: { outputBytes: 5 } })
  t.deepEqual(observed(flood), ['limit output', '01234', ''])
})

const LIMITED = [
  ['timeoutMs', { timeoutMs: 60_000 }],
  ['cpuMs', { cpuMs: 60_000 }],
  ['timeoutMs', { timeoutMs: 60_000, cpuMs: 60_000, fuel: 1_000_000 }],
] as const
for (const [option, limits] of LIMITED) {
  test(`${Object.keys(limits).join()} is refused by run, runSync and the one-shot run`, async (t) => {
    const expected = {
      name: 'WasiexecError',
      code: 'ERR_INVALID_OPTION',
      message:
        `\`limits.${option}\` needs a program that can be interrupted, but "tool" was loaded ` +
        `with \`interruptible: false\`; load it without that option to limit its time`,
    }
    for (const guest of ['hello', 'component-hello']) {
      const program = await uninterruptible(guest, { name: 'tool' })
      t.deepEqual(await refusal(program.run({ limits })), expected)
      t.deepEqual(await refusal(() => program.runSync({ limits })), expected)
      const oneShot = run(watPath(guest), { ...NEVER, name: 'tool', limits })
      t.deepEqual(await refusal(oneShot), expected)
      // Nothing is left of it.
      t.deepEqual(observed(await program.run()), ['exit 0', 'hello\n', ''])
    }
  })
}

test('a refused run closes the stream that it was given', async (t) => {
  async function* input(): AsyncGenerator<string> {
    for (;;) yield 'x'
  }
  const program = await uninterruptible('cat')
  const stdin = input()
  const { code } = await refusal(program.run({ stdin, limits: { timeoutMs: 1 } }))
  t.is(code, 'ERR_INVALID_OPTION')
  t.true((await stdin.next()).done)
})

test('fuel is counted and limits as ever', async (t) => {
  const options = { args: ['1'], limits: { fuel: 2 ** 40 } }
  const expected = await (await wat('loop-argv')).run(options)
  for (const fuel of [false, true]) {
    const counted = await (await uninterruptible('loop-argv', { fuel })).run(options)
    t.is(counted.usage.fuel, expected.usage.fuel)
  }
  for (const guest of ['loop', 'component-loop', 'component-p3-loop']) {
    const gone = await (await uninterruptible(guest)).run({ limits: { fuel: 1_000_000 } })
    t.is(ending(gone), 'limit fuel')
    t.is(gone.usage.fuel, 1_000_000n)
  }
})

test('a run with fuel is heard to be aborted while it computes', async (t) => {
  const controller = new AbortController()
  const stderr = new Sink()
  const program = await uninterruptible('signal-then-loop')
  const limits = { fuel: 2n ** 64n - 1n }
  const running = program.run({ stderr, limits, signal: controller.signal })
  await stderr.until('ready')
  controller.abort('enough')
  t.like(await running, { kind: 'abort', reason: 'enough' })
})

test('an abort is heard in a sleep', async (t) => {
  const controller = new AbortController()
  const stderr = new Sink()
  const program = await uninterruptible('signal-then-sleep')
  const running = program.run({ stderr, signal: controller.signal })
  await stderr.until('ready')
  controller.abort('enough')
  const outcome = await running
  t.like(outcome, { kind: 'abort', reason: 'enough' })
  t.is(outcome.stdout.toString(), 'before\n')
})

test('an abort is heard in a wait for stdin', async (t) => {
  const controller = new AbortController()
  const asked = deferred<void>()
  async function* never(): AsyncGenerator<string> {
    asked.resolve()
    await new Promise(() => {})
    yield 'never'
  }
  const program = await uninterruptible('cat')
  const running = program.run({ stdin: never(), signal: controller.signal })
  await asked.promise
  controller.abort()
  t.is(ending(await running), 'abort')
})

test('an abort before the start starts nothing', async (t) => {
  const program = await uninterruptible('loop')
  const controller = new AbortController()
  const running = program.run({ signal: controller.signal })
  controller.abort('at once')
  t.like(await running, { kind: 'abort', reason: 'at once' })
  t.is(ending(await program.run({ signal: AbortSignal.abort() })), 'abort')
})

test('an abort while it computes is reported at the end, with all that was printed', async (t) => {
  const controller = new AbortController()
  const stderr = new Sink()
  const program = await uninterruptible('signal-then-loop-argv')
  const running = program.run({ args: ['300'], stderr, signal: controller.signal })
  await stderr.until('ready')
  controller.abort('enough')
  const outcome = await running
  t.like(outcome, { kind: 'abort', reason: 'enough' })
  t.is(outcome.stdout.toString(), 'done\n')
})

test('disposing and closing are heard in a sleep', async (t) => {
  await using runtime = new Runtime({ threads: 1 })
  const stderr = new Sink()
  const running = []
  {
    using program = await uninterruptible('signal-then-sleep')
    running.push(program.run({ stderr }))
    await stderr.until('ready')
  }
  const own = new Sink()
  running.push((await uninterruptible('signal-then-sleep', { runtime })).run({ stderr: own }))
  await own.until('ready')
  await runtime.close()
  for (const outcome of await Promise.all(running)) t.is(ending(outcome), 'abort')
})

test('a real program computes the same in every way', async (t) => {
  // As it does natively.
  const expected = ['exit 0', 'sort 53be0016\nmatrix 1010481787775\nsieve 1805446\n', '']
  const program = await real('cpu')
  t.deepEqual(observed(await program.run()), expected)
  t.deepEqual(observed(await program.run({ limits: { fuel: 2 ** 40 } })), expected)
  t.deepEqual(observed(await (await real('cpu', { interruptible: false })).run()), expected)
})

test('streams work', async (t) => {
  async function* lines(): AsyncGenerator<string> {
    for (let index = 0; index < 100; index += 1) {
      yield `${index}\n`
      await setImmediate()
    }
  }
  const stdout = new Sink({ highWaterMark: 8 })
  const outcome = await (await uninterruptible('cat')).run({ stdin: lines(), stdout })
  t.is(ending(outcome), 'exit 0')
  t.is(stdout.text, Array.from({ length: 100 }, (_, index) => `${index}\n`).join(''))
})

test('others end while as many as there are threads never do', async (t) => {
  // With runs that end before, of the same turn, and after; of both kinds; and with time limits.
  const child = await node(`
    const runtime = new Runtime({ threads: 2 })
    const own = (name, options) => ownWat(name, { runtime, ...options })
    const [hello, sleep, loop] = await Promise.all(['hello', 'sleep-hour', 'loop'].map((name) => own(name)))
    const endless = await own('loop', { interruptible: false })
    const waiting = await own('signal-then-sleep', { interruptible: false })
    const stderr = new Sink()
    const controller = new AbortController()
    const aborted = waiting.run({ stderr, signal: controller.signal })
    await stderr.until('ready')
    const running = [hello.run()]
    for (let index = 0; index < 5; index += 1) {
      void endless.run()
      running.push(hello.run(), ...[sleep, loop].map((program) => program.run({ limits: { timeoutMs: 50 } })))
    }
    console.log((await Promise.all(running)).map(ending).join())
    controller.abort()
    console.log(ending(await aborted), ending(hello.runSync()))
    process.exit(4)`)
  const others = Array.from({ length: 5 }, () => 'exit 0,limit timeout,limit timeout').join()
  t.like(
    child,
    { code: 4, stdout: `exit 0,${others}\nabort exit 0\n` } satisfies Partial<Ended>,
    child.stderr,
  )
})

/** Starts what never ends and waits until it is running. */
const ENDLESS = `
  const endless = async (options) => {
    const program = await ownWat('signal-then-loop', { interruptible: false, ...options })
    const stderr = new Sink()
    const running = program.run({ stderr })
    await stderr.until('ready')
    return { program, running }
  }
`
const EXITS: readonly [promise: string, script: string, code: number, stdout: string][] = [
  [
    'process.exit while one computes gives its status',
    `await endless()
     await endless()
     await endless({ runtime: new Runtime({ threads: 1 }) })
     process.exit(7)`,
    7,
    '',
  ],
  [
    'process.exit while one is aborted, disposed of and closed gives its status',
    `const runtime = new Runtime({ threads: 2 })
     const { program, running } = await endless({ runtime })
     void running.then(() => console.log('it ended'))
     program[Symbol.dispose]()
     void runtime.close().then(() => console.log('it closed'))
     console.log((await ownWat('hello')).runSync().stdout.toString().trim())
     await new Promise((resolve) => setTimeout(resolve, 100))
     process.exit(7)`,
    7,
    'hello\n',
  ],
  [
    'an uncaught exception while one computes gives status 1',
    `await endless()
     throw new Error('on purpose')`,
    1,
    '',
  ],
  [
    'a process stays for one that computes, and exits by itself after it',
    `const program = await ownWat('signal-then-loop-argv', { interruptible: false })
     void program.run({ args: ['300'] }).then((outcome) => console.log(ending(outcome)))`,
    0,
    'exit 0\n',
  ],
  [
    'a runtime closes when the last one has ended',
    `const runtime = new Runtime({ threads: 1 })
     const program = await ownWat('signal-then-loop-argv', { interruptible: false, runtime })
     const stderr = new Sink()
     const running = program.run({ args: ['300'], stderr }).then((outcome) => console.log(...observed(outcome)))
     await stderr.until('ready')
     await runtime.close()
     console.log('closed')
     await running`,
    0,
    'abort done\n \nclosed\n',
  ],
]
for (const [promise, script, code, stdout] of EXITS) {
  test(promise, async (t) => {
    const child = await node(ENDLESS + script)
    t.like(child, { code, signal: null, stdout } satisfies Partial<Ended>, child.stderr)
  })
}

if (process.platform !== 'win32') {
  test('SIGTERM ends a process that waits for one', async (t) => {
    const child = start(`
      const program = await ownWat('loop', { interruptible: false })
      process.stdout.write('waiting', () => program.runSync())`)
    await once(child.stdout!, 'data')
    child.kill('SIGTERM')
    t.like(await ended(child), { code: null, signal: 'SIGTERM' })
  })
}

test('the one-shot run keeps both ways of a program apart', async (t) => {
  await using runtime = new Runtime({ threads: 1 })
  const source = await readFile(watPath('hello'))
  const limits = { timeoutMs: 60_000 }
  const options = { cache: false, runtime }
  for (let round = 0; round < 2; round += 1) {
    t.is(ending(await run(source, { ...options, interruptible: false })), 'exit 0')
    t.is(ending(await run(source, { ...options, interruptible: true, limits })), 'exit 0')
    t.is(ending(await run(source, { ...options, limits })), 'exit 0')
  }
  t.is(runtime.stats().programs, 2)
})

for (const value of ['no', 'false', '', 0, 1, null, {}]) {
  test(`interruptible: ${JSON.stringify(value)} is refused`, async (t) => {
    const options = { cache: false, interruptible: value as boolean }
    const shown = typeof value === 'object' && value !== null ? 'an object' : JSON.stringify(value)
    const expected = {
      name: 'WasiexecError',
      code: 'ERR_INVALID_OPTION',
      message: `\`interruptible\` must be a boolean, got ${shown}`,
    }
    t.deepEqual(await refusal(load(watPath('hello'), options)), expected)
    t.deepEqual(await refusal(() => loadSync(watPath('hello'), options)), expected)
    t.deepEqual(await refusal(run(watPath('hello'), options)), expected)
  })
}

test('interruptible: undefined is the default, which is to be interruptible', async (t) => {
  const limits = { timeoutMs: 20 }
  for (const options of [{}, { interruptible: undefined }, { interruptible: true }]) {
    t.is(ending(await (await ownWat('loop', options)).run({ limits })), 'limit timeout')
    t.is(ending(await run(watPath('loop'), { ...options, cache: false, limits })), 'limit timeout')
  }
})

test('it is an option of a program, not of a run, and its name is spelt so', async (t) => {
  const options = { interruptible: false } as object
  const { message } = await refusal((await wat('hello')).run(options))
  t.regex(message, /^unknown option `interruptible`; known options: args, /)
  const typo = { interruptable: false } as object
  t.is(
    (await refusal(load(watPath('hello'), typo))).message,
    'unknown option `interruptable`; did you mean `interruptible`?',
  )
})
