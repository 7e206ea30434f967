import test from 'ava'
import type { BatchOptions, Job, Outcome, RunOptions } from '../support/package.ts'
import { drain, ending, folder, numbers, observed, Sink, summarize, wat } from '../support/guest.ts'

type Defaults = NonNullable<BatchOptions['defaults']>

/** How jobs of a guest end over the same defaults. */
async function outcomes(guest: string, defaults: Defaults, jobs: Job[]): Promise<Outcome[]> {
  const { all } = await drain((await wat(guest)).batch(jobs, { defaults }))
  return all.map(({ outcome, error }) => {
    if (error !== undefined) throw error
    return outcome
  })
}

test('jobs have the options of the defaults unless they give their own', async (t) => {
  const all = await outcomes('args', { args: ['a', 'b'] }, [{}, { args: ['c'] }, { args: [] }])
  t.deepEqual(
    all.map(({ stdout }) => stdout.toString()),
    ['args.wat\na\nb\n', 'args.wat\nc\n', 'args.wat\n'],
  )
})

test('an option that is undefined is the default one', async (t) => {
  const job = { args: undefined, env: undefined, limits: { fuel: undefined, timeoutMs: undefined } }
  const [outcome] = await outcomes('loop', { limits: { fuel: 1000 } }, [job])
  t.is(ending(outcome!), 'limit fuel')
})

test('limits are merged one by one', async (t) => {
  const defaults: Defaults = { limits: { outputBytes: 5, fuel: 1e9, timeoutMs: 60_000 } }
  const jobs: [limits: RunOptions['limits'], output: number, fuel: boolean][] = [
    [undefined, 5, true],
    [{}, 5, true],
    [{ outputBytes: 7 }, 7, true],
    [{ timeoutMs: 50_000, cpuMs: 50_000 }, 5, true],
    [{ fuel: 1e8 }, 5, true],
  ]
  const all = await outcomes(
    'flood',
    defaults,
    jobs.map(([limits]) => ({ limits })),
  )
  t.deepEqual(
    all.map((outcome) => [
      ending(outcome),
      outcome.stdout.length,
      outcome.usage.fuel !== undefined,
    ]),
    jobs.map(([, output, fuel]) => ['limit output', output, fuel]),
  )
})

test('fuel, cpu time, memory and time are limits of each job', async (t) => {
  const guests: [name: string, limits: RunOptions['limits'], how: string][] = [
    ['loop', { fuel: 1000 }, 'limit fuel'],
    ['loop', { cpuMs: 1 }, 'limit cpu'],
    ['loop', { timeoutMs: 1 }, 'limit timeout'],
    ['grow-until-denied', { memoryBytes: 5 * 65_536, onMemory: 'stop' }, 'limit memory'],
    ['grow-until-denied', { memoryBytes: 5 * 65_536 }, 'exit 0'],
    ['flood', { outputBytes: 10 }, 'limit output'],
    ['flood', { outputBytes: 10, onOutput: 'truncate', fuel: 1e6 }, 'limit fuel'],
  ]
  const jobs = await Promise.all(
    guests.map(async ([name, limits]) => ({ program: await wat(name), limits })),
  )
  const { all } = await drain((await wat('hello')).batch(jobs))
  t.deepEqual(
    all.map(summarize),
    guests.map(([, , how]) => how),
  )
  t.is(all[4]!.outcome!.stdout.toString(), '5\n')
  t.true(all[4]!.outcome!.usage.memoryDenied)
  t.true(all[6]!.outcome!.usage.outputTruncated)
})

test('all other options are replaced as a whole', async (t) => {
  const env = await outcomes('env', { env: { A: '1', B: '2' } }, [
    {},
    { env: { C: '3' } },
    { env: {} },
  ])
  t.deepEqual(
    env.map(({ stdout }) => stdout.toString()),
    ['A=1\nB=2\n', 'C=3\n', ''],
  )
  const hostPath = await folder(t)
  const preopens = await outcomes('list-preopens', { preopens: { '/a': hostPath } }, [
    {},
    { preopens: { '/b': hostPath } },
    { preopens: {} },
  ])
  t.deepEqual(
    preopens.map(({ stdout }) => stdout.toString()),
    ['/a\n', '/b\n', ''],
  )
})

test('stdin of the defaults is given to each job', async (t) => {
  for (const stdin of ['text', Buffer.from('text')]) {
    const jobs: Job[] = [
      {},
      { stdin: 'own' },
      { stdin: 'empty' },
      { stdin: Buffer.from('bytes') },
      {},
    ]
    const all = await outcomes('cat', { stdin }, jobs)
    t.deepEqual(
      all.map(({ stdout }) => stdout.toString()),
      ['text', 'own', '', 'bytes', 'text'],
    )
  }
})

test('what is printed goes where the defaults say, or the job', async (t) => {
  const shared = new Sink()
  const own = new Sink()
  const all = await outcomes('print-both', { stdout: shared, stderr: 'ignore' }, [
    {},
    { stdout: 'capture' },
    { stdout: own, stderr: 'capture' },
    { stdout: 'ignore' },
    { stderr: shared },
    { stdout: undefined },
  ])
  t.deepEqual(all.map(observed), [
    ['exit 2', '', ''],
    ['exit 2', 'out\n', ''],
    ['exit 2', '', 'err\n'],
    ['exit 2', '', ''],
    ['exit 2', '', ''],
    ['exit 2', '', ''],
  ])
  t.deepEqual(shared.text.match(/\w+/g)!.toSorted(), ['err', 'out', 'out', 'out'])
  t.is(own.text, 'out\n')
})

test('a Writable of the defaults gets the output of all jobs', async (t) => {
  const sink = new Sink()
  const jobs = numbers(500).map(() => ({}))
  const program = await wat('hello')
  const batch = program.batch(jobs, { defaults: { stdout: sink }, concurrency: 10 })
  const { all } = await drain(batch)
  t.true(all.every(({ outcome }) => outcome!.ok && outcome!.stdout.length === 0))
  t.is(sink.text, 'hello\n'.repeat(500))
  t.deepEqual([sink.listenerCount('error'), sink.listenerCount('close')], [0, 0])
})

test('the clock and the random numbers of the defaults are those of all jobs', async (t) => {
  const defaults: Defaults = { clock: { now: 1e12 }, randomSeed: 5 }
  const jobs: Job[] = [{}, {}, { randomSeed: 6 }, { randomSeed: 5 }]
  const random = (await outcomes('random', defaults, jobs)).map(({ stdout }) => `${stdout}`)
  t.is(random[1], random[0])
  t.not(random[2], random[0])
  t.is(random[3], random[0])
  const clocks = await outcomes('clock', defaults, [{}, {}, { clock: 'real' }])
  const walls = clocks.map(({ stdout }) => stdout.toString().split('\n')[0])
  t.deepEqual(walls.slice(0, 2), ['1000000000000000000', '1000000000000000000'])
  t.not(walls[2], walls[1])
})

test('defaults are read once: changing them later changes nothing', async (t) => {
  const args = ['1']
  let reads = 0
  const defaults = {
    get args() {
      reads += 1
      return args
    },
  }
  const batch = (await wat('exit-argv')).batch(
    numbers(100).map(() => ({})),
    { defaults },
  )
  args[0] = '2'
  const { all } = await drain(batch)
  t.true(all.every((result) => summarize(result) === 'exit 1'))
  t.is(reads, 1)
})

test('defaults go for programs of all kinds', async (t) => {
  const [args, component, hello] = await Promise.all(['args', 'component-hello', 'hello'].map(wat))
  const jobs = [{}, { program: component! }, { program: hello! }]
  const { all } = await drain(
    args!.batch(jobs, { defaults: { args: ['x'], limits: { fuel: 1e6 } } }),
  )
  t.deepEqual(
    all.map(({ outcome }) => outcome!.stdout.toString()),
    ['args.wat\nx\n', 'hello\n', 'hello\n'],
  )
  t.true(all.every(({ outcome }) => outcome!.usage.fuel! > 0n))
})
