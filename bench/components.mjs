// Calls of a component's functions, beside JavaScript that jco makes of it, and wasmtime-py.
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { Runtime, load } from '../dist/index.mjs'
import { Child } from './child.mjs'
import { assembled } from './guests.mjs'
import { install, python } from './install.mjs'
import { median, print, ratio, takeTurns, WARM_UP_MS } from './measure.mjs'
import { number, table, times } from './report.mjs'

const OURS = 'callSync()'
const ONE = 'call(), one after the other'
const JCO = 'jco in V8'
const PYTHON = 'wasmtime-py'
const COPY = 'one copy by Buffer.from()'
const RIVALS = [JCO, PYTHON, COPY]

const SETTINGS = {
  name: 'a name',
  width: 1,
  height: 2,
  depth: 3,
  left: -4,
  top: -5,
  level: 6,
  isOpen: true,
  isNew: false,
  kind: 'k',
}

/** What is called with what, and how often between two looks at the clock. */
const CASES = {
  'two numbers': { name: 'add', args: [1, 2], atATime: 1000 },
  'a record of ten fields and 1 KiB of text': {
    name: 'describe',
    args: [SETTINGS, 'x'.repeat(1024)],
    atATime: 500,
  },
  '1 MiB of bytes, in and out': {
    name: 'echo',
    args: [new Uint8Array(1 << 20)],
    atATime: 10,
    isCopied: true,
  },
}

export const components = {
  about: "calls of a component's functions, beside jco and wasmtime-py",

  async run({ rounds, seconds }) {
    install()
    const path = assembled('values-component')
    const runtime = new Runtime({ threads: 1, cacheDir: false })
    const program = await load(path, { runtime, name: 'values' })
    const instance = await program.instantiate()
    const jco = await transpiled(await program.wasm())
    const script = fileURLToPath(new URL('rivals/wasmtime-py-components.py', import.meta.url))
    const rows = []
    for (const [what, { name, args, atATime, isCopied }] of Object.entries(CASES)) {
      const full = `test:bench/values#${name}`
      const own = await instance.call(full, ...args)
      if (own.kind !== 'returned' || own.values[0].length !== jco[name](...args).length) {
        throw new Error(`${what} does not come back`)
      }
      const child = new Child(python, script, path, name, seconds)
      const here = (key, calls) => ({ name: key, measure: () => rate(calls, atATime, seconds) })
      const measured = await takeTurns(
        [
          here(OURS, () => {
            for (let call = 0; call < atATime; call += 1) check(instance.callSync(full, ...args))
          }),
          here(ONE, async () => {
            for (let call = 0; call < atATime; call += 1) check(await instance.call(full, ...args))
          }),
          here(JCO, () => {
            for (let call = 0; call < atATime; call += 1) jco[name](...args)
          }),
          { name: PYTHON, measure: () => child.measure() },
          ...(isCopied
            ? [
                here(COPY, () => {
                  for (let call = 0; call < atATime; call += 1) Buffer.from(args[0])
                }),
              ]
            : []),
        ],
        rounds,
      )
      await child.close()
      rows.push(...report(what, measured))
    }
    await instance[Symbol.asyncDispose]()
    await runtime.close()
    return { rows }
  },

  parts: ({ rows }) => ({
    components: table(['', '', 'calls per second', 'µs per call', 'against'], rows),
  }),
}

/** The functions of a component, by jco. */
async function transpiled(wasm) {
  const { transpileBytes, writeFiles } = await import('@bytecodealliance/jco-transpile')
  const folder = await mkdtemp(join(tmpdir(), 'wasiexec-bench-'))
  try {
    const { files } = await transpileBytes(wasm, { name: 'values', outDir: folder })
    await writeFiles(files)
    await writeFile(join(folder, 'package.json'), '{ "type": "module" }')
    const made = await import(pathToFileURL(join(folder, 'values.js')).href)
    await made.$init
    return made.values
  } finally {
    await rm(folder, { recursive: true })
  }
}

function report(what, measured) {
  const rates = Object.fromEntries(
    Object.entries(measured).map(([name, turns]) => [name, turns.map((turn) => turn.perSecond)]),
  )
  const rivals = RIVALS.filter((rival) => rival in rates)
  for (const name of [OURS, ONE]) {
    for (const rival of rivals) {
      const value = 1e6 / median(rates[rival])
      const vs = { rival, value, ratio: ratio(rates[name], rates[rival]) }
      print(`${what}, ${name}`, 1e6 / median(rates[name]), 'µs', vs)
    }
  }
  return Object.keys(rates).map((name, index) => [
    index === 0 ? what : '',
    name,
    number(median(rates[name])),
    number(1e6 / median(rates[name])),
    rivals.includes(name)
      ? ''
      : rivals.map((rival) => `${times(ratio(rates[name], rates[rival]))} ${rival}`).join(', '),
  ])
}

async function rate(calls, atATime, seconds) {
  for (const start = performance.now(); performance.now() - start < WARM_UP_MS;) await calls()
  const start = performance.now()
  let done = 0
  for (; performance.now() - start < seconds * 1000; done += atATime) await calls()
  return { perSecond: (done / (performance.now() - start)) * 1000 }
}

function check({ kind }) {
  if (kind !== 'returned') throw new Error(`the function has not returned: ${kind}`)
}
