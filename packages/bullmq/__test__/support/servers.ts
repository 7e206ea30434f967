// A Redis and a Valkey, each started by its test on a free port, with a folder of its own.
import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { createServer, type AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import test, { type ExecutionContext, type Implementation } from 'ava'
import { Redis } from 'ioredis'
import { PATIENCE_MS } from '../../../../__test__/support/patience.ts'
import { servers } from '../../../../scripts/servers.mjs'

interface ServerKind {
  readonly name: string
  readonly command: readonly string[]
}

/** How long a test may take, in minutes of a machine as slow as any: the one with many jobs longer. */
const JOBS_MINUTES = Number(process.env['WASIEXEC_TEST_JOBS'] ?? 0) > 50_000 ? 20 : 4

const found: readonly ServerKind[] = servers()

/** Without a server there is nothing to test, which CI must not pass over. */
if (found.length < 2 && process.env['CI'] !== undefined)
  throw new Error(
    `expected a Redis and a Valkey, got ${found.map(({ name }) => name).join() || 'none'}`,
  )

/** A server that a test has started. */
export class Server {
  readonly #kind: ServerKind
  readonly #folder: string
  readonly port: number
  #child: ChildProcess | undefined

  constructor(kind: ServerKind, folder: string, port: number) {
    this.#kind = kind
    this.#folder = folder
    this.port = port
  }

  get url(): string {
    return `redis://127.0.0.1:${this.port}`
  }

  /** Starts it, again with what it had; resolves when it answers. */
  async start(): Promise<void> {
    const [program, ...args] = this.#kind.command
    const options = [
      ['--port', this.port],
      ['--bind', '127.0.0.1'],
      ['--dir', this.#folder],
      ['--save', ''],
      ['--appendonly', 'yes'],
      // What was answered is on disk, also after a kill -9.
      ['--appendfsync', 'always'],
    ].flat()
    this.#child = spawn(program!, [...args, ...options.map(String)], { stdio: 'ignore' })
    const redis = new Redis(this.url, { maxRetriesPerRequest: null, retryStrategy: () => 50 })
    redis.on('error', () => {})
    const answers = redis.ping()
    const ended = once(this.#child, 'exit').then(() => {
      throw new Error(`${this.#kind.name} ended when it was started`)
    })
    const late = setTimeout(PATIENCE_MS, undefined, { ref: false }).then(() => {
      throw new Error(`${this.#kind.name} does not answer`)
    })
    try {
      await Promise.race([answers, ended, late])
    } finally {
      ended.catch(() => {})
      late.catch(() => {})
      redis.disconnect()
    }
  }

  /** Ends it as a crash does, or with its leave. */
  async stop(signal: 'SIGKILL' | 'SIGTERM'): Promise<void> {
    const child = this.#child
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return
    const exit = once(child, 'exit')
    child.kill(signal)
    await exit
  }

  /** Holds it, as a network that is gone does; `SIGCONT` lets it go on. */
  signal(signal: 'SIGSTOP' | 'SIGCONT'): void {
    this.#child!.kill(signal)
  }
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  server.close()
  return port
}

async function startServer(t: ExecutionContext, kind: ServerKind): Promise<Server> {
  const folder = await mkdtemp(join(tmpdir(), 'wasiexec-queue-'))
  const server = new Server(kind, folder, await freePort())
  t.teardown(async () => {
    server.signal('SIGCONT')
    await server.stop('SIGKILL')
    await rm(folder, { recursive: true, force: true })
  })
  await server.start()
  return server
}

/** A test with a Redis, and the same one with a Valkey. */
export function onEach(
  title: string,
  run: (t: ExecutionContext, server: Server) => Promise<void>,
): void {
  for (const kind of found) test(`${kind.name}: ${title}`, bodyOf(kind, run))
  if (found.length === 0) test.skip(title, () => {})
}

/** A test with the first of them, where the server makes no difference. */
export function onOne(
  title: string,
  run: (t: ExecutionContext, server: Server) => Promise<void>,
): void {
  const [kind] = found
  if (kind === undefined) test.skip(title, () => {})
  else test(title, bodyOf(kind, run))
}

function bodyOf(
  kind: ServerKind,
  run: (t: ExecutionContext, server: Server) => Promise<void>,
): Implementation<[]> {
  return async (t) => {
    t.timeout(JOBS_MINUTES * PATIENCE_MS)
    await run(t, await startServer(t, kind))
  }
}
