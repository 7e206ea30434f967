import test from 'ava'
import { node } from '../support/child.ts'
import { growth, HELD_ARGUMENTS, type Held } from '../support/held.ts'

/** Waits until so many runs have ended, and a while for those that should not; answers how many ended. */
const SETTLED = `
  const settled = async (runtime, least) => {
    while (runtime.stats().finished < least) await new Promise((resolve) => setTimeout(resolve, 1))
    await new Promise((resolve) => setTimeout(resolve, 50))
    return runtime.stats().finished
  }
  const rss = () => process.memoryUsage.rss() >> 20
`

test('outputs that are not read hold back those who would print more', async (t) => {
  const child = await node(`
    ${SETTLED}
    const runtime = new Runtime({ threads: 2 })
    const flood = await ownWat('flood-argv', { runtime })
    await flood.run({ args: ['16777216'] })
    const before = rss()
    const jobs = Array.from({ length: 500 }, () => ({ args: ['16777216'] }))
    const batch = flood.batch(jobs)
    let read = 0
    let most = 0
    let largest = 0
    for await (const { outcome } of batch) {
      if (outcome.stdout.length !== 16777216) throw new Error(ending(outcome))
      read += 1
      // The consumer pauses.
      if (read % 10 === 0) {
        // The one before the batch has ended, too.
        most = Math.max(most, (await settled(runtime, 1 + read + 4)) - 1 - read)
        largest = Math.max(largest, rss() - before)
      }
      if (read === 50) break
    }
    console.log(JSON.stringify({ most, largest, summary: await batch.summary }))`)
  t.is(child.code, 0, child.stderr)
  const { most, largest, summary } = JSON.parse(child.stdout) as {
    most: number
    largest: number
    summary: { jobs: number; kinds: { exit: number } }
  }
  t.log(`${most} outputs of 16 MiB were held, the process grew by ${largest} MiB`)
  // 64 MiB, and those of the two that were going on when these were reached.
  t.true(most >= 4 && most <= 6)
  t.true(largest < 600)
  t.true(summary.kinds.exit < 60)
})

test('outputs that wait for an earlier job are held back, too', async (t) => {
  const child = await node(`
    ${SETTLED}
    const runtime = new Runtime({ threads: 2 })
    const [cat, flood] = [await ownWat('cat', { runtime }), await ownWat('flood-argv', { runtime })]
    const { promise, resolve } = deferred()
    const stdin = (async function* () { await promise })()
    const jobs = [{ program: cat, stdin }, ...Array.from({ length: 40 }, () => ({ args: ['16777216'] }))]
    const first = flood.batch(jobs, { concurrency: 3 })[Symbol.asyncIterator]()
    const read = first.next()
    const before = await settled(runtime, 4)
    resolve()
    await read
    let bytes = 0
    for await (const { outcome } of first) bytes += outcome.stdout.length
    console.log(before, bytes === 40 * 16777216)`)
  t.is(child.code, 0, child.stderr)
  const [ended, isWhole] = child.stdout.trim().split(' ')
  t.true(Number(ended) >= 4 && Number(ended) <= 6, child.stdout)
  t.is(isWhole, 'true')
})

test('what is left to the totals is not held at all', async (t) => {
  const child = await node(`
    const flood = await wat('flood-argv')
    const jobs = function* () {
      for (let index = 0; index < 200; index += 1) yield { args: ['16777216'] }
    }
    const { ok } = await flood.batch(jobs()).summary
    console.log(ok)`)
  t.is(child.stdout, '200\n', child.stderr)
})

test('memory stays where it is over a batch of many jobs', async (t) => {
  const child = await node(
    `
    const names = ['hello', 'trap-unreachable', 'flood', 'print-both', 'cat']
    const programs = await Promise.all(names.map(wat))
    const options = [{}, {}, { limits: { outputBytes: 20_000 } }, {}, { stdin: 'x'.repeat(1000) }]
    const JOBS = 200_000
    const jobs = function* () {
      for (let given = 0; given < JOBS; given += 1) {
        const at = given % names.length
        const signal = given % 50 === 0 ? new AbortController().signal : undefined
        yield { program: programs[at], ...options[at], id: given, signal }
      }
    }
    const samples = []
    for await (const { index } of programs[0].batch(jobs())) {
      if (index % (JOBS / 20) === JOBS / 20 - 1) samples.push(await held())
    }
    console.log(JSON.stringify(samples))`,
    { nodeArguments: HELD_ARGUMENTS },
  )
  t.is(child.code, 0, child.stderr)
  const samples = JSON.parse(child.stdout) as Held[]
  t.is(samples.length, 20)
  const { heap, buffers, native } = growth(samples)
  t.log(
    `${heap >> 10} KiB more on the heap, ${buffers >> 10} in buffers, ${native >> 10} in all else`,
  )
  // For each of 100,000 jobs: 21 bytes, 84 bytes (outputs are in flight) and 503 bytes (malloc has a reserve).
  t.true(heap < 2 << 20)
  t.true(buffers < 8 << 20)
  t.true(native < 48 << 20)
})
