import { parseArgs } from 'node:util'
import { readFile } from 'node:fs/promises'
import { load, Runtime, WasiexecError, type RunOptions } from 'wasiexec'
import { nearest, plural } from '../../../src/words.ts'
import { FLAG_NAMES } from '../../../cli/flag-names.ts'
import { limitFlags, READERS } from '../../../cli/limit-flags.ts'
import { networkGrants } from '../../../cli/network-flags.ts'
import { EXPECTED, readCount, readDirectory, readDuration } from '../../../cli/quantities.ts'
import { suggestion } from '../../../cli/suggest.ts'
import { WORKER_FLAGS, type WorkerFlags } from '../../../cli/worker-flags.ts'
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

/** A queue has no requests. */
const LIMITS = limitFlags('run', 'files', 'network')

/** Columns of the names, and of a line. */
const [NAMES, COLUMNS] = [28, 118]

const HELP = `Usage: wasiexec worker --queue <name> [options]

Takes jobs from a queue in Redis or Valkey and runs them, until it gets SIGTERM or SIGINT. It then ends the jobs in
progress, gives back what is left, and exits with 0. A second signal ends it at once; other workers run what it had.

${WORKER_FLAGS.map(helpOf).join('\n\n')}

Example:
  wasiexec worker --queue grading --redis redis://10.0.0.5:6379 --timeout 10s --memory 256MiB --http 0.0.0.0:9464
`

/** Options that belong together, as help shows them. */
function helpOf({ title, flags }: WorkerFlags): string {
  const rows = flags.flatMap(({ usage, what }) => {
    const [first = '', ...more] = wrapped(what, COLUMNS - NAMES)
    const left = `  ${usage}`.padEnd(NAMES + 2)
    return [`${left}${first}`, ...more.map((line) => `${' '.repeat(NAMES + 2)}${line}`)]
  })
  return [...(title === undefined ? [] : [title]), ...rows].join('\n')
}

/** A text in lines of so many characters. */
function wrapped(text: string, width: number): string[] {
  const lines = ['']
  for (const word of text.split(' ')) {
    const line = lines.at(-1)!
    if (line !== '' && line.length + 1 + word.length > width) lines.push(word)
    else lines[lines.length - 1] = line === '' ? word : `${line} ${word}`
  }
  return lines
}

const RULES = { type: 'string', multiple: true } as const

const OPTIONS = {
  queue: { type: 'string' },
  redis: { type: 'string' },
  prefix: { type: 'string' },
  store: { type: 'string' },
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

/** What {@link OPTIONS} says, and the limits. */
type Flags = ReturnType<typeof parseArgs<{ options: typeof OPTIONS }>>['values'] & {
  readonly limits: Caps
}

function parse(argv: readonly string[]): Flags {
  const limits = Object.fromEntries(LIMITS.map(({ name }) => [name, { type: 'string' } as const]))
  const options = { ...limits, ...OPTIONS }
  const { values } = withNearest(Object.keys(options), () =>
    parseArgs({ args: [...argv], options, strict: true }),
  )
  const texts = values as Readonly<Record<string, string | undefined>>
  const given = LIMITS.flatMap(({ limit, name, value }) => {
    const text = texts[name]
    if (text === undefined) return []
    const reader: (text: string) => number | bigint | undefined = READERS[value]
    return [[limit, read(`--${name}`, text, reader, value)]]
  })
  return { ...values, limits: Object.fromEntries(given) as Caps }
}

/** What `parse` returns. A misspelt option is refused with the nearest name. */
function withNearest<T>(names: readonly string[], parse: () => T): T {
  try {
    return parse()
  } catch (error) {
    const [, given] = /^Unknown option '([^']*)'/.exec((error as Error).message) ?? []
    if (given === undefined) throw error
    const near = nearest(given.replace(/^-+/, ''), names)
    const flags = names.map((name) => `--${name}`)
    const meant = suggestion(given, flags, near === undefined ? undefined : `--${near}`)
    const hint = meant === undefined ? '' : ` (Did you mean ${meant}?)`
    throw new UsageError(`unknown option '${given}'${hint}`)
  }
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
    const { message: text } = error as Error
    const message = error instanceof WasiexecError ? withFlagNames(text) : text
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
  await checkRunOptions({ ...options.grants, limits: flags.limits })
  const worker = new ProgramWorker(flags.queue, options)
  // What is tried again and again says so once a minute.
  let last = { message: '', at: 0 }
  worker.on('error', ({ message }) => {
    const at = performance.now()
    if (message === last.message && at - last.at < 60_000) return
    last = { message, at }
    log(`${message}; the worker goes on`)
  })
  worker.on('quarantine', ({ digest, reason }) => log(`quarantine: ${digest}: ${reason}`))
  try {
    const port = await worker.ready()
    last = { message: '', at: 0 }
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
  const store = storeOf(flags.store, io.env)
  const { cache } = flags
  return {
    connection: flags.redis ?? io.env['REDIS_URL'] ?? 'redis://127.0.0.1:6379',
    limits: flags.limits,
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

/** Grants and limits that no job can have are an error of the command line, and not of each job. */
async function checkRunOptions(options: RunOptions): Promise<void> {
  const runtime = new Runtime({ threads: 1 })
  try {
    const empty = Buffer.from('(component)')
    const program = await load(empty, { runtime, cache: false, compiler: 'baseline' })
    program.check(options)
  } catch (error) {
    if (!(error instanceof WasiexecError)) throw error
    throw new UsageError(withFlagNames(error.message))
  } finally {
    await runtime.close()
  }
}

/** The flags of this command alone, by their names in messages of the library. */
const OWN_NAMES: Readonly<Record<string, string>> = {
  name: '--queue',
  connection: '--redis',
  prefix: '--prefix',
  lockMs: '--lock',
  bucketUrl: '--store',
  folder: '--store',
  cache: '--cache',
}

/** A message of the library with the names that options have here. */
function withFlagNames(message: string): string {
  const names = { ...FLAG_NAMES, ...OWN_NAMES }
  return message.replaceAll(/`([\w.]+)(?:\[\d+\])?`/g, (quoted, name: string) =>
    Object.hasOwn(names, name) ? names[name]! : quoted,
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
