// Runs from snapshots, beside the same work without: CPython with an import list, and the real guests.
import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { load, Runtime } from '../dist/index.mjs'
import { Child } from './child.mjs'
import { cpython } from './guests.mjs'
import { milliseconds } from './loading.mjs'
import { median, print, ratio, takeTurns } from './measure.mjs'
import { number, table, times } from './report.mjs'

const IMPORTS = 'import collections, json, math, re, sys'
const SNIPPET = 'print(json.dumps({"sum": sum(range(100))}))'

/** What is run, by name: the program, its arguments, and the stdin of each run. */
const cases = (guests) => {
  const path = (name) => guests.find((guest) => guest.name === name)?.path
  const all = [
    ['CPython', cpython, ['-c', `${IMPORTS}; exec(sys.stdin.read())`], SNIPPET],
    [
      'CPython, `gc.freeze()`',
      cpython,
      ['-c', `${IMPORTS}, gc; gc.collect(); gc.freeze(); exec(sys.stdin.read())`],
      SNIPPET,
    ],
    [
      'CPython, `os._exit(0)`',
      cpython,
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

/** What runs the same snippet for CPython. */
const RIVALS = {
  '`python3 -c`, spawned': () => ({ measure: spawned, close() {} }),
  'Pyodide, a worker per run': (seconds) => pyodide('cold', seconds),
  'Pyodide, one interpreter': (seconds) => pyodide('warm', seconds),
}

export const snapshots = {
  about: 'runs from snapshots, beside normal runs, python3 and Pyodide',

  async run({ guests, rounds, seconds }) {
    const rivals = Object.entries(RIVALS).map(([name, start]) => ({ name, ...start(seconds) }))
    // One core.
    const runtime = new Runtime({ threads: 1, cacheDir: false })
    const figures = []
    for (const [name, path, args, stdin] of cases(guests)) {
      const program = await load(path, { runtime })
      const start = performance.now()
      const warm = await program.snapshot({ args })
      const taking = performance.now() - start
      const size = (await warm.wasm()).length
      const isPython = path === cpython
      const { normal, snapshot, ...others } = await takeTurns(
        [
          { name: 'snapshot', measure: () => rate(warm, { stdin }, seconds) },
          { name: 'normal', measure: () => rate(program, { args, stdin }, seconds) },
          ...(isPython ? rivals : []),
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
        fasterThan: Object.entries(others).map(([rival, rates]) => {
          const faster = ratio(snapshot, rates)
          print(`${name}: runs from a snapshot`, median(snapshot), '1/s', {
            rival,
            value: median(rates),
            ratio: faster,
          })
          return faster
        }),
      }
      const vs = { rival: 'a normal run', value: median(normal), ratio: figure.faster }
      print(`${name}: runs from a snapshot`, figure.snapshot, '1/s', vs)
      figures.push(figure)
    }
    await runtime.close()
    for (const rival of rivals) await rival.close()
    return figures
  },

  parts: (figures) => ({
    snapshots: table(
      [
        'guest',
        'taking, s',
        'size, MB',
        'loading, ms',
        'runs/s',
        'to a normal run',
        ...Object.keys(RIVALS).map((rival) => `to ${rival}`),
      ],
      figures.map(({ name, taking, size, loading: load, snapshot, faster, fasterThan }) => [
        name,
        number(taking / 1000),
        number(size / 1e6),
        number(load),
        number(snapshot),
        times(faster),
        ...Object.keys(RIVALS).map((_, index) => fasterThan[index] && times(fasterThan[index])),
      ]),
    ),
  }),
}

/** Runs per second on this thread, one after the other: no other has to be woken. */
function rate(program, options, seconds) {
  const start = performance.now()
  let runs = 0
  do {
    const outcome = program.runSync(options)
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

/** Runs per second of the system's Python. */
function spawned() {
  const runs = 10
  const start = performance.now()
  for (let run = 0; run < runs; run += 1) {
    execFileSync('python3', ['-c', `${IMPORTS}; exec(sys.stdin.read())`], { input: SNIPPET })
  }
  return (runs / (performance.now() - start)) * 1000
}

function pyodide(mode, seconds) {
  const script = fileURLToPath(new URL('rivals/pyodide.mjs', import.meta.url))
  const child = new Child(process.execPath, script, mode, seconds, IMPORTS, SNIPPET)
  return { measure: async () => (await child.measure()).perSecond, close: () => child.close() }
}
