// `wasiexec worker`, from the main package and from this one.
import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { createInterface } from 'node:readline'
import { text } from 'node:stream/consumers'
import { fileURLToPath } from 'node:url'
import test, { type ExecutionContext } from 'ava'
import { realPath } from '../../../__test__/support/guest.ts'
import { echoServer } from '../../../__test__/support/servers.ts'
import { limitFlags, READERS } from '../../../cli/limit-flags.ts'
import { WORKER_FLAGS } from '../../../cli/worker-flags.ts'
import { readCaps, type Caps } from '../src/caps.ts'
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

/** Makes two files, and exits with the errno of the second. It is a core module, which has no network. */
const TWO_FILES = `(module
  (import "wasi_snapshot_preview1" "path_open"
    (func $open (param i32 i32 i32 i32 i32 i64 i64 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
  (memory (export "memory") 1)
  (data (i32.const 0) "ab")
  (func $make (param $name i32) (result i32)
    (call $open (i32.const 3) (i32.const 0) (local.get $name) (i32.const 1) (i32.const 1)
      (i64.const 64) (i64.const 0) (i32.const 0) (i32.const 16)))
  (func (export "_start") (drop (call $make (i32.const 0))) (call $exit (call $make (i32.const 1)))))`

onOne('grants and caps of the command line are those of every job', async (t, server) => {
  const at = await echoServer(t)
  const web = createServer((request, response) => response.end(request.url))
  web.listen(0, '127.0.0.1')
  await once(web, 'listening')
  t.teardown(() => web.close())
  const origin = `http://127.0.0.1:${(web.address() as AddressInfo).port}`
  const [net, http] = [await realPath('net'), await realPath('http')]
  const queue = openQueue(t, server)
  const results = async (flags: readonly string[]): Promise<string[]> => {
    const common = ['--queue', QUEUE, '--redis', server.url, '--threads', '1']
    const [child] = await start(t, [...BINS['wasiexec-worker'], ...common, ...flags])
    const printed: string[] = []
    for (const [path, jobs] of [
      [net, [{ args: ['get', at, 'hello'] }, { args: ['sockets', '1000'] }]],
      [http, [{ args: ['GET', `${origin}/path`] }]],
      [Buffer.from(TWO_FILES), [{ files: {} }]],
    ] as const) {
      const program = await queue.addProgram(path)
      for (const { outcome, error } of await all(program.batch(jobs))) {
        const { kind } = outcome ?? {}
        const end =
          outcome?.kind === 'exit' ? outcome.code : outcome?.kind === 'limit' ? outcome.limit : ''
        printed.push(error?.message ?? (outcome!.stdout.toString().trim() || `${kind} ${end}`))
      }
    }
    const ended = once(child, 'exit')
    child.kill('SIGTERM')
    await ended
    return printed
  }
  const nets = ['--allow-net', at, '--allow-net', 'udp:127.0.0.1:9']
  const granted = [...nets, '--allow-http', origin, '--listen', '127.0.0.1:0']
  const [got, many, page, files] = await results([
    ...granted,
    '--max-sockets',
    '3',
    '--max-files-count',
    '9',
  ])
  t.is(got, `${at}: hello`)
  t.regex(many!, /^sockets: 3 and then /)
  t.is(page, '200 /path')
  t.is(files, 'exit 0')
  const [ended] = await results([...granted, '--max-received', '3'])
  t.is(ended, 'limit network')
  const [none, , refused, few] = await results(['--max-files-count', '1'])
  t.not(none, `${at}: hello`)
  t.notRegex(refused!, /^200/)
  const NOSPC = 51
  t.is(few, `exit ${NOSPC}`)
})

test('help and version', async (t) => {
  const { status, stdout, stderr } = await said('--help')
  t.deepEqual([status, stderr], [0, ''])
  t.regex(stdout, /^Usage: wasiexec worker --queue <name> \[options\]\n/)
  for (const line of stdout.split('\n')) t.true(line.length <= 120, line)
  t.regex((await said('-V')).stdout, /^@wasiexec\/bullmq \d+\.\d+\.\d+\n$/)
})

test('the limits of a worker are those of other verbs, and each is in the help with its default', async (t) => {
  const { stdout } = await said('--help')
  const defaults = readCaps()
  for (const { name, limit, usage, value } of limitFlags('run', 'files', 'network')) {
    const [line = ''] = stdout.match(new RegExp(`^  --${name} .*$`, 'm')) ?? []
    t.true(line.includes(usage), name)
    const [, most] = /default: (\S+)$/.exec(line) ?? []
    t.is(most === undefined ? undefined : READERS[value](most), defaults[limit as keyof Caps])
    const { status, stderr } = await said('--queue', 'q', `--${name}`, 'x')
    t.is(status, 125)
    t.regex(stderr, new RegExp(`^wasiexec: --${name}: expected .*, got x; `))
  }
  // A worker serves no requests.
  for (const { name } of limitFlags('bodies'))
    t.regex((await said('--queue', 'q', `--${name}`, '1')).stderr, /unknown option/)
})

test('a command line that cannot be is refused with its flag', async (t) => {
  const q = ['--queue', 'q']
  for (const [argv, message] of [
    [[], 'expected --queue, the name of a queue; see wasiexec worker --help'],
    [
      ['--queue', 'a b'],
      '--queue must be of 1 to 100 letters, digits, `_`, `-` and `.`, got "a b"',
    ],
    [
      [...q, '--timeout', '5'],
      '--timeout: expected a duration such as 500ms, 2s or 1m, got 5; see wasiexec worker --help',
    ],
    [
      [...q, '--memory', '1TB'],
      '--memory: expected a size such as 64MiB, 1GiB, 500KB or 4096, got 1TB; see wasiexec worker --help',
    ],
    [
      [...q, '--threads', '0'],
      '--threads: expected a whole number of at least 1, got 0; see wasiexec worker --help',
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
      '--dir: expected HOST, HOST::GUEST or either with :rw at its end, got ::/data; see wasiexec worker --help',
    ],
    [
      [...q, '--dir', '/a', '--dir', '/b::/a'],
      '--dir: expected each guest path once; see wasiexec worker --help',
    ],
    [[...q, '--max-files-count', '0'], '--max-files-count must be a positive number, got 0'],
    [
      [...q, '--max-sockets', 'x'],
      '--max-sockets: expected a whole number, got x; see wasiexec worker --help',
    ],
    [
      [...q, '--max-sockets', '513'],
      '--max-sockets must be at most 512, got 513; see wasiexec worker --help',
    ],
    [
      [...q, '--allow-net', 'x'],
      `--allow-net must be [tcp:|udp:]HOST:PORTS, such as '127.0.0.1:5432' or 'udp:[::1]:53', got "x"; see wasiexec worker --help`,
    ],
    [
      [...q, '--listen', '127.0.0.1:0', '--listen', '127.0.0.1:x'],
      `--listen must be a rule whose ports are '*', a number, a range (80-90) or a list of these (80,443), got "127.0.0.1:x"; see wasiexec worker --help`,
    ],
    [
      [...q, '--allow-dns', 'a b'],
      `--allow-dns must be a name, '*.' and a name, or '*', got "a b"; see wasiexec worker --help`,
    ],
    [
      [...q, '--allow-http', 'ftp://x'],
      `--allow-http must be an origin, such as 'https://api.example.com' or 'http://127.0.0.1:8080', got "ftp://x"; see wasiexec worker --help`,
    ],
    [
      [...q, '--redis', 'http://x'],
      '--redis must be a URL that begins with redis:// or rediss://, got "http://"',
    ],
  ] as [string[], string][])
    t.deepEqual(await said(...argv), { status: 125, stdout: '', stderr: `wasiexec: ${message}\n` })
  for (const [flag, hint] of [
    ['--colour', ''],
    ['--que', ' (Did you mean --queue?)'],
    ['--max-memory', ' (Did you mean --memory?)'],
  ] as const) {
    const { stderr } = await said(flag)
    t.is(stderr, `wasiexec: unknown option '${flag}'${hint}; see wasiexec worker --help\n`)
  }
})

test('a server that cannot be had is said once', async (t) => {
  const bin = BINS['wasiexec-worker']
  const flags = ['--queue', 'q', '--redis', 'redis://127.0.0.1:1', '--drain', '1ms']
  const child = spawn(process.execPath, [...bin, ...flags], { stdio: ['ignore', 'ignore', 'pipe'] })
  t.teardown(() => child.kill('SIGKILL'))
  const lines: string[] = []
  const ended = once(child, 'exit')
  for await (const line of createInterface(child.stderr!)) {
    lines.push(line)
    // Some connections are tried in half a second.
    if (lines.length === 1) setTimeout(() => child.kill('SIGTERM'), 500)
  }
  await ended
  const said = 'wasiexec: connect ECONNREFUSED 127.0.0.1:1; the worker goes on'
  t.deepEqual(
    lines.filter((line) => line.includes('ECONNREFUSED')),
    [said],
  )
})

test('each option of the help is one that the command knows', async (t) => {
  for (const { usage } of WORKER_FLAGS.flatMap(({ flags }) => flags)) {
    const [, flag] = /(--[\w-]+)/.exec(usage)!
    const { stderr } = await said('--help', flag!, ...(usage.includes('<') ? ['1'] : []))
    t.notRegex(stderr, /unknown option|does not take/, flag)
  }
})
