import { resolve } from 'node:path'
import { runInNewContext } from 'node:vm'
import test from 'ava'
import { Runtime, WasiexecError, type BatchResult, type Job } from '../support/package.ts'
import { drain, ending, numbers, observed, ownWat, Sink, summarize, wat } from '../support/guest.ts'

/** A job as somebody without types may give it. */
const untyped = (value: unknown): Job => value as Job

const NO_JOBS: readonly [job: unknown, message: RegExp][] = [
  [null, /`job` must be an object, got null/],
  [undefined, /`job` must be an object, got undefined/],
  [5, /`job` must be an object, got 5/],
  ['text', /`job` must be an object, got "text"/],
  [Symbol('job'), /`job` must be an object, got Symbol\(job\)/],
  [() => {}, /`job` must be an object, got a function/],
  [['1'], /`job` must be an object, got an array/],
  [Promise.resolve({}), /`job` must be an object \(await it first, or use an async iterable\)/],
  [{ arg: ['1'] }, /unknown option `arg`; did you mean `args`\?/],
  [{ args: [5] }, /`args\[0\]` must be a string, got 5/],
  [{ stdin: 5 }, /`stdin` must be a string/],
  [{ limits: { timeoutMs: -1 } }, /`limits.timeoutMs` must be a positive number, got -1/],
  [{ signal: 'stop' }, /`signal` must be an AbortSignal, got "stop"/],
  [{ program: null }, /`program` must be a Program, got null/],
  [{ program: 'hello.wasm' }, /`program` must be a Program, got "hello.wasm"/],
  [{ program: {} }, /`program` must be a Program, got an object/],
  [{ error: null }, /`error` must be an Error, got null/],
  [{ error: 'no file' }, /`error` must be an Error, got "no file"/],
  [{ error: { message: 'no file' } }, /`error` must be an Error, got an object/],
]
test('jobs that are none have an error, and those beside them run', async (t) => {
  const program = await wat('exit-argv')
  const jobs = NO_JOBS.flatMap(([job], index) => [untyped(job), { args: [`${index}`] }])
  const { all, thrown } = await drain(program.batch(jobs))
  t.is(thrown, undefined)
  t.is(all.length, 2 * NO_JOBS.length)
  for (const [index, [, message]] of NO_JOBS.entries()) {
    const { error, outcome } = all[2 * index]!
    t.is(outcome, undefined)
    t.is(error?.code, 'ERR_INVALID_OPTION')
    t.regex(error!.message, message)
    t.is(summarize(all[2 * index + 1]!), `exit ${index}`)
  }
})

test('a job that came with an error is not run, and has its turn', async (t) => {
  const program = await wat('exit-argv')
  const own = new WasiexecError('ERR_READ_FAILED', 'no such file')
  const other = new TypeError('not JSON')
  const foreign = runInNewContext('new Error("of another realm")') as Error
  for (const ordered of [true, false]) {
    const batch = program.batch(
      [
        { args: ['1'] },
        { id: 'own', error: own },
        // Nothing else is looked at.
        untyped({ id: 'other', error: other, args: 5, signal: AbortSignal.abort(), nonsense: 1 }),
        { id: 'foreign', error: foreign },
        { args: ['2'], error: undefined },
      ],
      { ordered },
    )
    const all = (await drain(batch)).all.toSorted((a, b) => a.index - b.index)
    t.deepEqual(all.map(summarize), ['exit 1', 'ERR_READ_FAILED', 'ERR_JOB', 'ERR_JOB', 'exit 2'])
    t.is(all[1]!.error, own)
    t.is(all[2]!.error!.cause, other)
    t.is(all[2]!.error!.message, 'the job could not be made: not JSON')
    t.is(all[3]!.error!.cause, foreign)
    t.deepEqual(
      all.map(({ id }) => id),
      [undefined, 'own', 'other', 'foreign', undefined],
    )
    t.is((await batch.summary).kinds.error, 3)
  }
})

test('a job with bad options keeps its id', async (t) => {
  const program = await wat('exit-argv')
  const { all } = await drain(program.batch([{ id: 'mine', args: 5 as unknown as string[] }]))
  t.like(all, [{ index: 0, id: 'mine', outcome: undefined }])
  t.deepEqual(Object.keys(all[0]!), ['index', 'id', 'error'])
})

test('what a getter of a job throws is the error of this job', async (t) => {
  const program = await wat('exit-argv')
  const thrower = (name: string): Job =>
    Object.defineProperty({}, name, {
      enumerable: true,
      get: () => {
        throw new Error(`no ${name} today`)
      },
    })
  for (const jobs of [
    [thrower('id'), { args: ['1'] }, thrower('args'), thrower('program'), { args: ['2'] }],
    [{ args: ['3'] }, thrower('id'), thrower('id')],
  ]) {
    for (const source of [jobs, asynchronously(jobs)]) {
      const { all, thrown } = await drain(program.batch(source))
      t.is(thrown, undefined)
      t.deepEqual(
        all.map(({ error, outcome }) => error?.message ?? ending(outcome!)),
        jobs.map((job) => {
          const name = ['id', 'args', 'program'].find((key) => isGetter(job, key))
          return name === undefined
            ? `exit ${job.args![0]}`
            : `a job could not be read: no ${name} today`
        }),
      )
    }
  }
})

function isGetter(job: Job, key: string): boolean {
  return Object.getOwnPropertyDescriptor(job, key)?.get !== undefined
}

async function* asynchronously<T>(items: Iterable<T>): AsyncGenerator<T> {
  for (const item of items) yield item
}

test('getters of jobs may start runs and batches and read results', async (t) => {
  const program = await wat('exit-argv')
  const inner: Promise<string[]>[] = []
  const reads: Promise<IteratorResult<BatchResult>>[] = []
  let iterator: AsyncIterableIterator<BatchResult> | undefined
  const jobs = numbers(100).map((index) => ({
    id: index,
    get args() {
      inner.push(program.run({ args: [`${100 + index}`] }).then((outcome) => [ending(outcome)]))
      const batch = program.batch([{ args: [`${200 + index}`] }])
      inner.push(drain(batch).then(({ all }) => all.map(summarize)))
      if (iterator !== undefined && index % 5 === 0) reads.push(iterator.next())
      return [`${index}`]
    },
  }))
  for (const source of [jobs, asynchronously(jobs)]) {
    inner.length = reads.length = 0
    iterator = undefined
    iterator = program.batch(source)[Symbol.asyncIterator]()
    const { all } = await drain(iterator)
    const read = (await Promise.all(reads)).filter(({ done }) => done !== true)
    t.true(read.length > 0)
    const results = [...all, ...read.map(({ value }) => value as BatchResult)]
    t.deepEqual(
      results.toSorted((a, b) => a.index - b.index).map(summarize),
      numbers(100).map((code) => `exit ${code}`),
    )
    t.deepEqual(
      (await Promise.all(inner)).flat(),
      numbers(100).flatMap((index) => [`exit ${100 + index}`, `exit ${200 + index}`]),
    )
  }
})

test('jobs of one batch run different programs', async (t) => {
  const [exit, args, component] = await Promise.all(
    ['exit-argv', 'args', 'component-hello'].map(wat),
  )
  const jobs = numbers(300).map((index) => {
    if (index % 3 === 0) return { args: [`${index}`] }
    return index % 3 === 1 ? { program: args!, args: [`${index}`] } : { program: component! }
  })
  const { all } = await drain(exit!.batch(jobs))
  for (const { index, outcome } of all) {
    const [how, stdout] = observed(outcome!)
    const expected = [`exit ${index}`, `exit 0 args.wat\n${index}\n`, 'exit 0 hello\n'][index % 3]
    t.is(`${how} ${stdout}`.trimEnd(), expected!.trimEnd())
  }
})

test('a program of another runtime or one that was disposed of is an error of its job', async (t) => {
  await using runtime = new Runtime({ threads: 1 })
  const program = await wat('hello')
  const foreign = await ownWat('hello', { runtime })
  const gone = await ownWat('return')
  gone[Symbol.dispose]()
  const jobs = [{ program: foreign }, {}, { program: gone }, { program }]
  const { all } = await drain(program.batch(jobs))
  const verdicts = ['ERR_INVALID_OPTION', 'exit 0', 'ERR_PROGRAM_CLOSED', 'exit 0']
  t.deepEqual(all.map(summarize), verdicts)
  t.regex(all[0]!.error!.message, /`program` must be of the same runtime as the batch's program/)
  t.regex(all[2]!.error!.message, /"return.wat" was disposed of/)
})

test('host faults of jobs are their errors', async (t) => {
  const program = await wat('hello')
  const jobs = [
    { preopens: { '/data': '/missing/folder' } },
    {},
    { program: await wat('no-start') },
    { program: await wat('unresolved-import') },
    {},
  ]
  const { all } = await drain(program.batch(jobs))
  const verdicts = ['ERR_PREOPEN', 'exit 0', 'ERR_NO_ENTRY_POINT', 'ERR_UNRESOLVED_IMPORT']
  t.deepEqual(all.map(summarize), [...verdicts, 'exit 0'])
  t.true(all[0]!.error!.message.includes(resolve('/missing/folder')))
})

test('jobs have streams of their own', async (t) => {
  const program = await wat('cat')
  const sinks = numbers(50).map(() => new Sink())
  const jobs = sinks.map((sink, index) => ({
    stdin: asynchronously([`${index} `, Buffer.from('and '), 'more']),
    stdout: index % 2 === 0 ? sink : ('capture' as const),
  }))
  const { all } = await drain(program.batch(jobs, { concurrency: 8 }))
  t.true(all.every(({ outcome }) => outcome!.ok))
  const texts = all.map(({ outcome, index }) => outcome!.stdout.toString() || sinks[index]!.text)
  t.deepEqual(
    texts,
    numbers(50).map((index) => `${index} and more`),
  )
})

test('a stream that fails is the error of its job', async (t) => {
  const program = await wat('cat')
  const failing = async function* (): AsyncGenerator<string> {
    yield 'some'
    throw new Error('no more')
  }
  const unusable = {
    write: () => true,
    off: () => {},
    on: () => {
      throw new Error('no listeners')
    },
  }
  const jobs = [
    { stdin: failing() },
    { stdin: 'text' },
    untyped({ stdout: unusable }),
    { stdin: 'more' },
  ]
  const { all } = await drain(program.batch(jobs))
  t.is(all[0]!.error?.code, 'ERR_STREAM')
  t.is((all[0]!.error!.cause as Error).message, 'no more')
  t.is(all[2]!.error?.message, 'a job could not be read: no listeners')
  t.deepEqual(
    [all[1], all[3]].map((result) => observed(result!.outcome!)[1]),
    ['text', 'more'],
  )
})

test('input that cannot be copied is the error of its job', async (t) => {
  class Gone extends Uint8Array {
    #reads = 0
    override get length(): number {
      this.#reads += 1
      if (this.#reads > 1) throw new Error('no longer there')
      return 5
    }
  }
  const program = await wat('cat')
  const jobs = [{ stdin: 'some' }, { stdin: new Gone(5) }, { stdin: 'more' }]
  const { all } = await drain(program.batch(jobs))
  t.deepEqual(
    all.map(({ outcome, error }) => outcome?.stdout.toString() ?? error!.message),
    ['some', 'a job could not be read: no longer there', 'more'],
  )
})

test('a signal aborts the jobs that have it, and no others', async (t) => {
  const sleep = await wat('signal-then-sleep')
  const controller = new AbortController()
  const stderr = new Sink()
  const jobs = [
    { program: sleep, stderr, signal: controller.signal },
    { args: ['1'], signal: controller.signal },
    { args: ['2'], signal: AbortSignal.abort('before') },
    { args: ['3'] },
  ]
  const reading = drain((await wat('exit-argv')).batch(jobs, { concurrency: 4 }))
  await stderr.until('ready')
  controller.abort('enough')
  const { all, thrown } = await reading
  t.is(thrown, undefined)
  t.is(summarize(all[3]!), 'exit 3')
  const reasons = all.map(({ outcome }) => (outcome?.kind === 'abort' ? outcome.reason : undefined))
  t.is(reasons[0], 'enough')
  // It may have ended before.
  t.true(reasons[1] === 'enough' || summarize(all[1]!) === 'exit 1')
  t.deepEqual(reasons.slice(2), ['before', undefined])
})
