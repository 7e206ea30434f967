// Programs never seen before: from the path to the end of the first run, in new processes that have run another program.
import { execFileSync } from 'node:child_process'
import { median, print, ratio, takeTurns } from './measure.mjs'
import { number, table, times } from './report.mjs'
import { assembled } from './guests.mjs'

const ROUNDS = 7

const OURS = `
  import { load } from '${new URL('../dist/index.mjs', import.meta.url)}'
  const [path, args, hello, compiler] = process.argv.slice(1)
  const measure = async (source, options) => {
    const start = performance.now()
    const program = await load(source, { cache: false, compiler })
    const outcome = await program.run(options)
    if (!outcome.ok) throw new Error(JSON.stringify(outcome))
    return performance.now() - start
  }
  await measure(hello, {})
  console.log(await measure(path, { args: JSON.parse(args) }))
  process.exit()`

const NODE_WASI = `
  import { readFile, open } from 'node:fs/promises'
  import { WASI } from 'node:wasi'
  const [path, args, hello] = process.argv.slice(1)
  const nothing = await open('/dev/null', 'r+')
  const measure = async (source, args) => {
    const start = performance.now()
    const module = await WebAssembly.compile(await readFile(source))
    const { fd } = nothing
    const wasi = new WASI({ version: 'preview1', args: ['program', ...args], stdin: fd, stdout: fd, stderr: fd, returnOnExit: true })
    const status = wasi.start(await WebAssembly.instantiate(module, wasi.getImportObject()))
    if (status) throw new Error('exit ' + status)
    return performance.now() - start
  }
  await measure(hello, [])
  console.log(await measure(path, JSON.parse(args)))
  process.exit()`

const COMPILERS = ['tiered', 'baseline', 'optimizing']

const milliseconds = (source, ...args) => {
  const options = ['--no-warnings', '--input-type=module', '-e', source, ...args]
  return Number(execFileSync(process.execPath, options))
}

export const cold = {
  about: 'compile and first run of programs never seen before, beside node:wasi',

  async run({ guests, quick }) {
    const hello = assembled('hello')
    const results = []
    for (const { name, path, args } of guests.filter((guest) => guest.name !== 'hello')) {
      const words = [path, JSON.stringify(args), hello]
      const ours = COMPILERS.map((compiler) => ({
        name: compiler,
        measure: () => milliseconds(OURS, ...words, compiler),
      }))
      const rival = { name: 'node:wasi', measure: () => milliseconds(NODE_WASI, ...words) }
      const measured = await takeTurns([...ours, rival], quick ? 1 : ROUNDS)
      const nodes = measured[rival.name]
      const node = median(nodes)
      const figures = {}
      for (const compiler of COMPILERS) {
        const figure = { ms: median(measured[compiler]), toNode: ratio(measured[compiler], nodes) }
        const vs = { rival: rival.name, value: node, ratio: figure.toNode }
        print(`${name}: compile and first run, ${compiler}`, figure.ms, 'ms', vs)
        figures[compiler] = figure
      }
      results.push({ name, figures, node })
    }
    return results
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
