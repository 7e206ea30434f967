// `wasiexec batch`: what is seen while it runs.
import test from 'ava'
import { batch, jobsFile, parseResults, readResults } from '../support/batch-command.ts'
import { Screen } from '../support/cli.ts'
import { terminal } from '../support/cli.ts'
import { numbers, watPath } from '../support/guest.ts'

test('lines of progress where there is no terminal, none with --quiet', async (t) => {
  const stdin = '{"args":["700"]}\n{"args":["700"]}\n{"args":["700"]}\n'
  const words = [watPath('sleep-argv'), '-', '--concurrency', '1']
  const { stderr } = await batch(words, { stdin })
  const [first] = stderr.split('\n')
  t.regex(first!, /^wasiexec: [0-3] results?  \d+\/s/)
  t.false(stderr.includes('\u001B'))
  const quiet = await batch([...words, '-q'], { stdin })
  t.is(quiet.stderr, '')
})

test('a bar on a terminal: part, rate, kinds; gone at the end, and lines are not torn', async (t) => {
  const { jobs, results } = await jobsFile(t, [
    ...numbers(10).map(() => ({ args: ['1'] })),
    { args: 5 },
    { args: ['400'] },
    { args: ['401'] },
  ])
  const stderr = new Screen(true)
  const words = [watPath('sleep-argv'), jobs, '-o', results, '--concurrency', '1']
  const { status } = await batch(words, { stderr })
  t.is(status, 1)
  t.regex(stderr.text, /█+░+ \d+ % {2}\d+ results {2}\d+\/s( {2}\d+s left)? {2}10 ok, 1 error/)
  const shown = shownBy(stderr.text)
  t.is(shown[0], `wasiexec: ${jobs}, line 11: \`args\` must be an array of strings, got 5`)
  t.regex(shown[1]!, /^13 results in /)
  t.false(shown.some((row) => row.includes('█')))
})

test('no bar where results go to the same terminal, or with --quiet', async (t) => {
  const stdin = '{"args":["300"]}\n'
  const words = [watPath('sleep-argv'), '-']
  for (const [more, stdout] of [
    [[], new Screen(true)],
    [['-q'], new Screen()],
  ] as const) {
    const stderr = new Screen(true)
    await batch([...words, ...more], { stdin, stdout, stderr })
    t.false(stderr.text.includes('\u001B'))
    t.is(parseResults(stdout.text).length, 1)
  }
})

test('a narrow terminal gets what fits', async (t) => {
  const { jobs, results } = await jobsFile(t, [{ args: ['400'] }])
  const stderr = Object.defineProperty(new Screen(true), 'columns', { value: 20 })
  await batch([watPath('sleep-argv'), jobs, '-o', results, '-q'], { stderr })
  await batch([watPath('sleep-argv'), jobs, '-o', results, '--force', '--summary', 'json'], {
    stderr,
  })
  t.regex(stderr.text, /0 % {2}0 results/)
  // eslint-disable-next-line no-control-regex
  for (const row of stderr.text.split(/\n|\u001B\[[\d;?]*[A-Za-z]/)) t.true(row.length < 20, row)
})

test('a bar takes the room that the words leave', async (t) => {
  const { jobs, results } = await jobsFile(t, [{ args: ['400'] }])
  for (const [columns, bar] of [
    [80, /^░{24} 0 % /],
    [40, /^░{15,23} 0 % /],
    [25, /^0 % /],
  ] as const) {
    const stderr = Object.defineProperty(new Screen(true), 'columns', { value: columns })
    await batch([watPath('sleep-argv'), jobs, '-o', results, '--force'], { stderr })
    t.regex(stderr.text, bar)
  }
})

test('lines where a terminal cannot draw, or has no width', async (t) => {
  const stdin = '{"args":["1700"]}\n'
  const words = [watPath('sleep-argv'), '-']
  const dumb = await batch(words, { stdin, stderr: new Screen(true), env: { TERM: 'dumb' } })
  const stderr = Object.defineProperty(new Screen(true), 'columns', { value: 0 })
  const unsized = await batch(words, { stdin, stderr })
  for (const { stderr: text } of [dumb, unsized]) {
    t.regex(text, /^wasiexec: 0 results {2}0\/s\n1 result in /)
  }
})

const posix = process.platform === 'win32' ? test.skip : test

const SLOW = [
  ...numbers(10).map(() => ({ args: ['1'] })),
  { args: 5 },
  ...numbers(8).map(() => ({ args: ['100'] })),
]

posix('a process on a real terminal', async (t) => {
  const { jobs, results } = await jobsFile(t, SLOW)
  const words = [watPath('sleep-argv'), jobs, '-o', results, '--concurrency', '1']
  const end = await terminal(['batch', ...words], [])
  t.is(end.status, 1, end.screen)
  t.regex(end.screen, /█+░+ \d+ % /)
  const shown = shownBy(end.screen)
  t.true(shown[0]!.startsWith(`wasiexec: ${jobs}, line 11: `), shown[0])
  t.regex(shown[1]!, /^19 results in /)
  t.false(shown.some((row) => row.includes('█')))
})

posix('results on a real terminal are whole lines, without a bar', async (t) => {
  const { jobs } = await jobsFile(t, SLOW.slice(-8))
  const words = ['batch', watPath('sleep-argv'), jobs, '--concurrency', '1']
  const { status, screen } = await terminal(words, [])
  t.is(status, 0)
  t.false(screen.includes('\u001B'))
  const rows = screen.split('\r\n').slice(0, 8)
  t.is(parseResults(`${rows.join('\n')}\n`).length, 8)
})

posix('Ctrl-C on a real terminal', async (t) => {
  const { jobs, results } = await jobsFile(t, [{ args: ['1'] }, { args: ['3600000'] }])
  const words = [watPath('sleep-argv'), jobs, '-o', results, '--concurrency', '1']
  const steps = [{ until: '1 result ' }, { type: '\u0003' }]
  const { status, screen } = await terminal(['batch', ...words], steps)
  t.is(status, 130)
  t.regex(shownBy(screen).at(-2)!, /^wasiexec: interrupted; 1 result in .* --resume continues$/)
  t.is((await readResults(results)).length, 1)
})

/** What a terminal shows of this in the end, as far as the bar uses one. */
function shownBy(text: string): string[] {
  const rows: string[] = ['']
  let row = 0
  // eslint-disable-next-line no-control-regex
  for (const [part] of text.matchAll(/\u001B\[[\d;?]*[A-Za-z]|\r?\n|\^C|[^\u001B\r\n]+/g)) {
    if (part.endsWith('\n')) {
      row += 1
      rows[row] ??= ''
    } else if (part.endsWith('K')) rows[row] = ''
    else if (part.endsWith('A')) row -= Number(part.slice(2, -1) || 1)
    else if (!part.startsWith('\u001B') && part !== '^C') rows[row] += part
  }
  return rows
}
