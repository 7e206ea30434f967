// What a worker does beyond running jobs: limits, hostile data, lost programs, quarantine, drains, health.
import { createHash } from 'node:crypto'
import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import { once } from 'node:events'
import { readFile } from 'node:fs/promises'
import { setTimeout as sleep } from 'node:timers/promises'
import test, { type ExecutionContext } from 'ava'
import { Redis } from 'ioredis'
import { Runtime } from 'wasiexec'
import { workersOf } from '../../../__test__/support/workers.ts'
import { ProgramWorker, type ProgramStore, type QueueResult } from '../src/index.ts'
import { pack } from '../src/binary.ts'
import { readCaps } from '../src/caps.ts'
import {
  all,
  forkWorker,
  openQueue,
  openWorker,
  POISON,
  QUEUE,
  until,
  watPath,
} from './support/queues.ts'
import { onEach, onOne, type Server } from './support/servers.ts'

/** How each job ended, in a word, in the order of the jobs. */
function endings(results: readonly QueueResult[]): string[] {
  return results
    .toSorted((a, b) => a.index - b.index)
    .map(({ outcome, error }) => {
      if (outcome === undefined) return error.code
      return outcome.kind === 'limit' ? `${outcome.kind} ${outcome.limit}` : outcome.kind
    })
}

function redisOf(t: ExecutionContext, server: Server): Redis {
  const redis = new Redis(server.url)
  t.teardown(() => redis.disconnect())
  return redis
}

const key = (name: string): string => `wasiexec:{${QUEUE}}:${name}`

onOne('limits of the operator are upper bounds that no job can raise', async (t, server) => {
  const queue = openQueue(t, server)
  await openWorker(t, server, { limits: { timeoutMs: 200, outputBytes: 1000, fuel: 1e9 } })
  const [loop, flood] = await Promise.all(
    ['loop', 'flood'].map((guest) => queue.addProgram(watPath(guest))),
  )
  const raised = { timeoutMs: 3_600_000, outputBytes: 2 ** 31 - 1, fuel: 2n ** 60n }
  await queue.submit(
    [
      { program: loop },
      { program: loop, limits: raised },
      { program: loop, limits: { fuel: 1000 } },
      { program: flood, limits: raised },
      { program: flood, limits: { outputBytes: 10 } },
      { program: loop, limits: { timeoutMs: -1 } },
      { program: loop, limits: { timeoutMs: 'long' as never } },
      { program: loop, limits: 5 as never },
    ],
    { defaults: { limits: raised } },
  )
  const results = await all(queue.results())
  t.deepEqual(
    endings(results).map((ending) => ending.replace(/(?<=limit )(fuel|timeout)/, 'time')),
    [
      'limit time',
      'limit time',
      'limit time',
      'limit output',
      'limit output',
      'ERR_INVALID_OPTION',
      'ERR_INVALID_OPTION',
      'ERR_INVALID_OPTION',
    ],
  )
  const sizes = results.flatMap(({ outcome }) => outcome?.stdout.length ?? [])
  t.true(Math.max(...sizes) <= 1000)
})

onOne(
  'without limits of its own a worker has bounds, and refuses those that are none',
  async (t, server) => {
    const queue = openQueue(t, server)
    await openWorker(t, server)
    const grow = await queue.addProgram(watPath('grow-argv'))
    await queue.submit([{ args: ['20000'], limits: { onMemory: 'stop' } }], { program: grow })
    t.deepEqual(endings(await all(queue.results())), ['limit memory'])
    for (const [options, message] of [
      [{ limits: { timeoutMs: 0 } }, /^`limits.timeoutMs` must be a positive number, got 0$/],
      [{ limits: { cpuMs: Infinity } }, /^`limits.cpuMs` must be a positive number, got Infinity$/],
      [{ limits: { onMemory: 'stop' } }, /^`limits.onMemory` must be left out; upper bounds are/],
      [{ limits: 5 }, /^`limits` must be an object, got 5$/],
      [{ lockMs: 5 }, /^`lockMs` must be a whole number from 100 on, got 5$/],
      [{ chunks: 0.5 }, /^`chunks` must be a whole number from 1 on, got 0.5$/],
      [{ programs: 0 }, /^`programs` must be a whole number from 1 on, got 0$/],
      [{ runtime: { threads: 0 } }, /threads/],
      [{ store: 5 }, /^`store` must be an object with/],
      [{ connection: '' }, /^`connection` must be a URL that begins/],
    ] as [object, RegExp][])
      t.throws(() => new ProgramWorker(QUEUE, { connection: server.url, ...options }), {
        code: 'ERR_INVALID_OPTION',
        message,
      })
  },
)

onOne(
  'a job has no folder and no network but what the operator grants to all',
  async (t, server) => {
    const queue = openQueue(t, server)
    const folder = watPath('hello').replace(/hello\.wat$/, '')
    const program = await queue.addProgram(watPath('list-preopens'))
    await queue.submit([{}, { preopens: { '/': '/' } } as never], { program })
    const bare = await openWorker(t, server)
    const [first, second] = (await all(queue.results())).toSorted((a, b) => a.index - b.index)
    t.is(first?.outcome?.stdout.toString(), '')
    t.like(second?.error, { code: 'ERR_INVALID_OPTION' })
    await bare.drain()
    await openWorker(t, server, { grants: { preopens: { '/data': folder } } })
    await queue.submit([{}], { program })
    const [granted] = await all(queue.results())
    t.is(granted?.outcome?.stdout.toString().trim(), '/data')
  },
)

onOne('a core module runs where components are granted a network', async (t, server) => {
  const rule = { allow: ['127.0.0.1:1'] }
  await openWorker(t, server, {
    grants: { network: rule, http: { allow: ['http://127.0.0.1:1'] } },
  })
  const queue = openQueue(t, server)
  const runs = await all((await queue.addProgram(watPath('hello'))).batch([{}]))
  t.is(runs[0]?.outcome?.stdout.toString(), 'hello\n')
  const calls = await all(
    (await queue.addProgram(watPath('exports'))).batch([{ call: ['add', 1, 2] }]),
  )
  t.like(calls[0]?.outcome, { kind: 'returned', values: [3] })
})

onEach(
  'hostile data in the queue costs its own jobs an error, and nothing else',
  async (t, server) => {
    const queue = openQueue(t, server)
    const redis = redisOf(t, server)
    const program = await queue.addProgram(watPath('exit-argv'))
    const { id } = await queue.submit(
      Array.from({ length: 14 }, (_, job) => ({ id: job, args: ['3'] })),
      { program, chunkJobs: 1 },
    )
    const programs = [[program.digest, 'p']]
    const deep = (depth: number): unknown => (depth === 0 ? [] : [deep(depth - 1)])
    const payloads: Uint8Array[] = [
      Buffer.from(''),
      Buffer.from([0xdd, 0xff, 0xff, 0xff, 0xff]),
      pack('text'),
      pack([2, programs, 0, [[0, 0, {}]]]),
      pack([1, [['../../etc/passwd', 'p']], 0, [[0, 0, {}]]]),
      pack([1, programs, 0, [[0, 5, {}]]]),
      pack([1, programs, 0, [[0, 0, { preopens: { '/': '/' } }]]]),
      pack([1, programs, 0, [[0, 0, { stdin: 'inherit' }]]]),
      pack([1, programs, 0, [[0, 0, { stdout: 'inherit' }]]]),
      pack([1, programs, 0, [[7, 0, {}]]]),
      pack([1, programs, 0, [[0, 0, { args: deep(40) }]]]),
      // A job more than was said, and programs without jobs.
      pack([1, programs, 0, [1, 2].map(() => [0, 0, {}])]),
      pack([1, [...programs, ...programs], 0, [[0, 0, {}]]]),
    ]
    for (const [at, payload] of payloads.entries())
      await redis.hset(key(`chunk:${id}.${at}`), 'payload', Buffer.from(payload))
    await openWorker(t, server)
    const results = await all(queue.results())
    t.is(results.length, 14)
    const errors = results.filter(({ error }) => error !== undefined)
    t.deepEqual([...new Set(errors.map(({ error }) => error!.code))], ['ERR_INVALID_OPTION'])
    t.is(errors.length, 13)
    t.like(
      results.find(({ outcome }) => outcome !== undefined),
      { id: 13 },
    )
  },
)

onOne('defaults that are not options are the error of each job', async (t, server) => {
  const queue = openQueue(t, server)
  const program = await queue.addProgram(watPath('exit-argv'))
  const { id } = await queue.submit([{}, {}], { program })
  await redisOf(t, server).hset(key(`submission:${id}`), 'defaults', pack({ stdin: 'inherit' }))
  await queue.submit([{}], { program, defaults: { limits: { timeoutMs: 'x' as never } } })
  await openWorker(t, server)
  t.deepEqual(endings(await all(queue.results())), Array(3).fill('ERR_INVALID_OPTION'))
})

onOne(
  'programs are checked against their digest; a missing or damaged one is an error in the end',
  async (t, server) => {
    const binary = await readFile(watPath('hello'))
    const digest = createHash('sha256').update(binary).digest('hex')
    const held = new Map<string, Uint8Array>()
    let gets = 0
    const store: ProgramStore = {
      has: async (wanted) => held.has(wanted),
      get: async (wanted) => {
        gets += 1
        // It cannot be reached at first, which is nobody's result.
        if (gets === 1) throw new Error('the store is away')
        return held.get(wanted)
      },
      put: async (wanted, bytes) => void held.set(wanted, bytes),
    }
    const queue = openQueue(t, server, { store })
    const program = await queue.addProgram(binary)
    await openWorker(t, server, { store })
    await queue.submit([{}, {}], { program })
    t.deepEqual(endings(await all(queue.results())), ['exit', 'exit'])
    t.is(gets, 2)

    const missing = queue.program('0'.repeat(64))
    const damaged = queue.program(createHash('sha256').update('text').digest('hex'))
    held.set(damaged.digest, binary)
    await queue.submit([{ program: missing }, { program: damaged }, { program }])
    const results = await all(queue.results())
    t.deepEqual(endings(results), ['ERR_READ_FAILED', 'ERR_READ_FAILED', 'exit'])
    const messages = results.map(({ error }) => error?.message).join('\n')
    t.regex(messages, /the store has no program 0{64} \(program\): add it with/)
    t.regex(messages, new RegExp(`damaged program .*: its digest is ${digest}`))
  },
)

onOne('a program that is none, or precompiled, is the error of its jobs', async (t, server) => {
  const queue = openQueue(t, server)
  await openWorker(t, server)
  const none = await queue.addProgram(new TextEncoder().encode('not a program'), { name: 'none' })
  const library = await queue.addProgram(watPath('no-start'))
  await queue.submit([{ program: none }, { program: library }])
  t.deepEqual(endings(await all(queue.results())), ['ERR_INVALID_WASM', 'ERR_NO_ENTRY_POINT'])
})

onEach(
  'a poison program that kills its workers is quarantined, and other jobs end as ever',
  async (t, server) => {
    const queue = openQueue(t, server)
    const [good, poison] = await Promise.all([
      queue.addProgram(watPath('exit-argv')),
      // Its runs kill the processes of `forkWorker` by their name; its bytes are nobody else's.
      queue.addProgram(
        new TextEncoder().encode('(module (memory 1) (func (export "_start") (loop (br 0))))'),
        { name: POISON },
      ),
    ])
    const jobs = Array.from({ length: 60 }, (_, id) => ({
      id,
      args: [`${id}`],
      program: id === 20 || id === 40 ? poison : good,
    }))
    await queue.submit(jobs, { chunkJobs: 60 })
    const ended: number[] = []
    const results: QueueResult[] = []
    let deaths = 0
    const over = new AbortController()
    const isOver = once(over.signal, 'abort')
    const keepOne = async (): Promise<void> => {
      while (!over.signal.aborted) {
        const worker = await forkWorker(t, server, {
          lockMs: 500,
          chunks: 1,
          runtime: { threads: 1 },
        })
        await Promise.race([worker.ended(), isOver])
        if (worker.hasEnded) deaths += 1
      }
    }
    const keeping = keepOne()
    for await (const result of queue.results<number>()) {
      results.push(result)
      ended.push(result.id)
    }
    over.abort()
    await keeping
    t.deepEqual(
      ended.toSorted((a, b) => a - b),
      jobs.map(({ id }) => id),
    )
    for (const { id, outcome, error } of results as QueueResult<number>[]) {
      if (jobs[id]!.program === good) t.is(outcome?.kind === 'exit' && outcome.code, id)
      else {
        t.is(error?.code, 'ERR_WORKER_DIED')
        t.regex(error!.message, new RegExp(`^the program ${poison.digest} is in quarantine: `))
      }
    }
    // Once in company, then twice alone. Its other jobs cost nothing.
    t.is(deaths, 3)
    const [listed] = await queue.quarantined()
    t.is(listed?.digest, poison.digest)
    t.regex(listed!.reason, /^its job 20 was alone in its worker when that was lost, 2 times$/)

    await openWorker(t, server)
    await queue.submit([{}], { program: poison })
    t.deepEqual(endings(await all(queue.results())), ['ERR_WORKER_DIED'])
    t.true(await queue.release(poison.digest))
    t.false(await queue.release(poison.digest))
    await queue.submit([{ limits: { timeoutMs: 50 } }], { program: poison })
    t.deepEqual(endings(await all(queue.results())), ['limit timeout'])
  },
)

/** A program that runs for ever, unlike all others with another name. */
function endless(name: string): Uint8Array {
  const text = `(module (memory (export "memory") 1) (data (i32.const 0) "${name}")
    (func (export "_start") (loop (br 0))))`
  return new TextEncoder().encode(text)
}

onOne('jobs beside one that kills their worker are not blamed', async (t, server) => {
  const queue = openQueue(t, server)
  const names = [POISON, 'a', 'b', 'c', 'd']
  const jobs = await Promise.all(
    names.map(async (name) => ({
      id: name,
      program: await queue.addProgram(endless(name), { name }),
      limits: { timeoutMs: name === POISON ? 60_000 : 300 },
    })),
  )
  await queue.submit(jobs, { chunkJobs: 1 })
  const over = new AbortController()
  const isOver = once(over.signal, 'abort')
  const keeping = (async () => {
    while (!over.signal.aborted) {
      const worker = await forkWorker(t, server, { lockMs: 500, runtime: { threads: 4 } })
      await Promise.race([worker.ended(), isOver])
    }
  })()
  const results = await all(queue.results())
  over.abort()
  await keeping
  t.deepEqual(endings(results), ['ERR_WORKER_DIED', ...Array<string>(4).fill('limit timeout')])
  t.is((await queue.quarantined()).length, 1)
})

onOne('a worker process that dies is blamed on a job that was alone in it', async (t, server) => {
  const queue = openQueue(t, server)
  // Other tests of this process have runs, too.
  const name = 'kills its process'
  const [poison, other] = await Promise.all(
    [name, 'other'].map((name) => queue.addProgram(endless(name), { name })),
  )
  let starts = 0
  const poisoned = { isRunning: false }
  const isPoison = (message: unknown): boolean => (message as { program: string }).program === name
  const kill = async (): Promise<void> => {
    while (poisoned.isRunning) {
      for (const pid of await workersOf()) {
        try {
          if (poisoned.isRunning) process.kill(pid, 'SIGKILL')
        } catch {
          // It has ended meanwhile.
        }
      }
      // Its process may not have been there yet.
      await sleep(200)
    }
  }
  const onStart = (message: unknown): void => {
    if (!isPoison(message)) return
    starts += 1
    poisoned.isRunning = true
    void kill()
  }
  const onEnd = (message: unknown): void => {
    if (isPoison(message)) poisoned.isRunning = false
  }
  subscribe('wasiexec:run:start', onStart)
  subscribe('wasiexec:run:end', onEnd)
  t.teardown(() => {
    unsubscribe('wasiexec:run:start', onStart)
    unsubscribe('wasiexec:run:end', onEnd)
  })
  await openWorker(t, server, { runtime: { threads: 1, workers: 'processes' }, chunks: 2 })
  await queue.submit(
    [
      { program: poison, limits: { timeoutMs: 60_000 } },
      { program: other, limits: { timeoutMs: 500 } },
    ],
    { chunkJobs: 1 },
  )
  t.deepEqual(endings(await all(queue.results())), ['ERR_WORKER_DIED', 'limit timeout'])
  t.is((await queue.quarantined()).length, 1)
  // Once in company, then twice alone.
  t.is(starts, 3)
})

onOne('what is wrong with a machine is no result', async (t, server) => {
  const queue = openQueue(t, server)
  const loop = await queue.addProgram(watPath('loop'))
  const runtime = new Runtime({ threads: 1, cacheDir: false })
  const closed = await openWorker(t, server, { runtime, chunks: 2 })
  await queue.submit([{}, {}, {}], { program: loop, chunkJobs: 1 })
  await until(() => closed.stats().active === 2)
  await runtime.close()
  await until(() => closed.stats().active === 0)
  await closed.drain()
  const away = await openWorker(t, server, { grants: { preopens: { '/data': '/not/mounted' } } })
  await until(() => /chunks_retried_total\{[^}]*\} [1-9]/.test(away.metrics()))
  await away.drain()
  await openWorker(t, server, { limits: { timeoutMs: 100 }, lockMs: 500 })
  t.deepEqual(endings(await all(queue.results())), Array(3).fill('limit timeout'))
})

test('a bound that is undefined is the one of the default', (t) => {
  const caps = readCaps({ timeoutMs: undefined, sockets: 5 })
  t.deepEqual(caps, { ...readCaps(), sockets: 5 })
  t.is(caps.timeoutMs, 60_000)
})

onOne('a worker that was cut off and comes back changes no result', async (t, server) => {
  const queue = openQueue(t, server)
  const program = await queue.addProgram(watPath('sleep-argv'))
  const frozen = await forkWorker(t, server, { lockMs: 500, chunks: 2, runtime: { threads: 4 } })
  const jobs = Array.from({ length: 40 }, (_, id) => ({ id, args: ['1000'] }))
  await queue.submit(jobs, { program, chunkJobs: 20 })
  await until(async () => (await queue.progress()).chunks.active === 2)
  frozen.signal('SIGSTOP')
  const worker = await openWorker(t, server, { lockMs: 500 })
  const ids: number[] = []
  for await (const { id, outcome } of queue.results<number>()) {
    ids.push(id)
    t.is(outcome?.kind, 'exit')
    if (ids.length === 30) frozen.signal('SIGCONT')
  }
  t.deepEqual(
    ids.toSorted((a, b) => a - b),
    jobs.map(({ id }) => id),
  )
  t.true(worker.stats().lost > 0)
})

onOne('a server that is out of reach for a while loses nothing', async (t, server) => {
  const queue = openQueue(t, server)
  const program = await queue.addProgram(watPath('exit-argv'))
  await openWorker(t, server, { lockMs: 500 })
  const submitting = queue.submit(
    Array.from({ length: 2000 }, (_, id) => ({ id })),
    { program, chunkJobs: 20 },
  )
  const ids: number[] = []
  for await (const { id } of queue.results<number>()) {
    ids.push(id)
    if (ids.length !== 300) continue
    server.signal('SIGSTOP')
    setTimeout(() => server.signal('SIGCONT'), 1500)
  }
  await submitting
  t.deepEqual(
    ids.toSorted((a, b) => a - b),
    Array.from({ length: 2000 }, (_, id) => id),
  )
})

onOne('a chunk without a job of BullMQ is found again', async (t, server) => {
  const queue = openQueue(t, server)
  const program = await queue.addProgram(watPath('exit-argv'))
  await queue.submit([{ id: 1 }, { id: 2 }], { program, chunkJobs: 1 })
  const redis = redisOf(t, server)
  // As if the producer had ended before it told BullMQ.
  const bull = await redis.keys(key('chunks:*'))
  await redis.del(...bull)
  await openWorker(t, server, { lockMs: 200 })
  t.deepEqual(endings(await all(queue.results())), ['exit', 'exit'])
})

onOne(
  'a drain ends what is in progress, gives the rest back, and takes no more',
  async (t, server) => {
    const queue = openQueue(t, server)
    const program = await queue.addProgram(watPath('sleep-argv'))
    const jobs = [
      { id: 'short', args: ['300'] },
      { id: 'long', args: ['60000'] },
    ]
    await queue.submit(jobs, { program, chunkJobs: 1 })
    const worker = await openWorker(t, server, { chunks: 4, drainMs: 1500 })
    await until(() => worker.stats().active === 2)
    await worker.drain()
    t.deepEqual(worker.stats(), {
      jobs: { exit: 1 },
      chunks: 1,
      active: 0,
      dropped: 0,
      lost: 0,
      draining: true,
    })
    const { finished, chunks } = await queue.progress()
    t.deepEqual({ finished, chunks }, { finished: 1, chunks: { waiting: 1, active: 0 } })
    // It was given back, not lost: the next worker runs it with its neighbours, and not alone.
    const next = await openWorker(t, server, { limits: { timeoutMs: 200 } })
    t.deepEqual(endings(await all(queue.results())), ['exit', 'limit timeout'])
    t.is(next.stats().lost, 0)
  },
)

onOne('results that nobody reads hold up the jobs of their submission alone', async (t, server) => {
  const queue = openQueue(t, server)
  const flood = await queue.addProgram(watPath('flood'))
  const hello = await queue.addProgram(watPath('hello'))
  const limits = { outputBytes: 100_000 }
  await openWorker(t, server, { maxUnreadBytes: 1_000_000, chunks: 1 })
  await queue.submit(
    Array.from({ length: 100 }, () => ({ limits })),
    { program: flood, chunkJobs: 1 },
  )
  await until(async () => (await queue.progress()).finished >= 10)
  const others = await all(hello.batch([{}, {}]))
  t.is(others.length, 2)
  t.true((await queue.progress()).finished < 20)
  t.is((await all(queue.results())).length, 100)
})

onOne('health and metrics', async (t, server) => {
  const queue = openQueue(t, server)
  const program = await queue.addProgram(watPath('exit-argv'))
  const worker = new ProgramWorker(QUEUE, { connection: server.url, http: { port: 0 }, drainMs: 0 })
  t.teardown(() => worker.drain())
  const at = `http://127.0.0.1:${await worker.ready()}`
  const get = async (path: string): Promise<[number, string]> => {
    const response = await fetch(at + path)
    return [response.status, await response.text()]
  }
  await queue.submit([{}, { args: ['2'] }, { args: 5 as never }], { program })
  await all(queue.results())
  for (const path of ['/livez', '/readyz', '/healthz?full'])
    t.deepEqual(await get(path), [200, 'ok\n'])
  t.is((await get('/'))[0], 404)
  t.is((await fetch(`${at}/metrics`, { method: 'POST' })).status, 405)
  const [, text] = await get('/metrics')
  const lines = text.trimEnd().split('\n')
  for (const line of lines)
    t.regex(
      line,
      /^# (HELP|TYPE) \w+ .+$|^wasiexec_worker_\w+\{queue="tests"(,\w+="[^"]+")*\} [\d.e+-]+$/,
    )
  t.true(lines.includes('wasiexec_worker_jobs_total{queue="tests",kind="exit"} 2'))
  t.true(lines.includes('wasiexec_worker_jobs_total{queue="tests",kind="error"} 1'))
  t.true(lines.includes('wasiexec_worker_run_seconds_count{queue="tests"} 2'))
  server.signal('SIGSTOP')
  t.deepEqual(await get('/livez'), [200, 'ok\n'])
  server.signal('SIGCONT')
  await server.stop('SIGKILL')
  await until(async () => (await get('/readyz'))[0] === 503)
  await server.start()
  await until(async () => (await get('/readyz'))[0] === 200)
})

test('options of a worker that there are not are refused with the nearest', (t) => {
  const connection = 'redis://127.0.0.1:1'
  for (const [options, message] of [
    [undefined, /^`options` must be an object, got undefined$/],
    [{ connection, limit: {} }, /^unknown option `limit`; did you mean `limits`\?$/],
    [{ connection, timeoutMs: 5 }, /did you mean `limits.timeoutMs`\?$/],
    [{ connection, grants: { preopen: {} } }, /did you mean `preopens`\?$/],
    [{ connection, http: { ports: 1 } }, /did you mean `port`\?$/],
  ] as [never, RegExp][])
    t.throws(() => new ProgramWorker('a', options), { code: 'ERR_INVALID_OPTION', message })
})

test('a worker that cannot have its port says so', async (t) => {
  const worker = new ProgramWorker('a', {
    connection: 'redis://127.0.0.1:1',
    http: { port: 1, host: '203.0.113.1' },
    drainMs: 0,
  })
  const errors: Error[] = []
  worker.on('error', (error) => errors.push(error))
  await until(() => errors.some(({ message }) => /EADDRNOTAVAIL/.test(message)))
  t.true(errors.length > 0)
  await worker.drain()
})
