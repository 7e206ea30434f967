// Live runs in worker processes: what the tests of __test__/api do not see.
import { once } from 'node:events'
import { text } from 'node:stream/consumers'
import { setTimeout } from 'node:timers/promises'
import test from 'ava'
import { ending, numbers, ownWat, refusal } from '../support/guest.ts'
import { Runtime } from '../support/package.ts'
import { kill, someWorkers } from '../support/workers.ts'

/** The workers of one runtime are those of the whole process: one runtime at a time. */
const serial = test.serial

serial('guests in several workers, more than can start at once', async (t) => {
  await using runtime = new Runtime({ threads: 2, workers: 'processes', maxConcurrentRuns: 4 })
  const program = await ownWat('cat', { runtime })
  const guests = numbers(12).map(() => program.spawn())
  // Written and ended before most of them have a place.
  for (const [index, { stdin }] of guests.entries()) stdin.end(`${index}`.repeat(30_000))
  const texts = await Promise.all(guests.map(({ stdout }) => text(stdout)))
  t.deepEqual(
    texts,
    numbers(12).map((index) => `${index}`.repeat(30_000)),
  )
  for (const { outcome } of guests) t.is(ending(await outcome), 'exit 0')
})

serial('a pipeline from one worker to another', async (t) => {
  await using runtime = new Runtime({ threads: 2, workers: 'processes' })
  const program = await ownWat('cat', { runtime })
  const guests = numbers(4).map(() => program.spawn())
  for (const [index, { stdout }] of guests.slice(0, -1).entries()) {
    stdout.pipe(guests[index + 1]!.stdin)
  }
  const reading = text(guests.at(-1)!.stdout)
  guests[0]!.stdin.end('x'.repeat(1_000_000))
  t.is((await reading).length, 1_000_000)
})

serial('a stream that is closed before its guest has a place is a broken pipe', async (t) => {
  await using runtime = new Runtime({ threads: 2, workers: 'processes', maxConcurrentRuns: 1 })
  const sleeping = (await ownWat('sleep-hour', { runtime })).spawn()
  for (const [name, stream] of [
    ['flood', 'stdout'],
    ['flood-stderr', 'stderr'],
  ] as const) {
    const guest = (await ownWat(name, { runtime })).spawn({ onBrokenPipe: 'stop' })
    guest[stream].destroy()
    // Both have crossed to the pool before there is a place.
    await setTimeout(50)
    sleeping.kill()
    t.is(ending(await guest.outcome), 'abort')
  }
})

if (process.platform !== 'win32') {
  serial(
    'the streams of a guest whose worker dies fail with the fault of its outcome',
    async (t) => {
      await using runtime = new Runtime({ threads: 1, workers: 'processes' })
      const guest = (await ownWat('cat', { runtime })).spawn()
      const failing = refusal(guest.outcome)
      guest.stdin.write('first\n')
      await once(guest.stdout, 'readable')
      const lines = guest.lines()
      t.is((await lines.next()).value, 'first')
      kill((await someWorkers(1))[0]!)
      t.is((await failing).code, 'ERR_WORKER_DIED')
      t.is((await refusal(lines.next())).code, 'ERR_WORKER_DIED')
      t.is((await refusal(text(guest.stderr))).code, 'ERR_WORKER_DIED')
      t.true(guest.stdin.destroyed)
      t.false(guest.kill())
    },
  )
}
