// Fuel is the same number however a program was compiled and wherever its memory comes from.
import { spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import test from 'ava'
import { node, type ChildOptions } from '../support/child.ts'
import { folder } from '../support/guest.ts'

/** Tells the fuel of runs of each guest: of programs compiled now, from the cache and compiled ahead. */
const MEASURE = `
  const { guest } = await import(${JSON.stringify(new URL('../../guests/unpack.mjs', import.meta.url).href)})
  const guests = [[watPath('hello')], [watPath('big-table')], [watPath('component-hello')],
    [await guest('rust'), 'ok'], [await guest('rust-p2'), 'ok'], [await guest('c-zig'), 'return', '0']]
  const options = { clock: { now: 0 }, randomSeed: 1, limits: { fuel: 1n << 40n } }
  const measured = {}
  for (const [path, ...args] of guests) {
    const fuel = async (program) => {
      const all = []
      for (let i = 0; i < 3; i++) {
        const outcome = await program.run({ ...options, args })
        if (!outcome.ok) throw new Error(path + ': ' + ending(outcome) + outcome.stderr)
        all.push(String(outcome.usage.fuel))
      }
      return all
    }
    const cache = process.env.CACHE
    const named = { name: 'guest' }
    const compiled = await load(path, { ...named, cache: false, fuel: true })
    const ahead = { ...named, trustPrecompiled: true, cache: false }
    const numbers = {
      compiled: await fuel(compiled),
      first: await fuel(await load(path, { ...named, cache, runtime: new Runtime() })),
      cached: await fuel(await load(path, { ...named, cache, runtime: new Runtime() })),
      ahead: await fuel(await load(await compiled.serialize(), ahead)),
    }
    measured[path.replace(/.*[\\\\/]/, '')] = numbers
  }
  console.log(JSON.stringify(measured))
`

const withoutMemfd = [
  'python3',
  fileURLToPath(new URL('../support/without-memfd.py', import.meta.url)),
]
/** Where Python 3 and seccomp are there. */
const mayFail = spawnSync(withoutMemfd[0]!, [...withoutMemfd.slice(1), 'true']).status === 0

type Numbers = Record<string, Record<string, string[]>>

async function measure(cache: string, options: ChildOptions = {}): Promise<Numbers> {
  const { stdout, stderr, code } = await node(MEASURE, { ...options, env: { CACHE: cache } })
  if (code !== 0) throw new Error(`exit code ${code}: ${stderr}`)
  return JSON.parse(stdout) as Numbers
}

test('fuel is the same number in first, cached and precompiled starts', async (t) => {
  for (const [guest, ways] of Object.entries(await measure(await folder(t)))) {
    const numbers = new Set(Object.values(ways).flat())
    t.is(numbers.size, 1, `${guest}: ${JSON.stringify(ways)}`)
    t.true([...numbers].every((fuel) => Number(fuel) > 0))
  }
})

const withSeccomp = mayFail ? test : test.skip
withSeccomp('fuel is the same number where memfd_create fails', async (t) => {
  t.deepEqual(
    await measure(await folder(t), { under: withoutMemfd }),
    await measure(await folder(t)),
  )
})

const posix = process.platform === 'win32' ? test.skip : test
posix('fuel is the same number where there is no address space for pools', async (t) => {
  t.deepEqual(
    await measure(await folder(t), { addressSpace: 8_000_000 }),
    await measure(await folder(t)),
  )
})
