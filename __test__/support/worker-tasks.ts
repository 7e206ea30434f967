// What the worker threads of worker.test.ts do.
import { once } from 'node:events'
import { parentPort, workerData } from 'node:worker_threads'
import { endBySync } from './cases.ts'
import { faults } from './faults.ts'
import { load, type Job } from './package.ts'
import { drain, ending, numbers, ownWat, summarize, wat } from './guest.ts'
import { Runtime } from './package.ts'

const port = parentPort!
const [task, given] = workerData as [string, unknown]

const RUNS = [
  ['sleep-hour', 100],
  ['loop', 10],
  ['flood', 10],
  ['component-p3-loop', 10],
] as const

/** Runs programs until it is terminated; says once that they are running. */
async function busy(): Promise<void> {
  for (const [name, runs] of RUNS) {
    const program = await wat(name)
    for (let index = 0; index < runs; index += 1) void program.run({ stdout: 'ignore' })
  }
  const hello = await wat('hello')
  await hello.run()
  port.postMessage('running')
  for (;;) await hello.run()
}

/** Runs programs and answers how they ended. */
async function work(): Promise<void> {
  const program = await wat('exit-argv')
  const codes = Array.from({ length: 500 }, (_, index) => index)
  const outcomes = await Promise.all(codes.map((code) => program.run({ args: [`${code}`] })))
  port.postMessage(outcomes.every((outcome, code) => ending(outcome) === `exit ${code}`))
}

/** Has its own Wasm fault while guests trap. */
async function fault(): Promise<void> {
  const overflow = await wat('trap-stack-overflow')
  const bounds = await wat('trap-out-of-bounds')
  const seen = new Set<string>()
  for (let round = 0; round < 30; round += 1) {
    const running = [overflow.run(), bounds.run(), overflow.run()]
    seen.add(faults())
    for (const program of [overflow, bounds]) seen.add(ending(program.runSync()))
    seen.add(faults())
    for (const outcome of await Promise.all(running)) seen.add(ending(outcome))
  }
  port.postMessage([...seen].toSorted())
}

/** Runs a batch, answers whether its results are right, and leaves another one for whoever terminates it. */
async function batch(): Promise<void> {
  const program = await wat('exit-argv')
  const jobs = numbers(5000).map((code) => ({ args: [`${code}`] }))
  const { all } = await drain(program.batch(jobs, { concurrency: 7 }))
  port.postMessage(all.every((result, code) => summarize(result) === `exit ${code}`))
  const sleep = await wat('sleep-hour')
  const [some, others] = [sleep.batch(jobs, { concurrency: 20 }), program.batch(endless())]
  void some.summary
  for await (const { index } of others) if (index === 1000) port.postMessage('in the middle')
}

function* endless(): Generator<Job> {
  for (;;) yield {}
}

async function exit(): Promise<void> {
  const program = await wat('sleep-hour')
  for (let index = 0; index < 10; index += 1) void program.run()
  await (await wat('hello')).run()
  process.exit(3)
}

async function idle(): Promise<void> {
  await (await wat('hello')).run()
}

/** Runs programs of all kinds by `runSync`. */
async function sync(): Promise<void> {
  port.postMessage(await endBySync())
}

/** Waits for a run that does not end. */
async function wait(): Promise<void> {
  const program = await wat('loop')
  port.postMessage('waiting')
  program.runSync()
}

/** Waits for one of two runs that nobody can interrupt and that do not end. */
async function uninterruptible(): Promise<void> {
  const program = await ownWat('loop', { interruptible: false })
  void program.run()
  setTimeout(() => {
    port.postMessage('waiting')
    program.runSync()
  }, 100)
}

/** Waits for a call that does not end, with an argument that the core reads where it is. */
async function largeCall(): Promise<void> {
  const instance = await (await wat('stuck-component')).instantiate()
  port.postMessage('waiting')
  instance.callSync('length', new Uint8Array(300_000) as never)
}

/** Has a worker process that is busy. */
async function processes(): Promise<void> {
  const runtime = new Runtime({ threads: 1, workers: 'processes' })
  const sleep = await ownWat('sleep-hour', { runtime })
  for (let index = 0; index < 10; index += 1) void sleep.run()
  const { stdout } = await (await ownWat('hello', { runtime })).run()
  port.postMessage(stdout.toString())
}

/** Talks with guests, and leaves others in the middle of a conversation. */
async function talk(): Promise<void> {
  const program = await wat('cat')
  const guests = numbers(20).map(() => program.spawn())
  const lines = guests.map((guest) => guest.lines())
  for (const round of numbers(50)) {
    for (const { stdin } of guests) stdin.write(`${round}\n`)
    for (const each of lines) {
      const { value } = await each.next()
      if (value !== `${round}`) throw new Error(`${value} instead of ${round}`)
    }
  }
  for (const { stdin } of guests) stdin.end()
  const endings = await Promise.all(guests.map(async ({ outcome }) => ending(await outcome)))
  port.postMessage(new Set(endings).size === 1 && endings[0])
  const left = numbers(10).map(() => program.spawn())
  for (const { stdin } of left) stdin.write(Buffer.alloc(200_000))
  await Promise.all(left.map((guest) => guest.lines().next()))
}

/** Leaves an open runtime, with programs and an instance, behind. */
async function leave(): Promise<void> {
  const runtime = new Runtime({ threads: 1 })
  const program = await ownWat('exports', { runtime })
  const instance = await program.instantiate()
  await instance.call('sleep', 1n)
  process.exit(0)
}

/** Loads a program in the shared runtime or in one of its own, answers how a run of it ends, and once more when it is asked. */
async function loads(): Promise<void> {
  const { source, isShared } = given as { source: Uint8Array; isShared: boolean }
  const runtime = isShared
    ? undefined
    : new Runtime({ threads: 1, maxConcurrentRuns: 4, cacheDir: false })
  const program = await load(source, { cache: false, runtime })
  for (;;) {
    const ended = ending(await program.run())
    port.postMessage([ended, runtime?.stats().compilations])
    const [goesOn] = (await once(port, 'message')) as [boolean]
    if (!goesOn) break
  }
  program[Symbol.dispose]()
  await runtime?.close()
}

const tasks: Record<string, () => Promise<void>> = {
  processes,
  busy,
  work,
  fault,
  exit,
  idle,
  sync,
  wait,
  largeCall,
  endless: uninterruptible,
  batch,
  talk,
  leave,
  load: loads,
}
await tasks[task]!()
