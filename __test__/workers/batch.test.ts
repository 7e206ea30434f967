// Batches over worker processes: every job has one result, whatever happens to the workers.
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import test from 'ava'
import { ending, folder, idle, ownWat, Sink } from '../support/guest.ts'
import { Runtime, type Job, type Outcome } from '../support/package.ts'
import { PATIENCE_MS } from '../support/patience.ts'
import { isReaped, kill, someWorkers, until } from '../support/workers.ts'

/** Those that look for the workers of this process have to be alone. */
const serial = test.serial

/** Kills a worker each time so many more results have come, in the middle of its work. */
class Killer {
  kills = 0
  readonly #runtime: Runtime
  readonly #every: number
  #next: number

  constructor(runtime: Runtime, every: number) {
    this.#runtime = runtime
    this.#every = every
    this.#next = every
  }

  async seen(results: number): Promise<void> {
    if (results < this.#next) return
    const workers = await someWorkers(2)
    const victim = workers[this.kills % 2]!
    kill(victim)
    this.kills += 1
    // Nothing dies twice: the pool knows of this death, and while no result is read all that was taken comes to its
    // end. Without that, a run that is repeated in the other worker may still be there when that one is killed.
    await until(() => isReaped(victim))
    await idle(this.#runtime)
    this.#next = results + this.#every
  }
}

if (process.platform !== 'win32') {
  serial(
    '20,000 jobs of all kinds have one right result each while workers are killed',
    async (t) => {
      t.timeout(5 * PATIENCE_MS)
      await using runtime = new Runtime({ threads: 2, workers: 'processes', retry: true })
      const [exit, cat, trap, flood, loop] = await Promise.all(
        ['exit-argv', 'cat', 'trap-unreachable', 'flood-argv', 'loop'].map((name) =>
          ownWat(name, { runtime }),
        ),
      )
      const kinds: ((n: number) => [job: Job<string>, stdout: string])[] = [
        (n) => [{ program: exit!, args: [`${n}`], id: `exit ${n}` }, ''],
        (n) => [
          { program: cat!, stdin: `${n}`.repeat(n % 500), id: 'exit 0' },
          `${n}`.repeat(n % 500),
        ],
        () => [{ program: trap!, id: 'trap unreachable' }, 'before trap\n'],
        (n) => [{ program: flood!, args: [`${n}`], id: 'exit 0' }, 'x'.repeat(n)],
        (n) => [{ program: loop!, limits: { fuel: n + 1 }, id: 'limit fuel' }, ''],
      ]
      const make = (n: number) => kinds[n % kinds.length]!(n)
      function* jobs() {
        for (let n = 0; n < 20_000; n += 1) yield make(n)[0]
      }
      const killer = new Killer(runtime, 3000)
      let next = 0
      for await (const { index, id, outcome, error } of exit!.batch<string>(jobs(), {
        concurrency: 8,
      })) {
        if (index !== next) t.fail(`${index} instead of ${next}`)
        next += 1
        const stdout = make(index)[1]
        if (outcome === undefined) t.fail(`${index}: ${error.message}`)
        else if (ending(outcome) !== id || outcome.stdout.toString() !== stdout) {
          t.fail(`${index}: ${ending(outcome)} instead of ${id}`)
        }
        await killer.seen(next)
      }
      t.is(next, 20_000)
      t.true(killer.kills >= 2, `${killer.kills}`)
      t.log(`${killer.kills} workers were killed`)
      t.like(runtime.stats(), { queued: 0, running: 0, finished: 20_000 })
    },
  )

  for (const retry of [false, true]) {
    serial(
      `no job is started twice without retry, or more often than twice with it (${retry})`,
      async (t) => {
        t.timeout(5 * PATIENCE_MS)
        const data = await folder(t)
        await using runtime = new Runtime({ threads: 2, workers: 'processes', retry })
        const program = await ownWat('append-file', { runtime })
        const preopens = { '/': { hostPath: data, access: 'write' as const } }
        const count = 4000
        const jobs = Array.from({ length: count }, (_, n) => ({ args: [`${n}`, 'x'] }))
        const killer = new Killer(runtime, 500)
        const died = new Set<number>()
        let results = 0
        for await (const { index, outcome, error } of program.batch(jobs, {
          defaults: { preopens },
          concurrency: 4,
          ordered: false,
        })) {
          results += 1
          if (outcome !== undefined) {
            if (ending(outcome) !== 'exit 0') t.fail(`${index}: ${ending(outcome)}`)
          } else {
            t.is(error.code, 'ERR_WORKER_DIED')
            died.add(index)
          }
          await killer.seen(results)
        }
        t.is(results, count)
        t.true(killer.kills >= 2, `${killer.kills}`)
        const starts = await Promise.all(
          jobs.map(({ args }) => readFile(join(data, args[0]!), 'latin1').catch(() => '')),
        )
        const most = retry ? 2 : 1
        for (const [index, text] of starts.entries()) {
          const least = died.has(index) ? 0 : 1
          if (text.length < least || text.length > most)
            t.fail(`job ${index} started ${text.length} times`)
        }
        if (retry) t.is(died.size, 0)
        t.log(
          `${killer.kills} workers killed, ${died.size} jobs died, ${starts.filter((s) => s === 'xx').length} started twice`,
        )
      },
    )
  }

  test('a batch whose jobs do not end keeps no other run from going', async (t) => {
    await using runtime = new Runtime({ threads: 2, workers: 'processes' })
    const sleep = await ownWat('sleep-hour', { runtime })
    const hello = await ownWat('hello', { runtime })
    const controller = new AbortController()
    const batches = Array.from({ length: 3 }, () =>
      sleep.batch(
        Array.from({ length: 50 }, () => ({})),
        {
          concurrency: 1,
          signal: controller.signal,
        },
      ),
    )
    const summaries = batches.map(({ summary }) => summary)
    for (let round = 0; round < 20; round += 1) t.is(ending(await hello.run()), 'exit 0')
    const { ok } = await hello.batch(Array.from({ length: 1000 }, () => ({}))).summary
    t.is(ok, 1000)
    t.is(runtime.stats().running, 3)
    controller.abort()
    for (const { jobs, kinds } of await Promise.all(summaries)) t.is(kinds.abort, jobs)
  })

  test('jobs behind one that does not end go to another process', async (t) => {
    await using runtime = new Runtime({ threads: 2, maxConcurrentRuns: 2, workers: 'processes' })
    const sleep = await ownWat('signal-then-sleep', { runtime })
    const exit = await ownWat('exit-argv', { runtime })
    for (const jobsFirst of [false, true]) {
      const stderr = new Sink()
      const controller = new AbortController()
      const start = () => sleep.run({ stderr, signal: controller.signal })
      const running = jobsFirst ? [] : [start()]
      const runs = Array.from({ length: 300 }, (_, n) => {
        if (jobsFirst && n === 7) running.push(start())
        return exit.run({ args: [`${n}`] }).then(ending)
      })
      const summary = exit.batch(
        Array.from({ length: 300 }, () => ({})),
        { concurrency: 2 },
      ).summary
      t.deepEqual(
        await Promise.all(runs),
        runs.map((_, n) => `exit ${n}`),
      )
      t.is((await summary).ok, 300)
      await stderr.until('ready')
      controller.abort()
      t.deepEqual((await Promise.all(running)).map(ending), ['abort'])
    }
  })

  test('short runs get on beside others of their program that do not end', async (t) => {
    await using runtime = new Runtime({ threads: 4, workers: 'processes' })
    const program = await ownWat('loop-argv', { runtime })
    const short = (): Job[] => Array.from({ length: 2000 }, () => ({ args: ['0'] }))
    // From now on its runs are known to be short.
    t.is((await program.batch(short()).summary).ok, 2000)
    const controller = new AbortController()
    const { signal } = controller
    const endless: Promise<Outcome>[] = []
    for (let stuck = 1; stuck <= 3; stuck += 1) {
      endless.push(program.run({ args: ['1000000'], signal }))
      const runs = Array.from({ length: 300 }, () => program.run({ args: ['0'] }))
      const { summary } = program.batch(short())
      t.deepEqual(new Set((await Promise.all(runs)).map(ending)), new Set(['exit 0']))
      t.is((await summary).ok, 2000)
    }
    await until(() => runtime.stats().running === 3)
    controller.abort()
    t.deepEqual((await Promise.all(endless)).map(ending), ['abort', 'abort', 'abort'])
  })

  test('the concurrency of a batch holds over all processes', async (t) => {
    await using runtime = new Runtime({ threads: 2, workers: 'processes' })
    const program = await ownWat('signal-then-sleep', { runtime })
    for (const concurrency of [1, 3, 4]) {
      const sinks = Array.from({ length: concurrency + 5 }, () => new Sink())
      const jobs = sinks.map((stderr) => ({ stderr }))
      const controller = new AbortController()
      const { signal } = controller
      const { summary } = program.batch(jobs, { concurrency, signal })
      const ready = () => sinks.filter(({ text }) => text.includes('ready')).length
      await until(() => ready() === concurrency)
      await new Promise((resolve) => setTimeout(resolve, 100))
      t.is(ready(), concurrency)
      t.is(runtime.stats().running, concurrency)
      controller.abort()
      t.is((await summary).kinds.abort, jobs.length)
    }
  })

  test('outputs that nobody reads are held back, and hold up nobody else', async (t) => {
    await using runtime = new Runtime({ threads: 2, workers: 'processes' })
    const flood = await ownWat('flood-argv', { runtime })
    const hello = await ownWat('hello', { runtime })
    const jobs = Array.from({ length: 60 }, () => ({ args: [`${16 << 20}`] }))
    let results = 0
    for await (const { outcome } of flood.batch(jobs, { concurrency: 2 })) {
      t.is(outcome?.stdout.length, 16 << 20)
      results += 1
      if (results !== 1) continue
      // Those that go on come to their end; no more begin.
      let finished = -1
      await until(async () => {
        const before = finished
        await new Promise((resolve) => setTimeout(resolve, 300))
        finished = runtime.stats().finished
        return before === finished && runtime.stats().running === 0
      })
      t.true(finished <= 20, `${finished} have run`)
      for (let round = 0; round < 20; round += 1) t.is(ending(await hello.run()), 'exit 0')
    }
    t.is(results, 60)
  })

  test('batches may be opened and closed by the hundred', async (t) => {
    await using runtime = new Runtime({ threads: 2, workers: 'processes' })
    const program = await ownWat('args', { runtime })
    for (let round = 0; round < 10; round += 1) {
      const batches = Array.from({ length: 30 }, async (_, n) => {
        const seen: string[] = []
        const jobs = Array.from({ length: 20 }, (_, at) => ({ args: [`${n} ${at}`] }))
        for await (const { outcome } of program.batch(jobs, { concurrency: (n % 5) + 1 })) {
          seen.push(outcome!.stdout.toString())
        }
        return seen.every((text, at) => text === `args.wat\n${n} ${at}\n`) && seen.length === 20
      })
      t.true((await Promise.all(batches)).every(Boolean))
    }
    t.is(runtime.stats().finished, 6000)
  })
} else {
  test.skip('workers are listed by ps and killed by signals, which Windows does not have', () => {})
}
