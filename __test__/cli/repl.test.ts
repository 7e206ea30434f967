// `wasiexec repl`: lines from a pipe in this process, and typed on a pseudo-terminal.
import { once } from 'node:events'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { PassThrough, Readable, Writable } from 'node:stream'
import test from 'ava'
import { PipedLines } from '../../cli/repl/piped-lines.ts'
import { ended } from '../support/child.ts'
import {
  call,
  command,
  Screen,
  shell,
  start,
  terminal,
  type CallOptions,
  type Called,
} from '../support/cli.ts'
import { folder, until, watPath } from '../support/guest.ts'
import { rendered } from '../support/rendered.ts'

/** Signals and pseudo-terminals are not Windows'. */
const posix = process.platform === 'win32' ? test.skip : test

const LIBRARY = watPath('exports')

/** Calls `wasiexec repl` with lines from a pipe. */
function repl(
  lines: string | readonly string[],
  words: readonly string[] = [LIBRARY],
  options: CallOptions = {},
): Promise<Called> {
  const stdin = typeof lines === 'string' ? lines : lines.map((line) => `${line}\n`).join('')
  return call(['repl', '--no-cache', ...words], { stdin, ...options })
}

/** A line, and what it prints. */
const GOOD: readonly [line: string, printed: string][] = [
  ['', ''],
  ['   ', ''],
  ['# a comment', ''],
  ['add 1 2', '3\n'],
  ['  add   1\t2  ', '3\n'],
  ['add 1, 2', '3\n'],
  ['add(1, 2)', '3\n'],
  ['add(1,2)', '3\n'],
  ['add ( 1 , 2 )', '3\n'],
  ['"add" 1 2', '3\n'],
  ['"\\u0061dd"(1, 2)', '3\n'],
  ['add 0xffffffff -0x1', '-2\n'],
  ['add64 9223372036854775807 1', '-9223372036854775808\n'],
  ['addf32 0.1 0', '0.1\n'],
  ['addf64(-inf, 1)', '-Infinity\n'],
  ['addf64(-0, -0)', '-0\n'],
  ['same 1 2 0.5 -0.25', '1\n2\n0.5\n-0.25\n'],
  ['nothing', ''],
  ['nothing()', ''],
  ['nothing ( )', ''],
  ['print 1 1024 4', 'text0\n'],
  ['.memory 1024 4', `00000400  74 65 78 74${' '.repeat(39)}|text|\n`],
]

/** A line that fails, and what is said of it. */
const BAD: readonly [line: string, said: RegExp][] = [
  ['ad 1 2', /^the program exports no function "ad"; did you mean "add"\?$/],
  ['nonsense', /^the program exports no function "nonsense"; it exports "add", /],
  ['memory', /^"memory" is a memory, not a function$/],
  ['add', /^add \(i32, i32\) needs 2 arguments, got 0$/],
  ['add 1', /^add \(i32, i32\) needs 2 arguments, got 1$/],
  ['add(1, 2, 3)', /^add \(i32, i32\) needs 2 arguments, got 3$/],
  ['nothing 1', /^nothing \(\) needs 0 arguments, got 1$/],
  ['add 1 two', /^add: "two" is not an integer from -2\^31 to 2\^32 - 1, .* type i32 takes$/],
  ['add 1 4294967296', /^add: "4294967296" is not an integer .* type i32 takes$/],
  ['add64 1 1.5', /^add64: "1\.5" is not an integer from -2\^63 .* type i64 takes$/],
  ['addf32 1 x', /^addf32: "x" is not a number, which a parameter of type f32 takes$/],
  ['addf64(1, )', /^addf64: "" is not a number, which a parameter of type f64 takes$/],
  ['takes_v128 1', /^takes_v128 cannot be called: only numbers .* not v128$/],
  ['returns_funcref', /^"returns_funcref" cannot be called, .* only numbers/],
  ['add(1, 2', /^expected \) at the end, as in add\(1, 2\); got add\(1, 2$/],
  ['add(1) 2', /^expected \) at the end/],
  ['"add 1 2', /^expected a function such as add 1 2 or add\(1, 2\), or a command such as \.help;/],
  ['(1, 2)', /^expected a function such as/],
  ['"\\q" 1', /^expected a name between quotes as in JSON, got "\\q"$/],
  ['.', /^unknown command '\.'; \.help lists the commands$/],
  [
    '.exprots',
    /^unknown command '\.exprots' \(Did you mean \.exports\?\); \.help lists the commands$/,
  ],
  ['.exports all', /^too many arguments for '\.exports'/],
  ['.globals all', /^too many arguments for '\.globals'/],
  ['.reset all', /^too many arguments for '\.reset'/],
  ['.help all', /^too many arguments for '\.help'/],
  ['.exit 1', /^too many arguments for '\.exit'/],
  ['.memory', /^missing required argument 'address'; \.help lists the commands$/],
  ['.memory here', /'here' is invalid for argument 'address'\. Expected an address such as 1024/],
  [
    '.memory 0 0',
    /'0' is invalid for argument 'length'\. Expected a number of bytes from 1 to 1 MiB/,
  ],
  ['.memory 0 1048577', /'1048577' is invalid for argument 'length'/],
  ['.memory 0 1 other', /^the program exports no memory "other"; it exports memory$/],
  [
    '.memory 131072 1',
    /^the memory has 131072 bytes, which do not include 1 bytes at address 131072$/,
  ],
  ['.memory -1 1', /^the memory has 131072 bytes, .* at address 4294967295$/],
]

test('a line prints what its function returns', async (t) => {
  for (const [line, printed] of GOOD) {
    t.deepEqual(await repl([line]), { status: 0, stdout: printed, stderr: '' }, line)
  }
})

test('all lines have one instance, and the last needs no line end', async (t) => {
  const { status, stdout, stderr } = await repl('next\r\nnext\n\nadd(1, 2)\nnext')
  t.deepEqual([status, stdout, stderr], [0, '1\n2\n3\n3\n', ''])
})

test('a line that fails is named, the others go on, and the status is 1', async (t) => {
  for (const [line, said] of BAD) {
    const { status, stdout, stderr } = await repl(['next', line, 'next'])
    t.deepEqual([status, stdout], [1, '1\n2\n'], line)
    const [message = '', ...rest] = stderr.split('\n')
    t.deepEqual(rest, [''], stderr)
    t.true(message.startsWith('wasiexec: line 2: '), message)
    t.regex(message.replace('wasiexec: line 2: ', ''), said)
  }
})

/** Options and a line that ends the instance, what was printed before, and what is said. */
const ENDINGS: readonly [
  options: string[],
  line: string,
  status: number,
  printed: string,
  said: RegExp,
][] = [
  [[], 'exit 0', 0, 'text', /^exited with code 0$/],
  [[], 'exit 3', 1, 'text', /^exited with code 3$/],
  [[], 'exit 4294967295', 1, 'text', /^exited with code 4294967295$/],
  [[], 'trap', 1, 'text', /^trap: .*\(unreachable\)\n {4}at /],
  [[], 'divide 1 0', 1, '', /^trap: integer divide by zero \(integer-divide-by-zero\)\n {4}at /],
  [[], 'recurse', 1, '', /\(stack-overflow\)\n {4}at /],
  [['--timeout', '50ms'], 'loop', 1, 'text', /^timeout after 50 ms$/],
  [['--timeout', '50ms'], 'sleep 3600000', 1, 'text', /^timeout after 50 ms$/],
  [['--cpu', '50ms'], 'loop', 1, 'text', /^cpu limit of 50 ms$/],
  [['--fuel', '1000'], 'loop', 1, 'text', /^fuel limit of 1000$/],
  [['--memory', '256KiB'], 'grow 100', 1, '', /^memory limit of 256 KiB$/],
  [['--max-output', '6'], 'flood', 1, 'textte', /^output limit of 6 B$/],
]

test('an ending is shown, and the next call gets a new instance', async (t) => {
  for (const [options, line, status, printed, said] of ENDINGS) {
    const lines = ['next', line, 'next', 'next']
    const called = await repl(lines, [...options, LIBRARY])
    t.deepEqual([called.status, called.stdout], [status, `1\n${printed}1\n2\n`], line)
    const [, text = '', end] =
      /^wasiexec: exports\.wat: (.*)\n(wasiexec: line 2: .*)\n$/s.exec(called.stderr) ?? []
    t.regex(text, said)
    t.is(end, 'wasiexec: line 2: the instance has ended; the next call gets a new one')
  }
})

test('--on-memory deny and --on-output truncate leave the instance', async (t) => {
  const memory = ['--memory', '256KiB', '--on-memory', 'deny']
  t.is((await repl(['grow 100', 'next'], [...memory, LIBRARY])).stdout, '-1\n1\n')
  const output = ['--max-output', '2', '--on-output', 'truncate']
  t.is((await repl(['print 1 1024 4', 'next'], [...output, LIBRARY])).stdout, 'te0\n1\n')
})

test('.exports lists every export with its type', async (t) => {
  const { stdout } = await repl(['.exports'])
  const rows = stdout.trimEnd().split('\n')
  t.is(rows.length, 29)
  for (const row of [
    /^memory +memory +2 pages or more$/,
    /^count +global +mut i32$/,
    /^table +table +1 element/,
    /^add +function +\(i32, i32\) -> i32$/,
    /^same +function +\(i32, i64, f32, f64\) -> \(i32, i64, f32, f64\)$/,
    /^nothing +function +\(\)$/,
  ]) {
    t.is(rows.filter((line) => row.test(line)).length, 1, String(row))
  }
})

test('.globals shows the values of the instance', async (t) => {
  const { stdout } = await repl(['next', '.globals'])
  t.deepEqual(
    stdout
      .trimEnd()
      .split('\n')
      .slice(1)
      .map((row) => row.split(/ {2,}/)),
    [
      ['count', 'mut i32', '1'],
      ['answer', 'i32', '42'],
      ['wide', 'mut i64', '-1'],
      ['half', 'mut f32', '0.5'],
      ['third', 'mut f64', '0.25'],
      ['reference', 'mut (ref null func)', '(not a number)'],
    ],
  )
  const none = await repl(['.globals'], [watPath('reactor')])
  t.is(none.stderr, 'wasiexec: line 1: the program exports no globals\n')
})

test('.memory shows bytes and text, and equal rows once', async (t) => {
  const { stdout } = await repl(['.memory 1024 20', '.memory 0x800 0x50', '.memory -0 16'])
  const zeros = '00 00 00 00 00 00 00 00  00 00 00 00 00 00 00 00  |................|'
  t.is(
    stdout,
    `00000400  74 65 78 74 20 69 6e 20  6d 65 6d 6f 72 79 00 61  |text in memory.a|
00000410  66 74 65 72${' '.repeat(39)}|fter|
00000800  ${zeros}
*
00000840  ${zeros}
00000000  ${zeros}
`,
  )
  const end = await repl(['.memory 131071', '.memory 131071 1', '.memory 131070 2 memory'])
  t.deepEqual(
    end.stdout.split('\n').map((row) => row.slice(0, 8)),
    ['0001ffff', '0001ffff', '0001fffe', ''],
  )
})

test('.memory takes the name of one of several memories', async (t) => {
  const path = join(await folder(t), 'memories.wat')
  const source = `(module
    (memory (export "first") 1) (memory (export "second") 1)
    (data (memory 1) (i32.const 0) "second"))`
  await writeFile(path, source)
  const { stdout, stderr } = await repl(['.memory 0 6 second', '.memory 0 6'], [path])
  t.regex(stdout, /^00000000 {2}73 65 63 6f 6e 64 +\|second\|\n$/)
  t.regex(stderr, /^wasiexec: line 2: the program exports no memory "memory"; /)
  const alone = join(await folder(t), 'alone.wat')
  await writeFile(alone, '(module (memory (export "other") 1) (data (i32.const 0) "alone"))')
  t.regex((await repl(['.memory 0 5'], [alone])).stdout, /\|alone\|\n$/)
})

test('.reset makes a new instance', async (t) => {
  const { status, stdout, stderr } = await repl([
    'next',
    'next',
    '.reset',
    'next',
    'trap',
    '.reset',
    'next',
  ])
  t.is(stdout, '1\n2\n1\ntext1\n')
  t.is(status, 1, stderr)
})

test('.help names every command', async (t) => {
  const { status, stdout } = await repl(['.help'])
  t.is(status, 0)
  const names = stdout.split('\n').map((row) => row.split(' ')[0])
  t.deepEqual(names, ['add', '.exports', '.globals', '.memory', '.reset', '.help', '.exit', ''])
  for (const row of stdout.split('\n')) t.true(row.length <= 80, row)
})

test('.exit leaves', async (t) => {
  t.like(await repl(['next', '.exit', 'next']), { status: 0, stdout: '1\n' })
  t.like(await repl(['none', '.exit', 'next']), { status: 1, stdout: '' })
})

test('a function that reads stdin gets the lines that follow', async (t) => {
  const { status, stdout, stderr } = await repl(['read', 'a', 'read', 'next', 'read'])
  // "a" and its line end; then the lines are at their end.
  t.deepEqual([status, stdout, stderr], [0, '97\n10\n1\n-1\n', ''])
})

test('a function reads any number of lines', async (t) => {
  const path = join(await folder(t), 'count.wat')
  // Reads to the end of stdin and returns how many bytes there were.
  await writeFile(
    path,
    `(module
      (import "wasi_snapshot_preview1" "fd_read" (func $read (param i32 i32 i32 i32) (result i32)))
      (memory (export "memory") 1)
      (data (i32.const 0) "\\10\\00\\00\\00\\00\\10\\00\\00")
      (func (export "count") (result i32) (local $all i32)
        (loop $next
          (drop (call $read (i32.const 0) (i32.const 0) (i32.const 1) (i32.const 8)))
          (local.set $all (i32.add (local.get $all) (i32.load (i32.const 8))))
          (br_if $next (i32.load (i32.const 8))))
        (local.get $all)))`,
  )
  const { code, stdout, stderr } = await command(['repl', path], `count\n${'three\n'.repeat(1000)}`)
  t.deepEqual([code, stdout, stderr], [0, '6000\n', ''])
})

test('a timeout that passes while a function waits for a line leaves the next line alone', async (t) => {
  const stdin = new PassThrough()
  const stderr = new Screen()
  const called = repl('', ['--timeout', '50ms', LIBRARY], { stdin, stderr })
  stdin.write('read\n')
  await until(() => stderr.text.includes('the instance has ended'))
  stdin.end('add 1 2\n')
  t.like(await called, { status: 1, stdout: '3\n' })
})

test('output appears as it is printed', async (t) => {
  const [stdin, stdout] = [new PassThrough(), new PassThrough()]
  const called = repl('', ['--timeout', '60s', LIBRARY], { stdin, stdout })
  // It prints, and then waits for a line.
  stdin.write('print 1 1024 4\nread\n')
  let printed = ''
  while (printed !== 'text0\n') printed += String((await once(stdout, 'data'))[0])
  stdin.write('line\n')
  t.is(String((await once(stdout, 'data'))[0]), '108\n')
  stdin.end()
  t.is((await called).status, 0)
})

test('options are those of run, before and after the program', async (t) => {
  const path = await folder(t)
  const variables = join(path, 'variables.wat')
  await writeFile(
    variables,
    `(module
      (import "wasi_snapshot_preview1" "environ_sizes_get" (func $environ (param i32 i32) (result i32)))
      (import "wasi_snapshot_preview1" "args_sizes_get" (func $args (param i32 i32) (result i32)))
      (import "wasi_snapshot_preview1" "fd_prestat_get" (func $prestat (param i32 i32) (result i32)))
      (memory (export "memory") 1)
      (func (export "variables") (result i32) (drop (call $environ (i32.const 0) (i32.const 4))) (i32.load (i32.const 0)))
      (func (export "args") (result i32) (drop (call $args (i32.const 0) (i32.const 4))) (i32.load (i32.const 0)))
      (func (export "directory") (param i32) (result i32) (call $prestat (local.get 0) (i32.const 0))))`,
  )
  const lines = ['variables', 'args', 'directory 3', 'directory 4', 'directory 5']
  const EBADF = 8
  t.is((await repl(lines, [variables])).stdout, `0\n1\n${EBADF}\n${EBADF}\n${EBADF}\n`)
  const words = ['-e', 'A=1', '--dir', path, variables, '-e', 'B=2', '--file', `v=${variables}`]
  t.is((await repl(lines, [...words, '--', '-x', 'y'])).stdout, `2\n3\n0\n0\n${EBADF}\n`)
})

test('a reactor is initialized once, and a command can be started', async (t) => {
  t.is((await repl(['add 1 2'], [watPath('reactor')])).stdout, '3\n')
  const { status, stdout, stderr } = await repl(['_start', '_start'], [watPath('hello')])
  t.deepEqual([status, stdout, stderr], [0, 'hello\nhello\n', ''])
})

/** Words, the status, and all that is said. */
const REFUSED: readonly [words: string[], status: number, said: RegExp][] = [
  [[], 125, /^wasiexec: missing required argument 'prog\.wasm'\n$/],
  [['-'], 125, /^wasiexec: the program must be a file, because lines are read from stdin\n$/],
  [['missing.wasm'], 125, /^wasiexec: cannot read the program .*missing\.wasm/],
  [['--json', LIBRARY], 125, /^wasiexec: unknown option '--json'/],
  [
    ['--tiemout', '1s', LIBRARY],
    125,
    /^wasiexec: unknown option '--tiemout' \(Did you mean --timeout\?\)\n$/,
  ],
  [['--file', 'x', LIBRARY], 125, /must be GUEST=HOST/],
  [['--file', 'a=/missing/file', LIBRARY], 125, /--file a=\/missing\/file: ENOENT/],
  [['--dir', '/nowhere-at-all', LIBRARY], 125, /^wasiexec: --dir: cannot open the directory/],
  [[watPath('unresolved-import')], 125, /^wasiexec: unresolved imports: env\.foo/],
  [[watPath('component-imports-nn')], 125, /^wasiexec: unresolved imports: /],
  [
    [watPath('trap-in-start-function')],
    134,
    /^wasiexec: trap-in-start-function\.wat: trap: .*\n {4}at /,
  ],
  [[watPath('exit-in-start-function')], 7, /exited with code 7 while it was instantiated\n$/],
]

test('what cannot be called is refused before the first line', async (t) => {
  for (const [words, status, said] of REFUSED) {
    const called = await repl(['add 1 2'], words)
    t.deepEqual([called.status, called.stdout], [status, ''], words.join(' '))
    t.regex(called.stderr, said)
  }
})

test('an instance that cannot be made is said each time, and the lines go on', async (t) => {
  const path = join(await folder(t), 'second.wat')
  // The start function reads a line, and traps if it is an x.
  await writeFile(
    path,
    `(module
      (import "wasi_snapshot_preview1" "fd_read" (func $read (param i32 i32 i32 i32) (result i32)))
      (memory (export "memory") 1)
      (func $start
        (i32.store (i32.const 0) (i32.const 16))
        (i32.store (i32.const 4) (i32.const 1))
        (drop (call $read (i32.const 0) (i32.const 0) (i32.const 1) (i32.const 8)))
        (if (i32.eq (i32.load8_u (i32.const 16)) (i32.const 120)) (then unreachable)))
      (start $start)
      (func (export "seven") (result i32) (i32.const 7)))`,
  )
  const lines = ['o', 'seven', '.reset', 'x', 'seven', 'o']
  const { status, stdout, stderr } = await repl(lines, [path])
  t.deepEqual([status, stdout], [1, '7\n7\n'])
  t.regex(stderr, /^wasiexec: second\.wat: trap: .*\(unreachable\)\n {4}at .*\n$/)
})

for (const [signal, status] of [
  ['SIGINT', 130],
  ['SIGTERM', 143],
] as const) {
  test(`${signal} ends the lines of a pipe`, async (t) => {
    const stdin = new PassThrough()
    stdin.end('next\nloop\nnext\n')
    const stdout = new Screen()
    let interrupt: (signal: 'SIGINT' | 'SIGTERM') => void = () => {}
    const called = repl('', [LIBRARY], { stdin, stdout, onStart: (it) => (interrupt = it) })
    await until(() => stdout.text.endsWith('text'))
    interrupt(signal)
    t.deepEqual(await called, {
      status,
      stdout: '1\ntext',
      stderr: `wasiexec: exports.wat: aborted by ${signal}\n`,
    })
  })

  test(`${signal} ends a program that does not end while it is made`, async (t) => {
    const path = join(await folder(t), 'never.wat')
    await writeFile(path, '(module (func $f (loop $l (br $l))) (start $f))')
    const onStart = (interrupt: (signal: 'SIGINT' | 'SIGTERM') => void) =>
      void setImmediate(interrupt, signal)
    t.deepEqual(await repl(['next'], [path], { onStart }), {
      status,
      stdout: '',
      stderr: `wasiexec: never.wat: aborted by ${signal}\n`,
    })
  })

  posix(`${signal} ends a process that reads lines, or calls`, async (t) => {
    const child = start(['repl', LIBRARY])
    child.stdin!.write('next\nsleep 3600000\n')
    let printed = ''
    while (printed !== '1\ntext') printed += String((await once(child.stdout!, 'data'))[0])
    child.kill(signal)
    const { code, stderr } = await ended(child)
    t.is(code, status)
    t.is(stderr, `wasiexec: exports.wat: aborted by ${signal}\n`)
  })
}

test('a reader that has gone ends it without a word', async (t) => {
  for (const line of ['add 1 2', 'flood', '.help']) {
    const stdout = new Writable({
      write(_chunk, _encoding, done) {
        done(Object.assign(new Error('write EPIPE'), { code: 'EPIPE' }))
      },
    })
    const { status, stderr } = await repl([line, 'next'], [LIBRARY], { stdout })
    t.deepEqual([status, stderr], [141, ''], line)
  }
})

posix('a closed pipe ends it quietly', async (t) => {
  const line = `set -o pipefail; echo flood | wasiexec repl '${LIBRARY}' | head -c 10`
  const { code, stdout, stderr } = await shell(line)
  t.deepEqual([code, stdout, stderr], [141, 'texttextte', ''])
})

test('the process: values, what is printed, and what is said', async (t) => {
  const { code, stdout, stderr } = await command(
    ['repl', LIBRARY],
    'print 1 1024 4\nprint 2 1024 4\nexit 3\nadd 1 2\n',
  )
  t.is(code, 1)
  t.is(stdout, 'text0\n0\ntext3\n')
  t.is(
    stderr,
    'textwasiexec: exports.wat: exited with code 3\nwasiexec: line 3: the instance has ended; the next call gets a new one\n',
  )
})

const PROMPT = { until: '> ' }

posix('a terminal has a prompt, and the value has a line of its own', async (t) => {
  const { screen, status } = await terminal(
    ['repl', LIBRARY],
    [
      PROMPT,
      { type: 'add 1 2\r' },
      { until: '3\r\n' },
      PROMPT,
      { type: 'print 1 1024 4\r' },
      { until: 'text' },
      { until: '0\r\n' },
      PROMPT,
      { type: '\u{4}' },
    ],
  )
  t.is(status, 0)
  const [greeting, ...rows] = await rendered(screen)
  t.regex(greeting!, /^wasiexec \S+: exports\.wat has 21 functions; try \.help$/)
  t.deepEqual(rows, ['> add 1 2', '3', '> print 1 1024 4', 'text', '0', '>'])
})

posix('a line that fails does not change the status of a terminal', async (t) => {
  const { screen, status } = await terminal(
    ['repl', LIBRARY],
    [
      PROMPT,
      { type: 'ad 1 2\r' },
      { until: 'wasiexec: the program exports no function "ad"; did you mean "add"?\r\n' },
      PROMPT,
      { type: 'trap\r' },
      { until: '(unreachable)' },
      { until: 'wasiexec: the instance has ended; the next call gets a new one\r\n' },
      PROMPT,
      { type: 'next\r' },
      { until: '1\r\n' },
      PROMPT,
      { type: '.exit\r' },
    ],
  )
  t.is(status, 0, screen)
})

posix('Tab completes functions and commands', async (t) => {
  const { screen, status } = await terminal(
    ['repl', LIBRARY],
    [
      PROMPT,
      { type: 'ne\t' },
      { until: 'next' },
      { type: '\r' },
      { until: '1\r\n' },
      PROMPT,
      { type: 'addf\t\t' },
      { until: 'addf32  addf64' },
      { until: 'addf' },
      { type: '64 1 2\r' },
      { until: '3\r\n' },
      PROMPT,
      { type: '.ex\t\t' },
      { until: '.exports  .exit' },
      { type: 'i\t\r' },
    ],
  )
  t.is(status, 0, screen)
})

posix('the lines of the session come back', async (t) => {
  const { screen, status } = await terminal(
    ['repl', LIBRARY],
    [
      PROMPT,
      { type: 'add 1 2\r' },
      { until: '3\r\n' },
      PROMPT,
      { type: 'next\r' },
      { until: '1\r\n' },
      PROMPT,
      // Not what was cleared.
      { type: 'add 5 5\u{3}' },
      { until: '^C' },
      PROMPT,
      { type: '\u{1b}[A' },
      { until: 'next' },
      { type: '\u{1b}[A' },
      { until: 'add 1 2' },
      { type: '0\r' },
      { until: '21\r\n' },
      PROMPT,
      { type: '\u{4}' },
    ],
  )
  t.is(status, 0, screen)
})

posix(
  'Ctrl-C aborts a call that computes, sleeps or reads, and clears the line of the prompt',
  async (t) => {
    const aborted = [
      { until: 'wasiexec: exports.wat: aborted by SIGINT\r\n' },
      { until: 'a new one\r\n' },
    ]
    const { screen, status } = await terminal(
      ['repl', LIBRARY],
      [
        PROMPT,
        { type: 'loop\r' },
        { until: 'text' },
        { type: '\u{3}' },
        ...aborted,
        PROMPT,
        { type: 'sleep 3600000\r' },
        { until: 'text' },
        { type: '\u{3}' },
        ...aborted,
        PROMPT,
        { type: 'read\r' },
        { until: 'stdin> ' },
        { type: 'half a line\u{3}' },
        ...aborted,
        PROMPT,
        { type: 'loop\u{3}' },
        { until: '^C' },
        PROMPT,
        { type: 'next\r' },
        { until: '1\r\n' },
        PROMPT,
        { type: '\u{4}' },
      ],
    )
    t.is(status, 0, screen)
  },
)

posix('SIGTERM ends a call, and the prompt', async (t) => {
  const calls = await terminal(
    ['repl', LIBRARY],
    [PROMPT, { type: 'loop\r' }, { until: 'text' }, { signal: 'TERM' }],
  )
  t.is(calls.status, 143)
  t.true(calls.screen.endsWith('wasiexec: exports.wat: aborted by SIGTERM\r\n'), calls.screen)
  const waits = await terminal(['repl', LIBRARY], [PROMPT, { signal: 'TERM' }])
  t.is(waits.status, 143)
})

posix('a function reads what is typed, and Ctrl-D ends the stdin of its instance', async (t) => {
  const { screen, status } = await terminal(
    ['repl', LIBRARY],
    [
      PROMPT,
      { type: 'read\r' },
      { until: 'stdin> ' },
      { type: 'az\u{7f}\r' },
      { until: '97\r\n' },
      PROMPT,
      { type: 'read\r' },
      { until: '10\r\n' },
      PROMPT,
      { type: 'read\r' },
      { until: 'stdin> ' },
      { type: '\u{4}' },
      { until: '-1\r\n' },
      PROMPT,
      { type: 'read\r' },
      { until: '-1\r\n' },
      PROMPT,
      { type: '.reset\r' },
      PROMPT,
      { type: 'read\r' },
      { until: 'stdin> ' },
      { type: 'b\r' },
      { until: '98\r\n' },
      PROMPT,
      // What a program reads is not in the history.
      { type: '\u{1b}[A' },
      { until: 'read' },
      { type: '\u{15}\u{4}' },
    ],
  )
  t.is(status, 0, screen)
})

posix('lines that are pasted are carried out in turn, and the rest is kept', async (t) => {
  const { screen, status } = await terminal(
    ['repl', LIBRARY],
    [
      PROMPT,
      { type: 'next\rread\rabc\rnext\rad' },
      { until: '1\r\n' },
      { until: '97\r\n' },
      { until: '2\r\n' },
      { until: 'ad' },
      { type: 'd 1 2\r' },
      { until: '3\r\n' },
      PROMPT,
      { type: '\u{4}' },
    ],
  )
  t.is(status, 0, screen)
})

posix('what is typed during a call is the next line', async (t) => {
  const { screen, status } = await terminal(
    ['repl', LIBRARY],
    [
      PROMPT,
      { type: 'sleep 300\r' },
      { until: 'text' },
      { type: 'add 1 2\n' },
      { until: '3\r\n' },
      PROMPT,
      { type: '\u{4}' },
    ],
  )
  t.is(status, 0, screen)
})

posix('terminals of any width', async (t) => {
  for (const columns of [80, 7, 3, 1]) {
    const { screen, status } = await terminal(
      ['repl', LIBRARY],
      [
        { resize: columns },
        { until: '>' },
        { type: 'print 1 1024 4\r' },
        { until: 'text' },
        { until: '0\r\n' },
        { until: '>' },
        { type: '\u{4}' },
      ],
    )
    t.is(status, 0, screen)
    const text = (await rendered(screen, columns)).join('').replaceAll(' ', '')
    t.true(text.endsWith('try.help>print110244text0>'), `${columns} columns: ${text}`)
  }
})

posix('a terminal that cannot draw', async (t) => {
  for (const [columns, variables] of [
    [0, {}],
    [80, { TERM: 'dumb' }],
  ] as const) {
    const { screen, status } = await terminal(
      ['repl', LIBRARY],
      [
        { resize: columns },
        PROMPT,
        { type: 'print 1 1024 4\r' },
        { until: 'text0\r\n' },
        PROMPT,
        { type: 'add 1 2\u{3}' },
        { until: '^C' },
        PROMPT,
        { type: '.exit\r' },
      ],
      variables,
    )
    t.is(status, 0, screen)
  }
})

posix('the stdin of a function is a pipe, also where lines are typed', async (t) => {
  const path = join(await folder(t), 'kind.wat')
  await writeFile(
    path,
    `(module
      (import "wasi_snapshot_preview1" "fd_fdstat_get" (func $stat (param i32 i32) (result i32)))
      (memory (export "memory") 1)
      (func (export "kind") (result i32)
        (drop (call $stat (i32.const 0) (i32.const 0))) (i32.load8_u (i32.const 0))))`,
  )
  const CHARACTER_DEVICE = '2'
  const typed = await terminal(
    ['repl', path],
    [PROMPT, { type: 'kind\r' }, { until: '\r\n' }, PROMPT, { type: '\u{4}' }],
  )
  const [, , kind] = await rendered(typed.screen)
  t.regex(kind!, /^\d+$/)
  t.not(kind, CHARACTER_DEVICE)
  // To a run the terminal itself is given.
  const run = await terminal(['run', '--invoke', 'kind', path], [])
  t.is(run.screen.trim(), CHARACTER_DEVICE)
})

test('lines of a pipe are cut at line feeds alone, and have a greatest length', async (t) => {
  const read = async (...chunks: (string | Buffer)[]): Promise<(string | undefined)[]> => {
    const lines = new PipedLines(Readable.from(chunks), 10)
    const all: (string | undefined)[] = []
    do all.push(await lines.read({ prompt: '' }))
    while (all.at(-1) !== undefined)
    return all
  }
  t.deepEqual(await read('a\r\nb\u2028c\n\nd'), ['a', 'b\u2028c', '', 'd', undefined])
  const [high, low] = [Buffer.from('ü').subarray(0, 1), Buffer.from('ü\n').subarray(1)]
  t.deepEqual(await read(high, low), ['ü', undefined])
  await t.throwsAsync(read('a\n', '01234567890'), { message: 'line 2 is longer than 10 B' })
  const many = await read('\n'.repeat(1_000_000))
  t.is(many.length, 1_000_001)
})

test('a wait for a line that was given up loses none', async (t) => {
  const stdin = new PassThrough()
  const lines = new PipedLines(stdin)
  const { signal, abort } = abortable()
  const given = lines.read({ prompt: '', signal })
  abort()
  t.is(await given, undefined)
  stdin.write('a\nb\n')
  t.is(await lines.read({ prompt: '', signal }), undefined)
  t.is(await lines.read({ prompt: '' }), 'a')
  stdin.destroy(new Error('no more'))
  t.is(await lines.read({ prompt: '' }), 'b')
  await t.throwsAsync(lines.read({ prompt: '' }), { message: 'no more' })
  t.is(lines.place, 'line 2: ')
})

/** A signal and what aborts it. */
function abortable(): { signal: AbortSignal; abort: () => void } {
  const controller = new AbortController()
  return { signal: controller.signal, abort: () => controller.abort() }
}

test('a line may be long', async (t) => {
  const { status, stderr } = await repl([`"${'\\\\'.repeat(5_000_000)}`, 'add 1 2'])
  t.is(status, 1)
  t.regex(stderr, /^wasiexec: line 1: expected a function such as add 1 2 .*…\n$/)
  t.true(stderr.length < 10_000, 'the line itself is not all printed')
})

test('a signal is not lost, whatever a line does when it comes', async (t) => {
  const words = [watPath('calc-component'), '--timeout', '10s']
  const lines = ['trap', '.help', 'add(1, 2)', 'loop']
  for (let each = 0; each <= lines.length; each += 1) {
    let interrupt: (signal: 'SIGTERM') => void = () => {}
    let given = 0
    const stdin = new Readable({
      read() {
        if (given === each) interrupt('SIGTERM')
        this.push(given < lines.length ? `${lines[given]}\n` : null)
        given += 1
      },
    })
    const called = repl('', words, { stdin, onStart: (it) => (interrupt = it) })
    const { status, stderr } = await called
    t.is(status, 143, `${each}: ${stderr}`)
  }
})

for (const [signal, status] of [
  ['SIGINT', 130],
  ['SIGTERM', 143],
] as const) {
  test(`${signal} between two lines of a pipe ends them`, async (t) => {
    const stdin = new PassThrough()
    const stdout = new Screen()
    let interrupt: (signal: 'SIGINT' | 'SIGTERM') => void = () => {}
    const called = repl('', [LIBRARY], { stdin, stdout, onStart: (it) => (interrupt = it) })
    stdin.write('next\n')
    await until(() => stdout.text === '1\n')
    // The call has ended, and nothing else goes on.
    await new Promise((resolve) => setTimeout(resolve, 20))
    interrupt(signal)
    stdin.end('next\n')
    t.deepEqual(await called, { status, stdout: '1\n', stderr: '' })
  })

  posix(`${signal} ends a process that waits for lines`, async (t) => {
    const child = start(['repl', LIBRARY])
    child.stdin!.write('next\n')
    t.is(String((await once(child.stdout!, 'data'))[0]), '1\n')
    child.kill(signal)
    const { code, stderr } = await ended(child)
    t.deepEqual([code, stderr], [status, ''])
  })
}

test('a command for the other kind of program is refused as such', async (t) => {
  const module = await repl(['.wit', '.drop $1'])
  t.is(
    module.stderr,
    'wasiexec: line 1: .wit is not for a module; .help lists the commands\n' +
      'wasiexec: line 2: .drop is not for a module; .help lists the commands\n',
  )
  const component = await repl(['.memory 0'], [watPath('calc-component')])
  t.is(
    component.stderr,
    'wasiexec: line 1: .memory is not for a component; .help lists the commands\n',
  )
})
