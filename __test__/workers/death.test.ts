// What becomes of runs when worker processes die.
import { chmod, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import test from 'ava'
import { ending, folder, observed, ownWat, refusal, Sink } from '../support/guest.ts'
import { Runtime, type Program, type RuntimeOptions } from '../support/package.ts'
import {
  isGone,
  isReaped,
  kill,
  someWorkers,
  until,
  workersOf,
  zombies,
} from '../support/workers.ts'

const DIED = /^the worker process that had this run died \(signal: 9 \(SIGKILL\)\)$/

/** The workers of one runtime are those of the whole process: one runtime at a time. */
const serial = test.serial

function processes(options: RuntimeOptions = {}): Runtime {
  return new Runtime({ threads: 1, workers: 'processes', ...options })
}

/** A run of a guest that sleeps, once it does. */
async function asleep(program: Program, stderr = new Sink()) {
  const running = program.run({ stderr })
  await stderr.until('ready')
  return running.then(ending, (error: { code: string; message: string }) => error)
}

if (process.platform !== 'win32') {
  serial('the runs of a worker that dies reject, others do not notice', async (t) => {
    await using runtime = processes({ threads: 2, maxConcurrentRuns: 2 })
    const sleep = await ownWat('signal-then-sleep', { runtime })
    const sinks = [new Sink(), new Sink()]
    const controllers = sinks.map(() => new AbortController())
    const running = sinks.map((stderr, index) =>
      sleep.run({ stderr, signal: controllers[index]!.signal }).then(
        (outcome) => ending(outcome),
        ({ code, message }: { code: string; message: string }) => `${code} ${message}`,
      ),
    )
    await Promise.all(sinks.map((sink) => sink.until('ready')))
    const workers = await someWorkers(2)
    kill(workers[0]!)
    const first = await Promise.race(running)
    t.regex(first, /^ERR_WORKER_DIED the worker process that had this run died \(signal: 9/)
    for (const controller of controllers) controller.abort()
    t.deepEqual((await Promise.all(running)).toSorted(), [first, 'abort'].toSorted())
    const replaced = await someWorkers(2)
    t.true(replaced.includes(workers[1]!))
    t.false(replaced.includes(workers[0]!))
    t.is(ending(await (await ownWat('hello', { runtime })).run()), 'exit 0')
    t.like(runtime.stats(), { running: 0, queued: 0, finished: 3 })
  })

  serial('runSync throws when its worker dies', async (t) => {
    await using runtime = processes()
    const program = await ownWat('loop', { runtime })
    await (await ownWat('hello', { runtime })).run()
    const [worker] = await someWorkers(1)
    const { spawn } = await import('node:child_process')
    spawn('sh', ['-c', `sleep 0.3; kill -9 ${worker}`], { stdio: 'ignore' })
    const error = await refusal(() => program.runSync())
    t.is(error.code, 'ERR_WORKER_DIED')
    t.regex(error.message, DIED)
  })

  serial('with retry a run is run again, once', async (t) => {
    await using runtime = processes({ retry: true })
    const data = await folder(t)
    const program = await ownWat('append-then-sleep', { runtime })
    const starts = async () =>
      (await import('node:fs/promises')).readFile(join(data, 'starts'), 'utf8').catch(() => '')
    const running = program.run({
      args: ['starts', 'x'],
      preopens: { '/': { hostPath: data, access: 'write' } },
    })
    const settled = refusal(running)
    for (const expected of ['x', 'xx']) {
      await until(async () => (await starts()) === expected)
      kill((await someWorkers(1))[0]!)
    }
    const error = await settled
    t.is(error.code, 'ERR_WORKER_DIED')
    t.regex(error.message, DIED)
    t.is(await starts(), 'xx')
  })

  serial('a run that was run again has one outcome, its second', async (t) => {
    await using runtime = processes({ retry: true })
    const data = await folder(t)
    const { readFile } = await import('node:fs/promises')
    const program = await ownWat('append-then-sleep', { runtime })
    const path = join(data, 'starts')
    const controller = new AbortController()
    const running = program.run({
      args: ['starts', 'x'],
      preopens: { '/': { hostPath: data, access: 'write' } },
      signal: controller.signal,
    })
    const starts = async () => readFile(path, 'utf8').catch(() => '')
    await until(async () => (await starts()) === 'x')
    kill((await someWorkers(1))[0]!)
    await until(async () => (await starts()) === 'xx')
    controller.abort('seen')
    t.like(await running, { kind: 'abort', reason: 'seen' })
    t.like(runtime.stats(), { running: 0, queued: 0, finished: 1 })
  })

  serial('runs with streams are not run again', async (t) => {
    await using runtime = processes({ retry: true })
    const program = await ownWat('signal-then-sleep', { runtime })
    const running = asleep(program)
    await until(() => runtime.stats().running === 1)
    await new Promise((resolve) => setTimeout(resolve, 50))
    kill((await someWorkers(1))[0]!)
    t.like(await running, { code: 'ERR_WORKER_DIED' })
  })

  serial('what was aborted is not run again', async (t) => {
    await using runtime = processes({ retry: true, threads: 1 })
    const controller = new AbortController()
    const sleep = await ownWat('sleep-hour', { runtime })
    const loop = await ownWat('loop', { runtime, name: 'disposed' })
    const running = [sleep.run({ signal: controller.signal }), loop.run()]
    const batch = sleep.batch([{}, {}, {}], { concurrency: 1, signal: controller.signal })
    const summary = batch.summary
    await until(() => runtime.stats().running === 3)
    const [worker] = await someWorkers(1)
    // It hears of no abort any more.
    kill(worker!, 'SIGSTOP')
    controller.abort('enough')
    loop[Symbol.dispose]()
    await new Promise((resolve) => setTimeout(resolve, 50))
    kill(worker!)
    const outcomes = await Promise.all(running)
    t.deepEqual(outcomes.map(ending), ['abort', 'abort'])
    t.like(outcomes[0], { reason: 'enough' })
    t.like(await summary, { jobs: 3, kinds: { abort: 3, error: 0 }, endedBy: 'signal' })
    t.is(ending(await (await ownWat('hello', { runtime })).run()), 'exit 0')
  })

  serial(
    'a worker that is killed while it has nothing to do is replaced, however often',
    async (t) => {
      await using runtime = processes()
      const program = await ownWat('hello', { runtime })
      for (let round = 0; round < 5; round += 1) {
        t.deepEqual(observed(await program.run()), ['exit 0', 'hello\n', ''])
        const [worker] = await someWorkers(1)
        kill(worker!)
        await until(() => isReaped(worker!))
      }
      t.deepEqual(observed(await program.run()), ['exit 0', 'hello\n', ''])
      t.is(await zombies(), 0)
    },
  )

  serial('a worker that is killed while it starts takes no runs along', async (t) => {
    await using runtime = processes({ threads: 2 })
    const program = await ownWat('exit-argv', { runtime })
    const running = Array.from({ length: 100 }, (_, n) => program.run({ args: [`${n}`] }))
    // Most likely before they are set up: none has a run by then.
    let workers: number[] = []
    await until(async () => (workers = await workersOf()).length > 0)
    for (const worker of workers) kill(worker)
    await until(async () => (await Promise.all(workers.map(isGone))).every(Boolean))
    const outcomes = await Promise.allSettled(running)
    const codes = outcomes.map((o) => (o.status === 'fulfilled' ? ending(o.value) : o.reason.code))
    for (const [n, code] of codes.entries()) t.true([`exit ${n}`, 'ERR_WORKER_DIED'].includes(code))
    t.is(ending(await program.run({ args: ['7'] })), 'exit 7')
  })

  serial('close() while workers start, or die, comes to its end', async (t) => {
    for (let round = 0; round < 20; round += 1) {
      const runtime = processes({ threads: 2, retry: round % 2 === 0 })
      const program = await ownWat('sleep-hour', { runtime })
      const running = Array.from({ length: 10 }, () =>
        refusal(program.run().then(ending).then(Promise.reject.bind(Promise))),
      )
      await new Promise((resolve) => setTimeout(resolve, round * 10))
      if (round % 3 === 0) (await workersOf()).forEach((worker) => kill(worker))
      await runtime.close()
      t.is((await Promise.all(running)).length, 10)
      t.deepEqual(await workersOf(), [])
    }
    t.is(await zombies(), 0)
  })

  serial('a node that cannot be started is an error with a name, until it can', async (t) => {
    const path = join(await folder(t), 'node')
    const { execPath } = process
    process.execPath = path
    const runtime = processes({ threads: 2 })
    process.execPath = execPath
    const program = await ownWat('hello', { runtime })
    const failed = await refusal(program.run())
    t.is(failed.code, 'ERR_OUT_OF_RESOURCES')
    t.regex(failed.message, /^a worker process could not be started: No such file/)
    t.is((await refusal(() => program.runSync())).code, 'ERR_OUT_OF_RESOURCES')

    await writeFile(path, '#!/bin/sh\nexit 3\n')
    await chmod(path, 0o755)
    let message = ''
    await until(async () => ({ message } = await refusal(program.run())).message.includes('exit'))
    t.is(message, 'worker processes end as soon as they are started (exit status: 3)')

    await writeFile(path, `#!/bin/sh\nexec '${execPath}' "$@"\n`)
    await until(async () =>
      program.run().then(
        () => true,
        () => false,
      ),
    )
    t.deepEqual(observed(await program.run()), ['exit 0', 'hello\n', ''])
    await runtime.close()
    t.is(await zombies(), 0)
  })

  serial(
    'what comes from a worker that is not one of ours ends it, not this process',
    async (t) => {
      const path = join(await folder(t), 'node')
      const { execPath } = process
      // Nonsense on the socket, and then it stays.
      const script = `require('fs').writeSync(+process.argv[process.argv.length - 1], require('crypto').randomBytes(5000)); setTimeout(() => {}, 1e6)`
      await writeFile(
        path,
        `#!/bin/sh\nfor last; do :; done\nexec '${execPath}' -e "${script}" "$last"\n`,
      )
      await chmod(path, 0o755)
      process.execPath = path
      const runtime = processes({ threads: 2 })
      process.execPath = execPath
      const program = await ownWat('hello', { runtime })
      t.is((await refusal(program.run())).code, 'ERR_OUT_OF_RESOURCES')
      await runtime.close()
      t.is(await zombies(), 0)
    },
  )
}

for (const [options, message] of [
  [{ workers: 'fork' }, "`workers` must be 'threads' or 'processes', got \"fork\""],
  [{ workers: true }, "`workers` must be 'threads' or 'processes', got true"],
  [{ workers: null }, "`workers` must be 'threads' or 'processes', got null"],
  [{ retry: true }, '`retry` must be absent'],
  [{ workers: 'threads', retry: false }, '`retry` must be absent'],
  [{ workers: 'processes', retry: 'yes' }, '`retry` must be a boolean, got "yes"'],
  [{ workers: 'processes', retry: 1 }, '`retry` must be a boolean, got 1'],
] as const) {
  test(`new Runtime refuses ${JSON.stringify(options)}`, async (t) => {
    const error = await refusal(() => new Runtime({ workers: 'threads', ...options } as object))
    t.is(error.code, 'ERR_INVALID_OPTION')
    t.true(error.message.startsWith(message), error.message)
  })
}
