// Processes that cannot have worker processes say so.
import test from 'ava'
import { whyThreadsAlone, type Host } from '../../src/port/worker-host.ts'
import { node } from '../support/child.ts'

const NODE: Host = {
  versions: { node: '24.0.0' },
  isSea: false,
  script: '/home/user/main.mjs',
  mark: undefined,
}

const ALONE: readonly [reason: string, host: Partial<Host>][] = [
  ['under Deno', { versions: { node: '24.0.0', deno: '2.0.0' } }],
  ['under Electron', { versions: { node: '24.0.0', electron: '40.0.0' } }],
  ['in a single executable', { isSea: true }],
  ['in a single executable', { versions: { node: '24.0.0', pkg: '6.0.0' } }],
  ['in a single executable', { script: '/$bunfs/root/app' }],
  ['in a single executable', { script: 'B:\\~BUN\\root\\app.exe' }],
  ['in a single executable', { script: 'B:/~BUN/root/app.exe' }],
  ['in a worker process', { mark: '1' }],
]

test('Node and Bun can have worker processes', (t) => {
  t.is(whyThreadsAlone(NODE), undefined)
  t.is(whyThreadsAlone({ ...NODE, script: undefined }), undefined)
  t.is(whyThreadsAlone({ ...NODE, versions: { node: '24.0.0', bun: '1.0.0' } }), undefined)
  t.is(whyThreadsAlone(), undefined)
})

for (const [reason, host] of ALONE) {
  test(`${JSON.stringify(host)}: ${reason}`, (t) => {
    t.is(whyThreadsAlone({ ...NODE, ...host }), reason)
  })
}

test('what takes itself for a worker has no workers of its own', async (t) => {
  const script = `
    try { new Runtime({ workers: 'processes' }) } catch ({ code, message }) { console.log(code, message) }
    console.log((await run(watPath('hello'))).kind)`
  const child = await node(script, {
    env: { WASIEXEC_WORKER: '1', WASIEXEC_TEST_WORKERS: 'threads' },
  })
  const refusal =
    'ERR_INVALID_OPTION `workers` must be \'threads\' in a worker process, got "processes"'
  t.is(child.stdout, `${refusal}\nexit\n`, child.stderr)
})
