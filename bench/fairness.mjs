// Short runs beside endless loops, a long run beside short ones, and how exactly time limits are kept.
import { load } from '../dist/index.mjs'
import { wat } from './guests.mjs'
import { digits, print } from './measure.mjs'
import { withRuntime } from './package-rates.mjs'
import { number, table } from './report.mjs'

const THREADS = 2
const LOOPS = 100
const CALLERS = 20
const MILLISECONDS = 2000

export const fairness = {
  about: 'short runs beside 100 endless loops, a long run beside short ones, time limits',

  async run({ quick }) {
    const runs = quick ? 20 : 300
    const figures = [
      ...(await withRuntime({ threads: THREADS }, (runtime) => besideLoops(runtime, runs))),
      ...(await withRuntime({ threads: THREADS }, besideShortRuns)),
      ...(await withRuntime({ threads: THREADS }, (runtime) =>
        exactness(runtime, quick ? 5 : 100),
      )),
    ]
    for (const [name, value, unit] of figures) print(name, value, unit)
    return figures
  },

  parts: (figures) => ({
    fairness: table(
      ['what', 'measured'],
      figures.map(([name, value, unit]) => [name, `${number(digits(value, 3))} ${unit}`]),
    ),
  }),
}

async function besideLoops(runtime, runs) {
  const compute = await calibrated(runtime)
  const nothing = await load(wat('return'), { runtime })
  const loop = await load(wat('loop'), { runtime })
  const stop = new AbortController()
  const loops = Array.from({ length: LOOPS }, () => loop.run({ signal: stop.signal }))
  while (runtime.stats().running < LOOPS) await new Promise((resolve) => setTimeout(resolve, 5))
  const waits = []
  for (let run = 0; run < runs; run += 1) waits.push(await milliseconds(() => nothing.run()))
  const times = []
  const end = performance.now() + MILLISECONDS
  const caller = async () => {
    do times.push(await milliseconds(() => compute(1)))
    while (performance.now() < end)
  }
  await Promise.all(Array.from({ length: CALLERS }, caller))
  stop.abort()
  await Promise.all(loops)
  const beside = `beside ${LOOPS} endless loops on ${THREADS} threads`
  return [
    [`a run that does nothing, ${beside}: median`, percentile(waits, 0.5), 'ms'],
    ['the same: 99th percentile', percentile(waits, 0.99), 'ms'],
    [`${CALLERS} callers of runs that compute 1 ms, ${beside}: runs in 2 s`, times.length, 'runs'],
    ['the same: 99th percentile', percentile(times, 0.99), 'ms'],
  ]
}

async function besideShortRuns(runtime) {
  const compute = await calibrated(runtime)
  const loop = await load(wat('loop'), { runtime })
  const long = loop.run({ limits: { timeoutMs: MILLISECONDS } })
  const over = new AbortController()
  const caller = async () => {
    do await compute(0.2)
    while (!over.signal.aborted)
  }
  const callers = Array.from({ length: 50 }, caller)
  const { usage } = await long
  over.abort()
  await Promise.all(callers)
  const share = (usage.cpuMs / usage.wallMs) * 100
  return [[`an endless loop beside short runs that fill ${THREADS} threads: of a core`, share, '%']]
}

async function exactness(runtime, runs) {
  const figures = []
  for (const [name, file, limit] of [
    ['timeoutMs', 'loop', 'an endless loop'],
    ['timeoutMs', 'sleep-hour', 'a sleep of an hour'],
    ['timeoutMs', 'read-stdin', 'a read of a stdin that never comes'],
    ['cpuMs', 'loop', 'an endless loop'],
  ]) {
    const program = await load(wat(file), { runtime })
    for (const given of [3, 50]) {
      const over = []
      for (let run = 0; run < runs; run += 1) {
        const limits = { [name]: given }
        const { usage } = await program.run({ stdin: never(), limits })
        over.push((name === 'cpuMs' ? usage.cpuMs : usage.wallMs) - given)
      }
      const what = `past \`${name}: ${given}\`, ${limit}: 99th percentile`
      figures.push([what, percentile(over, 0.99), 'ms'])
    }
  }
  return figures
}

/** A function that makes a run which computes for the given number of milliseconds. */
async function calibrated(runtime) {
  const program = await load(wat('compute-argv'), { runtime })
  let rounds = 500
  for (let turn = 0; turn < 5; turn += 1) {
    const { usage } = await program.run({ args: [`${rounds}`] })
    rounds = Math.max(1, Math.round(rounds / usage.cpuMs))
  }
  return async (ms) => {
    const { ok } = await program.run({ args: [`${Math.round(rounds * ms)}`] })
    if (!ok) throw new Error('a run did not end as it should')
  }
}

async function milliseconds(body) {
  const start = performance.now()
  await body()
  return performance.now() - start
}

function percentile(values, share) {
  const sorted = values.toSorted((a, b) => a - b)
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))]
}

async function* never() {
  await new Promise(() => {})
  yield ''
}
