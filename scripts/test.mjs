// Runs ava and cargo test, shows both, and ends with the line `N passed, N failed`. With `--no-cargo`: only ava.
import { spawn } from 'node:child_process'
import { text } from 'node:stream/consumers'
import { provideTools } from '../guests/tour.mjs'
import { chromium, provideChromium } from './chromium.mjs'
import { provideServers } from './servers.mjs'
import { avaFailures, cargoFailures, countAva, countCargo } from './count-tests.mjs'
import { filesWith, VARIANTS } from './test-variants.mjs'
import { provideVenv } from './venv.mjs'

/** The tests of the core that are run once more with the baseline compiler: those about how runs proceed and end. */
const CORE = ['endings', 'entries', 'limits', 'memory', 'output', 'stops', 'traps', 'programs']

/** Runs a Node script; shows and keeps its stdout. */
async function run(args, env = {}) {
  const child = spawn(process.execPath, args, {
    stdio: ['ignore', 'pipe', 'inherit'],
    env: { ...process.env, ...env },
  })
  child.stdout.pipe(process.stdout, { end: false })
  const closed = new Promise((resolve) => child.once('close', resolve))
  return [await text(child.stdout), await closed]
}

/** What failed, to be shown once more at the end: a log is read from there. */
const failures = []

async function runAva(files, env) {
  const [tap, status] = await run(['node_modules/ava/entrypoints/cli.js', '--tap', ...files], env)
  failures.push(...avaFailures(tap))
  return countAva(tap, status)
}

async function runCargo(args, env) {
  const [stdout, status] = await run(args, env)
  failures.push(...cargoFailures(stdout))
  return countCargo(stdout, status)
}

/** The snippets of docs/migrating.md need it; their test says what is wrong. */
function providePython() {
  try {
    provideVenv('bench/.venv', 'bench/requirements.txt')
  } catch (error) {
    console.warn(error.message)
  }
}

// Installed here and not in the tests, which run side by side, because apt-get runs once at a time.
provideChromium()
try {
  provideTools()
} catch (error) {
  // The tests that need them say what that means.
  console.log(error.message)
}
providePython()
const missingServers = 2 - provideServers().length
const suites = [['ava', await runAva([])]]
if (suites[0][1].failed > 0) console.log('`npx ava` shows more, a test that hung too')
for (const [name, words, variable, value] of VARIANTS) {
  const totals = await runAva(filesWith(words), { [variable]: value })
  if (totals.failed > 0) console.log(`\`${variable}=${value} npx ava\` shows more`)
  suites.push([`ava, ${name}`, totals])
}
if (!process.argv.includes('--no-cargo')) {
  const args = ['scripts/cargo.mjs', 'test', '--release', '--no-fail-fast']
  suites.push(['cargo test', await runCargo(args)])
  const again = [...args, '--test', 'core', '--', ...CORE.map((module) => `${module}::`)]
  const baseline = await runCargo(again, { WASIEXEC_TEST_COMPILER: 'baseline' })
  suites.push(['cargo test, baseline compiler', baseline])
}

for (const failure of failures) console.log(`\n${failure}`)
const all = { passed: 0, failed: 0, skipped: 0 }
for (const [name, totals] of suites) {
  const { passed, failed, skipped } = totals
  console.log(`${name}: ${passed} passed, ${failed} failed, ${skipped} skipped`)
  for (const kind of Object.keys(all)) all[kind] += totals[kind]
}
if (all.skipped > 0 && chromium() === undefined) {
  console.log('no Chromium was found: tests of pages were skipped; WASIEXEC_CHROMIUM may name one')
}
if (missingServers > 0) {
  console.log(
    'no Redis or no Valkey was found: tests of queues were skipped; `node scripts/servers.mjs` says more',
  )
}
console.log(`${all.passed} passed, ${all.failed} failed`)
process.exitCode = all.failed === 0 ? 0 : 1
