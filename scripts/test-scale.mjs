// 100,000 jobs over a Redis and a Valkey, while workers are killed and the server crashes: minutes. The same test has 5,000
// jobs in `npm test`.
import { spawnSync } from 'node:child_process'
import { provideServers } from './servers.mjs'

provideServers()
const ava = ['node_modules/ava/entrypoints/cli.js', '--timeout', '20m']
const { status } = spawnSync(process.execPath, [...ava, 'packages/bullmq/__test__/crash.test.ts'], {
  stdio: 'inherit',
  env: { ...process.env, WASIEXEC_TEST_JOBS: process.env.WASIEXEC_TEST_JOBS ?? '100000' },
})
process.exitCode = status ?? 1
