// What a closed runtime gives back to the system, whatever still refers to it.
import test from 'ava'
import { node } from '../support/child.ts'

/** What a process has of the system: descriptors, threads, and TiB of address space. */
const TAKEN = `
  const { readdirSync, readFileSync } = await import('node:fs')
  const { setTimeout: delay } = await import('node:timers/promises')
  const descriptors = () => readdirSync('/proc/self/fd').length
  const threads = () => readdirSync('/proc/self/task').length
  const tebibytes = () =>
    Math.floor(Number(/VmSize:\\s+(\\d+)/.exec(readFileSync('/proc/self/status', 'utf8'))[1]) / 2 ** 30)
  /** Waits for what ends after the event loop has heard of it. */
  const until = async (holds) => {
    for (let turn = 0; turn < 1000 && !holds(); turn += 1) await delay(10)
    return holds()
  }
`

/** Uses a runtime in each way, and returns all that refers to it. */
const USE = `
  async function use(runtime) {
    const options = { runtime, cache: false }
    const [hello, sleeping, library] = await Promise.all([
      ownWat('hello', options), ownWat('sleep-hour', options), ownWat('exports', options),
    ])
    // Worker processes have no instances yet.
    const hasInstances = runtime.stats().workers === 'threads'
    const instance = hasInstances && (await library.instantiate())
    const pool = hasInstances && library.pool({ instances: 1 })
    const batch = hello.batch([{}, {}])
    const results = []
    for await (const result of batch) results.push(result)
    return {
      runtime, hello, sleeping, library, instance, pool, batch, results,
      sync: hello.runSync(),
      called: hasInstances && [instance.callSync('add', 1, 2), await pool.call('add', 1, 2)],
      ended: await hello.run({ limits: { fuel: 1_000_000n } }),
      guest: sleeping.spawn(),
      running: sleeping.run(),
    }
  }
`

if (process.platform === 'linux') {
  for (const workers of ['threads', 'processes'] as const) {
    const rounds = workers === 'threads' ? 25 : 4
    test(`a closed runtime has no descriptors, threads and address space (${workers})`, async (t) => {
      const child = await node(
        `${TAKEN}${USE}
         const round = async () => {
           const runtime = new Runtime({ threads: 2, workers: ${JSON.stringify(workers)} })
           const used = await use(runtime)
           const before = [descriptors(), threads()]
           await runtime.close()
           // Counted before anything else can happen.
           return { used, before, after: descriptors() }
         }
         // What the first runtime makes for the whole process.
         const first = await round()
         const base = [descriptors(), threads(), tebibytes()]
         const kept = [first]
         for (let number = 0; number < ${rounds}; number += 1) kept.push(await round())
         console.log(JSON.stringify(kept.map(({ after }) => after - base[0])))
         console.log(await until(() => threads() <= base[1]), tebibytes() - base[2])
         console.log(kept.every(({ before }) => before[0] > base[0] && before[1] > base[1]))
         console.log(ending(await kept[0].used.running), ending(await kept[0].used.guest.outcome))
         for (const { used } of kept) {
           const error = await used.hello.run().catch((error) => error)
           if (error.code !== 'ERR_RUNTIME_CLOSED') console.log(error)
         }`,
      )
      const given = Array.from({ length: rounds + 1 }, () => 0)
      t.is(child.stdout, `${JSON.stringify(given)}\ntrue 0\ntrue\nabort abort\n`, child.stderr)
    })
  }

  test('more runtimes than a process has descriptors can be closed one after the other', async (t) => {
    const child = await node(
      `const kept = []
       for (let number = 0; number < 100; number += 1) {
         const runtime = new Runtime({ threads: 1 })
         const program = await ownWat('hello', { runtime })
         kept.push(runtime, program, await program.run())
         await runtime.close()
       }
       console.log(kept.length)`,
      { under: ['sh', '-c', 'ulimit -n 100; exec "$0" "$@"'] },
    )
    t.like(child, { code: 0, stdout: '300\n' }, child.stderr)
  })

  test('a thread of JavaScript that ends leaves nothing of its runtimes', async (t) => {
    const child = await node(
      `${TAKEN}
       const { startTask } = await import(${JSON.stringify(new URL('../support/tasks.ts', import.meta.url).href)})
       const { once } = await import('node:events')
       const round = () => once(startTask('leave'), 'exit')
       await round()
       await round()
       // What is freed late belongs to the base as well: there must be no more of it.
       await delay(500)
       const base = descriptors()
       for (let number = 0; number < 4; number += 1) await round()
       console.log(await until(() => descriptors() <= base))`,
      { timeout: 240_000 },
    )
    t.like(child, { code: 0, stdout: 'true\n' }, child.stderr)
  })
} else {
  test.skip('what a process has is read from /proc', () => {})
}
