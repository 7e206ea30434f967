// `wasiexec batch --resume`: from whatever is left of a results file.
import { existsSync } from 'node:fs'
import { appendFile, readFile, stat, writeFile } from 'node:fs/promises'
import test from 'ava'
import fc from 'fast-check'
import {
  batch,
  jobsFile,
  lasting,
  parseResults,
  readResults,
  startBatch,
} from '../support/batch-command.ts'
import { numbers, until, watPath } from '../support/guest.ts'

const guest = watPath('cat')
/** One of each kind of result. */
const JOBS = ['{"id":1,"stdin":"first"}', '', '{"bad', '{"id":"two","stdinBase64":"/w=="}'].join(
  '\n',
)

test('cut after any byte, a results file is completed to what it was', async (t) => {
  const { jobs, results } = await jobsFile(t, JOBS)
  const words = [guest, jobs, '-o', results, '-q']
  await batch(words)
  const whole = await readFile(results)
  const expected = (await readResults(results)).map(lasting)
  for (const length of numbers(whole.length + 1)) {
    await writeFile(results, whole.subarray(0, length))
    const { status, stderr } = await batch([...words, '--resume'])
    t.is(status, 1, `after ${length} bytes: ${stderr}`)
    const now = await readFile(results)
    const kept = whole.lastIndexOf('\n', length - 1) + 1
    if (length > 0) t.deepEqual(now.subarray(0, kept), whole.subarray(0, kept))
    t.deepEqual(parseResults(now.toString()).map(lasting), expected)
  }
})

test('any lines of an unordered results file, and a part of another, are completed', async (t) => {
  const stdin = numbers(60).map((index) => ({ id: index, stdin: `${index}`.repeat(index) }))
  const { jobs, results } = await jobsFile(t, stdin)
  const words = [guest, jobs, '-o', results, '-q']
  await batch(words)
  const expected = (await readResults(results)).map(lasting)
  const lines = (await readFile(results, 'utf8')).split(/(?<=\n)/)
  await fc.assert(
    fc.asyncProperty(
      fc.shuffledSubarray(lines),
      fc.nat(),
      fc.constantFrom('cut', 'zeros', 'nothing'),
      fc.boolean(),
      async (some, cut, tail, ordered) => {
        const torn = lines.find((line) => !some.includes(line))?.slice(0, -1) ?? ''
        const rest = {
          cut: torn.slice(0, cut % (torn.length + 1)),
          zeros: '\0'.repeat(cut % 5000),
          nothing: '',
        }
        await writeFile(results, some.join('') + rest[tail])
        const order = ordered ? [] : ['--unordered']
        const { status, stderr } = await batch([...words, ...order, '--resume'])
        t.is(status, 0, stderr)
        const all = await readResults(results)
        t.deepEqual(all.toSorted((a, b) => a.index - b.index).map(lasting), expected)
        t.is((await readFile(results, 'utf8')).slice(0, some.join('').length), some.join(''))
      },
    ),
    { numRuns: 40 },
  )
})

test('complete, missing and empty files', async (t) => {
  const { jobs, results } = await jobsFile(t, [{ stdin: 'a' }, { stdin: 'b' }])
  const words = [guest, jobs, '-o', results, '--resume', '--summary', 'json']
  const summary = async (): Promise<object> => JSON.parse((await batch(words)).stdout) as object
  t.like(await summary(), { jobs: 2, ok: 2, resumed: 0 })
  const text = await readFile(results, 'utf8')
  t.like(await summary(), { jobs: 2, ok: 2, resumed: 2, runsPerSecond: 0 })
  t.is(await readFile(results, 'utf8'), text)
  await writeFile(results, '')
  t.like(await summary(), { jobs: 2, ok: 2, resumed: 0 })
  t.is((await readResults(results)).length, 2)
})

test('the summary counts all results, those of earlier sessions too', async (t) => {
  const codes = [0, 0, 5, 5, 6]
  const { jobs, results } = await jobsFile(t, [
    ...codes.map((code) => ({ args: [`${code}`] })),
    { args: 1 },
  ])
  const words = [watPath('exit-argv'), jobs, '-o', results, '--summary', 'json', '-q']
  const all = JSON.parse((await batch(words)).stdout) as Record<string, unknown>
  const lines = (await readFile(results, 'utf8')).split(/(?<=\n)/)
  await writeFile(results, lines.slice(0, 3).join(''))
  const resumed = await batch([...words, '--resume'])
  t.is(resumed.status, 1)
  const summary = JSON.parse(resumed.stdout) as Record<string, unknown>
  t.is(summary['resumed'], 3)
  for (const name of ['jobs', 'ok', 'kinds', 'exitCodes', 'errors']) {
    t.deepEqual(summary[name], all[name], name)
  }
})

test('jobs that were added behind those with results are run', async (t) => {
  const { jobs, results } = await jobsFile(t, [{ stdin: 'a' }])
  const words = [guest, jobs, '-o', results]
  await batch(words)
  await appendFile(jobs, '{"stdin":"b"}\n')
  t.is((await batch([...words, '--resume'])).status, 0)
  t.deepEqual(
    (await readResults(results)).map(({ outcome }) => outcome!.stdout),
    ['a', 'b'],
  )
})

test('jobs from stdin are looked at as they come', async (t) => {
  const { results } = await jobsFile(t, '')
  const words = [guest, '-', '-o', results, '-q', '--resume']
  const [first, second] = ['{"stdin":"a"}\n', '{"stdin":"b"}\n']
  await batch(words, { stdin: first })
  t.is((await batch(words, { stdin: first + second })).status, 0)
  const text = await readFile(results, 'utf8')
  t.is(parseResults(text).length, 2)
  const other = await batch(words, { stdin: second + first })
  t.is(other.status, 125)
  t.regex(
    other.stderr,
    /^wasiexec: cannot resume: stdin, line 1: the job has changed since its result was written; --force starts over\n$/,
  )
  const fewer = await batch(words, { stdin: first })
  t.is(fewer.status, 125)
  t.regex(
    fewer.stderr,
    /^wasiexec: cannot resume: there is a result of job 2, but stdin has only 1 job; --force starts over\n$/,
  )
  t.is(await readFile(results, 'utf8'), text)
})

test('results of another batch, and what are none, are refused and not touched', async (t) => {
  const { jobs, results, folder } = await jobsFile(t, [
    { stdin: 'a' },
    { stdin: 'b' },
    { stdin: 'c' },
  ])
  const words = [guest, jobs, '-o', results, '--resume', '-q']
  await batch([guest, jobs, '-o', results])
  const whole = await readFile(results, 'utf8')
  const [first, second, third] = whole.split(/(?<=\n)/) as [string, string, string]
  const partly = first + second
  const refused = async (text: string, more: string[], message: RegExp): Promise<void> => {
    await writeFile(results, text)
    const { mtimeMs } = await stat(results)
    const { status, stderr } = await batch([...words, ...more])
    t.is(status, 125, text)
    t.regex(stderr, message)
    t.is(await readFile(results, 'utf8'), text)
    t.is((await stat(results)).mtimeMs, mtimeMs)
  }
  // Other options; those of how it is run are none.
  for (const more of [
    ['--timeout', '3s'],
    ['--memory', '1GiB'],
    ['--env', 'A=1'],
    ['--dir', folder],
    ['--allow-net', '127.0.0.1:1'],
    ['--seed', '1'],
    ['--fixed-clock', '2024-02-29'],
    ['argument'],
    ['--each-line'],
    ['--each-line', '--lines', '2'],
  ]) {
    await refused(partly, more, /cannot resume .*other options; give the options of before, or /)
  }
  // Another program.
  await writeFile(results, partly)
  const other = await batch([watPath('hello'), ...words.slice(1)])
  t.is(other.status, 125)
  t.regex(other.stderr, /cannot resume .*another program; give another file to -o, or --force /)
  // No results.
  await refused('text', [], /not a file of results/)
  await refused('text\n', [], /line 1 is not a result/)
  await refused('{"index":0}\n', [], /line 1 is not a result/)
  await refused('{}\n', [], /line 1 is not a result/)
  await refused(`${first}\n${second}`, [], /line 2 is not a result/)
  await refused(`${first}${second.slice(5)}${third}`, [], /line 2 is not a result/)
  await refused(first + second + first, [], /two results/)
  await refused(first.replace('"index":0', '"index":1e9'), [], /too many jobs before it have none/)
  await refused(first.replace('"index":0', '"index":-1'), [], /cannot resume/)
  await refused(first.replace('"kind":"exit"', '"kind":"abort"'), [], /line 1 is not a result/)
  for (const edit of [
    { outcome: null },
    { outcome: { kind: 'exit', usage: { wallMs: 1, cpuMs: 1 } } },
    { outcome: { kind: 'exit', code: 0, usage: { wallMs: 1e300, cpuMs: 1 } } },
    { outcome: { kind: 'exit', code: 0, usage: { wallMs: 1, cpuMs: -1 } } },
    { outcome: { kind: 'trap', trap: null, usage: { wallMs: 1, cpuMs: 1 } } },
    { outcome: { kind: 'trap', trap: { code: 'x', frames: 5 }, usage: { wallMs: 1, cpuMs: 1 } } },
    { outcome: { kind: 'limit', limit: {}, usage: { wallMs: 1, cpuMs: 1 } } },
    { verdict: {} },
  ]) {
    const edited = JSON.stringify({ ...(JSON.parse(second) as object), ...edit })
    await refused(`${first}${edited}\n`, [], /line 2 is not a result/)
  }
  // Other jobs.
  await writeFile(jobs, '{"stdin":"a"}\n{"stdin":"x"}\n{"stdin":"c"}\n')
  await refused(partly, [], /line 2: the job has changed/)
  await writeFile(jobs, '{"stdin":"a"}\n')
  await refused(partly, [], /there is a result of job 2, but .* has only 1 job;/)
})

test('blocks of lines go on as blocks of as many lines', async (t) => {
  const { jobs, results } = await jobsFile(
    t,
    numbers(10)
      .map((index) => `${index}\n`)
      .join(''),
  )
  const words = [guest, jobs, '-o', results, '--each-line', '--lines', '4', '-q']
  t.is((await batch(words)).status, 0)
  const whole = await readResults(results)
  t.deepEqual(
    whole.map(({ outcome }) => outcome?.stdout),
    ['0\n1\n2\n3\n', '4\n5\n6\n7\n', '8\n9\n'],
  )
  const text = await readFile(results, 'utf8')
  await writeFile(results, text.slice(0, text.indexOf('\n') + 1))
  t.is((await batch([...words, '--resume'])).status, 0)
  t.deepEqual((await readResults(results)).map(lasting), whole.map(lasting))
  const other = await batch([...words.with(6, '5'), '--resume'])
  t.is(other.status, 125)
  t.regex(other.stderr, /cannot resume .*other options/)
})

test('how a batch is run may change when it goes on', async (t) => {
  const { jobs, results } = await jobsFile(
    t,
    numbers(20).map((index) => ({ stdin: `${index}` })),
  )
  const words = [guest, jobs, '-o', results]
  await batch(words)
  const whole = await readFile(results, 'utf8')
  await writeFile(results, whole.slice(0, whole.length / 2))
  const more = [
    '--concurrency',
    '3',
    '--threads',
    '1',
    '--unordered',
    '--deadline',
    '1h',
    '--quiet',
  ]
  t.is((await batch([...words, '--resume', ...more])).status, 0)
  t.is((await readResults(results)).length, 20)
})

test('a results file has one writer', async (t) => {
  const { jobs, results } = await jobsFile(t, [{ args: ['3600000'] }])
  const words = [watPath('sleep-argv'), jobs, '-o', results, '-q']
  const child = startBatch(words)
  t.teardown(() => child.kill('SIGKILL'))
  await until(() => existsSync(results))
  // It has the file before it has the lock.
  let called = await batch([...words, '--resume', '--deadline', '50ms'])
  while (called.status === 124) called = await batch([...words, '--resume', '--deadline', '50ms'])
  t.is(called.status, 125)
  t.regex(called.stderr, /another batch is writing to /)
  t.is(child.exitCode, null)
  const killed = new Promise((resolve) => child.once('close', resolve))
  child.kill('SIGKILL')
  await killed
  // Nothing of its lock stays.
  const after = await batch([...words, '--resume', '--deadline', '50ms'])
  t.is(after.status, 124, after.stderr)
})
