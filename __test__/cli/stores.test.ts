// What the command tells a component, and what it lets it keep.
import test from 'ava'
import { call, run } from '../support/cli.ts'
import { realPath, watPath } from '../support/guest.ts'

test('--config and --keyvalue are the options of a run', async (t) => {
  const words = [
    ['--config', 'mode=fast', '--config', 'equation=a=b', '--config', 'empty='],
    ['--keyvalue', 'cache/visits=41', '--keyvalue', 'cache/a=b/c=d', '--keyvalue', 'new/'],
    [await realPath('stores')],
    ['config', 'cache add visits 1', 'cache get a', 'new keys', 'other open', 'log warn app late'],
  ]
  const { status, stdout, stderr } = await run(words.flat())
  t.is(stderr, 'WARN app: late\n')
  t.is(status, 0)
  t.deepEqual(stdout.trimEnd().split('\n'), [
    'Ok([("mode", "fast"), ("equation", "a=b"), ("empty", "")])',
    'Ok(42)',
    'Ok(Some("b/c=d"))',
    '0 in 1: []',
    'Error::NoSuchStore',
    'logged',
  ])
})

test('what is no entry, or is for a module, is refused with the names of the options', async (t) => {
  const wrong: readonly [words: string[], message: RegExp][] = [
    [
      ['--config', 'mode'],
      /'--config <name=value>' argument 'mode' is invalid. Expected NAME=VALUE/,
    ],
    [
      ['--keyvalue', 'cache'],
      /argument 'cache' is invalid. Expected BUCKET\/KEY=VALUE or BUCKET\//,
    ],
    [['--keyvalue', 'cache/key'], /argument 'cache\/key' is invalid/],
    [['--config', 'a=b', watPath('hello')], /--config cannot be given to "hello\.wat"/],
    [['--keyvalue', 'a/', watPath('hello')], /--keyvalue cannot be given to "hello\.wat"/],
  ]
  for (const [words, message] of wrong) {
    const { status, stderr } = await run(words)
    t.is(status, 125)
    t.regex(stderr, message)
  }
})

test('jobs have them in common, and may have their own', async (t) => {
  const jobs = [
    { args: ['config mode', 'a get k'], config: { mode: 'own' }, keyvalue: { a: { k: 'v' } } },
    { args: ['config mode', 'a get k'] },
  ]
  const stdin = jobs.map((job) => `${JSON.stringify(job)}\n`).join('')
  const options = ['--no-cache', '--quiet', '-o', '-', '--config', 'mode=all']
  const { status, stdout, stderr } = await call(
    ['batch', ...options, await realPath('stores'), '-'],
    { stdin },
  )
  t.is(status, 0, stderr)
  const printed = stdout
    .trimEnd()
    .split('\n')
    .map((line) => (JSON.parse(line) as { outcome: { stdout: string } }).outcome.stdout)
  t.deepEqual(printed, [
    'Ok(Some("own"))\nOk(Some("v"))\n',
    'Ok(Some("all"))\nError::AccessDenied\n',
  ])
})
