// Run once more with worker processes.
import test from 'ava'
import { Runtime, type Job, type WasiexecError } from '../support/package.ts'
import { abortReason, deferred, drain, ending, numbers, ownWat, until } from '../support/guest.ts'

function* empty(length: number): Generator<Job> {
  for (let index = 0; index < length; index += 1) yield {}
}

for (const what of ['program', 'runtime'] as const) {
  const code = what === 'program' ? 'ERR_PROGRAM_CLOSED' : 'ERR_RUNTIME_CLOSED'
  const close = async (program: { [Symbol.dispose](): void }, runtime: Runtime): Promise<void> => {
    if (what === 'program') program[Symbol.dispose]()
    else await runtime.close()
  }

  for (const length of [20, Infinity]) {
    test(`a ${what} that is closed with ${length} jobs: what goes on is aborted, then it is thrown`, async (t) => {
      await using runtime = new Runtime({ threads: 2 })
      const program = await ownWat('sleep-hour', { runtime })
      const batch = program.batch(empty(length), { concurrency: 4 })
      const reading = drain(batch)
      await until(() => runtime.stats().running === 4)
      await close(program, runtime)
      const { all, thrown } = await reading
      t.true(all.length >= 20 && all.length <= length)
      t.deepEqual(
        all.map(({ index }) => index),
        numbers(all.length),
      )
      t.true(all.every((result) => abortReason(result) === code))
      t.is((thrown as WasiexecError).code, code)
      t.is((await batch.summary).endedBy, 'error')
    })
  }

  test(`a ${what} that is closed while the source is waited for`, async (t) => {
    await using runtime = new Runtime({ threads: 2 })
    const program = await ownWat('hello', { runtime })
    const { promise, resolve } = deferred<void>()
    const jobs = async function* (): AsyncGenerator<Job> {
      yield {}
      await promise
      yield* [{}, { signal: new AbortController().signal }]
    }
    const batch = program.batch(jobs())
    const iterator = batch[Symbol.asyncIterator]()
    t.is(ending((await iterator.next()).value!.outcome!), 'exit 0')
    const next = iterator.next()
    await close(program, runtime)
    await t.throwsAsync(next, { code })
    resolve()
    t.true((await iterator.next()).done)
    t.is((await batch.summary).jobs, 1)
  })

  test(`a ${what} that is closed before the results are read`, async (t) => {
    await using runtime = new Runtime({ threads: 2 })
    const program = await ownWat('hello', { runtime })
    const [read, left] = [program.batch(empty(Infinity)), program.batch(empty(Infinity))]
    await close(program, runtime)
    const { all, thrown } = await drain(read)
    t.deepEqual(all, [])
    t.is((thrown as WasiexecError).code, code)
    t.is((await left.summary).endedBy, 'error')
  })

  test(`a ${what} closed by the source of the jobs or by a job`, async (t) => {
    await using runtime = new Runtime({ threads: 2 })
    const jobs = function* (): Generator<Job> {
      yield {}
      yield Object.defineProperty({}, 'env', {
        enumerable: true,
        get: () => void close(program, runtime),
      })
      yield* empty(Infinity)
    }
    const program = await ownWat('sleep-hour', { runtime })
    const { all, thrown } = await drain(program.batch(jobs()))
    t.is((thrown as WasiexecError).code, code)
    t.deepEqual([abortReason(all[0]!), all[1]!.error!.code, all.length], [code, code, 2])
  })
}

test('results that were there before the runtime was closed can be read after it', async (t) => {
  const runtime = new Runtime({ threads: 2 })
  const program = await ownWat('flood-argv', { runtime })
  const batch = program.batch(numbers(8).map(() => ({ args: ['1000000'] })))
  const iterator = batch[Symbol.asyncIterator]()
  await batch.summary
  await runtime.close()
  const { all, thrown } = await drain(iterator)
  t.is(thrown, undefined)
  t.deepEqual(
    all.map(({ outcome }) => outcome!.stdout.length),
    numbers(8).map(() => 1_000_000),
  )
})

test('a batch whose runtime was closed can be left, and its signal be aborted', async (t) => {
  const runtime = new Runtime({ threads: 2 })
  const program = await ownWat('flood-argv', { runtime })
  const controller = new AbortController()
  const jobs = async function* (): AsyncGenerator<Job> {
    yield* numbers(8).map(() => ({ args: ['1000000'] }))
    await new Promise(() => {})
  }
  const iterators = numbers(2).map(() =>
    program.batch(jobs(), { signal: controller.signal })[Symbol.asyncIterator](),
  )
  for (const iterator of iterators) await iterator.next()
  await until(() => runtime.stats().finished === 16)
  await runtime.close()
  controller.abort()
  t.true((await iterators[0]!.return!()).done)
  t.is((await iterators[1]!.next()).value!.outcome!.stdout.length, 1_000_000)
})
