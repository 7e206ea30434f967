// Runs a checkout of WebAssembly/wasi-testsuite and prints a table with one line per folder.
//
//   npm run conformance -- PATH
//   npm run conformance -- --memory PATH
//
// PATH is a folder with prebuilt programs. Those of the suite are on its branch prod/testsuite-base.
// With `--memory` the folder of a case is given as files in memory, and only cases that have a folder are run.
// A case is NAME.wasm with an optional NAME.json, which the suite's doc/specification.md describes. Those of the proposal
// "sockets" are given a network: they may bind any address and reach this machine. Those of "http" may ask servers on this
// machine, and what serves is asked through a server of Node's.
import { cp, mkdtemp, readFile, readdir, rm, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { connect } from 'node:net'
import { basename, dirname, join, relative, resolve } from 'node:path'
import { PassThrough, Writable } from 'node:stream'
import { describeOutcome, load } from '../dist/index.mjs'
import { Servers, Service } from './conformance-http.mjs'

/** A case that takes longer hangs. */
const PATIENCE_MS = 120_000
/** The most characters of output that are shown for a failure. */
const SHOWN = 300

const KEYS = {
  legacy: ['args', 'root', 'env', 'exit_code', 'stdout', 'stderr'],
  operations: ['operations', 'proposals', 'world', 'servers', 'debug'],
}
const OPERATIONS = ['run', 'write', 'read', 'wait', 'connect', 'send', 'recv', 'request', 'kill']
const WORLDS = ['wasi:cli/command', 'wasi:http/service']

/** What cases of sockets may use. They bind addresses that the machine does not have, too. */
const NETWORK = {
  allow: ['127.0.0.1:*', '[::1]:*', 'udp:127.0.0.1:*', 'udp:[::1]:*'],
  listen: ['*:*', 'udp:*:*'],
}

class Mismatch extends Error {}

/** The operations of a specification in either style, with what they need. */
function parse(text) {
  const spec = JSON.parse(text)
  const keys = Object.keys(spec)
  const style = keys.some((key) => KEYS.operations.includes(key)) ? 'operations' : 'legacy'
  const unknown = keys.find((key) => !KEYS[style].includes(key))
  if (unknown !== undefined)
    throw new Mismatch(`the specification has an unknown field "${unknown}"`)
  const { proposals = [], servers = [], world = 'wasi:cli/command' } = spec
  const operations = style === 'legacy' ? legacy(spec) : spec.operations
  if (!WORLDS.includes(world)) throw new Mismatch(`the world "${world}" is not known`)
  const talksOther = ({ type, protocol_type: protocol = 'tcp' }) =>
    type === 'connect' && protocol !== 'tcp'
  if (operations?.some(talksOther)) throw new Mismatch('only TCP is talked')
  return {
    operations: operations ?? [{ type: 'run' }, { type: 'wait' }],
    needsSockets:
      proposals.includes('sockets') || operations?.some(({ type }) => type === 'connect') === true,
    servers,
    isService: world === 'wasi:http/service',
  }
}

function legacy({ args, env, root, stdout, stderr, exit_code }) {
  const read = (id, payload) => (payload === undefined ? [] : [{ type: 'read', id, payload }])
  return [
    { type: 'run', args, env, root },
    ...read('stdout', stdout),
    ...read('stderr', stderr),
    { type: 'wait', exit_code },
  ]
}

/** The output of a guest, read by length. */
class Printed {
  #bytes = Buffer.alloc(0)
  #ended = false
  #wake = () => {}

  push(bytes) {
    this.#bytes = Buffer.concat([this.#bytes, bytes])
    this.#wake()
  }

  end() {
    this.#ended = true
    this.#wake()
  }

  get rest() {
    return this.#bytes.toString()
  }

  async take(length) {
    while (this.#bytes.length < length && !this.#ended) {
      await new Promise((wake) => (this.#wake = wake))
    }
    const taken = this.#bytes.subarray(0, length)
    this.#bytes = this.#bytes.subarray(length)
    return taken.toString()
  }

  /** The text up to the end of a line. */
  async line() {
    while (!this.#bytes.includes(10) && !this.#ended) {
      await new Promise((wake) => (this.#wake = wake))
    }
    const end = this.#bytes.indexOf(10)
    return (await this.take(end < 0 ? this.#bytes.length : end + 1)).trimEnd()
  }

  stream() {
    return new Writable({
      write: (chunk, _, done) => {
        this.push(chunk)
        done()
      },
    })
  }
}

/** A program that runs while operations read its output and write its stdin. */
class Guest {
  printed = { stdout: new Printed(), stderr: new Printed() }
  #connections = new Map()

  constructor(program, { args, env, grants, talks }) {
    // Streams only where they are needed, because most runs have captured output.
    this.stdin = talks ? new PassThrough() : undefined
    const output = (id) => (talks ? this.printed[id].stream() : 'capture')
    const run = program.run({
      args,
      env,
      ...grants,
      stdin: this.stdin ?? 'empty',
      stdout: output('stdout'),
      stderr: output('stderr'),
      limits: { timeoutMs: PATIENCE_MS },
    })
    this.outcome = run
      .then((outcome) => {
        for (const id of ['stdout', 'stderr']) this.printed[id].push(outcome[id])
        return outcome
      })
      .finally(() => {
        for (const printed of Object.values(this.printed)) printed.end()
      })
    // It is awaited later.
    this.outcome.catch(() => {})
  }

  async write({ payload = '' }) {
    this.stdin.write(payload)
  }

  async read({ id = 'stdout', payload = '' }) {
    const got = await this.printed[id]?.take(Buffer.byteLength(payload))
    if (got !== payload) throw new Mismatch(`${id} must be ${quote(payload)}, got ${quote(got)}`)
  }

  /** Connects to the address that the guest prints. */
  async connect({ id = 'server' }) {
    const address = await this.printed.stdout.line()
    const [, host, port] = /^\[?(.+?)\]?:(\d+)$/.exec(address) ?? []
    if (port === undefined)
      throw new Mismatch(`stdout must be the address of a server, got ${quote(address)}`)
    const received = new Printed()
    const socket = connect(Number(port), host)
    socket.on('data', (chunk) => received.push(chunk))
    socket.on('close', () => received.end())
    // What it means for the case is seen by what is received.
    socket.on('error', () => {})
    this.#connections.set(id, { socket, received })
  }

  async send({ id, payload = '' }) {
    this.#connection(id).socket.write(payload)
  }

  async recv({ id, payload = '' }) {
    const got = await this.#connection(id).received.take(Buffer.byteLength(payload))
    if (got !== payload) throw new Mismatch(`${id} must send ${quote(payload)}, got ${quote(got)}`)
  }

  #connection(id) {
    const connection = this.#connections.get(id)
    if (connection === undefined) throw new Mismatch(`there is no connection ${quote(id)}`)
    return connection
  }

  /** Ends what the case has open. */
  close() {
    this.stdin?.end()
    for (const { socket } of this.#connections.values()) socket.destroy()
  }

  async wait({ exit_code: code = 0 }) {
    this.close()
    const outcome = await this.outcome
    if (outcome.kind === 'exit' && outcome.code === code) return
    const { stdout, stderr } = this.printed
    throw new Mismatch(
      `must end with exit code ${code}, but ${describeOutcome(outcome)}` +
        `; stdout ${quote(stdout.rest)}; stderr ${quote(stderr.rest)}`,
    )
  }
}

function quote(text) {
  return text === undefined || text.length <= SHOWN
    ? JSON.stringify(text)
    : `${JSON.stringify(text.slice(0, SHOWN))}…`
}

/** Runs the operations of a case; throws if the result is not as specified. */
async function runCase(wasm, { operations, needsSockets, servers, isService }, inMemory) {
  const unknown = operations.find(({ type }) => !OPERATIONS.includes(type))
  if (unknown !== undefined) throw new Mismatch(`the operation "${unknown.type}" is not known`)
  const talks = operations.some(({ type }) => type === 'write' || type === 'connect')
  const program = await load(wasm, { cache: false })
  const scratch = await mkdtemp(join(tmpdir(), 'wasiexec-conformance-'))
  const asked = new Servers()
  let guest
  try {
    await asked.start(servers)
    for (const operation of operations) {
      if (operation.type !== 'run') {
        if (guest === undefined) throw new Mismatch(`"${operation.type}" comes before "run"`)
        if (guest[operation.type] === undefined)
          throw new Mismatch(`"${operation.type}" is not for what this case runs`)
        await guest[operation.type](operation)
        continue
      }
      const { args, env, root } = operation
      let grants = {}
      if (root) {
        // Cases write into their folder, so each gets a copy.
        const hostPath = join(scratch, 'root')
        await copy(join(dirname(wasm), root), hostPath)
        grants = inMemory
          ? { files: await filesOf(hostPath) }
          : { preopens: { '/': { hostPath, access: 'write' } } }
      }
      if (needsSockets) grants.network = NETWORK
      guest = isService
        ? await Service.start(program, {
            env: { ...env, ...asked.env },
            grants,
            limits: { timeoutMs: PATIENCE_MS },
            mismatch: (message) => new Mismatch(message),
          })
        : new Guest(program, { args, env, grants, talks })
    }
  } finally {
    asked.close()
    guest?.close()
    await guest?.outcome.catch(() => {})
    await rm(scratch, { recursive: true, force: true })
  }
}

/** Leaves out what earlier runs of the suite's own runner left behind. */
function copy(from, to) {
  const filter = (path) => !path.endsWith('.cleanup')
  return cp(from, to, { recursive: true, verbatimSymlinks: true, filter })
}

/** The files of a folder, for `files`. */
async function filesOf(folder) {
  const files = {}
  for (const entry of await readdir(folder, { withFileTypes: true })) {
    const path = join(folder, entry.name)
    if (entry.isDirectory()) files[`${entry.name}/`] = await filesOf(path)
    else if (entry.isFile()) files[entry.name] = await readFile(path)
  }
  return files
}

/** How a case ended: it passed, it failed (and why), or it is left out. */
async function judge(wasm, inMemory) {
  try {
    const text = await readFile(wasm.replace(/\.wasm$/, '.json'), 'utf8').catch((error) => {
      if (error.code === 'ENOENT') return '{}'
      throw error
    })
    const spec = parse(text)
    const hasRoot = spec.operations.some(({ root }) => root !== undefined)
    if (inMemory && !hasRoot) return { verdict: 'left' }
    await runCase(wasm, spec, inMemory)
    return { verdict: 'pass' }
  } catch (error) {
    const what =
      error instanceof Mismatch ? error.message : `${error.code ?? error.name}: ${error.message}`
    return { verdict: 'fail', reason: what }
  }
}

/** The paths of the cases in a folder and in the folders below it, in order. */
async function find(folder) {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true })
  return entries
    .filter((entry) => entry.isFile() && entry.name.endsWith('.wasm'))
    .map((entry) => join(entry.parentPath, entry.name))
    .toSorted()
}

function table(rows) {
  const head = ['folder', 'pass', 'fail']
  const lines = [head, ...rows.map((row) => row.map(String))]
  const widths = head.map((_, column) => Math.max(...lines.map((line) => line[column].length)))
  const cell = (text, column) =>
    column === 0 ? text.padEnd(widths[0]) : text.padStart(widths[column])
  return lines.map((line) => line.map(cell).join('  ')).join('\n')
}

async function refusal(path) {
  if (path === undefined) return 'PATH is missing: npm run conformance -- PATH'
  const found = await stat(path).catch((error) => error)
  if (found instanceof Error) return `PATH must be a folder, cannot open ${path}: ${found.code}`
  if (!found.isDirectory()) return `PATH must be a folder, ${path} is a file`
  return undefined
}

async function main(words) {
  const inMemory = words[0] === '--memory'
  const [path, ...rest] = inMemory ? words.slice(1) : words
  const refused =
    rest.length > 0 ? `one PATH is expected, got ${rest.length + 1}` : await refusal(path)
  if (refused !== undefined) {
    console.error(refused)
    return 2
  }
  const cases = await find(resolve(path))
  if (cases.length === 0) {
    console.error(
      `PATH must hold programs, ${path} has no *.wasm; those of WebAssembly/wasi-testsuite are on its branch prod/testsuite-base`,
    )
    return 2
  }
  const folders = new Map()
  const total = { pass: 0, fail: 0 }
  for (const wasm of cases) {
    const folder = relative(resolve(path), dirname(wasm)) || '.'
    const { verdict, reason } = await judge(wasm, inMemory)
    if (verdict === 'left') continue
    if (!folders.has(folder)) folders.set(folder, { pass: 0, fail: 0 })
    folders.get(folder)[verdict] += 1
    total[verdict] += 1
    if (verdict === 'fail') console.log(`FAIL ${join(folder, basename(wasm, '.wasm'))}: ${reason}`)
  }
  const row = ([name, { pass, fail }]) => [name, pass, fail]
  console.log(table([...folders, ['total', total]].map(row)))
  return total.fail === 0 ? 0 : 1
}

process.exitCode = await main(process.argv.slice(2))
