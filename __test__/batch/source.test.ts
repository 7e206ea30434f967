import { Readable } from 'node:stream'
import { setImmediate } from 'node:timers/promises'
import test from 'ava'
import { Runtime, type Job } from '../support/package.ts'
import { deferred, drain, idle, numbers, ownWat, summarize, until, wat } from '../support/guest.ts'

const job = (code: number): Job<number> => ({ id: code, args: [`${code}`] })

function* generated(length: number): Generator<Job<number>> {
  for (const code of numbers(length)) yield job(code)
}

async function* slowly(length: number): AsyncGenerator<Job<number>> {
  for (const code of numbers(length)) {
    if (code % 7 === 0) await setImmediate()
    yield job(code)
  }
}

const SOURCES: Record<string, () => Iterable<Job<number>> | AsyncIterable<Job<number>>> = {
  'an array': () => numbers(300).map(job),
  'a Set': () => new Set(numbers(300).map(job)),
  'the values of a Map': () => new Map(numbers(300).map((code) => [code, job(code)])).values(),
  'a generator': () => generated(300),
  'an async generator': () => slowly(300),
  'a Readable': () => Readable.from(numbers(300).map(job)),
  'a Readable of a generator': () => Readable.from(slowly(300)),
  'an object that makes iterators': () => ({ [Symbol.iterator]: () => generated(300) }),
  'a web stream': () => webStream(300),
}

/** Node's are async iterables. */
function webStream(length: number): AsyncIterable<Job<number>> {
  return Readable.toWeb(Readable.from(generated(length))) as unknown as AsyncIterable<Job<number>>
}

for (const [what, source] of Object.entries(SOURCES)) {
  test(`jobs come from ${what}`, async (t) => {
    const { all, thrown } = await drain((await wat('exit-argv')).batch(source()))
    t.is(thrown, undefined)
    t.deepEqual(
      all.map(summarize),
      numbers(300).map((code) => `exit ${code}`),
    )
    t.deepEqual(
      all.map(({ id }) => id),
      numbers(300),
    )
  })
}

test('results of jobs from a slow source are there before the next job', async (t) => {
  const program = await wat('exit-argv')
  const asked: { promise: Promise<void>; resolve: (value: void) => void }[] = []
  const jobs = async function* (): AsyncGenerator<Job<number>> {
    for (const code of numbers(20)) {
      const next = deferred<void>()
      asked.push(next)
      await next.promise
      yield job(code)
    }
  }
  const iterator = program.batch(jobs())[Symbol.asyncIterator]()
  for (const code of numbers(20)) {
    const read = iterator.next()
    await until(() => asked.length > code)
    asked[code]!.resolve()
    t.is(summarize((await read).value!), `exit ${code}`)
  }
  t.true((await iterator.next()).done)
})

for (const kind of ['generator', 'async generator']) {
  test(`${kind} that throws: all taken jobs have their results, then it is thrown`, async (t) => {
    const program = await wat('exit-argv')
    const error = new Error('no more jobs')
    const failing = function* (): Generator<Job<number>> {
      yield* generated(100)
      throw error
    }
    const failingLater = async function* (): AsyncGenerator<Job<number>> {
      yield* slowly(100)
      throw error
    }
    const batch = program.batch(kind === 'generator' ? failing() : failingLater())
    const { all, thrown } = await drain(batch)
    t.is(thrown, error)
    t.deepEqual(
      all.map(summarize),
      numbers(100).map((code) => `exit ${code}`),
    )
    const { endedBy, jobs, ok } = await batch.summary
    t.deepEqual([endedBy, jobs, ok], ['error', 100, 1])
  })
}

test('an error is thrown once, then the results have ended', async (t) => {
  const program = await wat('exit-argv')
  const failing: Iterable<Job> = {
    [Symbol.iterator]: () => ({
      next: () => {
        throw new Error('none')
      },
    }),
  }
  const iterator = program.batch(failing)[Symbol.asyncIterator]()
  await t.throwsAsync(iterator.next(), { message: 'none' })
  t.deepEqual(await iterator.next(), { done: true, value: undefined })
})

test('a source that answers no iterator results is an error', async (t) => {
  const program = await wat('exit-argv')
  for (const name of ['iterator', 'asyncIterator'] as const) {
    const jobs = { [Symbol[name]]: () => ({ next: () => 5 }) } as unknown as Iterable<Job>
    const { all, thrown } = await drain(program.batch(jobs))
    t.deepEqual(all, [])
    t.true(thrown instanceof TypeError)
    t.regex((thrown as Error).message, /returned 5, which is not an object/)
  }
})

test('an iterable that throws when it is opened does so at once', async (t) => {
  const program = await wat('exit-argv')
  const jobs = {
    [Symbol.iterator]: (): Iterator<Job> => {
      throw new Error('not open')
    },
  }
  t.throws(() => program.batch(jobs), { message: 'not open' })
})

for (const ordered of [true, false]) {
  for (const kind of ['generator', 'async generator']) {
    test(`a slow consumer slows the ${kind}; ordered: ${ordered}`, async (t) => {
      await using runtime = new Runtime({ threads: 2 })
      const program = await ownWat('exit-argv', { runtime })
      let given = 0
      let read = 0
      let most = 0
      let closed = 0
      const next = (): Job<number> => {
        given += 1
        most = Math.max(most, given - read)
        return job(given - 1)
      }
      const million = function* (): Generator<Job<number>> {
        try {
          for (const _ of numbers(1_000_000)) yield next()
        } finally {
          closed += 1
        }
      }
      const millionLater = async function* (): AsyncGenerator<Job<number>> {
        yield* million()
      }
      const source = kind === 'generator' ? million() : millionLater()
      for await (const result of program.batch(source, { ordered })) {
        if (summarize(result) !== `exit ${result.id}`) t.fail()
        read += 1
        // Pauses until all that was taken has ended.
        if (read % 5000 === 0) {
          await idle(runtime)
          for (const _ of numbers(50)) await setImmediate()
        }
        if (read === 30_000) break
      }
      t.is(read, 30_000)
      // One more is in the consumer's hands.
      t.true(most <= 2048 + 1, `${most} jobs were held`)
      t.true(given <= 30_000 + 2048)
      t.is(closed, 1)
    })
  }
}

for (const own of [{}, { signal: new AbortController().signal }]) {
  test(`much stdin that waits holds the source back, with ${Object.keys(own).length} signals`, async (t) => {
    await using runtime = new Runtime({ threads: 1 })
    const program = await ownWat('cat', { runtime })
    const stdin = Buffer.alloc(8 << 20, 'x')
    const controller = new AbortController()
    let given = 0
    const jobs = function* (): Generator<Job> {
      // A first that goes on: those behind it wait with their stdin.
      yield { program: sleep, stdout: 'ignore' }
      for (;;) {
        given += 1
        yield { stdin, ...own }
      }
    }
    const sleep = await ownWat('sleep-hour', { runtime })
    const reading = drain(program.batch(jobs(), { concurrency: 1, signal: controller.signal }))
    await until(() => runtime.stats().running === 1)
    for (const _ of numbers(50)) await setImmediate()
    t.is(given, 8)
    controller.abort()
    t.is((await reading).all.length, 9)
  })
}
