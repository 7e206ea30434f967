// `wasiexec worker`, from the main package and from this one.
import { spawn, type ChildProcess } from 'node:child_process'
import { createInterface } from 'node:readline'
import { text } from 'node:stream/consumers'
import { fileURLToPath } from 'node:url'
import test, { type ExecutionContext } from 'ava'
import { main } from '../src/command.ts'
import { all, openQueue, QUEUE, watPath } from './support/queues.ts'
import { onOne } from './support/servers.ts'

const BINS = {
  'wasiexec worker': [
    fileURLToPath(new URL('../../../bin/wasiexec.mjs', import.meta.url)),
    'worker',
  ],
  'wasiexec-worker': [fileURLToPath(new URL('../bin/wasiexec-worker.mjs', import.meta.url))],
}

async function said(
  ...argv: string[]
): Promise<{ status: number; stdout: string; stderr: string }> {
  const printed = { stdout: '', stderr: '' }
  const stream = (name: 'stdout' | 'stderr') => ({
    write: (part: string) => {
      printed[name] += part
    },
  })
  const io = {
    stdout: stream('stdout'),
    stderr: stream('stderr'),
    env: {},
    onInterrupt: () => () => {},
  }
  return { status: await main(argv, io), ...printed }
}

/** Starts the command; resolves when it says that it is ready. */
async function start(
  t: ExecutionContext,
  command: readonly string[],
): Promise<[ChildProcess, string]> {
  const child = spawn(process.execPath, [...command], { stdio: ['ignore', 'ignore', 'pipe'] })
  t.teardown(() => child.kill('SIGKILL'))
  for await (const line of createInterface(child.stderr!)) {
    if (line.includes('ready')) return [child, line]
    t.log(line)
  }
  throw new Error('the command ended before it was ready')
}

for (const [name, bin] of Object.entries(BINS)) {
  onOne(`${name}: runs jobs under its limits until SIGTERM, and ends with 0`, async (t, server) => {
    const flags = ['--queue', QUEUE, '--redis', server.url, '--timeout', '200ms', '--http', '0']
    const [child, ready] = await start(t, [...bin, ...flags, '--threads', '1'])
    const port = /^wasiexec: queue tests: ready, health and metrics on port (\d+)$/.exec(ready)?.[1]
    t.is((await fetch(`http://127.0.0.1:${port}/healthz`)).status, 200)
    const program = await openQueue(t, server).addProgram(watPath('loop'))
    const results = await all(program.batch([{}, {}]))
    t.deepEqual(
      results.map(({ outcome }) => outcome?.kind),
      ['limit', 'limit'],
    )
    const ended = new Promise((resolve) => child.once('exit', resolve))
    const rest = text(child.stderr!)
    child.kill('SIGTERM')
    t.is(await ended, 0)
    t.is(await rest, 'wasiexec: SIGTERM: draining\nwasiexec: drained after 2 jobs\n')
  })
}

test('help and version', async (t) => {
  const { status, stdout, stderr } = await said('--help')
  t.deepEqual([status, stderr], [0, ''])
  t.regex(stdout, /^Usage: wasiexec worker --queue <name> \[options\]\n/)
  for (const line of stdout.split('\n')) t.true(line.length <= 120, line)
  t.regex((await said('-V')).stdout, /^@wasiexec\/bullmq \d+\.\d+\.\d+\n$/)
})

test('a command line that cannot be is refused with its flag', async (t) => {
  const q = ['--queue', 'q']
  for (const [argv, message] of [
    [[], 'expected --queue, the name of a queue; see wasiexec worker --help'],
    [['--queue', 'a b'], '`name` must be of 1 to 100 letters, digits, `_`, `-` and `.`, got "a b"'],
    [
      [...q, '--timeout', '5'],
      '--timeout: expected a time such as 500ms, 10s or 5m, got 5; see wasiexec worker --help',
    ],
    [
      [...q, '--memory', '1GB'],
      '--memory: expected a size such as 64MiB or 1GiB, got 1GB; see wasiexec worker --help',
    ],
    [
      [...q, '--threads', '0'],
      '--threads: expected a whole number from 1 on, got 0; see wasiexec worker --help',
    ],
    [
      [...q, '--http', 'x'],
      '--http: expected a port such as 9464 or 0.0.0.0:9464, got x; see wasiexec worker --help',
    ],
    [
      [...q, '--store', 'https://b.s3.amazonaws.com'],
      '--store: expected $AWS_ACCESS_KEY_ID and $AWS_SECRET_ACCESS_KEY; see wasiexec worker --help',
    ],
    [
      [...q, '--dir', '::/data'],
      '--dir: expected host[::guest][:rw], got ::/data; see wasiexec worker --help',
    ],
    [
      [...q, '--redis', 'http://x'],
      '`connection` must be a URL that begins with redis:// or rediss://, got "http://"',
    ],
  ] as [string[], string][])
    t.deepEqual(await said(...argv), { status: 125, stdout: '', stderr: `wasiexec: ${message}\n` })
  t.regex(
    (await said('--colour')).stderr,
    /^wasiexec: Unknown option '--colour'.*; see wasiexec worker --help\n$/,
  )
})
