// `wasiexec batch --each-file`: verdicts, and when outputs are equal.
import { execFileSync } from 'node:child_process'
import { mkdir, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import test, { type ExecutionContext } from 'ava'
import fc from 'fast-check'
import { isSame, verdictOf, VERDICTS, type Verdict } from '../../cli/batch/verdict.ts'
import { batch, parseResults, readResults } from '../support/batch-command.ts'
import { folder, watPath } from '../support/guest.ts'
import { loadSync, type Limit, type RunOptions } from '../support/package.ts'

const posix = process.platform === 'win32' ? test.skip : test

/** A folder with these files. */
async function cases(
  t: ExecutionContext,
  files: Readonly<Record<string, string | Buffer>>,
): Promise<string> {
  const path = join(await folder(t), 'cases')
  await mkdir(path)
  await Promise.all(
    Object.entries(files).map(([name, content]) => writeFile(join(path, name), content)),
  )
  return path
}

/** Runs that a judge has a word for. */
const JUDGED: readonly [guest: string, options: RunOptions, expected: string, verdict: Verdict][] =
  [
    ['hello', {}, 'hello\n', 'accepted'],
    ['hello', {}, 'hello', 'accepted'],
    ['hello', {}, 'hullo\n', 'wrong answer'],
    ['exit-argv', { args: ['3'] }, '', 'runtime error'],
    ['trap-unreachable', {}, 'before trap\n', 'runtime error'],
    ['loop', { limits: { timeoutMs: 20 } }, '', 'time limit'],
    ['loop', { limits: { cpuMs: 20 } }, '', 'time limit'],
    ['loop', { limits: { fuel: 1000 } }, '', 'time limit'],
    ['sleep-hour', { limits: { timeoutMs: 20 }, stdout: 'ignore' }, '', 'time limit'],
    [
      'grow-until-denied',
      { limits: { memoryBytes: 1 << 20, onMemory: 'stop' } },
      '',
      'memory limit',
    ],
    ['flood', { limits: { outputBytes: 100 } }, '', 'output limit'],
  ]
for (const [guest, options, expected, verdict] of JUDGED) {
  test(`${guest} ${JSON.stringify(options)} for ${JSON.stringify(expected)}: ${verdict}`, (t) => {
    const outcome = loadSync(watPath(guest), { cache: false }).runSync(options as object)
    t.is(verdictOf(outcome, Buffer.from(expected), 'lines'), verdict)
  })
}

test('every limit has a verdict that names it', (t) => {
  const NAMES: Readonly<Record<Limit['limit'], Verdict>> = {
    timeout: 'time limit',
    cpu: 'time limit',
    fuel: 'time limit',
    memory: 'memory limit',
    output: 'output limit',
    network: 'network limit',
    request: 'network limit',
    response: 'network limit',
  }
  const hello = loadSync(watPath('hello'), { cache: false }).runSync()
  for (const [limit, verdict] of Object.entries(NAMES)) {
    const outcome = { ...hello, kind: 'limit', limit } as unknown as Limit
    t.is(verdictOf(outcome, Buffer.from('hello'), 'lines'), verdict)
    t.true(VERDICTS.includes(verdict))
  }
  t.deepEqual(
    VERDICTS.filter((verdict) => verdict.endsWith('limit')),
    [...new Set(Object.values(NAMES))],
  )
})

posix('a case that is a pipe without a writer is empty, and keeps nobody', async (t) => {
  const path = await cases(t, { '1.out': '', '2.in': 'x', '2.out': 'x' })
  execFileSync('mkfifo', [join(path, '1.in')])
  const { status, stdout, stderr } = await batch([watPath('cat'), '--each-file', path])
  t.is(status, 0, stderr)
  t.is(parseResults(stdout).length, 2)
})

test('a program that fails after it was refused memory has a memory limit, one that succeeds has not', (t) => {
  const hello = loadSync(watPath('hello'), { cache: false }).runSync()
  const trap = loadSync(watPath('trap-unreachable'), { cache: false }).runSync()
  const refused = <T extends { usage: object }>(outcome: T): T => ({
    ...outcome,
    usage: { ...outcome.usage, memoryDenied: true },
  })
  t.is(verdictOf(refused(trap), Buffer.from(''), 'lines'), 'memory limit')
  t.is(verdictOf(refused(hello), Buffer.from('hello'), 'lines'), 'accepted')
  t.is(verdictOf(refused(hello), Buffer.from('other'), 'lines'), 'wrong answer')
})

test('a right answer that was cut is an output limit', (t) => {
  const flood = loadSync(watPath('flood-argv'), { cache: false })
  const limits = { outputBytes: 10, onOutput: 'truncate' } as const
  const outcome = flood.runSync({ args: ['100'], limits })
  t.is(outcome.kind, 'exit')
  t.is(verdictOf(outcome, Buffer.from('something else'), 'lines'), 'output limit')
})

test('outputs are equal but for what the comparison ignores', (t) => {
  const rows: readonly [actual: string, expected: string, lines: boolean, tokens: boolean][] = [
    ['a\n', 'a', true, true],
    ['a \t\r\nb\n\n\n', 'a\nb', true, true],
    ['a\n \n', 'a', true, true],
    ['', '\n \n', true, true],
    ['a b', 'a  b', false, true],
    [' a', 'a', false, true],
    ['\na', 'a', false, true],
    ['a\nb', 'a b', false, true],
    ['a\n\nb', 'a\nb', false, true],
    ['ab', 'a b', false, false],
    ['a', 'A', false, false],
    ['a\u00a0', 'a', false, false],
    ['\u00c3', '\u00c3\u00a0', false, false],
    ['a', '', false, false],
  ]
  for (const [actual, expected, lines, tokens] of rows) {
    for (const [a, b] of [
      [actual, expected],
      [expected, actual],
    ] as const) {
      const bytes = [Buffer.from(a, 'latin1'), Buffer.from(b, 'latin1')] as const
      t.is(isSame(...bytes, 'lines'), lines, JSON.stringify([a, b]))
      t.is(isSame(...bytes, 'tokens'), tokens, JSON.stringify([a, b]))
      t.false(isSame(...bytes, 'exact'))
      t.true(isSame(bytes[0], Buffer.from(bytes[0]), 'exact'))
    }
  }
})

test('comparisons are what regular expressions say of them', (t) => {
  const text = fc.array(fc.constantFrom('a', 'b', ' ', '\t', '\r', '\n', '\v', '\f', '\xa0'))
  const lines = (value: string): string =>
    value
      .split('\n')
      .map((line) => line.replace(/[ \t\r\v\f]+$/, ''))
      .join('\n')
      .replace(/\n+$/, '')
  const tokens = (value: string): string =>
    value.replaceAll(/[ \t\r\n\v\f]+/g, ' ').replaceAll(/^ | $/g, '')
  fc.assert(
    fc.property(text, text, (first, second) => {
      const [a, b] = [first.join(''), second.join('')]
      const bytes = [Buffer.from(a, 'latin1'), Buffer.from(b, 'latin1')] as const
      t.is(isSame(...bytes, 'lines'), lines(a) === lines(b))
      t.is(isSame(...bytes, 'tokens'), tokens(a) === tokens(b))
    }),
    { numRuns: 2000 },
  )
})

test('cases come in their natural order, each with its verdict', async (t) => {
  const path = await cases(t, {
    '10.in': 'ten\n',
    '10.out': 'ten \n\n',
    '2.in': 'two',
    '2.out': 'three',
    '1.in': '',
    '1.out': '',
    'sample.in': 'é',
    'sample.out': 'é',
    'notes.txt': 'no case',
    '.in': 'no name',
  })
  const { status, stdout, stderr } = await batch([watPath('cat'), '--each-file', path])
  t.is(status, 1)
  t.deepEqual(
    parseResults(stdout).map(({ index, id, verdict }) => [index, id, verdict]),
    [
      [0, '1', 'accepted'],
      [1, '2', 'wrong answer'],
      [2, '10', 'accepted'],
      [3, 'sample', 'accepted'],
    ],
  )
  t.regex(stderr, /^ {2}3 accepted, 1 wrong answer$/m)
})

test('all accepted is the status 0; exact comparison is stricter', async (t) => {
  const path = await cases(t, { 'a.in': 'x\n', 'a.out': 'x' })
  t.is((await batch([watPath('cat'), '--each-file', path])).status, 0)
  t.is((await batch([watPath('cat'), '--each-file', path, '--compare', 'exact'])).status, 1)
  t.is((await batch([watPath('cat'), '--each-file', path, '--compare', 'never'])).status, 125)
})

test('arguments of the program stand behind it', async (t) => {
  const path = await cases(t, { 'a.in': '', 'a.out': 'args.wat\nfirst\n-x\n' })
  const { status, stdout } = await batch([
    watPath('args'),
    'first',
    '--each-file',
    path,
    '--',
    '-x',
  ])
  t.is(status, 0, stdout)
})

test('what is missing is reported: an answer as an error of the case, a case as a remark', async (t) => {
  const path = await cases(t, { '1.in': '', '1.out': '', '2.in': 'x', '3.out': 'y' })
  const { status, stdout, stderr } = await batch([
    watPath('cat'),
    '--each-file',
    path,
    '--summary',
    'json',
  ])
  t.is(status, 1)
  const [first, second, ...more] = parseResults(stdout)
  t.deepEqual([first!.verdict, second!.error?.code, more], ['accepted', 'ERR_READ_FAILED', []])
  const said = stderr.trimEnd().split('\n')
  t.deepEqual(said.slice(0, 2), [
    `wasiexec: ${join(path, '3.out')} has no 3.in`,
    `wasiexec: ${join(path, '2.in')}: there is no ${join(path, '2.out')}`,
  ])
  const { verdicts, kinds } = JSON.parse(said[2]!) as { verdicts: object; kinds: object }
  t.deepEqual(verdicts, {
    accepted: 1,
    'wrong answer': 0,
    'runtime error': 0,
    'time limit': 0,
    'memory limit': 0,
    'output limit': 0,
    'network limit': 0,
  })
  t.like(kinds, { exit: 1, error: 1 })
})

test('an input that cannot be read is an error of its case', async (t) => {
  const path = await cases(t, { '1.out': '', '2.in': '', '2.out': '' })
  await mkdir(join(path, '1.in'))
  const { stdout } = await batch([watPath('cat'), '--each-file', path])
  const [first, second] = parseResults(stdout)
  t.deepEqual([first!.error?.code, second!.verdict], ['ERR_READ_FAILED', 'accepted'])
})

test('judging goes on where it ended, if the cases are the same', async (t) => {
  const path = await cases(t, { '1.in': 'a', '1.out': 'a', '2.in': 'b', '2.out': 'c' })
  const output = join(path, '..', 'results.ndjson')
  const words = [watPath('cat'), '--each-file', path, '-o', output]
  t.is((await batch([...words, '--stop-on-failure'])).status, 1)
  await writeFile(join(path, '3.in'), 'd')
  await writeFile(join(path, '3.out'), 'd')
  const resumed = await batch([...words, '--resume'])
  t.regex(resumed.stderr, /2 accepted, 1 wrong answer/)
  t.is((await readResults(output)).length, 3)
  for (const change of ['1.in', '2.out']) {
    const before = change === '1.in' ? 'a' : 'c'
    await writeFile(join(path, change), 'changed')
    const { status, stderr } = await batch([...words, '--resume'])
    t.is(status, 125)
    t.regex(stderr, /cannot resume: .*\.in/)
    await writeFile(join(path, change), before)
  }
  await rm(join(path, '1.in'))
  t.is((await batch([...words, '--resume'])).status, 125)
  t.is((await readResults(output)).length, 3)
})
