// Programs never seen before: from the path to the end of the first run, in new processes that have run another program.
import { execFileSync } from 'node:child_process'
import { median, print, ratio } from './measure.mjs'
import { number, table, times } from './report.mjs'
import { assembled } from './guests.mjs'

const ROUNDS = 7

const OURS = `
  import { load } from '${new URL('../dist/index.mjs', import.meta.url)}'
  const [path, args, hello, compiler] = process.argv.slice(1)
  const measure = async (source, options) => {
    const start = performance.now()
    const program = await load(source, { cache: false, compiler })
    const loaded = performance.now()
    const outcome = await program.run(options)
    if (!outcome.ok) throw new Error(JSON.stringify(outcome))
    return { load: loaded - start, run: performance.now() - loaded }
  }
  await measure(hello, {})
  console.log(JSON.stringify(await measure(path, { args: JSON.parse(args) })))
  process.exit()`

const NODE_WASI = `
  import { readFile, open } from 'node:fs/promises'
  import { WASI } from 'node:wasi'
  const [path, args, hello] = process.argv.slice(1)
  const nothing = await open('/dev/null', 'r+')
  const measure = async (source, args) => {
    const start = performance.now()
    const module = await WebAssembly.compile(await readFile(source))
    const loaded = performance.now()
    const { fd } = nothing
    const wasi = new WASI({ version: 'preview1', args: ['program', ...args], stdin: fd, stdout: fd, stderr: fd, returnOnExit: true })
    const status = wasi.start(await WebAssembly.instantiate(module, wasi.getImportObject()))
    if (status) throw new Error('exit ' + status)
    return { load: loaded - start, run: performance.now() - loaded }
  }
  await measure(hello, [])
  console.log(JSON.stringify(await measure(path, JSON.parse(args))))
  process.exit()`

const COMPILERS = ['tiered', 'baseline', 'optimizing']

const script = (source, ...args) => {
  const options = ['--no-warnings', '--input-type=module', '-e', source, ...args]
  const { load, run } = JSON.parse(execFileSync(process.execPath, options))
  return { load, run, both: load + run }
}

export const cold = {
  about: 'compile and first run of programs never seen before, beside node:wasi',

  run({ guests, quick }) {
    const hello = assembled('hello')
    const chosen = guests.filter(({ name }) => name !== 'hello')
    return chosen.map(({ name, path, args }) => {
      const json = JSON.stringify(args)
      const contenders = {
        ...Object.fromEntries(
          COMPILERS.map((compiler) => [compiler, () => script(OURS, path, json, hello, compiler)]),
        ),
        'node:wasi': () => script(NODE_WASI, path, json, hello),
      }
      const measured = Object.fromEntries(Object.keys(contenders).map((key) => [key, []]))
      for (let round = 0; round < (quick ? 1 : ROUNDS); round += 1)
        for (const [key, measure] of Object.entries(contenders)) measured[key].push(measure())
      const both = (key) => measured[key].map((times) => times.both)
      const figures = Object.fromEntries(
        COMPILERS.map((compiler) => {
          const figure = {
            ms: median(both(compiler)),
            toNode: ratio(both(compiler), both('node:wasi')),
          }
          const vs = { rival: 'node:wasi', value: median(both('node:wasi')), ratio: figure.toNode }
          print(`${name}: compile and first run, ${compiler}`, figure.ms, 'ms', vs)
          return [compiler, figure]
        }),
      )
      return { name, figures, node: median(both('node:wasi')) }
    })
  },

  parts: (guests) => ({
    cold: table(
      [
        'guest',
        'node:wasi, ms',
        ...COMPILERS.flatMap((compiler) => [`${compiler}, ms`, 'to node:wasi']),
      ],
      guests.map(({ name, figures, node }) => [
        name,
        number(node),
        ...COMPILERS.flatMap((compiler) => [
          number(figures[compiler].ms),
          times(figures[compiler].toNode),
        ]),
      ]),
    ),
  }),
}
