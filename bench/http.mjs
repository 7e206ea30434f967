// Requests that a component handles over loopback, beside Node's server alone and jco; the client is on the same machine.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { text } from 'node:stream/consumers'
import { fileURLToPath } from 'node:url'
import { load } from '../dist/index.mjs'
import { guest } from '../guests/unpack.mjs'
import { median, print, ratio, takeTurns } from './measure.mjs'
import { number, table, times } from './report.mjs'

const at = (path) => fileURLToPath(new URL(path, import.meta.url))
const CLIENT = at('rivals/http-client.mjs')
const SERVER = at('rivals/http-server.mjs')
const CONNECTIONS = 32

const OURS = 'handler.node'
const LOOPING = 'handler.node, a guest loops'
const NODE = 'node:http alone'
const JCO = 'jco serve'
const FETCH = 'handler.fetch, without sockets'

export const http = {
  about: 'HTTP requests that a component handles, beside node:http alone and jco serve',

  async run({ rounds, seconds }) {
    const program = await guest('http')
    const measured = await takeTurns(
      [
        { name: OURS, measure: () => served(() => own('wasiexec', program), seconds) },
        { name: LOOPING, measure: () => served(() => own('wasiexec', program), seconds, true) },
        { name: NODE, measure: () => served(() => own('node'), seconds) },
        { name: JCO, measure: () => served(() => jco(program), seconds) },
        { name: FETCH, measure: () => fetched(program, seconds) },
      ],
      rounds,
    )
    const rates = Object.fromEntries(
      Object.entries(measured).map(([name, turns]) => [name, turns.map(([rate]) => rate)]),
    )
    return Object.entries(measured).map(([name, turns]) => {
      const [rate, half, most] = [0, 1, 2].map((index) => median(turns.map((turn) => turn[index])))
      const toNode = ratio(rates[name], rates[NODE])
      print(`hello by ${name}`, rate, 'requests/s', {
        rival: NODE,
        value: median(rates[NODE]),
        ratio: toNode,
      })
      print(`hello by ${name}, p99`, most, 'ms')
      return { name, rate, half, most, toNode }
    })
  },

  parts: (results) => ({
    http: table(
      ['', 'requests/s', 'to node:http alone', 'p50, ms', 'p99, ms'],
      results.map(({ name, rate, half, most, toNode }) => [
        name,
        number(rate),
        times(toNode),
        number(half),
        number(most),
      ]),
    ),
  }),
}

/** What a client in a process of its own gets of a server. */
async function served(start, seconds, isLooping = false) {
  const { port, server } = await start()
  try {
    const args = [port, CONNECTIONS, seconds, ...(isLooping ? ['looping'] : [])].map(String)
    const client = spawn(process.execPath, [CLIENT, ...args], {
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    return JSON.parse(await text(client.stdout))
  } finally {
    // With its children, of which jco has one.
    process.kill(-server.pid)
    await once(server, 'close')
  }
}

async function own(kind, ...args) {
  const stdio = ['ignore', 'pipe', 'inherit']
  const server = spawn(process.execPath, [SERVER, kind, ...args], { stdio, detached: true })
  const [line] = await once(server.stdout, 'data')
  return { port: Number(line), server }
}

async function jco(program) {
  const port = 20_000 + (process.pid % 10_000)
  const args = [
    at('node_modules/@bytecodealliance/jco/dist/jco.js'),
    'serve',
    program,
    '--port',
    port,
  ]
  const stdio = ['ignore', 'pipe', 'pipe']
  const server = spawn(process.execPath, args.map(String), { stdio, detached: true })
  for (let said = ''; !said.includes('listening');) {
    const [chunk] = await Promise.race([once(server.stdout, 'data'), once(server.stderr, 'data')])
    said += chunk
  }
  return { port, server }
}

async function fetched(path, seconds) {
  const program = await load(path, { compiler: 'optimizing' })
  const handler = await program.serve({ limits: { cpuMs: 100 } })
  const latencies = []
  const end = performance.now() + seconds * 1000
  const ask = async () => {
    while (performance.now() < end) {
      const start = performance.now()
      const response = await handler.fetch(new Request('http://localhost/'))
      await response.text()
      latencies.push(performance.now() - start)
    }
  }
  await Promise.all(Array.from({ length: CONNECTIONS }, ask))
  await handler.close()
  latencies.sort((a, b) => a - b)
  const at = (part) => latencies[Math.floor(latencies.length * part)]
  return [latencies.length / seconds, at(0.5), at(0.99)]
}
