// `wasiexec batch`: what is wrong with jobs, and with the batch as a whole.
import { mkdir, readFile, readdir, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import test from 'ava'
import { batch, jobsFile, parseResults, readResults } from '../support/batch-command.ts'
import { numbers, watPath } from '../support/guest.ts'

/** Lines that are no jobs, and what is said of them. */
const BAD_LINES: readonly [line: string, code: string, message: RegExp][] = [
  ['{"args":', 'ERR_INVALID_LINE', /^not JSON: /],
  ['text', 'ERR_INVALID_LINE', /^not JSON: /],
  ['5', 'ERR_INVALID_LINE', /^not a JSON object$/],
  ['null', 'ERR_INVALID_LINE', /^not a JSON object$/],
  ['[{}]', 'ERR_INVALID_LINE', /^not a JSON object$/],
  ['{"id":"\xff"}', 'ERR_INVALID_LINE', /^not UTF-8$/],
  ['{"argv":[]}', 'ERR_INVALID_OPTION', /^unknown field "argv"; known fields: id, args, /],
  ['{"__proto__":{}}', 'ERR_INVALID_OPTION', /^unknown field "__proto__"/],
  ['{"network":{"allow":["*:*"]}}', 'ERR_INVALID_OPTION', /grants no network.*--allow-net/],
  ['{"preopens":{"/":"/"}}', 'ERR_INVALID_OPTION', /grants no directories.*--dir/],
  ['{"program":{}}', 'ERR_INVALID_OPTION', /^unknown field "program"/],
  ['{"signal":{}}', 'ERR_INVALID_OPTION', /^unknown field "signal"/],
  ['{"args":["a",5]}', 'ERR_INVALID_OPTION', /`args\[1\]` must be a string, got 5/],
  ['{"env":{"A":1}}', 'ERR_INVALID_OPTION', /`env.A` must be a string, got 1/],
  ['{"stdin":5}', 'ERR_INVALID_OPTION', /`stdin` must be a string/],
  [
    '{"stdin":"a","stdinBase64":"YQ=="}',
    'ERR_INVALID_OPTION',
    /`stdin` and `stdinBase64` must not both be given/,
  ],
  ['{"stdinBase64":"%%%%"}', 'ERR_INVALID_OPTION', /`stdinBase64` must be/],
  ['{"stdinBase64":"YQ"}', 'ERR_INVALID_OPTION', /`stdinBase64` must be/],
  ['{"stdout":"inherit"}', 'ERR_INVALID_OPTION', /`stdout` must be "capture" or "ignore"/],
  ['{"limits":{"timeoutMs":-1}}', 'ERR_INVALID_OPTION', /`limits.timeoutMs` must be a positive/],
  ['{"limits":{"timeout":1}}', 'ERR_INVALID_OPTION', /did you mean `timeoutMs`/],
  ['{"clock":{"now":"tomorrow"}}', 'ERR_INVALID_OPTION', /`clock.now` must be .*got "tomorrow"$/],
  ['{"randomSeed":1.5}', 'ERR_INVALID_OPTION', /`randomSeed` must be/],
]

for (const [line, code, message] of BAD_LINES) {
  test(`a bad line is a result and does not stop the rest: ${JSON.stringify(line)}`, async (t) => {
    const text = Buffer.from(`{"args":["1"]}\n\n${line}\n{"args":["2"]}\n`, 'latin1')
    const { jobs } = await jobsFile(t, '')
    await writeFile(jobs, text)
    const { status, stdout, stderr } = await batch([watPath('exit-argv'), jobs])
    t.is(status, 1)
    const [first, bad, last] = parseResults(stdout)
    t.deepEqual([first!.outcome!.code, last!.outcome!.code], [1, 2])
    t.deepEqual([bad!.index, bad!.line, bad!.error!.code], [1, 3, code])
    t.regex(bad!.error!.message, message)
    const said = stderr.split('\n').filter((row) => row.startsWith('wasiexec: '))
    t.deepEqual(said, [`wasiexec: ${jobs}, line 3: ${bad!.error!.message}`])
  })

  test(`with --strict nothing from a bad line on is run: ${JSON.stringify(line)}`, async (t) => {
    const { jobs, results } = await jobsFile(t, '')
    await writeFile(jobs, Buffer.from(`{"args":["1"]}\n${line}\n{"args":["2"]}\n`, 'latin1'))
    const words = [watPath('exit-argv'), jobs, '-o', results]
    const { status, stderr } = await batch([...words, '--strict', '-q'])
    t.is(status, 125)
    t.true(stderr.startsWith(`wasiexec: ${jobs}, line 2: `), stderr)
    t.regex(stderr, new RegExp(message.source.replaceAll(/^\^|\$$/g, '')))
    t.is(stderr.trimEnd().split('\n').length, 1)
    t.deepEqual(
      (await readResults(results)).map(({ outcome }) => outcome!.code),
      [1],
    )
    // When it has been mended, the batch goes on.
    await writeFile(jobs, '{"args":["1"]}\n{"args":["5"]}\n{"args":["2"]}\n')
    t.is((await batch([...words, '--strict', '--resume'])).status, 0)
    t.deepEqual(
      (await readResults(results)).map(({ outcome }) => outcome!.code),
      [1, 5, 2],
    )
  })
}

test('an id that JSON cannot be made of again is an error of its job', async (t) => {
  const { jobs, results, folder } = await jobsFile(t, '')
  const deep = '['.repeat(1e5) + ']'.repeat(1e5)
  await writeFile(jobs, `{"id":${deep}}\n{"id":${deep},"args":5}\n{"id":3,"args":["0"]}\n`)
  const words = [watPath('exit-argv'), jobs, '-o', results, '--summary', 'json']
  const { status, stdout } = await batch([...words, '--report', join(folder, 'report.html')])
  t.is(status, 1)
  const [first, second, third] = await readResults(results)
  t.is(first!.error!.code, 'ERR_RESULT_TOO_LARGE')
  t.is(second!.error!.code, 'ERR_INVALID_OPTION')
  t.deepEqual([first!.id, second!.id, third!.id], [undefined, undefined, 3])
  // What is counted is what was written.
  const resumed = await batch([...words, '--resume'])
  for (const text of [stdout, resumed.stdout]) {
    t.like(JSON.parse(text), {
      jobs: 3,
      ok: 1,
      errors: { ERR_RESULT_TOO_LARGE: 1, ERR_INVALID_OPTION: 1 },
    })
  }
})

test('of many bad lines the first are named and the others counted', async (t) => {
  const stdin = '}\n'.repeat(1000)
  const { stdout, stderr } = await batch([watPath('exit-argv'), '-', '-q'], { stdin })
  t.is(parseResults(stdout).length, 1000)
  const said = stderr.trimEnd().split('\n')
  t.is(said.length, 12)
  t.true(said[9]!.startsWith('wasiexec: stdin, line 10: not JSON'))
  t.is(said[10], 'wasiexec: 990 more jobs could not be run; their results say why')
  t.regex(said[11]!, /expected a JSON object per line, found none; with --each-line /)
  const one = await batch([watPath('exit-argv'), '-', '-q'], { stdin: `{}\n${stdin}` })
  t.false(one.stderr.includes('--each-line'))
})

test('what stops a batch before it runs leaves a line, the status 125 and no file', async (t) => {
  const { jobs, results, folder } = await jobsFile(t, [{}])
  await writeFile(join(folder, 'broken.wasm'), 'no program')
  await mkdir(join(folder, 'empty'))
  const guest = watPath('exit-argv')
  const before = await readdir(folder)
  const cases: readonly [words: string[], message: RegExp][] = [
    [[join(folder, 'missing.wasm'), jobs], /missing\.wasm/],
    [[join(folder, 'broken.wasm'), jobs], /./],
    [[folder, jobs], /./],
    [['-', jobs], /needs its program in a file/],
    [[guest], /missing argument 'jobs'/],
    [[guest, join(folder, 'missing')], /cannot read the jobs: ENOENT.*missing/],
    [
      [guest, folder],
      /is a folder; jobs are the lines of a file, or with --each-file the files of a folder/,
    ],
    [[guest, '--each-file', join(folder, 'missing')], /cannot read the cases: ENOENT.*missing/],
    [[guest, '--each-file', jobs], /cannot read the cases: ENOTDIR/],
    [[guest, '--each-file', join(folder, 'empty')], /there are no \*\.in files in /],
    [[guest, jobs, '--dir', join(folder, 'missing')], /missing/],
    [[guest, jobs, '--lines', '5'], /--lines needs --each-line/],
    [[guest, jobs, '--each-line', '--lines', '0'], /--lines <number>/],
    [[guest, jobs, '--retry'], /--retry needs --workers processes/],
    [[watPath('no-start'), jobs], /`_start`/],
    [[watPath('unresolved-import'), jobs], /env\.foo/],
  ]
  for (const [words, message] of cases) {
    const { status, stdout, stderr } = await batch([...words, '-o', results, '-q'])
    t.deepEqual([status, stdout], [125, ''], `${words}`)
    t.regex(stderr, /^wasiexec: [^\n]*\n$/, `${words}`)
    t.regex(stderr, message)
    t.deepEqual(await readdir(folder), before)
  }
})

test('outputs that cannot be are refused with the status 125, and nothing is touched', async (t) => {
  const { jobs, results, folder } = await jobsFile(t, [{}])
  const guest = watPath('exit-argv')
  await writeFile(results, 'precious')
  await symlink(jobs, join(folder, 'link'))
  const text = await readFile(jobs, 'utf8')
  const cases: readonly [words: string[], message: RegExp][] = [
    [['-o', results], /results\.ndjson exists; --resume .*--force/],
    [['-o', results, '--resume'], /cannot resume .*results\.ndjson/],
    [['-o', folder], /is a folder/],
    [['-o', join(folder, 'missing', 'file')], /ENOENT/],
    [['-o', jobs, '--force'], /is a file that the batch reads/],
    [['-o', jobs, '--resume'], /is a file that the batch reads/],
    [['-o', join(folder, 'link'), '--force'], /is a file that the batch reads/],
    [['-o', results, '--force', '--resume'], /--force.*--resume|--resume.*--force/],
    [['--resume'], /--resume needs a file/],
    [['--force'], /--force is for the files of -o/],
    [['--report', jobs], /--report/],
  ]
  for (const [words, message] of cases) {
    const { status, stdout, stderr } = await batch([guest, jobs, ...words, '-q'])
    t.deepEqual([status, stdout], [125, ''], `${words}`)
    t.regex(stderr, /^wasiexec: [^\n]*\n$/, `${words}`)
    t.regex(stderr, message)
    t.is(await readFile(results, 'utf8'), 'precious')
    t.is(await readFile(jobs, 'utf8'), text)
  }
  t.is((await batch([guest, jobs, '-o', results, '--force'])).status, 0)
  t.is((await readResults(results)).length, 1)
})

test('--force does not touch the results before the batch can run', async (t) => {
  const { jobs, results } = await jobsFile(t, [{}])
  await writeFile(results, 'precious')
  const { status } = await batch([watPath('exit-argv'), `${jobs}x`, '-o', results, '--force'])
  t.is(status, 125)
  t.is(await readFile(results, 'utf8'), 'precious')
})

test('jobs that fail in the middle of a stream are results up to there', async (t) => {
  const { Readable } = await import('node:stream')
  const stdin = Readable.from(
    (function* () {
      yield Buffer.from(
        numbers(100)
          .map(() => '{}\n')
          .join(''),
      )
      throw Object.assign(new Error('EIO: the cable is out'), { syscall: 'read' })
    })(),
  )
  const { status, stdout, stderr } = await batch([watPath('exit-argv'), '-', '-q'], { stdin })
  t.is(status, 125)
  t.is(parseResults(stdout).length, 100)
  t.regex(stderr, /^wasiexec: EIO: the cable is out; 100 results written\n$/)
})
