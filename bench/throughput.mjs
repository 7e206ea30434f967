// Runs per second of the package and its rivals, for each guest on one and on two threads. The tables have the ratios
// and not the rivals' figures, because the median of the turns' ratios is not the ratio of two medians.
import { fileURLToPath } from 'node:url'
import { Child } from './child.mjs'
import { python } from './install.mjs'
import { median, print, ratio, takeTurns } from './measure.mjs'
import { Package } from './package-rates.mjs'
import { rustBench } from './rust.mjs'
import { number, table, times } from './report.mjs'

const THREADS = [1, 2]
/** Processes that run at a time. */
const SPAWNERS = 200
const script = (name) => fileURLToPath(new URL(`rivals/${name}`, import.meta.url))
const PROCESSES = 'batch(), 2 processes'
const on = (what, threads) => `${what}, ${threads} thread${threads === 1 ? '' : 's'}`

/** The rivals with which each figure of the package is compared. */
const COMPARISONS = [
  ...THREADS.flatMap((threads) => [
    [on('batch()', threads), on('tuned Rust', threads)],
    [on('batch()', threads), on('plain Rust', threads)],
    [on('run()', threads), on('batch()', threads)],
    [on('batch()', threads), on('Piscina', threads)],
    [on('batch()', threads), on('wasmtime-py', threads)],
  ]),
  [on('batch()', 2), 'spawn'],
  [on('batch()', 2), on('batch()', 1)],
  [PROCESSES, on('batch()', 1)],
]

export const throughput = {
  about: 'batch() and run() beside plain and tuned Rust, Piscina, wasmtime-py and spawn',

  async run({ guests, rounds, seconds }) {
    const results = []
    for (const guest of guests) {
      const { contenders, close } = await open(guest, seconds)
      const measured = await takeTurns(contenders, rounds)
      await close()
      results.push(report(guest, measured))
    }
    return results
  },

  parts: (results) => ({
    throughput: rustTable(results),
    rivals: rivalsTable(results),
    workers: workersTable(results),
  }),
}

/** All contenders, in the order of their turns: what is compared is measured one after the other. */
async function open(guest, seconds) {
  const { path, args } = guest
  const packages = []
  const children = []
  const child = (name, command, ...rest) => {
    const process = new Child(command, ...rest)
    children.push(process)
    return { name, measure: () => process.measure() }
  }
  const ours = (name, opened, what) => ({ name, measure: () => opened[what](seconds) })
  const contenders = []
  for (const threads of THREADS) {
    const opened = await Package.open(guest, { threads })
    packages.push(opened)
    const rest = [path, threads, seconds, ...args]
    contenders.push(
      child(on('plain Rust', threads), rustBench('plain'), ...rest),
      ours(on('batch()', threads), opened, 'batch'),
      child(on('tuned Rust', threads), rustBench('tuned'), ...rest),
      ours(on('run()', threads), opened, 'run'),
      child(
        on('Piscina', threads),
        process.execPath,
        '--no-warnings',
        script('piscina.mjs'),
        ...rest,
      ),
      child(on('wasmtime-py', threads), python, script('wasmtime-py.py'), ...rest),
    )
  }
  const opened = await Package.open(guest, { workers: 'processes', threads: 2 })
  packages.push(opened)
  contenders.push(
    ours(PROCESSES, opened, 'batch'),
    child('spawn', process.execPath, script('spawn.mjs'), SPAWNERS, seconds),
  )
  const close = () => Promise.all([...packages, ...children].map((each) => each.close()))
  return { contenders, close }
}

function report({ name: guest }, measured) {
  const crashes = Object.entries(measured).flatMap(([name, turns]) =>
    turns.filter(({ crash }) => crash).map(({ crash }) => ({ name, crash })),
  )
  for (const { name, crash } of crashes) {
    console.log(JSON.stringify({ name: `${guest}: ${name} crashed`, value: crash }))
  }
  const rates = Object.fromEntries(
    Object.entries(measured).map(([name, turns]) => [
      name,
      turns.map((turn) => turn.perSecond ?? 0),
    ]),
  )
  const ratios = {}
  for (const [ours, rival] of COMPARISONS) {
    const vs = { rival, value: median(rates[rival]), ratio: ratio(rates[ours], rates[rival]) }
    ratios[`${ours} / ${rival}`] = vs.ratio
    print(`${guest}: ${ours}`, median(rates[ours]), 'runs/s', vs)
  }
  const main = {}
  for (const name of THREADS.flatMap((threads) => [on('batch()', threads), on('run()', threads)])) {
    main[name] = median(measured[name].map((turn) => turn.mainMicroseconds))
    print(`${guest}: ${name}: main thread for a result`, main[name], 'µs')
  }
  const medians = Object.fromEntries(
    Object.entries(rates).map(([name, values]) => [name, median(values)]),
  )
  return { guest, rates: medians, ratios, main, crashes }
}

/** The package beside Rust. */
function rustTable(results) {
  const head = [
    'guest',
    'threads',
    '`batch()`, runs/s',
    'to tuned Rust',
    'to plain Rust',
    '`run()`, runs/s',
    'of `batch()`',
    'main thread: `batch()`',
    '`run()`',
  ]
  const rows = results.flatMap(({ guest, rates, ratios, main }) =>
    THREADS.map((threads) => {
      const [batch, run] = [on('batch()', threads), on('run()', threads)]
      const [tuned, plain] = [on('tuned Rust', threads), on('plain Rust', threads)]
      return [
        guest,
        threads,
        number(rates[batch]),
        times(ratios[`${batch} / ${tuned}`]),
        times(ratios[`${batch} / ${plain}`]),
        number(rates[run]),
        times(ratios[`${run} / ${batch}`]),
        `${number(main[batch])} µs`,
        `${number(main[run])} µs`,
      ]
    }),
  )
  return table(head, rows)
}

/** The package beside other ways to run programs from Node and Python. */
function rivalsTable(results) {
  const head = ['guest', 'threads', '`batch()`, runs/s']
  const rivals = ['Piscina', 'wasmtime-py', 'spawn']
  const rows = results.flatMap(({ guest, rates, ratios, crashes }) =>
    THREADS.map((threads) => {
      const batch = on('batch()', threads)
      const cells = rivals.map((rival) => {
        const name = rival === 'spawn' ? rival : on(rival, threads)
        const compared = ratios[`${batch} / ${name}`]
        if (compared === undefined) return undefined
        const crashed = crashes.some((crash) => crash.name === name) ? ', crashed' : ''
        return times(compared) + crashed
      })
      return [guest, threads, number(rates[batch]), ...cells]
    }),
  )
  return table([...head, ...rivals.map((rival) => `to ${rival}`)], rows)
}

/** The gain from the second core, as a second thread and as a second process. */
function workersTable(results) {
  const [one, two] = THREADS.map((threads) => on('batch()', threads))
  const rows = results.map(({ guest, rates, ratios }) => [
    guest,
    number(rates[one]),
    times(ratios[`${two} / ${one}`]),
    times(ratios[`${PROCESSES} / ${one}`]),
  ])
  return table(['guest', '1 thread, runs/s', '2 threads', '2 processes'], rows)
}
