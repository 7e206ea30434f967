// Files in memory: CPython's standard library as one tree for all runs, beside a granted directory and the library that is
// in the binary.
import { execFileSync } from 'node:child_process'
import { mkdirSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { load } from '../dist/index.mjs'
import { cpython, scratch } from './guests.mjs'
import { python } from './install.mjs'
import { median, print, ratio, takeTurns } from './measure.mjs'
import { withRuntime } from './package-rates.mjs'
import { number, table, times } from './report.mjs'

const IMPORTS = 'import collections, json, math, re'
const HOME = { env: { PYTHONHOME: '/python' } }

const TREE = '`files`'
const GRANTED = '`preopens`'
const INSIDE = 'in the binary'
/** Runs per turn; five turns of the tree are a thousand runs. */
const RUNS = { [TREE]: 200, [GRANTED]: 60, [INSIDE]: 60 }

export const files = {
  about: "CPython's standard library as files in memory, in a granted directory, and in the binary",

  async run({ rounds, quick }) {
    return withRuntime({ threads: 2 }, async (runtime) => {
      const program = await load(cpython, { runtime })
      const folder = scratch('python')
      mkdirSync(folder)
      await copyLibrary(program, folder)
      const ways = {
        [TREE]: { ...HOME, files: readTree(folder), filesAt: '/python' },
        [GRANTED]: { ...HOME, preopens: { '/python': folder } },
        [INSIDE]: {},
      }
      const contenders = Object.entries(ways).map(([name, way]) => ({
        name,
        measure: () => measure(program, way, quick ? 10 : RUNS[name]),
      }))
      return report(await takeTurns(contenders, rounds))
    })
  },

  parts: ({ names, rates, grown }) => ({
    files: table(
      ["CPython's library", 'runs/s', `${TREE} against it`, 'memory grows, MB'],
      names.map((name) => [
        name,
        number(median(rates[name])),
        name === TREE ? undefined : times(ratio(rates[TREE], rates[name])),
        number(Math.max(...grown[name])),
      ]),
    ),
  }),
}

function report(measured) {
  const names = Object.keys(measured)
  const column = (field) =>
    Object.fromEntries(names.map((name) => [name, measured[name].map((turn) => turn[field])]))
  const [rates, grown] = [column('rate'), column('grown')]
  for (const rival of [GRANTED, INSIDE]) {
    const vs = { rival, value: median(rates[rival]), ratio: ratio(rates[TREE], rates[rival]) }
    print(`CPython with its library as ${TREE}`, median(rates[TREE]), 'runs/s', vs)
  }
  print(`the same, growth of memory in a turn`, Math.max(...grown[TREE]), 'MB')
  return { names, rates, grown }
}

/** Puts CPython's library below `folder`, where `PYTHONHOME` may point to. */
async function copyLibrary(program, folder) {
  const copy = `import shutil
shutil.copytree('/usr/local/lib/python3.12', '/to/lib/python3.12', copy_function=shutil.copyfile)
shutil.copyfile('/usr/local/lib/python312.zip', '/to/lib/library.zip')`
  const preopens = { '/to': { hostPath: folder, access: 'write' } }
  const outcome = await program.run({ args: ['-c', copy], preopens })
  if (!outcome.ok) throw new Error(`the library was not copied: ${outcome.stderr}`)
  const zip = join(folder, 'lib', 'library.zip')
  execFileSync(python, ['-m', 'zipfile', '-e', zip, join(folder, 'lib', 'python3.12')])
  rmSync(zip)
}

/** A folder as `files`. */
function readTree(folder) {
  const entries = readdirSync(folder, { withFileTypes: true }).map((entry) => {
    const path = join(folder, entry.name)
    return [entry.name, entry.isDirectory() ? readTree(path) : readFileSync(path)]
  })
  return Object.fromEntries(entries)
}

/** Runs per second, and by how many megabytes the process grows after the first tenth. */
async function measure(program, way, runs) {
  const defaults = { args: ['-c', IMPORTS], ...way }
  const jobs = Array.from({ length: runs }, () => ({}))
  const start = performance.now()
  let done = 0
  let before
  for await (const { outcome } of program.batch(jobs, { defaults })) {
    if (!outcome.ok) throw new Error(`${outcome.kind}: ${outcome.stderr}`)
    done += 1
    if (done === runs / 10) before = process.memoryUsage().rss
  }
  const seconds = (performance.now() - start) / 1000
  return { rate: runs / seconds, grown: (process.memoryUsage().rss - before) / 1e6 }
}
