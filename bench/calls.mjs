// Calls of an exported function, beside other ways to call one from JavaScript and Python.
import { readFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { Runtime, load } from '../dist/index.mjs'
import { Child } from './child.mjs'
import { assembled } from './guests.mjs'
import { python } from './install.mjs'
import { median, print, ratio, takeTurns, WARM_UP_MS } from './measure.mjs'
import { Counter } from './package-rates.mjs'
import { number, table, times } from './report.mjs'

/** Calls between two looks at the clock. */
const AT_A_TIME = 1000

const SYNC = 'callSync()'
const ONE = 'call(), one after the other'
const PIPELINED = 'call(), 1,000 at a time'
const BATCH = 'batch() of calls'
const CHUNKS = 'batch().chunks() of calls'
const V8 = 'WebAssembly in V8'
const PYTHON = 'wasmtime-py'
const EXTISM = 'Extism'
const EXTISM_WORKER = 'Extism in a worker'

export const calls = {
  about: 'calls of an exported function, beside WebAssembly in V8, wasmtime-py and Extism',

  async run({ rounds, seconds }) {
    const path = assembled('exports')
    const runtime = new Runtime({ threads: 1, cacheDir: false })
    const program = await load(path, { runtime, name: 'exports' })
    const instance = await program.instantiate()
    const add = await plain(path)
    const rival = (name) => fileURLToPath(new URL(`rivals/${name}`, import.meta.url))
    const children = {
      [PYTHON]: new Child(python, rival('wasmtime-py-calls.py'), path, seconds),
      [EXTISM]: new Child(process.execPath, rival('extism.mjs'), 'thread', seconds),
      [EXTISM_WORKER]: new Child(process.execPath, rival('extism.mjs'), 'worker', seconds),
    }
    const here = (name, calls) => ({ name, measure: () => rate(calls, seconds) })
    const measured = await takeTurns(
      [
        here(SYNC, () => {
          for (let call = 0; call < AT_A_TIME; call += 1) check(instance.callSync('add', 1, 2))
        }),
        here(ONE, async () => {
          for (let call = 0; call < AT_A_TIME; call += 1) check(await instance.call('add', 1, 2))
        }),
        here(PIPELINED, async () => {
          const calls = Array.from({ length: AT_A_TIME }, () => instance.call('add', 1, 2))
          for (const outcome of await Promise.all(calls)) check(outcome)
        }),
        {
          name: BATCH,
          measure: async () => {
            const counter = new Counter(seconds)
            for await (const { outcome } of program.batch(jobs())) {
              check(outcome)
              if (counter.isOver()) break
            }
            return counter
          },
        },
        {
          name: CHUNKS,
          measure: async () => {
            const counter = new Counter(seconds)
            for await (const results of program.batch(jobs()).chunks()) {
              let isOver = false
              for (const { outcome } of results) {
                check(outcome)
                isOver = counter.isOver()
              }
              if (isOver) break
            }
            return counter
          },
        },
        here(V8, () => {
          for (let call = 0; call < AT_A_TIME; call += 1) {
            if (add(1, 2) !== 3) throw new Error('add(1, 2) is not 3')
          }
        }),
        ...Object.entries(children).map(([name, child]) => ({
          name,
          measure: () => child.measure(),
        })),
      ],
      rounds,
    )
    await Promise.all(Object.values(children).map((child) => child.close()))
    await instance[Symbol.asyncDispose]()
    await runtime.close()
    return report(measured)
  },

  parts: ({ rows }) => ({ calls: table(['', 'calls per second', 'µs per call', 'against'], rows) }),
}

/** What each of ours is compared with. */
const RIVALS = {
  [SYNC]: [V8, PYTHON],
  [ONE]: [EXTISM_WORKER, EXTISM],
  [PIPELINED]: [PYTHON],
  [BATCH]: [PYTHON],
  [CHUNKS]: [PYTHON],
}

function report(measured) {
  const rates = Object.fromEntries(
    Object.entries(measured).map(([name, turns]) => [name, turns.map((turn) => turn.perSecond)]),
  )
  for (const [name, rivals] of Object.entries(RIVALS)) {
    for (const rival of rivals) {
      const value = 1e6 / median(rates[rival])
      const vs = { rival, value, ratio: ratio(rates[name], rates[rival]) }
      print(`one ${name}`, 1e6 / median(rates[name]), 'µs', vs)
    }
  }
  for (const name of [PIPELINED, BATCH, CHUNKS]) print(name, median(rates[name]), 'calls/s')
  const rows = Object.keys(rates).map((name) => [
    name,
    number(median(rates[name])),
    number(1e6 / median(rates[name])),
    (RIVALS[name] ?? [])
      .map((rival) => `${times(ratio(rates[name], rates[rival]))} ${rival}`)
      .join(', '),
  ])
  return { rows }
}

async function rate(calls, seconds) {
  for (const start = performance.now(); performance.now() - start < WARM_UP_MS;) await calls()
  const start = performance.now()
  let done = 0
  for (; performance.now() - start < seconds * 1000; done += AT_A_TIME) await calls()
  return { perSecond: (done / (performance.now() - start)) * 1000 }
}

/** Endless calls. */
function* jobs() {
  for (;;) yield { call: ['add', 1, 2] }
}

function check({ kind, values }) {
  if (kind !== 'returned' || values[0] !== 3) throw new Error(`add(1, 2) is not 3 but ${kind}`)
}

/** The function in V8. */
async function plain(path) {
  const { instance } = await WebAssembly.instantiate(await readFile(path), {
    wasi_snapshot_preview1: {
      proc_exit() {},
      fd_write: () => 0,
      fd_read: () => 0,
      poll_oneoff: () => 0,
    },
  })
  return instance.exports.add
}
