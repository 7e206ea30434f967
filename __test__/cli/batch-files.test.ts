// `wasiexec batch`: files in memory, which all jobs are given, and those that are collected.
import { execFileSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import test from 'ava'
import type { Outcome } from '../../src/index.ts'
import type { Item } from '../../cli/batch/item.ts'
import { encodeResult } from '../../cli/batch/result-line.ts'
import { readGuestFiles } from '../../cli/guest-files.ts'
import { batch, jobsFile, parseResults, readResults } from '../support/batch-command.ts'
import { numbers, watPath } from '../support/guest.ts'

const posix = process.platform === 'win32' ? test.skip : test

const append = watPath('append-file')
/** Each appends to a file that all are given, and one makes a file of its own. */
const JOBS = [
  { id: 'a', args: ['log', ' one'] },
  { id: 'b', args: ['log', ' two'] },
  { id: 'c', args: ['out/made', 'three'] },
  { id: 'bad', args: 5 },
  { id: 'missing', args: ['none/made', 'x'] },
]
/** What each leaves behind. */
const LEFT: readonly Record<string, string>[] = [
  { log: 'base one' },
  { log: 'base two' },
  { log: 'base', 'out/made': 'three' },
  {},
  { log: 'base' },
]

/** The files of each result, as JSON has them. */
function filesOf(text: string): unknown[] {
  return parseResults(text).map(({ outcome }) => (outcome as { files?: unknown })?.files)
}

/** All files below a folder, by path. */
async function below(path: string): Promise<Record<string, string>> {
  const entries = await readdir(path, { recursive: true, withFileTypes: true })
  const files = entries.filter((entry) => entry.isFile())
  const read = files.map(async ({ parentPath, name }) => {
    const file = join(parentPath, name)
    const relative = file.slice(path.length + 1).replaceAll('\\', '/')
    return [relative, await readFile(file, 'utf8')] as const
  })
  return Object.fromEntries(await Promise.all(read))
}

/** A file of jobs beside files for them. */
async function given(t: Parameters<typeof jobsFile>[0]) {
  const paths = await jobsFile(t, JOBS)
  const data = join(paths.folder, 'data')
  await mkdir(join(data, 'empty'), { recursive: true })
  await writeFile(join(data, 'base'), 'base')
  const files = ['--file', `log=${join(data, 'base')}`, '--file', `out=${join(data, 'empty')}`]
  return { ...paths, data, files, to: join(paths.folder, 'collected') }
}

const EXPECTED_FOLDERS = {
  '0/log': 'base one',
  '1/log': 'base two',
  '2/log': 'base',
  '2/out/made': 'three',
  '4/log': 'base',
}

test('all jobs are given the files, and none sees what another did', async (t) => {
  const { jobs, files } = await given(t)
  for (const more of [[], ['--unordered'], ['--workers', 'processes', '--threads', '1']]) {
    const { status, stdout } = await batch([append, jobs, ...files, '--collect', '**', ...more])
    t.is(status, 1)
    const results = parseResults(stdout).toSorted((a, b) => a.index - b.index)
    t.deepEqual(
      results.map(({ outcome }) => outcome?.code),
      [0, 0, 0, undefined, 1],
    )
    const left = results.map(({ outcome }) => (outcome as { files?: object })?.files ?? {})
    t.deepEqual(left, [...LEFT])
  }
})

test('collected files go to a folder per job, and are then not in the results', async (t) => {
  const { jobs, results, files, to } = await given(t)
  const collect = ['--collect', 'log', '--collect', 'out/*', '--collect-to', to]
  for (const more of [[], ['--unordered'], ['--workers', 'processes', '--threads', '1']]) {
    const words = [append, jobs, '-o', results, '--force', ...files, ...collect, ...more]
    t.is((await batch(words)).status, 1)
    t.deepEqual(await below(to), EXPECTED_FOLDERS)
    for (const { outcome } of await readResults(results)) t.false('files' in (outcome ?? {}))
    await rm(to, { recursive: true })
  }
})

test('files that are not UTF-8 keep their bytes', async (t) => {
  const { jobs, folder } = await jobsFile(t, [{}])
  await writeFile(join(folder, 'bytes'), Buffer.from([255, 10]))
  const words = [watPath('return'), jobs, '--file', `b=${join(folder, 'bytes')}`, '--collect', '*']
  const [{ outcome } = {}] = parseResults((await batch(words)).stdout)
  t.like(outcome, { files: {}, filesBase64: { b: '/wo=' } })
  const to = join(folder, 'to')
  t.is((await batch([...words, '--collect-to', to])).status, 0)
  t.deepEqual(await readFile(join(to, '0/b')), Buffer.from([255, 10]))
})

test('a run that its limit ends leaves its files', async (t) => {
  const { jobs, folder } = await jobsFile(t, [{ args: ['made', 'before'] }])
  const to = join(folder, 'to')
  const words = [watPath('append-then-sleep'), jobs, '--collect', '*', '--timeout', '3s']
  const [{ outcome } = {}] = parseResults((await batch([...words, '--collect-to', to])).stdout)
  t.is(outcome!.limit, 'timeout')
  t.deepEqual(await below(to), { '0/made': 'before' })
})

test('lines and cases are given the files, too', async (t) => {
  const { folder } = await jobsFile(t, [])
  await writeFile(join(folder, 'data'), 'in memory')
  await mkdir(join(folder, 'cases'))
  for (const name of ['1', '2']) {
    await writeFile(join(folder, `cases/${name}.in`), '')
    await writeFile(join(folder, `cases/${name}.out`), 'in memory')
  }
  const file = ['--file', `x=${join(folder, 'data')}`, '--collect', 'x']
  const read = watPath('read-file')
  const cases = await batch([read, '--each-file', join(folder, 'cases'), ...file, '--', 'x'])
  t.is(cases.status, 0, cases.stderr)
  t.deepEqual(filesOf(cases.stdout), [{ x: 'in memory' }, { x: 'in memory' }])
  const lines = await batch([read, '-', '--each-line', ...file, '--', 'x'], { stdin: 'a\nb\nc' })
  t.deepEqual(
    filesOf(lines.stdout),
    numbers(3).map(() => ({ x: 'in memory' })),
  )
})

test('--resume wants the same files and patterns', async (t) => {
  const { jobs, results, data, files, to } = await given(t)
  const collect = ['--collect', '**', '--collect-to', to]
  const words = [append, jobs, '-o', results, '-q']
  t.is((await batch([...words, ...files, ...collect])).status, 1)
  const whole = await readFile(results, 'utf8')
  const refused = async (more: readonly string[]): Promise<void> => {
    const { status, stderr } = await batch([...words, ...more, '--resume'])
    t.is(status, 125, stderr)
    t.regex(stderr, /cannot resume .*other options/)
    t.is(await readFile(results, 'utf8'), whole)
  }
  await refused(collect)
  await refused(files)
  await refused([...files, '--collect', '**'])
  await refused([...files, '--collect', '*', '--collect-to', to])
  await refused([...files.slice(2), ...collect])
  await refused([...files, ...collect, '--file', `more=${join(data, 'base')}`])
  await writeFile(join(data, 'base'), 'changed')
  await refused([...files, ...collect])
  await writeFile(join(data, 'base'), 'base')
  await writeFile(join(data, 'empty/one'), '')
  await refused([...files, ...collect])
  await rm(join(data, 'empty/one'))
  // In another order, and to another folder: only what is left is run.
  await writeFile(
    results,
    whole
      .split(/(?<=\n)/)
      .slice(0, 2)
      .join(''),
  )
  const [, log = '', , out = ''] = files
  const others = ['--file', out, '--file', log, '--collect', '**', '--collect-to', `${to}2`]
  t.is((await batch([...words, ...others, '--resume'])).status, 1)
  t.deepEqual(await below(`${to}2`), {
    '2/log': 'base',
    '2/out/made': 'three',
    '4/log': 'base',
  })
  t.is((await readResults(results)).length, JOBS.length)
})

test('a folder that cannot be written ends the batch, which can be resumed', async (t) => {
  const { jobs, results, files, to } = await given(t)
  await mkdir(to)
  // Where the folder of the second job would be.
  await writeFile(join(to, '1'), '')
  const words = [append, jobs, '-o', results, '-q', ...files, '--collect', '**']
  const { status, stderr } = await batch([...words, '--collect-to', to])
  t.is(status, 125)
  t.regex(
    stderr,
    /^wasiexec: cannot write \S+log: .*; 1 result in \S+, and the same command with --resume continues\n$/,
  )
  t.deepEqual(
    (await readResults(results)).map(({ index }) => index),
    [0],
  )
  await rm(join(to, '1'))
  t.is((await batch([...words, '--collect-to', to, '--resume'])).status, 1)
  t.deepEqual(await below(to), EXPECTED_FOLDERS)
})

test('flags of files that make no sense are refused', async (t) => {
  const { jobs, results, to } = await given(t)
  for (const [flags, said] of [
    [['--file', 'x'], /must be GUEST=HOST/],
    [['--file', 'a=x', '--file', 'a=y'], /guest path a is given twice/],
    [['--file', 'a=/missing/file'], /--file a=\/missing\/file: ENOENT/],
    [['--file', `../a=${jobs}`], /must be without ".."/],
    [['--collect', '/a'], /--collect must be relative, as the paths of --file are/],
    [['--collect-to', to], /--collect-to needs --collect/],
  ] as const) {
    const { status, stderr } = await batch([append, jobs, '-o', results, ...flags])
    t.is(status, 125, stderr)
    t.regex(stderr, said)
    t.false(existsSync(results))
  }
})

posix('a file may be a pipe, and a device that does not end is refused', async (t) => {
  const { jobs } = await given(t)
  const pipe = join(dirname(jobs), 'pipe')
  execFileSync('mkfifo', [pipe])
  void writeFile(pipe, 'piped')
  const { files } = await readGuestFiles({ file: [{ guest: 'a', host: pipe }] })
  t.deepEqual(files, Object.assign(Object.create(null), { a: Buffer.from('piped') }))
  await t.throwsAsync(readGuestFiles({ file: [{ guest: 'a', host: '/dev/zero' }] }, 100_000), {
    message:
      /^--file a=\/dev\/zero: expected at most 97\.66 KiB of what is not a regular file, got more$/,
  })
})

test('a job brings no files of its own', async (t) => {
  for (const [name, value] of [
    ['files', { a: 'x' }],
    ['collect', ['*']],
  ] as const) {
    const { jobs } = await jobsFile(t, [{ [name]: value }])
    const [result] = parseResults((await batch([append, jobs])).stdout)
    t.deepEqual(result!.error, {
      code: 'ERR_INVALID_OPTION',
      message: `a job has no \`${name}\` of its own; the command line has (--file, --collect)`,
    })
  }
})

test('files that no line can hold are an error of their job', (t) => {
  const outcome = {
    stdout: Buffer.alloc(1),
    stderr: Buffer.alloc(2),
    files: new Map([['a', Buffer.alloc(10)]]),
    toJSON() {
      throw new RangeError('Invalid string length')
    },
  }
  const { text, result } = encodeResult({ index: 0 } as Item, 'key', {
    outcome: outcome as unknown as Outcome,
  })
  t.deepEqual(result, {
    error: {
      code: 'ERR_RESULT_TOO_LARGE',
      message: 'its output of 13 bytes, files included, does not fit into a line of JSON',
    },
  })
  t.deepEqual((JSON.parse(text) as { error: unknown }).error, result.error)
})
