import { parseArgs } from 'node:util'
import { readFile } from 'node:fs/promises'
import { load, Runtime, WasiexecError } from 'wasiexec'
import { plural } from '../../../src/words.ts'
import { NETWORK_FLAGS, networkGrants } from '../../../cli/network-flags.ts'
import {
  EXPECTED,
  readCount,
  readDirectory,
  readDuration,
  readSize,
} from '../../../cli/quantities.ts'
import {
  folderStore,
  ProgramWorker,
  s3Store,
  type Caps,
  type Grants,
  type ProgramStore,
} from './index.ts'

/** What the command sees of its process. */
export interface WorkerIo {
  readonly stdout: { write(text: string): unknown }
  readonly stderr: { write(text: string): unknown }
  readonly env: Readonly<Record<string, string | undefined>>
  /** Calls `listener` at the first SIGINT or SIGTERM; a second one ends the process. Returns how to stop listening. */
  onInterrupt(listener: (signal: 'SIGINT' | 'SIGTERM') => void): () => void
}

const HELP = `Usage: wasiexec worker --queue <name> [options]

Takes jobs from a queue in Redis or Valkey and runs them, until it gets SIGTERM or SIGINT. It then ends the jobs in
progress, gives back what is left, and exits with 0. A second signal ends it at once; other workers run what it had.

  --queue <name>          the queue
  --redis <url>           Redis or Valkey; default: $REDIS_URL, then redis://127.0.0.1:6379
  --prefix <text>         what all keys begin with; default: wasiexec
  --store <where>         where programs are: "redis", a folder, or the https URL of a bucket of S3 (with
                          $AWS_ACCESS_KEY_ID, $AWS_SECRET_ACCESS_KEY and, if set, $AWS_REGION); default: redis

Upper bounds for every job, which no job can raise:
  --timeout <duration>    wall clock: 500ms, 10s, 5m; default: 60s
  --cpu <duration>        time on a core
  --fuel <count>          instructions
  --memory <size>         memories and tables: 64MiB, 1GiB; default: 1GiB
  --output <size>         stdout and stderr; default: 16MiB
  --files <size>          files in memory; default: 64MiB
  --files-count <count>   how many files in memory; default: 65536
  --sockets <count>       open sockets; default: 64

What every job may use of this machine; default: nothing:
  --dir <host[::guest][:rw]>
                          a directory, read-only without :rw; may be repeated
${networkHelp()}

  --threads <n>           threads that run guests; default: one per core
  --processes             run guests in worker processes of this machine
  --chunks <n>            chunks at a time; default: one more than threads
  --programs <n>          programs that stay loaded; default: 64
  --cache <folder>        where compiled code is kept; default: the user's cache folder
  --lock <duration>       silence after which the worker is lost; the same for all of a queue; default: 30s
  --drain <duration>      how long a drain waits for jobs; default: 25s
  --http <[host:]port>    serve /healthz, /livez, /readyz and /metrics; default host: 127.0.0.1
  -h, --help              print this help
  -V, --version           print the version

Example:
  wasiexec worker --queue grading --redis redis://10.0.0.5:6379 --timeout 10s --memory 256MiB --http 0.0.0.0:9464
`

/** A line per option that grants a network. */
function networkHelp(): string {
  return NETWORK_FLAGS.map(
    ({ name, value, what }) => `  ${`--${name} <${value}>`.padEnd(22)}  ${what}`,
  ).join('\n')
}

const RULES = { type: 'string', multiple: true } as const

const OPTIONS = {
  queue: { type: 'string' },
  redis: { type: 'string' },
  prefix: { type: 'string' },
  store: { type: 'string' },
  timeout: { type: 'string' },
  cpu: { type: 'string' },
  fuel: { type: 'string' },
  memory: { type: 'string' },
  output: { type: 'string' },
  files: { type: 'string' },
  'files-count': { type: 'string' },
  sockets: { type: 'string' },
  dir: RULES,
  'allow-net': RULES,
  listen: RULES,
  'allow-dns': RULES,
  'allow-http': RULES,
  threads: { type: 'string' },
  processes: { type: 'boolean' },
  chunks: { type: 'string' },
  programs: { type: 'string' },
  cache: { type: 'string' },
  lock: { type: 'string' },
  drain: { type: 'string' },
  http: { type: 'string' },
  help: { type: 'boolean', short: 'h' },
  version: { type: 'boolean', short: 'V' },
} as const

type Flags = ReturnType<typeof parse>

function parse(argv: readonly string[]) {
  return parseArgs({ args: [...argv], options: OPTIONS, strict: true }).values
}

/** A command line that cannot be carried out. */
class UsageError extends Error {}

/**
 * The whole command: `wasiexec worker` without these two words. Returns the exit status: 0 after a drain, 125 when the
 * worker could not be started.
 */
export async function main(argv: readonly string[], io: WorkerIo): Promise<number> {
  try {
    return await carryOut(argv, io)
  } catch (error) {
    const { message } = error as Error
    const isHint =
      error instanceof UsageError || (error as { code?: string }).code?.startsWith('ERR_PARSE_ARGS')
    io.stderr.write(`wasiexec: ${message}${isHint ? '; see wasiexec worker --help' : ''}\n`)
    return 125
  }
}

async function carryOut(argv: readonly string[], io: WorkerIo): Promise<number> {
  const flags = parse(argv)
  if (flags.help) {
    io.stdout.write(HELP)
    return 0
  }
  if (flags.version) {
    const manifest = await readFile(new URL('../package.json', import.meta.url), 'utf8')
    io.stdout.write(`@wasiexec/bullmq ${(JSON.parse(manifest) as { version: string }).version}\n`)
    return 0
  }
  if (flags.queue === undefined) throw new UsageError('expected --queue, the name of a queue')
  const log = (message: string): unknown => io.stderr.write(`wasiexec: ${message}\n`)
  const options = optionsOf(flags, io)
  await checkGrants(options.grants)
  const worker = new ProgramWorker(flags.queue, options)
  let isDown = false
  worker.on('error', ({ message }) => {
    // A connection that is tried again and again says so once.
    const isConnection = /ECONN|EPIPE|ETIMEDOUT|ENOTFOUND|Connection is closed/.test(message)
    if (!isConnection || !isDown) log(message)
    isDown = isConnection
  })
  worker.on('quarantine', ({ digest, reason }) => log(`quarantine: ${digest}: ${reason}`))
  try {
    const port = await worker.ready()
    isDown = false
    log(
      `queue ${flags.queue}: ready${port === undefined ? '' : `, health and metrics on port ${port}`}`,
    )
  } catch (error) {
    await worker.drain()
    throw error
  }
  const signal = await new Promise<string>((resolve) => io.onInterrupt(resolve))
  log(`${signal}: draining`)
  await worker.drain()
  const { jobs } = worker.stats()
  const count = Object.values(jobs).reduce((sum, each) => sum + each, 0)
  log(`drained after ${count} ${plural('job', count)}`)
  return 0
}

function optionsOf(flags: Flags, io: WorkerIo): ConstructorParameters<typeof ProgramWorker>[1] {
  const limits: Caps = {
    ...given('timeoutMs', time('--timeout', flags.timeout)),
    ...given('cpuMs', time('--cpu', flags.cpu)),
    ...given('fuel', count('--fuel', flags.fuel)),
    ...given('memoryBytes', size('--memory', flags.memory)),
    ...given('outputBytes', size('--output', flags.output)),
    ...given('filesBytes', size('--files', flags.files)),
    ...given('filesCount', count('--files-count', flags['files-count'])),
    ...given('sockets', count('--sockets', flags.sockets)),
  }
  const store = storeOf(flags.store, io.env)
  const { cache } = flags
  return {
    connection: flags.redis ?? io.env['REDIS_URL'] ?? 'redis://127.0.0.1:6379',
    limits,
    grants: grantsOf(flags),
    runtime: {
      ...given('threads', count('--threads', flags.threads)),
      ...(flags.processes ? { workers: 'processes' as const } : {}),
    },
    ...given('prefix', flags.prefix),
    ...given('store', store),
    ...given('chunks', count('--chunks', flags.chunks)),
    ...given('programs', count('--programs', flags.programs)),
    ...given('load', cache === undefined ? undefined : { cache }),
    ...given('lockMs', time('--lock', flags.lock)),
    ...given('drainMs', time('--drain', flags.drain)),
    ...given('http', httpOf(flags.http)),
  }
}

/** An option that is there only if it has a value. */
function given<K extends string, V>(name: K, value: V | undefined): Partial<Record<K, V>> {
  return value === undefined ? {} : ({ [name]: value } as Record<K, V>)
}

function grantsOf(flags: Flags): Grants {
  const dirs = (flags.dir ?? []).map((rule) => read('--dir', rule, readDirectory, 'directory'))
  const preopens = Object.fromEntries(dirs)
  if (Object.keys(preopens).length < dirs.length) {
    throw new UsageError('--dir: expected each guest path once')
  }
  return { ...(dirs.length === 0 ? {} : { preopens }), ...networkGrants(flags) }
}

/** Grants that no job can have are an error of the command line, and not of each job. */
async function checkGrants(grants: Grants | undefined): Promise<void> {
  const runtime = new Runtime({ threads: 1 })
  try {
    const empty = Buffer.from('(component)')
    const program = await load(empty, { runtime, cache: false, compiler: 'baseline' })
    program.check(grants)
  } catch (error) {
    if (!(error instanceof WasiexecError)) throw error
    throw new UsageError(withFlagNames(error.message))
  } finally {
    await runtime.close()
  }
}

/** A message of the library with the names that options have here. */
function withFlagNames(message: string): string {
  return NETWORK_FLAGS.reduce(
    (text, { name, option }) =>
      text.replace(new RegExp(`\`${option}(?:\\[\\d+\\])?\``), `--${name}`),
    message,
  )
}

function storeOf(where: string | undefined, env: WorkerIo['env']): ProgramStore | undefined {
  if (where === undefined || where === 'redis') return undefined
  if (!/^https?:\/\//.test(where)) return folderStore(where)
  const { AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_SESSION_TOKEN, AWS_REGION } = env
  if (AWS_ACCESS_KEY_ID === undefined || AWS_SECRET_ACCESS_KEY === undefined)
    throw new UsageError('--store: expected $AWS_ACCESS_KEY_ID and $AWS_SECRET_ACCESS_KEY')
  return s3Store({
    bucketUrl: where,
    accessKeyId: AWS_ACCESS_KEY_ID,
    secretAccessKey: AWS_SECRET_ACCESS_KEY,
    sessionToken: AWS_SESSION_TOKEN,
    region: AWS_REGION,
  })
}

function httpOf(where: string | undefined): { port: number; host?: string } | undefined {
  if (where === undefined) return undefined
  const [, host, port] = /^(?:(.+):)?(\d+)$/.exec(where) ?? []
  const number = Number(port)
  if (port === undefined || number > 65_535)
    throw new UsageError(`--http: expected a port such as 9464 or 0.0.0.0:9464, got ${where}`)
  return { port: number, ...given('host', host?.replace(/^\[(.*)\]$/, '$1')) }
}

function count(flag: string, text: string | undefined): number | undefined {
  return text === undefined ? undefined : read(flag, text, readCount, 'count')
}

function time(flag: string, text: string | undefined): number | undefined {
  return text === undefined ? undefined : read(flag, text, readDuration, 'duration')
}

function size(flag: string, text: string | undefined): number | undefined {
  return text === undefined ? undefined : read(flag, text, readSize, 'size')
}

/** What a flag says, as `wasiexec run` reads it. */
function read<T>(
  flag: string,
  text: string,
  reader: (text: string) => T | undefined,
  kind: keyof typeof EXPECTED,
): T {
  const value = reader(text)
  if (value === undefined) throw new UsageError(`${flag}: expected ${EXPECTED[kind]}, got ${text}`)
  return value
}
