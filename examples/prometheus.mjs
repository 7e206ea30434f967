// Makes Prometheus metrics of what wasiexec publishes, serves them at /metrics, and prints what Prometheus would read.
// In a project of your own: npm install wasiexec prom-client
import { once } from 'node:events'
import { subscribe } from 'node:diagnostics_channel'
import { createServer } from 'node:http'
import { Counter, Gauge, Histogram, register } from 'prom-client'
import { load } from 'wasiexec'
import { guest } from '../guests/unpack.mjs'

const labelNames = ['program', 'method']
const active = new Gauge({
  name: 'wasiexec_runs_active',
  help: 'Runs that have not ended, those that wait for a thread as well.',
  labelNames,
})
const runs = new Counter({
  name: 'wasiexec_runs_total',
  help: 'Runs that have ended, by how they ended.',
  labelNames: [...labelNames, 'ending'],
})
const wall = new Histogram({
  name: 'wasiexec_run_seconds',
  help: 'Time from the start of a program to its end.',
  labelNames: ['program'],
  buckets: [0.001, 0.01, 0.1, 1, 10],
})
const cpu = new Counter({
  name: 'wasiexec_cpu_seconds_total',
  help: 'Time on a core.',
  labelNames: ['program'],
})
const memory = new Histogram({
  name: 'wasiexec_run_memory_bytes',
  help: 'The most memory that a run had.',
  labelNames: ['program'],
  buckets: [1, 4, 16, 64, 256, 1024].map((megabytes) => megabytes * 2 ** 20),
})

subscribe('wasiexec:run:start', ({ program, method }) => active.inc({ program, method }))
subscribe('wasiexec:run:end', (message) => {
  const { program, method, outcome } = message
  active.dec({ program, method })
  runs.inc({ program, method, ending: ending(message) })
  if (outcome === undefined) return
  wall.observe({ program }, outcome.usage.wallMs / 1000)
  cpu.inc({ program }, outcome.usage.cpuMs / 1000)
  memory.observe({ program }, outcome.usage.memoryPeakBytes)
})

/** How a run ended, in a few words. Not the exit code: a program that nobody trusts would make as many series as it likes. */
function ending({ outcome, error }) {
  switch (outcome?.kind) {
    case undefined:
      return error.code ?? 'error'
    case 'exit':
      return outcome.ok ? 'ok' : 'failed'
    case 'limit':
      return `limit ${outcome.limit}`
    default:
      return outcome.kind
  }
}

const server = createServer(async (_, response) => {
  response.setHeader('content-type', register.contentType).end(await register.metrics())
}).listen(0, '127.0.0.1')
await once(server, 'listening')

const program = await load(await guest('rust'))
const limits = { cpuMs: 100, memoryBytes: 64 << 20 }
const jobs = Array.from({ length: 100 }, (_, index) => ({
  args: index % 10 === 9 ? ['exit', `${index}`] : ['cat'],
  stdin: `line ${index}`,
}))
await program.batch(jobs, { defaults: { limits } }).summary
await Promise.all([['panic'], ['spin']].map((args) => program.run({ args, limits })))
await program.run({ limits: { cpuMs: -1 } }).catch(() => {})

const scraped = await fetch(`http://127.0.0.1:${server.address().port}/metrics`)
console.log(await scraped.text())
server.close()
server.closeAllConnections()
