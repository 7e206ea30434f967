// `wasiexec batch`: what jobs may say, and what becomes of them.
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import test from 'ava'
import { batch, jobsFile, lasting, parseResults, readResults } from '../support/batch-command.ts'
import { folder, numbers, realPath, wat, watPath } from '../support/guest.ts'
import { echoServer } from '../support/servers.ts'

/** How `words` and jobs end, as results on stdout. */
async function results(
  words: readonly string[],
  stdin: string,
): Promise<ReturnType<typeof parseResults>> {
  const { stdout } = await batch(['-q', ...words], { stdin })
  return parseResults(stdout)
}

function lines(...jobs: unknown[]): string {
  return jobs.map((job) => `${JSON.stringify(job)}\n`).join('')
}

test('a line of results is what the library says of the job', async (t) => {
  const program = await wat('exit-argv')
  const jobs = [
    { id: 'a', args: ['0'] },
    { id: { any: ['thing'] }, args: ['255'] },
    { args: ['7'] },
  ]
  const expected = await Promise.all(
    jobs.map(async (job, index) => {
      const { args } = job
      const outcome = JSON.parse(JSON.stringify(await program.run({ args }))) as { usage?: unknown }
      delete outcome.usage
      return { index, line: index + 1, ...('id' in job ? { id: job.id } : {}), outcome }
    }),
  )
  const all = await results([watPath('exit-argv'), '-'], lines(...jobs))
  t.deepEqual(all.map(lasting), expected)
  for (const { outcome } of all) t.true(outcome!.usage.wallMs > 0)
})

test('the same batch has the same keys, and each of its jobs another', async (t) => {
  const words = [watPath('exit-argv'), '-']
  const keys = async (): Promise<string[]> =>
    (await results(words, lines({ args: ['0'] }, { args: ['1'] }))).map(({ key }) => key)
  const [first, second] = [await keys(), await keys()]
  t.deepEqual(first, second)
  t.not(first[0], first[1])
})

test('results are in the order of the jobs, or as they come', async (t) => {
  const stdin = lines({ args: ['300'] }, { args: ['1'] })
  const words = [watPath('sleep-argv'), '-', '--concurrency', '2']
  const order = async (more: string[]): Promise<number[]> =>
    (await results([...words, ...more], stdin)).map(({ index }) => index)
  t.deepEqual(await order([]), [0, 1])
  t.deepEqual(await order(['--unordered']), [1, 0])
})

test('what the command line gives all jobs have, unless they say otherwise', async (t) => {
  const args = await results(
    [watPath('args'), '-', 'shared', '--', '--dashes'],
    lines({}, { args: ['own'] }),
  )
  t.deepEqual(
    args.map(({ outcome }) => outcome!.stdout),
    ['args.wat\nshared\n--dashes\n', 'args.wat\nown\n'],
  )
  const env = await results([watPath('env'), '-', '--env', 'A=1'], lines({}, { env: { B: '2' } }))
  t.deepEqual(
    env.map(({ outcome }) => outcome!.stdout),
    ['A=1\n', 'B=2\n'],
  )
  const limits = await results(
    [watPath('loop'), '-', '--fuel', '1000'],
    lines(
      {},
      { limits: { fuel: 7 } },
      { limits: { fuel: '8' } },
      { limits: { timeoutMs: 60_000 } },
    ),
  )
  t.deepEqual(
    limits.map(({ outcome }) => [outcome!.limit, outcome!.usage.fuel]),
    [
      ['fuel', 1000],
      ['fuel', 7],
      ['fuel', 8],
      ['fuel', 1000],
    ],
  )
})

test('stdin is text, also the words that mean something to the library, or bytes', async (t) => {
  const all = await results(
    [watPath('cat'), '-'],
    lines(
      { stdin: 'text\n' },
      { stdin: 'inherit' },
      { stdin: 'empty' },
      { stdin: '' },
      {},
      { stdinBase64: Buffer.from('bytes').toString('base64') },
      { stdin: 'é✓' },
    ),
  )
  t.deepEqual(
    all.map(({ outcome }) => outcome!.stdout),
    ['text\n', 'inherit', 'empty', '', '', 'bytes', 'é✓'],
  )
})

test('output that is not UTF-8 is there as bytes, too', async (t) => {
  const bytes = Buffer.from([0x61, 0xff, 0xc3, 0x28, 0x00])
  const [result] = await results(
    [watPath('cat'), '-'],
    lines({ stdinBase64: bytes.toString('base64') }),
  )
  const { stdout, stdoutBase64, stderr, stderrBase64 } = result!.outcome!
  t.deepEqual(Buffer.from(stdoutBase64!, 'base64'), bytes)
  t.is(stdout, bytes.toString())
  t.deepEqual([stderr, stderrBase64], ['', undefined])
})

test('clocks and seeds come from jobs as well', async (t) => {
  const now = '2001-09-09T01:46:40.000Z'
  const clock = await results(
    [watPath('clock'), '-'],
    lines({ clock: { now } }, { clock: { now: Date.parse(now) } }),
  )
  for (const { outcome } of clock) t.regex(outcome!.stdout, /^1000000000000000000\n/)
  const seeds = await results(
    [watPath('random'), '-'],
    lines({ randomSeed: 5 }, { randomSeed: '5' }, { randomSeed: '18446744073709551615' }),
  )
  const [five, same, other] = seeds.map(({ outcome }) => outcome!.stdout)
  t.is(five, same)
  t.not(five, other)
})

test('an output may be left out of the results', async (t) => {
  const all = await results([watPath('print-both'), '-'], lines({}, { stdout: 'ignore' }))
  t.deepEqual(
    all.map(({ outcome }) => [outcome!.stdout, outcome!.stderr]),
    [
      ['out\n', 'err\n'],
      ['', 'err\n'],
    ],
  )
})

test('lines end in LF or CRLF or not at all; empty ones and a BOM are no jobs', async (t) => {
  const text = '\uFEFF{"args":["1"]}\r\n\n  \r\n{"args":["2"]}\n{"args":["3"]}'
  const all = await results([watPath('exit-argv'), '-'], text)
  t.deepEqual(
    all.map(({ index, line, outcome }) => [index, line, outcome!.code]),
    [
      [0, 1, 1],
      [1, 4, 2],
      [2, 5, 3],
    ],
  )
})

test('each line: every line is the stdin of a run, with one end', async (t) => {
  const text = Buffer.from('\uFEFFone\r\n\ninherit\n\xff\nlast')
  const words = [watPath('cat'), '-', '--each-line', '-q']
  const { stdout, status } = await batch(words, { stdin: text.toString() })
  t.is(status, 0)
  t.deepEqual(
    parseResults(stdout).map(({ index, line, outcome }) => [index, line, outcome!.stdout]),
    [
      [0, 1, 'one\n'],
      [1, 2, '\n'],
      [2, 3, 'inherit\n'],
      [3, 4, 'ÿ\n'],
      [4, 5, 'last\n'],
    ],
  )
})

test('each line, several at a time: so many lines are the stdin of a run', async (t) => {
  const text = Buffer.from('\uFEFFone\r\n\nthree\nfour\nlast')
  const run = async (lines: number): Promise<[number, number | undefined, string][]> => {
    const words = [watPath('cat'), '-', '--each-line', '--lines', `${lines}`, '-q']
    const { stdout, status } = await batch(words, { stdin: text.toString() })
    t.is(status, 0)
    return parseResults(stdout).map(({ index, line, outcome }) => [index, line, outcome!.stdout])
  }
  t.deepEqual(await run(2), [
    [0, 1, 'one\n\n'],
    [1, 3, 'three\nfour\n'],
    [2, 5, 'last\n'],
  ])
  t.deepEqual(await run(5), [[0, 1, 'one\n\nthree\nfour\nlast\n']])
  t.deepEqual(await run(1000), [[0, 1, 'one\n\nthree\nfour\nlast\n']])
  t.is((await run(1)).length, 5)
})

test('the jobs of the documentation are jobs', async (t) => {
  const text = await readFile(new URL('../../docs/cli-batch.md', import.meta.url), 'utf8')
  const [, jobs = ''] = /```json\n([^`]+)```/.exec(text) ?? []
  const all = await results([watPath('cat'), '-'], jobs)
  t.deepEqual(
    all.map(({ id, outcome }) => [id, outcome?.stdoutBase64 ?? outcome?.stdout]),
    [
      ['first', 'text'],
      [2, 'AAEC/w=='],
      [undefined, ''],
    ],
  )
})

test('no jobs are no error', async (t) => {
  const { jobs, results } = await jobsFile(t, '\n')
  const { status, stderr } = await batch([watPath('cat'), jobs, '-o', results])
  t.is(status, 0)
  t.regex(stderr, /^0 results in /)
  t.is(await readFile(results, 'utf8'), '')
})

test('what guests do is a result, and the status 0; a job without an outcome makes it 1', async (t) => {
  const guests = await batch([watPath('exit-argv'), '-'], { stdin: lines({ args: ['3'] }, {}) })
  t.is(guests.status, 0, guests.stderr)
  const errors = await batch([watPath('exit-argv'), '-'], { stdin: lines({ args: 3 }) })
  t.is(errors.status, 1)
})

test('the summary as JSON is alone on stdout, or the last of stderr', async (t) => {
  const { jobs, results } = await jobsFile(
    t,
    [0, 0, 1, 3, 3, 3].map((code) => ({ args: [`${code}`] })),
  )
  const words = [watPath('exit-argv'), jobs, '--summary', 'json', '-q']
  const toFile = await batch([...words, '-o', results])
  const toStdout = await batch(words)
  for (const text of [toFile.stdout, toStdout.stderr]) {
    const summary = JSON.parse(text) as { exitCodes: object }
    t.like(summary, {
      jobs: 6,
      ok: 2,
      kinds: { exit: 6, trap: 0, limit: 0, abort: 0, error: 0 },
      errors: {},
      resumed: 0,
      endedBy: 'jobs',
    })
    t.deepEqual(summary.exitCodes, { 0: 2, 1: 1, 3: 3 })
  }
  t.is(toFile.stderr, '')
  const stopped = await batch([...words, '--stop-on-failure'])
  t.regex(stopped.stderr, /^wasiexec: stopped by --stop-on-failure; .*\n\{.*"stop-on"\}\n$/)
  t.deepEqual(parseResults(toStdout.stdout).map(lasting), (await readResults(results)).map(lasting))
})

test('the summary of a batch is the library’s', async (t) => {
  const jobs = [...numbers(50).map((index) => ({ args: [`${index % 3}`] })), { args: ['x', 5] }]
  const { jobs: path, results } = await jobsFile(t, jobs)
  const called = await batch([watPath('exit-argv'), path, '-o', results, '-q', '--summary', 'json'])
  const program = await wat('exit-argv')
  const summary = JSON.parse(JSON.stringify(await program.batch(jobs as never[]).summary)) as object
  const own = JSON.parse(called.stdout) as object
  for (const name of ['jobs', 'ok', 'kinds', 'exitCodes', 'traps', 'limits', 'errors', 'endedBy']) {
    t.deepEqual(Reflect.get(own, name), Reflect.get(summary, name) as unknown, name)
  }
  t.deepEqual(
    Object.keys(own).filter((name) => name !== 'resumed'),
    Object.keys(summary),
  )
})

test('the summary as text says how the runs ended', async (t) => {
  const stdin = lines({ args: ['0'] }, { args: ['2'] }, { args: ['2'] }, { args: 0 })
  const { stderr } = await batch([watPath('exit-argv'), '-'], { stdin })
  t.regex(stderr, /^4 results in .* runs per second\)$/m)
  t.regex(stderr, /^ {2}1 ok, 2 nonzero exit, 1 error$/m)
  t.regex(stderr, /^ {4}2 exit 2$/m)
  t.regex(stderr, /^ {4}1 error ERR_INVALID_OPTION$/m)
})

test('worker processes and threads of its own', async (t) => {
  const stdin = lines(...numbers(20).map((code) => ({ args: [`${code}`] })))
  for (const more of [
    ['--threads', '1'],
    ['--concurrency', '2000'],
    ['--workers', 'processes'],
  ]) {
    const all = await results([watPath('exit-argv'), '-', ...more], stdin)
    t.deepEqual(
      all.map(({ outcome }) => outcome!.code),
      numbers(20),
    )
  }
})

test('a network is granted by the command line', async (t) => {
  const at = await echoServer(t)
  const jobs = lines({ args: ['connect', at] }, { args: ['connect', '127.0.0.1:1'] })
  const all = await results([await realPath('net'), '-', '--allow-net', at], jobs)
  t.deepEqual(
    all.map(({ outcome }) => outcome!.stdout),
    [`${at}: connected\n`, '127.0.0.1:1: PermissionDenied\n'],
  )
})

test('files in memory and sockets are capped by the command line, and for each job', async (t) => {
  const jobs = lines(
    { args: ['out', 'text'] },
    { args: ['out', 'text'], limits: { filesBytes: 2 } },
  )
  const words = [watPath('write-file'), '-', '--collect', 'out', '--max-files', '3']
  t.deepEqual(
    (await results(words, jobs)).map(({ outcome }) => outcome!.files),
    [{ out: 'tex' }, { out: 'te' }],
  )
  const none = await results([...words, '--max-files-count', '0'], jobs)
  t.deepEqual(
    none.map(({ outcome }) => outcome!.code),
    [1, 1],
  )
  const sockets = lines(
    { args: ['sockets', '1000'] },
    { args: ['sockets', '1000'], limits: { sockets: 2 } },
  )
  const net = [await realPath('net'), '-', '--allow-net', 'udp:127.0.0.1:9', '--max-sockets', '3']
  t.deepEqual(
    (await results(net, sockets)).map(({ outcome }) => outcome!.stdout.split(' and ')[0]),
    ['sockets: 3', 'sockets: 2'],
  )
})

test('directories are granted by the command line', async (t) => {
  const path = await folder(t)
  await writeFile(join(path, 'file'), 'in a folder')
  const words = [watPath('list-preopens'), '-', '--dir', `${path}::/data`]
  const [result] = await results(words, lines({}))
  t.regex(result!.outcome!.stdout, /\/data/)
})
