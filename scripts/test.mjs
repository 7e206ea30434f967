// Runs ava and cargo test, shows both, and ends with the line `N passed, N failed`.
import { spawn } from 'node:child_process'
import { text } from 'node:stream/consumers'
import { countAva, countCargo } from './count-tests.mjs'

/** Runs a Node script; its stdout is shown and kept. */
async function run(args) {
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] })
  child.stdout.pipe(process.stdout, { end: false })
  const closed = new Promise((resolve) => child.once('close', resolve))
  return [await text(child.stdout), await closed]
}

const ava = countAva(...(await run(['node_modules/ava/entrypoints/cli.js', '--tap'])))
if (ava.failed > 0) console.log('`npx ava` shows more, a test that hung too')
const cargo = countCargo(
  ...(await run(['scripts/cargo.mjs', 'test', '--release', '--no-fail-fast'])),
)

console.log(`ava: ${ava.passed} passed, ${ava.failed} failed`)
console.log(`cargo test: ${cargo.passed} passed, ${cargo.failed} failed`)
console.log(`${ava.passed + cargo.passed} passed, ${ava.failed + cargo.failed} failed`)
process.exitCode = ava.failed + cargo.failed === 0 ? 0 : 1
