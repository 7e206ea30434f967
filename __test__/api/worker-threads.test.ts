import { once } from 'node:events'
import test from 'ava'
import { endBySync } from '../support/cases.ts'
import { bare, node } from '../support/child.ts'
import { ending, numbers, wat } from '../support/guest.ts'
import { load, Runtime, type Program } from '../support/package.ts'
import { portOf } from '../../src/runtime.ts'
import { startTask, type Task } from '../support/tasks.ts'

/** Imports of the scripts that start workers. */
const TASKS = `
  import { once } from 'node:events'
  import { startTask } from ${JSON.stringify(new URL('../support/tasks.ts', import.meta.url).href)}
`

/** What a worker answers before it ends by itself, and its exit code. */
async function result(task: Task): Promise<[message: unknown, code: number]> {
  const worker = startTask(task)
  let message: unknown
  worker.on('message', (value) => (message = value))
  const [code] = (await once(worker, 'exit')) as [number]
  return [message, code]
}

async function mainWorks(): Promise<boolean> {
  const program = await wat('exit-argv')
  return ending(await program.run({ args: ['4294967295'] })) === 'exit 4294967295'
}

test('several workers and the main thread run programs at once, and end by themselves', async (t) => {
  const workers = Array.from({ length: 3 }, () => result('work'))
  const hello = await wat('hello')
  const outcomes = await Promise.all(Array.from({ length: 500 }, () => hello.run()))
  t.true(outcomes.every((outcome) => outcome.ok))
  t.deepEqual(
    await Promise.all(workers),
    Array.from({ length: 3 }, () => [true, 0]),
  )
})

test('workers are terminated in the middle of runs, and others go on', async (t) => {
  const sleeping = (await wat('sleep-argv')).run({ args: ['500'] })
  for (let round = 0; round < 4; round += 1) {
    const workers = [startTask('busy'), startTask('busy')]
    await Promise.all(workers.map((worker) => once(worker, 'message')))
    await Promise.all(workers.map((worker) => worker.terminate()))
    t.true(await mainWorks())
  }
  t.is(ending(await sleeping), 'exit 0')
})

test('workers talk with guests, and are terminated in the middle of it', async (t) => {
  const workers = numbers(3).map(() => startTask('talk'))
  const messages = await Promise.all(workers.map((worker) => once(worker, 'message')))
  t.deepEqual(messages, [['exit 0'], ['exit 0'], ['exit 0']])
  await Promise.all(workers.map((worker) => worker.terminate()))
  t.true(await mainWorks())
})

test('a worker is terminated while it loads the package', async (t) => {
  for (let round = 0; round < 10; round += 1) {
    const worker = startTask('busy')
    await once(worker, 'online')
    await worker.terminate()
  }
  t.true(await mainWorks())
})

test('a worker that calls process.exit ends with its code and takes nobody along', async (t) => {
  t.deepEqual(await result('exit'), [undefined, 3])
  t.true(await mainWorks())
})

test('the runs of a worker that was terminated are aborted and leave their slots', async (t) => {
  const child = await node(`
    ${TASKS}
    // More than there are slots, were they not given back.
    for (let round = 0; round < 10; round += 1) {
      const worker = startTask('busy')
      await once(worker, 'message')
      await worker.terminate()
    }
    const sleep = await wat('sleep-argv')
    const outcomes = await Promise.all(Array.from({ length: 1000 }, () => sleep.run({ args: ['1'] })))
    console.log(outcomes.every((outcome) => outcome.ok))
    const before = process.cpuUsage()
    await new Promise((resolve) => setTimeout(resolve, 500))
    const { user, system } = process.cpuUsage(before)
    console.log(user + system < 250_000)`)
  t.like(child, { code: 0, signal: null, stdout: 'true\ntrue\n' }, child.stderr)
})

test('the package can be loaded first in a worker that ends, then in others and in main', async (t) => {
  const child = await node(`
    ${TASKS}
    const code = async (task) => (await once(startTask(task), 'exit'))[0]
    console.log(await code('idle'), await code('exit'), await code('idle'))
    console.log(ending(await (await wat('trap-out-of-bounds')).run()))`)
  t.like(
    child,
    { code: 0, signal: null, stdout: '0 3 0\ntrap memory-out-of-bounds\n' },
    child.stderr,
  )
})

test('a package that lives in workers only ends with them', async (t) => {
  const child = await bare(`
    ${TASKS}
    for (let round = 0; round < 3; round += 1) {
      const worker = startTask('busy')
      await once(worker, 'message')
      await worker.terminate()
    }
    const last = startTask('busy')
    await once(last, 'message')
    process.exit(4)`)
  t.like(child, { code: 4, signal: null, stdout: '' }, child.stderr)
})

test('a worker ends whose programs cannot be interrupted, and the process after it by itself', async (t) => {
  // Nothing but the worker has loaded the package, whose code goes on to be run.
  const child = await bare(`
    ${TASKS}
    const worker = startTask('endless')
    await once(worker, 'message')
    await new Promise((resolve) => setTimeout(resolve, 100))
    console.log(await worker.terminate())
    await new Promise((resolve) => setTimeout(resolve, 300))`)
  t.like(child, { code: 0, signal: null, stdout: '1\n' }, child.stderr)
})

test('process.exit in main while workers are busy gives its status', async (t) => {
  const child = await node(`
    ${TASKS}
    const workers = [1, 2].map(() => startTask('busy'))
    await Promise.all(workers.map((worker) => once(worker, 'message')))
    process.exit(6)`)
  t.like(child, { code: 6, signal: null }, child.stderr)
})

test("JavaScript's own Wasm faults are caught in workers while guests trap", async (t) => {
  const expected = [
    'RuntimeError, RuntimeError, RuntimeError, RangeError',
    'trap memory-out-of-bounds',
    'trap stack-overflow',
  ]
  const results = await Promise.all([result('fault'), result('fault'), result('fault')])
  for (const answer of results) t.deepEqual(answer, [expected, 0])
})

test('runSync gives in workers what it gives here, also in several at once', async (t) => {
  const here = await endBySync()
  t.deepEqual(here.wrong, [])
  t.true(here.ended > 200)
  const there = await Promise.all([result('sync'), result('sync'), result('sync')])
  for (const answer of there) t.deepEqual(answer, [here, 0])
})

test('a worker that waits in runSync can be terminated', async (t) => {
  const worker = startTask('wait')
  t.deepEqual(await once(worker, 'message'), ['waiting'])
  t.is(await worker.terminate(), 1)
  t.true(await mainWorks())
})

test('the process can exit while a worker waits in runSync', async (t) => {
  const child = await node(`${TASKS}
    await once(startTask('wait'), 'message')
    process.exit(7)`)
  t.is(child.code, 7, child.stderr)
})

/** So small that all runtimes of these tests have pools: code for one without a pool is other code. */
const SMALL = { threads: 1, maxConcurrentRuns: 4, cacheDir: false } as const

/** A program that no other test has: it exits with this code. */
function exits(code: number, unique: string): Buffer {
  return Buffer.from(`(module ;; ${unique}
    (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
    (memory (export "memory") 1)
    (func (export "_start") (call $exit (i32.const ${code}))))`)
}

// Serial: it counts what is loaded in the runtime that all share.
test.serial(
  'a thread that loads what another one holds gets the same program, which is not compiled again',
  async (t) => {
    const source = exits(3, t.title)
    const shared = portOf(undefined)
    const program = await load(source, { cache: false })
    const { programs, compilations } = shared.stats()
    const workers = numbers(3).map(() => startTask('load', { source, isShared: true }))
    const answers = await Promise.all(workers.map((worker) => once(worker, 'message')))
    for (const answer of answers) t.deepEqual(answer, [['exit 3', undefined]])
    t.like(shared.stats(), { programs, compilations })

    // Each thread closes for itself: others go on, and the code is there as long as one holds it.
    program[Symbol.dispose]()
    await t.throwsAsync(program.run(), { code: 'ERR_PROGRAM_CLOSED' })
    workers[0]!.postMessage(false)
    await once(workers[0]!, 'exit')
    await workers[1]!.terminate()
    workers[2]!.postMessage(true)
    t.deepEqual(await once(workers[2]!, 'message'), [['exit 3', undefined]])
    const again = await load(source, { cache: false })
    t.is(ending(await again.run()), 'exit 3')
    t.is(shared.stats().compilations, compilations)
    workers[2]!.postMessage(false)
    await once(workers[2]!, 'exit')
  },
)

test('runtimes take code from each other, whatever their threads, for as long as one holds it', async (t) => {
  const source = exits(4, t.title)
  const first = new Runtime(SMALL)
  const program = await load(source, { runtime: first })
  t.is(first.stats().compilations, 1)
  const worker = startTask('load', { source, isShared: false })
  t.deepEqual(await once(worker, 'message'), [['exit 4', 0]])
  t.is(ending(await program.run()), 'exit 4')

  await first.close()
  await t.throwsAsync(program.run(), { code: 'ERR_RUNTIME_CLOSED' })
  worker.postMessage(true)
  t.deepEqual(await once(worker, 'message'), [['exit 4', 0]])
  worker.postMessage(false)
  await once(worker, 'exit')
})

test('runtimes that load a program at the same time compile it once, each way of compiling by itself', async (t) => {
  const source = exits(5, t.title)
  const runtimes = numbers(4).map(() => new Runtime(SMALL))
  const sum = (): number =>
    runtimes.map((runtime) => runtime.stats().compilations).reduce((all, one) => all + one)
  const ways = [{}, { compiler: 'baseline' }, { interruptible: false }, { fuel: true }] as const
  const held: Program[] = []
  // With fuel it is compiled once more, and the code without is there.
  for (const [at, way] of ways.entries()) {
    const loaded = runtimes.map((runtime) => load(source, { runtime, ...way }))
    for (const program of await Promise.all(loaded)) {
      t.is(ending(await program.run()), 'exit 5')
      held.push(program)
    }
    t.is(sum(), at + 1)
  }
  t.is(held.length, ways.length * runtimes.length)
  await Promise.all(runtimes.map((runtime) => runtime.close()))
})
