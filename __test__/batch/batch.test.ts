import test from 'ava'
import { Runtime, WasiexecError, type BatchOptions, type Job } from '../support/package.ts'
import { drain, numbers, observed, ownWat, refusal, summarize, wat } from '../support/guest.ts'

/** Jobs or options as somebody without types may give them. */
const untyped = (value: unknown): never => value as never

test('each job has one result with its index, its id and its outcome', async (t) => {
  const program = await wat('args')
  const id = { any: 'thing' }
  const jobs: Job[] = [{ args: ['a'], id }, { args: ['b'] }, { args: ['c'], id: 7n }, {}]
  const { all } = await drain(program.batch(jobs))
  t.deepEqual(
    all.map(({ index, id, outcome, error }) => [index, id, observed(outcome!)[1], error]),
    [
      [0, id, 'args.wat\na\n', undefined],
      [1, undefined, 'args.wat\nb\n', undefined],
      [2, 7n, 'args.wat\nc\n', undefined],
      [3, undefined, 'args.wat\n', undefined],
    ],
  )
  t.is(all[0]!.id, id)
  t.deepEqual(Object.keys(all[0]!), ['index', 'id', 'outcome'])
})

test('no jobs are no results', async (t) => {
  const program = await wat('hello')
  const batch = program.batch([])
  t.deepEqual(await drain(batch), { all: [], thrown: undefined })
  const { jobs, endedBy, runMs, runsPerSecond } = await batch.summary
  t.deepEqual([jobs, endedBy, runsPerSecond], [0, 'jobs', 0])
  t.deepEqual(runMs, { p50: 0, p90: 0, p99: 0, max: 0 })
})

test('results can be told from each other and printed', async (t) => {
  const program = await wat('hello')
  const { all } = await drain(program.batch([{ id: 'x' }, untyped(null)]))
  const text = JSON.parse(JSON.stringify(all)) as { outcome?: { stdout: string } }[]
  t.is(text[0]!.outcome!.stdout, 'hello\n')
  t.is(text[1]!.outcome, undefined)
})

test('asking for results one by one, and for many at once, gives each once', async (t) => {
  const program = await wat('exit-argv')
  const batch = program.batch(numbers(10).map((code) => ({ args: [`${code}`] })))
  const iterator = batch[Symbol.asyncIterator]()
  const first = await iterator.next()
  const others = await Promise.all(numbers(20).map(() => iterator.next()))
  t.deepEqual(
    [first, ...others].map(({ done, value }) => (done === true ? 'done' : summarize(value!))),
    [...numbers(10).map((code) => `exit ${code}`), ...numbers(11).map(() => 'done')],
  )
  t.deepEqual(await iterator.next(), { done: true, value: undefined })
})

test('the results of a batch are read once', async (t) => {
  const program = await wat('hello')
  const batch = program.batch([{}])
  t.is((await drain(batch)).all.length, 1)
  t.is((await refusal(() => batch[Symbol.asyncIterator]())).code, 'ERR_BATCH_USED')
  const { thrown } = await drain(batch)
  t.true(thrown instanceof WasiexecError)
})

test('nothing is taken before somebody reads', async (t) => {
  const program = await wat('hello')
  let taken = 0
  const jobs = function* (): Generator<Job> {
    for (;;) {
      taken += 1
      yield {}
    }
  }
  program.batch(jobs())
  await program.run()
  t.is(taken, 0)
})

const JOBS: readonly [what: string, jobs: unknown, got: RegExp][] = [
  ['nothing', undefined, /got undefined/],
  ['null', null, /got null/],
  ['a number', 5, /got 5/],
  ['a text', 'args', /got "args"/],
  ['one job', { args: ['1'] }, /got an object/],
  ['a promise of jobs', Promise.resolve([]), /got a Promise/],
  ['a function', () => [], /got a function/],
  ['an iterator that is no function', { [Symbol.iterator]: 5 }, /got an object/],
]
for (const [what, jobs, got] of JOBS) {
  test(`${what} in place of jobs: ERR_INVALID_OPTION`, async (t) => {
    const program = await wat('hello')
    const { code, message } = await refusal(() => program.batch(untyped(jobs)))
    t.is(code, 'ERR_INVALID_OPTION')
    t.regex(message, /^`jobs` must be an iterable or async iterable of jobs, /)
    t.regex(message, got)
  })
}

const OPTIONS: readonly [options: unknown, message: RegExp][] = [
  [null, /`options` must be an object, got null/],
  [[], /`options` must be an object, got an array/],
  [{ concurency: 5 }, /unknown option `concurency`; did you mean `concurrency`\?/],
  [{ args: ['a'] }, /unknown option `args`; did you mean `defaults.args`\?/],
  [{ limits: {} }, /unknown option `limits`; did you mean `defaults.limits`\?/],
  [{ cwd: '.' }, /unknown option `cwd`; known options: defaults, concurrency/],
  [{ concurrency: 0 }, /`concurrency` must be a positive integer, got 0/],
  [{ concurrency: 1.5 }, /`concurrency` must be a positive integer, got 1.5/],
  [{ concurrency: '2' }, /`concurrency` must be a positive integer, got "2"/],
  [{ concurrency: 1e9 }, /`concurrency` must be at most 1000000, got 1000000000/],
  [{ ordered: 'no' }, /`ordered` must be a boolean, got "no"/],
  [{ signal: {} }, /`signal` must be an AbortSignal, got an object/],
  [{ stopOn: 'trap' }, /`stopOn` must be a function, got "trap"/],
  [
    { deadline: 'tomorrow' },
    /`deadline` must be a Date or milliseconds since 1970, got "tomorrow"/,
  ],
  [{ deadline: new Date(NaN) }, /`deadline` must be .*, got an invalid Date/],
  [{ deadline: -1 }, /`deadline` must be a Date or milliseconds since 1970, got -1/],
  [{ deadline: Infinity }, /`deadline` must be a Date or milliseconds since 1970, got Infinity/],
  [{ defaults: 5 }, /`defaults` must be an object, got 5/],
  [{ defaults: [] }, /`defaults` must be an object, got an array/],
  [{ defaults: { args: 'a' } }, /`args` must be an array of strings, got "a"/],
  [{ defaults: { timeoutMs: 5 } }, /unknown option `timeoutMs`/],
  [{ timeoutMs: 5 }, /unknown option `timeoutMs`; did you mean `defaults\.limits\.timeoutMs`\?/],
  [{ limits: {} }, /unknown option `limits`; did you mean `defaults\.limits`\?/],
  [{ defaults: { id: 5 } }, /unknown option `id`/],
  [{ defaults: { program: 5 } }, /unknown option `program`/],
  [{ defaults: { limits: { fuel: -1 } } }, /`limits.fuel` must be an integer/],
  [{ defaults: { signal: new AbortController().signal } }, /a batch has a `signal` of its own/],
  [
    { defaults: { stdin: (async function* () {})() } },
    /`stdin` must be a string, bytes, 'inherit'/,
  ],
]
for (const [options, message] of OPTIONS) {
  test(`batch options that are refused: ${message.source}`, async (t) => {
    const program = await wat('hello')
    const error = await refusal(() => program.batch([], untyped(options)))
    t.is(error.code, 'ERR_INVALID_OPTION')
    t.regex(error.message, message)
  })
}

test('options that are undefined are those that are not given', async (t) => {
  const program = await wat('exit-argv')
  const options: BatchOptions = {
    defaults: undefined,
    concurrency: undefined,
    ordered: undefined,
    signal: undefined,
    stopOn: undefined,
    deadline: undefined,
  }
  const jobs = [{ args: ['4'], program: undefined, id: undefined, limits: undefined }]
  t.deepEqual((await drain(program.batch(jobs, options))).all.map(summarize), ['exit 4'])
})

test('a program or runtime that is closed has no batches', async (t) => {
  const runtime = new Runtime({ threads: 1 })
  const program = await ownWat('hello', { runtime })
  const other = await ownWat('exit-argv', { runtime })
  program[Symbol.dispose]()
  t.is((await refusal(() => program.batch([]))).code, 'ERR_PROGRAM_CLOSED')
  await runtime.close()
  t.is((await refusal(() => other.batch([]))).code, 'ERR_RUNTIME_CLOSED')
})
