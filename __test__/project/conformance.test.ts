// scripts/conformance.mjs, on a made-up suite of our own guests.
import { execFile } from 'node:child_process'
import { copyFile, mkdir, readdir, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import test, { type ExecutionContext } from 'ava'
import { folder, realPath, watPath } from '../support/guest.ts'

const script = fileURLToPath(new URL('../../scripts/conformance.mjs', import.meta.url))

function conformance(
  ...args: string[]
): Promise<{ status: unknown; stdout: string; stderr: string }> {
  return new Promise((resolve) => {
    execFile(process.execPath, [script, ...args], (error, stdout, stderr) => {
      resolve({ status: error === null ? 0 : error.code, stdout, stderr })
    })
  })
}

/** A case of a suite: its path without ending, the guest and the specification. */
type Case = [path: string, guest: string, spec?: unknown]

async function suite(t: ExecutionContext, cases: Case[]): Promise<string> {
  const root = await folder(t)
  for (const [path, guest, spec] of cases) {
    const at = join(root, path)
    await mkdir(dirname(at), { recursive: true })
    // Text, which is loaded like a binary.
    await copyFile(watPath(guest), `${at}.wasm`)
    const json = typeof spec === 'string' ? spec : JSON.stringify(spec)
    if (spec !== undefined) await writeFile(`${at}.json`, json)
  }
  return root
}

const operations = (...all: unknown[]): object => ({ operations: all })

test('cases of every style pass', async (t) => {
  const root = await suite(t, [
    ['plain/no-specification', 'return'],
    ['plain/stdout', 'hello', { stdout: 'hello\n' }],
    ['plain/exit-code', 'exit-argv', { args: ['33'], exit_code: 33 }],
    ['plain/env', 'env', { env: { a: 'new\nline' }, stdout: 'a=new\nline\n' }],
    ['plain/stderr', 'print-both', { stdout: 'out\n', stderr: 'err\n', exit_code: 2 }],
    ['deep/er/writes', 'write-file', { root: 'files', args: ['made', 'text'] }],
    ['deep/er/reads', 'read-file', { root: 'files', args: ['here'], stdout: 'text' }],
    ['deep/er/default', 'return', operations({ type: 'run' }, { type: 'wait' })],
    [
      'deep/er/talks',
      'cat',
      operations(
        { type: 'run' },
        { type: 'write', id: 'stdin', payload: 'héllo' },
        { type: 'read', payload: 'héllo' },
        { type: 'wait' },
      ),
    ],
  ])
  const files = join(root, 'deep/er/files')
  await mkdir(files)
  await writeFile(join(files, 'here'), 'text')
  t.deepEqual(await conformance(root), {
    status: 0,
    stdout: [
      'folder   pass  fail',
      'deep/er     4     0',
      'plain       5     0',
      'total       9     0',
      '',
    ].join('\n'),
    stderr: '',
  })
  t.deepEqual(await readdir(files), ['here'], 'cases work on a copy')
})

test('a case that fails is listed with its reason', async (t) => {
  const failing: [path: string, guest: string, spec: unknown, reason: RegExp][] = [
    [
      'code',
      'exit-argv',
      { args: ['3'] },
      /must end with exit code 0, but the program exited with code 3;/,
    ],
    ['fault', 'no-start', {}, /^ERR_NO_ENTRY_POINT: /],
    ['field', 'return', { argz: [] }, /unknown field "argz"/],
    ['json', 'return', '{', /^SyntaxError: /],
    ['late', 'return', operations({ type: 'wait' }), /"wait" comes before "run"/],
    ['operation', 'return', operations({ type: 'run' }, { type: 'dance' }), /"dance" is not known/],
    [
      'request',
      'return',
      operations({ type: 'run' }, { type: 'request' }),
      /"request" is not for what this case runs/,
    ],
    ['root', 'return', { root: 'nowhere' }, /^ENOENT: /],
    ['stderr', 'hello', { stderr: 'x' }, /^stderr must be "x", got ""$/],
    ['stdout', 'hello', { stdout: 'help\n' }, /^stdout must be "help\\n", got "hello"$/],
    [
      'trap',
      'trap-unreachable',
      {},
      /but the program trapped: .* \(unreachable\); stdout "before trap\\n"/,
    ],
  ]
  const root = await suite(t, [
    ...failing.map(([path, guest, spec]): Case => [path, guest, spec]),
    ['zz-passes', 'return'],
  ])
  const { status, stdout, stderr } = await conformance(root)
  t.deepEqual([status, stderr], [1, ''])
  const lines = stdout.trimEnd().split('\n')
  t.is(lines.length, failing.length + 3)
  for (const [index, [path, , , reason]] of failing.entries()) {
    const line = lines[index]!
    t.true(line.startsWith(`FAIL ${path}: `), line)
    t.regex(line.slice(`FAIL ${path}: `.length), reason)
  }
  t.deepEqual(lines.at(-1)!.split(/ +/), ['total', '1', `${failing.length}`])
})

test('cases of sockets have a network, and those that talk to a server are talked to', async (t) => {
  const root = await folder(t)
  const cases: [name: string, guest: string, spec: object][] = [
    ['bind', 'net', { args: ['bind', '127.0.0.1:0'], stdout: '127.0.0.1:0: PermissionDenied\n' }],
    ['talk', 'net', echo('hello')],
    ['talk-3', 'net-p3', echo('hello')],
    ['wrong', 'net', echo('other')],
  ]
  for (const [name, guest, spec] of cases) {
    await copyFile(await realPath(guest), join(root, `${name}.wasm`))
    await writeFile(join(root, `${name}.json`), JSON.stringify(spec))
  }
  const { status, stdout } = await conformance(root)
  t.is(status, 1)
  t.deepEqual(stdout.trimEnd().split('\n'), [
    'FAIL wrong: s must send "other", got "hello"',
    'folder  pass  fail',
    '.          3     1',
    'total      3     1',
  ])
})

test('cases that serve are asked, and have servers to ask', async (t) => {
  const root = await folder(t)
  const get = (path: string, response: object): object => ({
    type: 'request',
    method: 'GET',
    path,
    response,
  })
  const serving = (...requests: object[]): object => ({
    proposals: ['http'],
    world: 'wasi:http/service',
    servers: [{ name: 'main', endpoints: [] }],
    operations: [{ type: 'run' }, ...requests, { type: 'kill' }, { type: 'wait' }],
  })
  const cases: [name: string, spec: object][] = [
    ['serves', serving(get('/', { status: 200, body: 'hello\n' }))],
    ['env', serving(get('/status/404', { status: 404, body: 'with a status\n' }))],
    ['body', serving(get('/', { status: 200, body: 'goodbye' }))],
    ['header', serving(get('/', { status: 200, headers: { 'x-a': '1' } }))],
    ['trap', serving(get('/trap', { status: 200 }))],
    ['world', { world: 'wasi:other/world' }],
  ]
  for (const [name, spec] of cases) {
    await copyFile(await realPath('http'), join(root, `${name}.wasm`))
    await writeFile(join(root, `${name}.json`), JSON.stringify(spec))
  }
  const { status, stdout } = await conformance(root)
  t.is(status, 1)
  const lines = stdout.trimEnd().split('\n')
  t.is(lines.shift(), 'FAIL body: GET / must have the body "goodbye", got "hello\\n"')
  t.is(lines.shift(), 'FAIL header: GET / must have x-a: 1, got null')
  t.regex(
    lines.shift()!,
    /^FAIL trap: GET \/trap must have the status 200, got 500; the program trapped/,
  )
  t.regex(lines.shift()!, /^FAIL world: the world "wasi:other\/world" is not known$/)
  t.deepEqual(lines.at(-1)!.split(/ +/), ['total', '2', '4'])
})

/** A server that sends back what it gets. */
function echo(payload: string): object {
  return {
    proposals: ['sockets'],
    operations: [
      { type: 'run', args: ['echo', '127.0.0.1:0', '1'] },
      { type: 'connect', id: 's' },
      { type: 'send', id: 's', payload: 'hello' },
      { type: 'recv', id: 's', payload },
      { type: 'wait' },
    ],
  }
}

test('what is no suite is refused', async (t) => {
  const root = await folder(t)
  const file = join(root, 'file.wasm')
  await writeFile(file, '')
  const empty = join(root, 'empty')
  await mkdir(empty)
  const refusals: [args: string[], message: RegExp][] = [
    [[], /^PATH is missing: npm run conformance -- PATH$/],
    [[root, root], /^one PATH is expected, got 2$/],
    [[join(root, 'nowhere')], /^PATH must be a folder, cannot open .*nowhere: ENOENT$/],
    [[file], /^PATH must be a folder, .*file\.wasm is a file$/],
    [[empty], /^PATH must hold programs, .*empty has no \*\.wasm; .* branch prod\/testsuite-base$/],
  ]
  for (const [args, message] of refusals) {
    const { status, stdout, stderr } = await conformance(...args)
    t.deepEqual([status, stdout], [2, ''])
    t.regex(stderr.trimEnd(), message)
  }
})

test('with --memory the cases that have a folder run with files in memory', async (t) => {
  const root = await suite(t, [
    ['a/reads', 'read-file', { root: 'files', args: ['deep/here'], stdout: 'text' }],
    ['a/writes', 'write-file', { root: 'files', args: ['deep/made', 'text'] }],
    ['a/without', 'return'],
  ])
  await mkdir(join(root, 'a/files/deep'), { recursive: true })
  await writeFile(join(root, 'a/files/deep/here'), 'text')
  t.deepEqual(await conformance('--memory', root), {
    status: 0,
    stdout: ['folder  pass  fail', 'a          2     0', 'total      2     0', ''].join('\n'),
    stderr: '',
  })
  t.deepEqual(await readdir(join(root, 'a/files/deep')), ['here'])
})
