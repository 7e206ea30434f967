// `wasiexec run`, in this process: statuses, options, what is said.
import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { PassThrough, Readable, Writable } from 'node:stream'
import test from 'ava'
import { call, run } from '../support/cli.ts'
import type { JsonExit } from '../support/package.ts'
import { folder, real, realPath, watPath } from '../support/guest.ts'
import { echoServer } from '../support/servers.ts'

/** Words, the status, and what is said on stderr in all. */
const ENDINGS: readonly [words: string[], status: number, said: string][] = [
  [[watPath('return')], 0, ''],
  [[watPath('exit-argv'), '7'], 7, ''],
  [[watPath('exit-argv'), '255'], 255, ''],
  [[watPath('exit-argv'), '256'], 0, ''],
  [[watPath('exit-argv'), '300'], 44, ''],
  [[watPath('exit-argv'), '4294967295'], 255, ''],
  [[watPath('component-exit-err')], 1, ''],
  [
    [watPath('trap-divide-by-zero')],
    134,
    'wasiexec: trap-divide-by-zero.wat: trap: integer divide by zero (integer-divide-by-zero)',
  ],
  [['--timeout', '50ms', watPath('loop')], 124, 'wasiexec: loop.wat: timeout after 50 ms'],
  [['--timeout=0.05s', watPath('loop')], 124, 'wasiexec: loop.wat: timeout after 50 ms'],
  [
    ['--timeout', '50ms', watPath('sleep-hour')],
    124,
    'wasiexec: sleep-hour.wat: timeout after 50 ms',
  ],
  [['--cpu', '50ms', watPath('loop')], 124, 'wasiexec: loop.wat: cpu limit of 50 ms'],
  [['--fuel', '1000', watPath('loop')], 124, 'wasiexec: loop.wat: fuel limit of 1000'],
  [
    ['--memory', '1MiB', watPath('grow-until-denied')],
    137,
    'wasiexec: grow-until-denied.wat: memory limit of 1 MiB',
  ],
  [['--max-output', '5', watPath('hello')], 153, 'wasiexec: hello.wat: output limit of 5 B'],
]

for (const [words, status, said] of ENDINGS) {
  const shown = words.map((word) => word.split(/[\\/]/).at(-1)).join(' ')
  test(`${shown} has the status ${status}`, async (t) => {
    const called = await run(words)
    t.is(called.status, status)
    t.is(called.stderr.split('\n')[0], said)
  })
}

test('a trap has its frames, with files and lines where they are known', async (t) => {
  const { name } = await real('crash')
  t.is(name, 'crash.wasm')
  const crash = await realPath('crash')
  const { status, stdout, stderr } = await run([crash])
  t.is(status, 134)
  t.is(stdout, 'before crash\n')
  const [first, place, ...frames] = stderr.trimEnd().split('\n')
  t.is(first, 'wasiexec: crash.wasm: trap: integer divide by zero (integer-divide-by-zero)')
  t.regex(place!, /^ {2}--> .*crash\.c:12:12$/)
  t.is(frames.length, 4)
  t.regex(frames[0]!, /^ {4}at inner \(.*crash\.c:12:\d+\)$/)
  t.regex(frames[3]!, /^ {4}at _start \(/)
})

test('the cap on output holds to the byte, and the rest can be dropped instead', async (t) => {
  const cut = await run(['--max-output', '10', watPath('flood')])
  t.is(cut.stdout, '0123456789')
  const both = await run(['--max-output', '6', watPath('print-both')])
  t.is(both.stdout, 'out\n')
  t.true(both.stderr.startsWith('erwasiexec: '), both.stderr)
  const dropped = await run(['--max-output', '2', '--on-output', 'truncate', watPath('hello')])
  t.deepEqual([dropped.status, dropped.stdout, dropped.stderr], [0, 'he', ''])
})

test('--on-memory deny leaves it to the program', async (t) => {
  const words = ['--memory', '1MiB', '--on-memory', 'deny', watPath('grow-until-denied')]
  const { status, stderr } = await run(words)
  t.deepEqual([status, stderr], [0, ''])
})

test("stdin, stdout, stderr and arguments are the program's", async (t) => {
  const echoed = await run([watPath('cat')], { stdin: 'two\nlines' })
  t.deepEqual([echoed.status, echoed.stdout], [0, 'two\nlines'])
  const both = await run([watPath('print-both')])
  t.deepEqual([both.status, both.stdout, both.stderr], [2, 'out\n', 'err\n'])
  // Options behind the program are not ours.
  const words = [watPath('args'), '--timeout', '2s', '--help', '--', '-x', '']
  t.is((await run(words)).stdout, 'args.wat\n--timeout\n2s\n--help\n--\n-x\n\n')
  t.is((await run(['--', watPath('args'), 'a'])).stdout, 'args.wat\na\n')
})

test('stdin is live: what is written comes back before more is', async (t) => {
  const [stdin, stdout] = [new PassThrough(), new PassThrough()]
  const called = run([watPath('cat')], { stdin, stdout })
  for (const chunk of ['one\n', 'two\n']) {
    stdin.write(chunk)
    t.is(String(await new Promise((resolve) => stdout.once('data', resolve))), chunk)
  }
  stdin.end()
  t.is((await called).status, 0)
})

test('variables are given with a value, or with the one that the caller has', async (t) => {
  const words = ['--env', 'A=x=y', '-e', 'B', '-e', 'C=', '-e', 'MISSING', '-e', 'A=z']
  const { stdout } = await run([...words, watPath('env')], { env: { B: 'b', OTHER: 'o' } })
  t.deepEqual(stdout.trimEnd().split('\n').toSorted(), ['A=z', 'B=b', 'C='])
  t.is((await run([watPath('env')], { env: { B: 'b' } })).stdout, '')
  // What every object has is nobody's variable.
  t.is((await run(['-e', 'toString', watPath('env')])).stdout, '')
})

test('a network is granted by rules', async (t) => {
  const at = await echoServer(t)
  const guest = await realPath('net')
  const said = async (words: string[], ...args: string[]) =>
    (await run([...words, guest, ...args])).stdout
  t.is(await said([], 'connect', at), `${at}: PermissionDenied\n`)
  t.is(
    await said(['--allow-net', '[::1]:*', '--allow-net', at], 'connect', at),
    `${at}: connected\n`,
  )
  const local = '127.0.0.1:0'
  t.is(await said(['--allow-net', at], 'bind', local), `${local}: PermissionDenied\n`)
  t.is(await said(['--listen', local], 'bind', local), `${local}: listening\n`)
  t.is(await said(['--allow-dns', 'localhost'], 'resolve', 'localhost'), 'localhost: loopback\n')
})

test('files in memory and sockets are capped', async (t) => {
  const write = async (...caps: string[]) => {
    const words = ['--json', '--collect', 'out', ...caps, watPath('write-file'), 'out', 'text']
    const { code, files } = JSON.parse((await run(words)).stdout) as JsonExit
    return [code, files]
  }
  t.deepEqual(await write(), [0, { out: 'text' }])
  t.deepEqual(await write('--max-files', '3'), [0, { out: 'tex' }])
  t.deepEqual(await write('--max-files-count', '1'), [0, { out: 'text' }])
  t.deepEqual(await write('--max-files-count', '0'), [1, {}])
  const opened = async (...caps: string[]) => {
    const words = ['--allow-net', 'udp:127.0.0.1:9', ...caps, await realPath('net')]
    return (await run([...words, 'sockets', '1000'])).stdout
  }
  t.regex(await opened('--max-sockets', '3'), /^sockets: 3 and then /)
  t.regex(await opened('--max-sockets', '0'), /^sockets: 0 and then /)
})

test('directories are granted by name, read-only unless they end with :rw', async (t) => {
  const host = join(await folder(t), 'granted')
  await mkdir(host)
  const write = (grant: string) => run(['--dir', grant, watPath('write-file'), 'file', 'text'])
  const listed = await run([
    '--dir',
    host,
    '--dir',
    `${host}::/b:rw`,
    '--dir',
    `${host}::c:ro`,
    watPath('list-preopens'),
  ])
  t.deepEqual(listed.stdout.trimEnd().split('\n').toSorted(), ['/b', 'c', host].toSorted())
  const refused = await write(`${host}::/`)
  t.is(refused.status, 1)
  t.regex(refused.stdout, /^errno \d+\n$/)
  t.is((await write(`${host}::/:rw`)).status, 0)
  t.is(await readFile(join(host, 'file'), 'utf8'), 'text')
})

test('--seed and --fixed-clock make runs alike', async (t) => {
  const random = async (seed: string[]) => (await run([...seed, watPath('random')])).stdout
  t.is(await random(['--seed', '7']), await random(['--seed', '7']))
  t.not(await random(['--seed', '7']), await random(['--seed', '8']))
  const clock = ['--fixed-clock', '2024-02-29T12:00:00Z', watPath('clock')]
  t.is((await run(clock)).stdout.split('\n')[0], `${Date.UTC(2024, 1, 29, 12)}000000`)
})

test('--json is the whole outcome, with the true exit code', async (t) => {
  const { status, stdout, stderr } = await run(['--json', watPath('exit-argv'), '300'])
  t.deepEqual([status, stderr], [44, ''])
  t.like(JSON.parse(stdout), { kind: 'exit', code: 300, ok: false, stdout: '', stderr: '' })
  t.is(stdout.indexOf('\n'), stdout.length - 1)
  const both = await run(['--json', watPath('print-both')])
  t.like(JSON.parse(both.stdout), { code: 2, stdout: 'out\n', stderr: 'err\n' })
  t.is(both.stderr, '')
  const trap = await run(['--json', watPath('trap-unreachable')])
  t.is(trap.status, 134)
  t.like(JSON.parse(trap.stdout), { kind: 'trap', trap: { code: 'unreachable' } })
  const bytes = await run(['--json', watPath('cat')], {
    stdin: Readable.from([Buffer.from([255, 10])]),
  })
  t.like(JSON.parse(bytes.stdout), { stdout: '\u{fffd}\n', stdoutBase64: '/wo=' })
})

test('output that no JSON can hold is an error of ours', async (t) => {
  // Each of these bytes takes six characters.
  const stdin = Readable.from([Buffer.alloc(90 << 20)])
  const words = ['--json', '--max-output', '1GiB', watPath('cat')]
  const { status, stdout, stderr } = await run(words, { stdin })
  t.deepEqual([status, stdout], [125, ''])
  t.is(stderr, 'wasiexec: its output of 90 MiB does not fit into JSON; --max-output cuts it off\n')
})

test('a program can come through stdin, which is then empty for it', async (t) => {
  const stdin = await readFile(watPath('cat'), 'utf8')
  t.deepEqual(await run(['-'], { stdin }), { status: 0, stdout: '', stderr: '' })
  const { status, stderr } = await run(['-'], { stdin: '(module' })
  t.is(status, 125)
  t.regex(stderr, /^wasiexec: stdin: the program is neither .* \(line 1, column \d+\)\n$/)
})

for (const [signal, status] of [
  ['SIGINT', 130],
  ['SIGTERM', 143],
] as const) {
  test(`${signal} aborts, with the status ${status}`, async (t) => {
    const onStart = (interrupt: (signal: 'SIGINT' | 'SIGTERM') => void) =>
      void setImmediate(interrupt, signal)
    const called = await run([watPath('sleep-hour')], { onStart })
    t.is(called.status, status)
    t.true(
      called.stderr.endsWith(`wasiexec: sleep-hour.wat: aborted by ${signal}\n`),
      called.stderr,
    )
    const json = await run(['--json', watPath('loop')], { onStart })
    t.is(json.status, status)
    t.like(JSON.parse(json.stdout), { kind: 'abort', reason: signal })
  })
}

test('a reader that has gone ends the run without a word', async (t) => {
  const stdout = new Writable({
    write(_chunk, _encoding, done) {
      done(Object.assign(new Error('write EPIPE'), { code: 'EPIPE' }))
    },
  })
  const { status, stderr } = await run([watPath('flood')], { stdout })
  t.deepEqual([status, stderr], [141, ''])
})

/** Words, and what is said of them in one line with the status 125. */
const BAD: readonly [words: string[], said: RegExp][] = [
  [[], /^missing required argument 'prog\.wasm'$/],
  [['', 'x'], /^the path of the program is empty$/],
  [['missing.wasm'], /^cannot read the program .*missing\.wasm: .*\(os error 2\)/],
  [['.'], /^cannot read the program .*: it is a directory$/],
  [['--tiemout', '2s', 'x.wasm'], /^unknown option '--tiemout' \(Did you mean --timeout\?\)$/],
  [['--jsn', 'x.wasm'], /^unknown option '--jsn' \(Did you mean --json\?\)$/],
  [['--timeout'], /^option '--timeout <duration>' argument missing$/],
  [['--timeout', '2', 'x'], /^option '--timeout .*' argument '2' is invalid\. Expected a duration/],
  [['--timeout', '0s', 'x'], /'0s' is invalid\. Expected a duration such as 500ms, 2s or 1m\.$/],
  [['--timeout', '-1s', 'x'], /Expected a duration/],
  [['--timeout', '1fortnight', 'x'], /Expected a duration/],
  [['--cpu', 'soon', 'x'], /^option '--cpu .* Expected a duration/],
  [['--fuel', '1.5', 'x'], /^option '--fuel .* Expected a whole number from 0 to 2\^64 - 1\.$/],
  [['--fuel', '18446744073709551616', 'x'], /^option '--fuel /],
  [['--memory', '64MiBs', 'x'], /^option '--memory .* Expected a size such as 64MiB/],
  [['--memory', '-1', 'x'], /Expected a size/],
  [['--max-output', '3GiB', watPath('hello')], /^--max-output must be at most 2147483647 /],
  [['--max-files', 'many', 'x'], /^option '--max-files .* Expected a size such as 64MiB/],
  [['--max-files', '2GiB', watPath('hello')], /^--max-files must be at most 1073741824 /],
  [['--max-files-count', '-1', 'x'], /^option '--max-files-count .* Expected a whole number\.$/],
  [['--max-files-count', '1000001', watPath('hello')], /^--max-files-count must be at most/],
  [['--max-sockets', '1.5', 'x'], /^option '--max-sockets .* Expected a whole number\.$/],
  [['--max-sockets', '513', watPath('hello')], /^--max-sockets must be at most 512, got 513/],
  [['--on-memory', 'explode', 'x'], /Allowed choices are stop, deny\.$/],
  [['--env', '=x', 'x'], /^option '-e, --env .* Expected NAME=VALUE/],
  [['--dir', '', 'x'], /^option '--dir .* Expected HOST/],
  [['--dir', 'a::b::c', 'x'], /Expected HOST/],
  [['--dir', 'a::/x', '--dir', 'b::/x:rw', 'x'], /The guest path \/x is given twice\.$/],
  [
    ['--dir', '/nowhere-at-all::/x', watPath('hello')],
    /^--dir: cannot open the directory \S*nowhere-at-all: /,
  ],
  [
    ['--allow-net', '127.1:80', watPath('hello')],
    /^--allow-net must be a rule whose host is .* \(127\.1 is the address 127\.0\.0\.1 in another notation\), got "127\.1:80"/,
  ],
  [['--listen', '80', watPath('hello')], /^--listen must be \[tcp:\|udp:\]HOST:PORTS, /],
  [['--allow-dns', 'a/b', watPath('hello')], /^--allow-dns must be a name, /],
  [
    ['--listen', '*:*', watPath('hello')],
    /^--allow-net, --listen and --allow-dns cannot be given to "hello\.wat", which is a core module/,
  ],
  [['--fixed-clock', 'noon', 'x'], /Expected a time from 1970 to July 2554/],
  [['--seed', 'x', 'x'], /^option '--seed /],
  [
    [watPath('unresolved-import')],
    /^unresolved imports: env\.foo \(function \(i32\) -> i32\), env\.bar \(memory 1 page or more\).*; of these, only functions can be given, in the option `imports` in JavaScript$/,
  ],
  [
    [watPath('no-start')],
    /no `_start` function .*; to call its functions, use wasiexec run --invoke$/,
  ],
  [[watPath('reactor')], /is a reactor .*; to call its functions, use wasiexec run --invoke$/],
  [
    [watPath('component-no-command')],
    /exports add, [^;]*; to call its functions, use wasiexec run --invoke$/,
  ],
  [[watPath('needs-threads')], /needs-threads\.wat: the program needs threads/],
  [
    ['--no-interruptible', '--timeout', '1s', watPath('hello')],
    /^--timeout needs a program .*, but "hello\.wat" was loaded with --no-interruptible; /,
  ],
  [['--cache-dir', '', watPath('hello')], /^--cache-dir must be a folder/],
]

for (const [words, said] of BAD) {
  test(`refused: run ${words.join(' ').replace(/\S*[\\/]/g, '')}`, async (t) => {
    const { status, stdout, stderr } = await call(['run', ...words])
    t.deepEqual([status, stdout], [125, ''])
    const [line, ...rest] = stderr.split('\n')
    t.deepEqual(rest, [''], 'one line')
    t.regex(line!.replace(/^wasiexec: /, ''), said)
    t.true(line!.startsWith('wasiexec: '))
  })
}

test('a broken program is refused by name', async (t) => {
  const path = await folder(t)
  const whole = await readFile(await realPath('crash'))
  for (const [name, bytes, said] of [
    ['empty.wasm', Buffer.alloc(0), 'is empty (0 bytes)'],
    ['text.wasm', Buffer.from('hello'), 'neither a Wasm binary nor WAT text'],
    ['main.rs', Buffer.from('fn main() {}'), 'which a compiler for WASI has to compile first'],
    ['half.wasm', whole.subarray(0, 700), 'not valid'],
    ['line\nbreak.wasm', Buffer.alloc(0), '\\u{a}break.wasm'],
  ] as const) {
    // Windows has no such names.
    if (name.includes('\n') && process.platform === 'win32') continue
    await writeFile(join(path, name), bytes)
    const { status, stderr } = await run([join(path, name)])
    t.is(status, 125)
    t.true(stderr.includes(name.split('\n')[0]!), stderr)
    t.true(stderr.includes(said), stderr)
    t.is(stderr.trimEnd().split('\n').length, 1, stderr)
  }
})

test('files in memory are read from the host, and collected files are written', async (t) => {
  const path = await folder(t)
  await mkdir(join(path, 'src/deep'), { recursive: true })
  await writeFile(join(path, 'in.txt'), 'from the host')
  await writeFile(join(path, 'src/deep/a'), 'deep')
  await writeFile(join(path, 'src/__proto__'), 'odd')
  const given = ['--file', `in.txt=${join(path, 'in.txt')}`, '--file', `lib=${join(path, 'src')}`]
  for (const [file, text] of [
    ['in.txt', 'from the host'],
    ['lib/deep/a', 'deep'],
  ] as const) {
    const read = await run([...given, watPath('read-file'), file])
    t.deepEqual([read.status, read.stdout], [0, text])
  }
  const to = join(path, 'results')
  const collect = ['--collect', 'lib/**', '--collect', '*.txt', '--collect-to', to]
  const wrote = await run([...given, ...collect, watPath('write-file'), 'lib/deep/made', 'text'])
  t.deepEqual([wrote.status, wrote.stderr], [0, ''])
  t.is(await readFile(join(to, 'lib/deep/made'), 'utf8'), 'text')
  t.is(await readFile(join(to, 'lib/deep/a'), 'utf8'), 'deep')
  t.is(await readFile(join(to, 'in.txt'), 'utf8'), 'from the host')
  const json = await run([...given, '--collect', 'lib/**', '--json', watPath('return')])
  t.deepEqual((JSON.parse(json.stdout) as { files: unknown }).files, {
    'lib/__proto__': 'odd',
    'lib/deep/a': 'deep',
  })
})

test('flags of files that make no sense are refused', async (t) => {
  for (const [flags, said] of [
    [['--file', 'in.txt'], /must be GUEST=HOST/],
    [['--file', '=x'], /must be GUEST=HOST/],
    [['--file', '/a=x'], /guest path must be relative, as in in\.txt=data\/in\.txt/],
    [['--file', 'a=x', '--file', 'a=y'], /guest path a is given twice/],
    [['--file', 'a=/missing/file'], /--file a=\/missing\/file: ENOENT/],
    [['--file', `../a=${watPath('return')}`], /must be without ".."/],
    [['--collect', '**'], /--collect needs --collect-to/],
    [['--collect-to', 'out'], /--collect-to needs --collect/],
    [['--collect', '/a', '--json'], /must be relative/],
    [
      ['--invoke', '_start', '--collect', '**', '--json'],
      /^wasiexec: --collect cannot be with --invoke: files are kept at the end of a program; let/,
    ],
  ] as const) {
    const { status, stderr } = await run([...flags, watPath('return')])
    t.is(status, 125, stderr)
    t.regex(stderr, said)
  }
})

/** A function and its arguments, and what is printed and said. */
const INVOKED: readonly [words: string[], status: number, stdout: string, said: RegExp][] = [
  [['add', '1', '2'], 0, '3\n', /^$/],
  [['add', '0xffffffff', '-0x1'], 0, '-2\n', /^$/],
  [['add64', '9223372036854775807', '1'], 0, '-9223372036854775808\n', /^$/],
  [['addf32', '0.1', '0'], 0, '0.1\n', /^$/],
  [['addf64', '0.1', '2e-1'], 0, '0.30000000000000004\n', /^$/],
  [['addf64', '-inf', '1'], 0, '-Infinity\n', /^$/],
  [['addf64', '-0', '-0'], 0, '-0\n', /^$/],
  [['addf32', '-0', '-0'], 0, '-0\n', /^$/],
  [['addf64', 'nan', '1'], 0, 'NaN\n', /^$/],
  [['same', '1', '2', '0.5', '-0.25'], 0, '1\n2\n0.5\n-0.25\n', /^$/],
  [['nothing'], 0, '', /^$/],
  [['print', '1', '1024', '4'], 0, 'text0\n', /^$/],
  [['exit', '3'], 3, 'text', /^$/],
  [['exit', '0'], 0, 'text', /^$/],
  [['trap'], 134, 'text', /^wasiexec: exports\.wat: trap: .*\(unreachable\)/],
  [['add', '1'], 125, '', /add \(i32, i32\) needs 2 arguments, got 1/],
  [['add', '1', '2', '3'], 125, '', /needs 2 arguments, got 3/],
  [['add', '1', 'two'], 125, '', /"two" is not an integer from -2\^31 to 2\^32 - 1/],
  [['add', '1', '4294967296'], 125, '', /"4294967296" is not an integer/],
  [['add', '1', '1.5'], 125, '', /"1\.5" is not an integer/],
  [['addf64', '1', ''], 125, '', /"" is not a number/],
  [['takes_v128', '1'], 125, '', /cannot be called: only numbers .* not v128/],
  [['returns_funcref'], 125, '', /cannot be called/],
  [['missing'], 125, '', /no function "missing"; it exports add, /],
  [['memory'], 125, '', /no function "memory"/],
  [['ad', '1', '2'], 125, '', /no function "ad"; did you mean "add"\?$/m],
]

test('--invoke calls a function and prints what it returns', async (t) => {
  for (const [[name, ...args], status, stdout, said] of INVOKED) {
    const called = await run(['--invoke', name!, watPath('exports'), ...args])
    t.is(called.stdout, stdout, called.stderr)
    t.regex(called.stderr, said)
    t.is(called.status, status, `${name} ${args.join(' ')}`)
  }
  const limited = await run(['--timeout', '50ms', '--invoke', 'loop', watPath('exports')])
  t.deepEqual(limited, {
    status: 124,
    stdout: 'text',
    stderr: 'wasiexec: exports.wat: timeout after 50 ms\n',
  })
  const { stdout } = await run([
    '--json',
    '--invoke',
    'same',
    watPath('exports'),
    '1',
    '2',
    '3',
    '4',
  ])
  t.like(JSON.parse(stdout), { kind: 'returned', values: [1, 2, 3, 4], ok: true })
  const early = await run(['--invoke', 'add', watPath('trap-in-start-function'), '1', '2'])
  t.is(early.status, 125)
  const reactor = await run(['--invoke', 'add', watPath('reactor'), '1', '2'])
  t.is(reactor.stdout, '3\n')
})
