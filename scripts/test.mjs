// Runs ava and cargo test, shows both, and ends with the line `N passed, N failed`.
import { spawn } from 'node:child_process'
import { text } from 'node:stream/consumers'
import { countAva, countCargo } from './count-tests.mjs'

/** The tests about how runs go and end: once more with runs in worker processes. */
const TWICE = [
  'abort',
  'batch-closed',
  'batch-concurrency',
  'batch-ending',
  'batch-leave',
  'batch-order',
  'limits',
  'outcome',
  'runtime',
  'stdio',
  'streams',
  'transport',
].map((name) => `__test__/${name}.test.ts`)

/** Runs a Node script; its stdout is shown and kept. */
async function run(args, env = {}) {
  const child = spawn(process.execPath, args, {
    stdio: ['ignore', 'pipe', 'inherit'],
    env: { ...process.env, ...env },
  })
  child.stdout.pipe(process.stdout, { end: false })
  const closed = new Promise((resolve) => child.once('close', resolve))
  return [await text(child.stdout), await closed]
}

async function runAva(files, env) {
  return countAva(...(await run(['node_modules/ava/entrypoints/cli.js', '--tap', ...files], env)))
}

const ava = await runAva([])
if (ava.failed > 0) console.log('`npx ava` shows more, a test that hung too')
const processes = await runAva(TWICE, { WASIEXEC_TEST_WORKERS: 'processes' })
if (processes.failed > 0) console.log('`WASIEXEC_TEST_WORKERS=processes npx ava` shows more')
const cargo = countCargo(
  ...(await run(['scripts/cargo.mjs', 'test', '--release', '--no-fail-fast'])),
)

console.log(`ava: ${ava.passed} passed, ${ava.failed} failed`)
console.log(`ava, in worker processes: ${processes.passed} passed, ${processes.failed} failed`)
console.log(`cargo test: ${cargo.passed} passed, ${cargo.failed} failed`)
const [passed, failed] = ['passed', 'failed'].map(
  (which) => ava[which] + processes[which] + cargo[which],
)
console.log(`${passed} passed, ${failed} failed`)
process.exitCode = failed === 0 ? 0 : 1
