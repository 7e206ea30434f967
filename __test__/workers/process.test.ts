// Worker processes end with the process that started them, however that ends.
import { once } from 'node:events'
import test from 'ava'
import { ended, node, start, type Ended } from '../support/child.ts'
import { startTask } from '../support/tasks.ts'
import { isGone, kill, someWorkers, until, workersOf, zombies } from '../support/workers.ts'

const PRELUDE = `
  const processes = (options) => new Runtime({ threads: 2, workers: 'processes', ...options })
  const busy = async (runtime) => {
    for (const name of ['loop', 'sleep-hour']) {
      const program = await ownWat(name, { runtime })
      for (let index = 0; index < 10; index += 1) void program.run()
    }
    const hello = await ownWat('hello', { runtime })
    await hello.run()
  }
`

/** Each has to end by itself, with this status and these lines. */
const SCRIPTS: readonly [promise: string, script: string, code: number, stdout: string][] = [
  ['with a pool that was never used', `globalThis.runtime = processes()`, 0, ''],
  [
    'with a pool whose runs have ended',
    `globalThis.runtime = processes()
     globalThis.program = await ownWat('hello', { runtime })
     console.log(ending(await program.run()))`,
    0,
    'exit 0\n',
  ],
  [
    'with a run that nobody awaits',
    `const program = await ownWat('sleep-argv', { runtime: processes() })
     void program.run({ args: ['300'] }).then((outcome) => console.log(...observed(outcome)))`,
    0,
    'exit 0 slept\n \n',
  ],
  [
    'with a close that nobody awaits',
    `const runtime = processes()
     await busy(runtime)
     void runtime.close().then(() => console.log('closed'))`,
    0,
    'closed\n',
  ],
  ['by process.exit while workers start', `processes(); process.exit(3)`, 3, ''],
  ['by process.exit while they are busy', `await busy(processes()); process.exit(4)`, 4, ''],
  [
    'by process.exit while a run is waited for in an exit handler',
    `const program = await ownWat('hello', { runtime: processes() })
     process.on('exit', () => console.log(ending(program.runSync())))
     process.exit(5)`,
    5,
    'exit 0\n',
  ],
  ['by an exception', `await busy(processes()); throw new Error('on purpose')`, 1, ''],
]

/** Each starts several processes, and all of them together would take longer than a test waits on a busy machine. */
const serial = test.serial

if (process.platform !== 'win32') {
  for (const [promise, script, code, stdout] of SCRIPTS) {
    serial(`a process ends ${promise}`, async (t) => {
      const child = start(PRELUDE + script)
      child.stdin!.end()
      const workers = new Set<number>()
      let isOver = false
      const looking = until(async () => {
        for (const worker of await workersOf(child.pid)) workers.add(worker)
        return isOver
      })
      const end = await ended(child)
      isOver = true
      await looking
      t.like(end, { code, signal: null, stdout } satisfies Partial<Ended>, end.stderr)
      await until(async () => (await Promise.all([...workers].map(isGone))).every(Boolean))
    })
  }

  for (const signal of ['SIGKILL', 'SIGTERM', 'SIGINT', 'SIGABRT'] as const) {
    serial(`no worker survives its parent's ${signal}`, async (t) => {
      const child = start(`${PRELUDE}
        await busy(processes())
        const endless = await ownWat('loop', { runtime: processes(), interruptible: false })
        void endless.run()
        console.log('busy')`)
      await once(child.stdout!, 'data')
      const workers = await someWorkers(4, child.pid)
      child.kill(signal)
      t.like(await ended(child), { code: null, signal })
      await until(async () => (await Promise.all(workers.map(isGone))).every(Boolean))
    })
  }

  serial('no worker survives a parent that is killed while workers start', async (t) => {
    const child = start(`${PRELUDE}
      for (let index = 0; index < 4; index += 1) processes()
      process.stdout.write('started')
      setInterval(() => {}, 1000)`)
    await once(child.stdout!, 'data')
    let workers: number[] = []
    await until(async () => (workers = await workersOf(child.pid)).length > 0)
    kill(child.pid!)
    await ended(child)
    await until(async () => (await Promise.all(workers.map(isGone))).every(Boolean))
    t.pass()
  })

  serial('an idle pool uses no time', async (t) => {
    const child = await node(`${PRELUDE}
      const hello = await ownWat('hello', { runtime: processes() })
      await Promise.all(Array.from({ length: 100 }, () => hello.run()))
      await new Promise((resolve) => setTimeout(resolve, 300))
      const before = process.cpuUsage()
      await new Promise((resolve) => setTimeout(resolve, 1000))
      const { user, system } = process.cpuUsage(before)
      console.log((user + system) / 1000)`)
    t.is(child.code, 0, child.stderr)
    t.log(`${child.stdout.trim()} ms in a second`)
    t.true(Number(child.stdout) < 100, child.stdout)
  })

  serial('runtimes that are forgotten take their workers along', async (t) => {
    const child = start(
      `${PRELUDE}
       for (let index = 0; index < 5; index += 1) await (await ownWat('hello', { runtime: processes() })).run()
       console.log('made')
       setInterval(gc, 50)`,
      { nodeArguments: ['--expose-gc'] },
    )
    await once(child.stdout!, 'data')
    await until(async () => (await workersOf(child.pid)).length === 0)
    kill(child.pid!)
    await ended(child)
    t.pass()
  })

  serial('worker threads may have worker processes of their own, and be terminated', async (t) => {
    for (let round = 0; round < 3; round += 1) {
      const worker = startTask('processes')
      t.deepEqual(await once(worker, 'message'), ['hello\n'])
      t.is((await workersOf()).length, 1)
      await worker.terminate()
      await until(async () => (await workersOf()).length === 0)
    }
    await until(async () => (await zombies()) === 0)
  })
} else {
  test.skip('workers are listed by ps and killed by signals, which Windows does not have', () => {})
}
