// The same jobs through a batch in this process, through plain BullMQ with one job per run, and through @wasiexec/bullmq,
// with one worker process and one Redis. Prints jobs per second, and the time on a core that each process takes per job.
import { fork, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { performance } from 'node:perf_hooks'
import { setTimeout } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { Queue, QueueEvents } from 'bullmq'
import { Redis } from 'ioredis'
import { load, Runtime } from '../dist/index.mjs'
import { ProgramQueue } from '../packages/bullmq/dist/index.mjs'
import { servers } from '../scripts/servers.mjs'
import { median, print, ratio, takeTurns } from './measure.mjs'
import { number, table, times } from './report.mjs'

const NAMES = {
  batch: 'batch()',
  plain: 'plain BullMQ',
  queue: '@wasiexec/bullmq',
  single: '@wasiexec/bullmq, chunkJobs: 1',
}
/** Jobs of one measurement of plain BullMQ, which is the slowest; the others have more. */
const JOBS = 3000
const FACTORS = { batch: 20, plain: 1, queue: 10, single: 1 }

export const queue = {
  about: '@wasiexec/bullmq beside plain BullMQ with a job per run, and batch()',

  async run({ guests, rounds, quick }) {
    const [kind] = servers()
    if (kind === undefined) throw new Error('expected a Redis; `node scripts/servers.mjs` gets one')
    const redis = await startRedis(kind.command)
    try {
      const results = []
      for (const guest of guests.slice(0, 3))
        results.push(await measureGuest(guest, redis, quick ? JOBS / 10 : JOBS, rounds))
      return results
    } finally {
      redis.stop()
    }
  },

  page: 'scale-out.md',

  parts: (results) => ({ queue: ratesTable(results), 'queue-time': timesTable(results) }),
}

async function measureGuest(guest, redis, jobs, rounds) {
  const contenders = [
    await openBatch(guest),
    await openPlain(guest, redis),
    await openQueue('queue', guest, redis),
    await openQueue('single', guest, redis, { chunkJobs: 1 }),
  ]
  for (const each of contenders) await each.go(jobs / 10)
  const measured = await takeTurns(
    contenders.map(({ name, go, cpu }) => ({
      name,
      async measure() {
        const count = jobs * FACTORS[name]
        const before = cpu()
        const start = performance.now()
        await go(count)
        const ms = performance.now() - start
        const after = cpu()
        const micros = Object.keys(after).map((part) => [
          part,
          ((after[part] - before[part]) * 1000) / count,
        ])
        return { perSecond: (count / ms) * 1000, micros: Object.fromEntries(micros) }
      },
    })),
    rounds,
  )
  for (const each of contenders) await each.close()
  const rates = Object.fromEntries(
    Object.entries(measured).map(([name, turns]) => [
      name,
      turns.map(({ perSecond }) => perSecond),
    ]),
  )
  const versus = {}
  for (const [name, rival] of [
    ['batch', 'queue'],
    ['queue', 'plain'],
    ['single', 'plain'],
  ]) {
    versus[name] = ratio(rates[name], rates[rival])
    const vs = { rival: NAMES[rival], value: median(rates[rival]), ratio: versus[name] }
    print(`${guest.name}: ${NAMES[name]}`, median(rates[name]), 'jobs/s', vs)
  }
  const micros = {}
  for (const [name, turns] of Object.entries(measured)) {
    micros[name] = {}
    for (const part of Object.keys(turns[0].micros)) {
      micros[name][part] = median(turns.map((turn) => turn.micros[part]))
      print(`${guest.name}: ${NAMES[name]}: ${part}`, micros[name][part], 'µs on a core per job')
    }
  }
  const medians = Object.fromEntries(
    Object.entries(rates).map(([name, all]) => [name, median(all)]),
  )
  return { guest: guest.name, rates: medians, versus, micros }
}

const ownCpu = () => {
  const { user, system } = process.cpuUsage()
  return (user + system) / 1000
}

/** Milliseconds that a process has had on a core. */
function cpuOf(pid) {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1].split(' ')
  return (Number(fields[11]) + Number(fields[12])) * 10
}

async function openBatch({ path, args }) {
  const runtime = new Runtime()
  const program = await load(path, { runtime })
  return {
    name: 'batch',
    async go(count) {
      for await (const results of program.batch(jobsOf(count), { defaults: { args } }).chunks())
        results.forEach(({ outcome }) => check(outcome))
    },
    cpu: () => ({ 'this process': ownCpu() }),
    close: () => runtime.close(),
  }
}

function* jobsOf(count) {
  for (let id = 0; id < count; id += 1) yield { id }
}

/** One job of BullMQ per run, with as much at a time as suits it. */
async function openPlain({ path, args }, redis) {
  const worker = await startWorker('plain', redis.url, path)
  const connection = new Redis(redis.url, { maxRetriesPerRequest: null })
  const jobs = new Queue('plain', { connection })
  const blocking = connection.duplicate()
  const events = new QueueEvents('plain', { connection: blocking })
  await events.waitUntilReady()
  let left = 0
  let done
  events.on('completed', ({ returnvalue }) => {
    check(returnvalue)
    left -= 1
    if (left === 0) done()
  })
  return {
    name: 'plain',
    async go(count) {
      left = count
      const finished = new Promise((resolve) => (done = resolve))
      for (let sent = 0; sent < count; sent += 500) {
        const part = Array.from({ length: Math.min(500, count - sent) }, (_, id) => ({
          name: 'run',
          data: { id: sent + id, args },
          opts: { removeOnComplete: true },
        }))
        await jobs.addBulk(part)
      }
      await finished
    },
    cpu: () => ({ producer: ownCpu(), worker: cpuOf(worker.pid), Redis: cpuOf(redis.pid) }),
    async close() {
      worker.kill('SIGKILL')
      await Promise.all([events.close(), jobs.close()])
      connection.disconnect()
      blocking.disconnect()
    },
  }
}

async function openQueue(name, { path, args }, redis, options = {}) {
  const worker = await startWorker(name, redis.url, path)
  const jobs = new ProgramQueue(name, { connection: redis.url })
  const program = await jobs.addProgram(path)
  return {
    name,
    async go(count) {
      const batch = program.batch(jobsOf(count), { defaults: { args }, ...options })
      for await (const results of batch.chunks()) results.forEach(({ outcome }) => check(outcome))
    },
    cpu: () => ({ producer: ownCpu(), worker: cpuOf(worker.pid), Redis: cpuOf(redis.pid) }),
    async close() {
      worker.kill('SIGKILL')
      await jobs.close()
    },
  }
}

function check(outcome) {
  if (outcome?.ok !== true) throw new Error(`a job failed: ${JSON.stringify(outcome)}`)
}

async function startWorker(kind, url, path) {
  const script = fileURLToPath(new URL('rivals/queue-worker.mjs', import.meta.url))
  const child = fork(script, [kind, url, path])
  await once(child, 'message')
  return child
}

async function startRedis([program, ...args]) {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address()
  server.close()
  const dir = mkdtempSync(join(tmpdir(), 'wasiexec-bench-redis-'))
  const options = [
    '--port',
    port,
    '--bind',
    '127.0.0.1',
    '--dir',
    dir,
    '--save',
    '',
    '--appendonly',
    'yes',
  ]
  const child = spawn(program, [...args, ...options.map(String)], { stdio: 'ignore' })
  const url = `redis://127.0.0.1:${port}`
  const redis = new Redis(url, { maxRetriesPerRequest: null, retryStrategy: () => 50 })
  redis.on('error', () => {})
  await Promise.race([
    redis.ping(),
    setTimeout(30_000, undefined, { ref: false }).then(() =>
      Promise.reject(new Error('Redis does not start')),
    ),
  ])
  redis.disconnect()
  const stop = () => {
    child.kill('SIGKILL')
    rmSync(dir, { recursive: true, force: true })
  }
  return { url, pid: child.pid, stop }
}

function ratesTable(results) {
  const head = [
    'guest',
    '`batch()`, jobs/s',
    '@wasiexec/bullmq',
    'plain BullMQ',
    '@wasiexec/bullmq to plain BullMQ',
  ]
  const rows = results.map(({ guest, rates, versus }) => [
    guest,
    number(rates.batch),
    number(rates.queue),
    number(rates.plain),
    times(versus.queue),
  ])
  return table(head, rows)
}

function timesTable(results) {
  const parts = ['producer', 'worker', 'Redis']
  const head = [
    'guest',
    '`batch()`',
    ...parts.map((part) => `ours: ${part}`),
    ...parts.map((part) => `plain: ${part}`),
  ]
  const micros = (value) => `${number(value)} µs`
  const rows = results.map(({ guest, micros: all }) => [
    guest,
    micros(all.batch['this process']),
    ...parts.map((part) => micros(all.queue[part])),
    ...parts.map((part) => micros(all.plain[part])),
  ])
  return table(head, rows)
}
