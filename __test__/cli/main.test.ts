// The command as a whole: verbs, help, what it is called with.
import { createRequire } from 'node:module'
import test from 'ava'
import { duration, limit, time } from '../../cli/parse.ts'
import { call } from '../support/cli.ts'
import { watPath } from '../support/guest.ts'

const { version } = createRequire(import.meta.url)('../../package.json') as { version: string }
const VERBS = ['run', 'batch', 'serve', 'inspect', 'compile']

test('--version', async (t) => {
  const expected = { status: 0, stdout: `wasiexec ${version}\n`, stderr: '' }
  t.deepEqual(await call(['--version']), expected)
  t.deepEqual(await call(['-V']), expected)
})

test('--help names every verb', async (t) => {
  for (const words of [['--help'], ['-h'], ['help']]) {
    const { status, stdout, stderr } = await call(words)
    t.deepEqual([status, stderr], [0, ''])
    for (const verb of VERBS) t.regex(stdout, new RegExp(`^  ${verb} {2,}\\w`, 'm'))
  }
})

for (const verb of VERBS) {
  test(`the help of ${verb} has its options and examples`, async (t) => {
    const { status, stdout, stderr } = await call([verb, '--help'])
    t.deepEqual([status, stderr], [0, ''])
    t.regex(stdout, new RegExp(`^Usage: wasiexec ${verb} \\[options\\] `))
    t.regex(stdout, /^Options:$/m)
    t.regex(stdout, new RegExp(`^Examples:\\n  \\$ wasiexec ${verb} `, 'm'))
    t.deepEqual(await call(['help', verb]), { status, stdout, stderr })
  })
}

test('without a verb it helps on stderr and fails', async (t) => {
  const { status, stdout, stderr } = await call([])
  t.deepEqual([status, stdout], [125, ''])
  t.regex(stderr, /^Usage: wasiexec <verb>/)
  t.deepEqual(await call(['--']), { status, stdout, stderr })
})

const BAD: readonly [words: string[], said: string][] = [
  [['rnu', 'x'], "unknown command 'rnu' (Did you mean run?)"],
  [['Inspect'], "unknown command 'Inspect' (Did you mean inspect?)"],
  [['prog.wasm'], "unknown command 'prog.wasm' (Did you mean wasiexec run prog.wasm?)"],
  [['help', 'rnu'], "unknown command 'rnu' (Did you mean run?)"],
  [['help', 'toString'], "unknown command 'toString'"],
  [['--verison'], "unknown option '--verison' (Did you mean --version?)"],
  [['zzz'], "unknown command 'zzz'"],
  [['inspect', '--jsno', 'x'], "unknown option '--jsno' (Did you mean --json?)"],
  [['run', '--memory-limit', '1', 'x'], "unknown option '--memory-limit' (Did you mean --memory?)"],
  [['run', '--max-memory', '1', 'x'], "unknown option '--max-memory' (Did you mean --memory?)"],
  [['run', '--time-limit', '1', 'x'], "unknown option '--time-limit' (Did you mean --timeout?)"],
  [['run', '--cpu-time=1s', 'x'], "unknown option '--cpu-time=1s' (Did you mean --cpu?)"],
  [['run', '--mapdir', '.', 'x'], "unknown option '--mapdir' (Did you mean --dir?)"],
  [['run', '--stack-size', '1', 'x'], "unknown option '--stack-size'"],
  [['run', '--max', 'x'], "unknown option '--max'"],
  [['--memory', 'x'], "unknown option '--memory'"],
  [['inspect', 'a', 'b'], "too many arguments for 'inspect'. Expected 1 argument but got 2."],
  [['compile', '--ouptut', 'x', 'y'], "unknown option '--ouptut' (Did you mean --output?)"],
]

for (const [words, said] of BAD) {
  test(`refused: ${words.join(' ')}`, async (t) => {
    const expected = { status: 125, stdout: '', stderr: `wasiexec: ${said}\n` }
    t.deepEqual(await call(words), expected)
  })
}

test('durations', (t) => {
  for (const [text, ms] of [
    ['500ms', 500],
    ['2s', 2000],
    ['2 s', 2000],
    ['1.1s', 1100],
    ['0.5ms', 0.5],
    ['1m', 60_000],
    ['1h', 3_600_000],
  ] as const) {
    t.is(duration(text), ms, text)
  }
  for (const text of ['', '2', 's', '.5s', '1e3s', '2sec', '1s2', '+1s', 'Infinity s', '2_0s']) {
    t.throws(() => duration(text), { message: /^Expected a duration/ }, text)
  }
})

test('sizes', (t) => {
  for (const [text, bytes] of [
    ['0', 0],
    ['4096', 4096],
    ['1B', 1],
    ['1kb', 1000],
    ['64MB', 64e6],
    ['64MiB', 64 * 1024 * 1024],
    ['1.5GiB', 1.5 * 1024 ** 3],
  ] as const) {
    t.is(limit('size')(text), bytes, text)
  }
  for (const text of ['', 'MiB', '1.5', '1TiB', '-1MiB', '0x10', '64M', '9999999999GiB']) {
    t.throws(() => limit('size')(text), { message: /^Expected a size/ }, text)
  }
})

test('times', (t) => {
  t.is(time('2024-02-29').toISOString(), '2024-02-29T00:00:00.000Z')
  t.is(time('2024-02-29T23:30:00-01:00').toISOString(), '2024-03-01T00:30:00.000Z')
  t.is(time('1970-01-01').getTime(), 0)
  t.is(time('2554-07-21').toISOString(), '2554-07-21T00:00:00.000Z')
  for (const text of [
    'now',
    '2554-07-22',
    '9999-01-01',
    '12',
    '1969-12-31T23:59:59Z',
    '2024-13-01',
    '2024-02-30',
    '2024-02-30T12:00:00Z',
    '2024-02-29T12:60:00Z',
    '2024-02-29 (noon)',
    // Another time on each machine.
    '2024-02-29T12:00:00',
    '2024',
  ]) {
    t.throws(() => time(text), { message: /^Expected a time/ }, text)
  }
})

test('an empty path to write to is refused', async (t) => {
  for (const words of [
    ['types', '-o', ''],
    ['compile', '-o', ''],
    ['snapshot', '-o', ''],
    ['batch', '-o', ''],
    ['batch', '--report', ''],
    ['run', '--collect', '*', '--collect-to', ''],
  ]) {
    const { status, stdout, stderr } = await call([...words, watPath('exports')])
    t.deepEqual([status, stdout], [125, ''], words.join(' '))
    t.regex(
      stderr,
      /^wasiexec: option '.*<(?:file|folder)>' argument '' is invalid\. Expected a path\.\n$/,
    )
  }
})

test('the URL of a program is refused as such', async (t) => {
  for (const url of ['https://example.com/a.wasm', 'file:///a.wasm']) {
    const { status, stderr } = await call(['run', url])
    t.deepEqual(
      [status, stderr],
      [125, `wasiexec: the program must be a file, got the URL ${url}\n`],
    )
  }
})
