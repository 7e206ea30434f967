// Runs the tests of a foreign addon on a machine for it: `npm run cross:test -- TARGET [FILE…]`.
import { spawnSync } from 'node:child_process'
import { closeSync, existsSync, openSync, readFileSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { countAva } from '../count-tests.mjs'
import { leftOut } from './left.mjs'
import { MACHINES } from './machine.mjs'
import { CACHE, ROOT, run } from './shell.mjs'
import { stage } from './stage.mjs'
import { findTarget } from './targets.mjs'

const [name, ...asked] = process.argv.slice(2)
const target = findTarget(name)
if (MACHINES[name] === undefined)
  throw new Error(`expected one of ${Object.keys(MACHINES).join(', ')}, got ${name}`)
const addon = `npm/${target.platform}/wasiexec.${target.platform}.node`
if (!existsSync(join(ROOT, addon))) throw new Error(`no ${addon}: npm run cross -- ${name}`)

const left = leftOut(name)
const files = readdirSync(join(ROOT, '__test__'), { recursive: true })
  .map((file) => `__test__/${file}`)
  .filter((file) => /\.test\.(?:ts|mjs)$/.test(file))
  .filter((file) => !left.some((one) => one.file !== undefined && file.startsWith(one.file)))
// Without a file, ava would take all.
for (const file of asked) {
  if (!files.includes(file))
    throw new Error(`expected files of __test__/ that can run on ${name}, got ${file}`)
}

const machine = MACHINES[name]()
run(process.execPath, ['scripts/build.mjs'], { cwd: ROOT })
const cwd = stage(target)

/** Emulated programs are ten times slower, or more. */
const PATIENCE = '10'

/** Runs Node in the machine; returns its status and what it printed. */
function node(args, output) {
  const log = join(CACHE, output)
  // Node under wine takes a file and no pipe.
  const file = openSync(log, 'w')
  const [command, ...words] = [...machine.enter, machine.node, ...args]
  const { status } = spawnSync(command, words, {
    cwd,
    stdio: ['ignore', file, 'inherit'],
    env: { ...process.env, ...machine.env, CI: 'true', WASIEXEC_TEST_PATIENCE: PATIENCE },
  })
  closeSync(file)
  return [readFileSync(log, 'utf8'), status ?? 1]
}

const [batch, status] = node(['scripts/cross/batch.mjs'], `${name}-batch.log`)
console.log(batch.trim())
if (status !== 0) throw new Error(`a batch ended with ${status}`)

const titles = left.flatMap(({ title }) => (title === undefined ? [] : [`--match=!${title}`]))
const ava = ['node_modules/ava/entrypoints/cli.js', '--tap', '--timeout=20m', '--concurrency=2']
const [tap, code] = node(
  [...ava, ...titles, ...(asked.length > 0 ? asked : files)],
  `${name}-tests.log`,
)
for (const line of tap.split('\n'))
  if (/^not ok|^ok .*# (?:SKIP|TODO)/i.test(line)) console.log(line)
const { passed, failed, skipped } = countAva(tap, code)
for (const { file, title, reason } of left) console.log(`not run: ${file ?? title}: ${reason}`)
console.log(`${passed} passed, ${failed} failed, ${skipped} skipped`)
process.exitCode = failed === 0 && passed > 0 ? 0 : 1
