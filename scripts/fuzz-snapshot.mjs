// Compares snapshots of generated programs with normal runs: fuzz-snapshot.mjs [cases] [seed].
import { spawnSync } from 'node:child_process'

const [cases = '10000', seed = String(Date.now())] = process.argv.slice(2)
console.log(`${cases} cases from seed ${seed}`)
const args = ['test', '--release', '--test', 'core', 'snapshot::generated', '--', '--nocapture']
const { status } = spawnSync(process.execPath, ['scripts/cargo.mjs', ...args], {
  stdio: 'inherit',
  env: { ...process.env, SNAPSHOT_CASES: cases, SNAPSHOT_SEED: seed },
})
process.exitCode = status ?? 1
