// Worker processes as a user sees them: the same API and the same endings.
import { closeSync, openSync } from 'node:fs'
import { readFile, readdir, readlink } from 'node:fs/promises'
import { execFileSync } from 'node:child_process'
import { join } from 'node:path'
import test from 'ava'
import { ending, folder, observed, ownWat, refusal, Sink } from '../support/guest.ts'
import { Runtime, type RunOptions, type Trap } from '../support/package.ts'
import { withMoreTime } from '../support/patience.ts'
import { kill, someWorkers } from '../support/workers.ts'

const ENDINGS: readonly [guest: string, options: RunOptions][] = [
  ['return', {}],
  ['print-both', {}],
  ['exit-argv', { args: ['4294967295'] }],
  ['exit-in-start-function', {}],
  ['component-hello', {}],
  ['component-exit-with-code-255', {}],
  ['component-p3-return-err', {}],
  ['trap-unreachable', {}],
  ['trap-stack-overflow', {}],
  ['trap-out-of-bounds', {}],
  ['component-trap', {}],
  ['loop', { limits: { fuel: 10_000 } }],
  ['loop', { limits: { cpuMs: 20 } }],
  ['flood', { limits: { outputBytes: 1000 } }],
  ['flood-argv', { args: ['100000'], limits: { outputBytes: 99_999, onOutput: 'truncate' } }],
  ['grow-until-denied', { limits: { memoryBytes: 1 << 20 } }],
  ['grow-until-denied', { limits: { memoryBytes: 1 << 20, onMemory: 'stop' } }],
  ['cat', { stdin: 'text' }],
  ['args', { args: ['a', 'ü', ''] }],
  ['env', { env: { A: 'b' } }],
  ['random', { randomSeed: 7 }],
]

test('a runtime with processes says so', async (t) => {
  await using runtime = new Runtime({ threads: 3, maxConcurrentRuns: 7, workers: 'processes' })
  t.like(runtime.stats(), { threads: 3, workers: 'processes', maxConcurrentRuns: 7, running: 0 })
  const program = await ownWat('hello', { runtime })
  await Promise.all(Array.from({ length: 20 }, () => program.run()))
  t.like(runtime.stats(), { queued: 0, running: 0, finished: 20, programs: 1 })
})

test('every ending, with all that belongs to it, is that of threads', async (t) => {
  await using processes = new Runtime({ threads: 2, workers: 'processes' })
  await using threads = new Runtime({ threads: 2, workers: 'threads' })
  const run = async (runtime: Runtime, guest: string, options: RunOptions) => {
    const outcome = await (await ownWat(guest, { runtime })).run(options)
    const { memoryDenied, outputTruncated, fuel } = outcome.usage
    const trap = (outcome as Partial<Trap>).trap
    return [guest, ...observed(outcome), trap, { memoryDenied, outputTruncated, fuel }]
  }
  for (const [guest, options] of ENDINGS) {
    t.deepEqual(await run(processes, guest, options), await run(threads, guest, options))
  }
  for (const guest of ['print-then-loop', 'sleep-hour']) {
    const printing = async (runtime: Runtime) =>
      withMoreTime(
        20,
        (timeoutMs) => run(runtime, guest, { limits: { timeoutMs } }),
        ([, , stdout]) => stdout !== '',
      )
    t.deepEqual(await printing(processes), await printing(threads))
  }
})

test('runSync runs in a process, too, while others run', async (t) => {
  await using runtime = new Runtime({ threads: 2, workers: 'processes' })
  const sleeping = (await ownWat('sleep-argv', { runtime })).run({ args: ['100'] })
  const program = await ownWat('exit-argv', { runtime })
  for (let code = 0; code < 20; code += 1) {
    t.is(ending(program.runSync({ args: [`${code}`] })), `exit ${code}`)
  }
  t.is(ending(await sleeping), 'exit 0')
})

test('host faults are reported to their run', async (t) => {
  await using runtime = new Runtime({ threads: 1, workers: 'processes' })
  const code = async (guest: string, options: RunOptions = {}) =>
    (await refusal((await ownWat(guest, { runtime })).run(options))).code
  t.is(await code('unresolved-import'), 'ERR_UNRESOLVED_IMPORT')
  t.is(await code('no-start'), 'ERR_NO_ENTRY_POINT')
  t.is(await code('hello', { preopens: { '/': '/does/not/exist' } }), 'ERR_PREOPEN')
  const program = await ownWat('hello', { runtime })
  t.is(ending(await program.run()), 'exit 0')
})

test('streams have their other end in this process', async (t) => {
  await using runtime = new Runtime({ threads: 2, workers: 'processes' })
  const cat = await ownWat('cat', { runtime })
  const lines = Array.from({ length: 100 }, (_, n) => `line ${n}\n`)
  const copies = Array.from({ length: 10 }, async () => {
    const stdout = new Sink()
    async function* source() {
      yield* lines
    }
    return [ending(await cat.run({ stdin: source(), stdout })), stdout.text]
  })
  for (const copy of await Promise.all(copies)) t.deepEqual(copy, ['exit 0', lines.join('')])
})

test('an abort and its reason reach runs that go on, and those that wait', async (t) => {
  await using runtime = new Runtime({ threads: 1, maxConcurrentRuns: 1, workers: 'processes' })
  const program = await ownWat('signal-then-sleep', { runtime })
  const controller = new AbortController()
  const stderr = new Sink()
  const running = [
    program.run({ stderr, signal: controller.signal }),
    ...Array.from({ length: 100 }, () => program.run({ signal: controller.signal })),
  ]
  await stderr.until('ready')
  controller.abort('enough')
  const outcomes = await Promise.all(running)
  t.true(outcomes.every((outcome) => outcome.kind === 'abort' && outcome.reason === 'enough'))
  t.is(outcomes[0]!.stdout.toString(), 'before\n')
  t.is(outcomes[100]!.stdout.toString(), '')
  t.is(ending(await (await ownWat('hello', { runtime })).run()), 'exit 0')
})

test('a disposed program takes its runs along, and no other', async (t) => {
  await using runtime = new Runtime({ threads: 2, workers: 'processes' })
  const other = (await ownWat('sleep-argv', { runtime })).run({ args: ['200'] })
  const program = await ownWat('signal-then-sleep', { runtime, name: 'mine' })
  const stderr = new Sink()
  const running = Array.from({ length: 10 }, () => program.run({ stderr }))
  await stderr.until('ready')
  program[Symbol.dispose]()
  for (const outcome of await Promise.all(running)) t.is(ending(outcome), 'abort')
  t.is(ending(await other), 'exit 0')
})

test('no more than maxConcurrentRuns run in all processes together', async (t) => {
  await using runtime = new Runtime({ threads: 2, maxConcurrentRuns: 3, workers: 'processes' })
  const program = await ownWat('signal-then-sleep', { runtime })
  const sinks = Array.from({ length: 6 }, () => new Sink())
  const running = sinks.map((stderr) => program.run({ stderr }))
  await Promise.all(sinks.slice(0, 3).map((sink) => sink.until('ready')))
  t.like(runtime.stats(), { running: 3, queued: 3 })
  await runtime.close()
  for (const outcome of await Promise.all(running)) t.is(ending(outcome), 'abort')
})

test('runs go where there is least to do; what cannot be interrupted is killed by close()', async (t) => {
  const runtime = new Runtime({ threads: 2, workers: 'processes' })
  const hello = await ownWat('hello', { runtime })
  // One that cannot be interrupted keeps a process to itself: two in one would never both begin.
  const endless = await ownWat('signal-then-loop', { runtime, interruptible: false })
  const running = []
  for (const stderr of [new Sink(), new Sink()]) {
    for (let round = 0; round < 10; round += 1) t.is(ending(await hello.run()), 'exit 0')
    running.push(endless.run({ stderr }))
    await stderr.until('ready')
  }
  await runtime.close()
  for (const outcome of await Promise.all(running)) t.is(ending(outcome), 'abort')
})

test('outputs of 16 MiB, more than one delivery together, are whole', async (t) => {
  await using runtime = new Runtime({ threads: 1, workers: 'processes' })
  const program = await ownWat('flood-argv', { runtime })
  const running = Array.from({ length: 20 }, () => program.run({ args: [`${16 << 20}`] }))
  await new Promise(setImmediate)
  // Nobody takes anything meanwhile.
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 1500)
  for (const { stdout } of await Promise.all(running)) {
    t.is(stdout.length, 16 << 20)
    t.true(stdout.equals(Buffer.alloc(16 << 20, 'x')))
  }
})

const linux = process.platform === 'linux' ? test.serial : test.serial.skip
linux('workers get no environment and no open files', async (t) => {
  process.env['WASIEXEC_TEST_SECRET'] = 'hush'
  const file = join(await folder(t), 'file')
  const open = openSync(file, 'w')
  await using runtime = new Runtime({ threads: 2, workers: 'processes', maxConcurrentRuns: 2 })
  await (await ownWat('hello', { runtime })).run()
  const environment = await readFile(`/proc/self/environ`, 'utf8')
  t.true(environment.length > 0)
  for (const worker of await someWorkers(2)) {
    const names = (await readFile(`/proc/${worker}/environ`, 'utf8')).match(/^[^=]+|(?<=\0)[^=]+/g)
    const allowed =
      /^(PATH|HOME|TMPDIR|LD_LIBRARY_PATH|DYLD_LIBRARY_PATH|ELECTRON_RUN_AS_NODE|WASIEXEC_WORKER)$/
    t.deepEqual(
      names?.filter((name) => !allowed.test(name)),
      [],
    )
    const numbers = await readdir(`/proc/${worker}/fd`)
    const links = await Promise.all(
      numbers.map((n) => readlink(`/proc/${worker}/fd/${n}`).catch(() => '')),
    )
    t.false(links.includes(file))
    // Its own and the copies that it made of it.
    const sockets = new Set(links.filter((link) => link.startsWith('socket:')))
    t.true(sockets.size <= 4, [...sockets].join())
  }
  const script = `ls -l /proc/self/fd | grep -c socket: || true`
  const seen = execFileSync('sh', ['-c', script], {
    stdio: ['ignore', 'pipe', 'ignore'],
    encoding: 'utf8',
  })
  t.is(seen.trim(), '0')
  closeSync(open)
  delete process.env['WASIEXEC_TEST_SECRET']
})

const posix = process.platform === 'win32' ? test.serial.skip : test.serial
posix('signals that reach the whole group are not for workers', async (t) => {
  await using runtime = new Runtime({ threads: 1, workers: 'processes', maxConcurrentRuns: 1 })
  const program = await ownWat('signal-then-sleep', { runtime })
  const stderr = new Sink()
  const controller = new AbortController()
  const running = program.run({ stderr, signal: controller.signal })
  await stderr.until('ready')
  const before = await someWorkers(1)
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) kill(before[0]!, signal)
  const hello = await ownWat('hello', { runtime })
  t.is(runtime.stats().running, 1)
  controller.abort()
  t.is(ending(await running), 'abort')
  t.is(ending(await hello.run()), 'exit 0')
  t.deepEqual(await someWorkers(1), before)
})

test('instances, pools and batches of calls are refused by name', async (t) => {
  await using runtime = new Runtime({ workers: 'processes', threads: 1 })
  const program = await ownWat('exports', { runtime })
  const refused = {
    code: 'ERR_INVALID_OPTION',
    message: /instances need a runtime with `workers: 'threads'`/,
  }
  await t.throwsAsync(program.instantiate(), refused)
  await t.throwsAsync(program.pool().call('add', 1, 2), refused)
  for await (const { error } of program.batch([{ call: ['add', 1, 2] }])) {
    t.is(error?.code, 'ERR_INVALID_OPTION')
  }
})
