// The options of `wasiexec worker`: @wasiexec/bullmq reads them, and the command completes and documents them.
import { limitFlags, type LimitName } from './limit-flags.ts'
import { NETWORK_FLAGS } from './network-flags.ts'

/** What a worker allows without the flag. */
export const WORKER_LIMITS: Readonly<Partial<Record<LimitName, string>>> = {
  timeoutMs: '60s',
  memoryBytes: '1GiB',
  outputBytes: '16MiB',
  filesBytes: '64MiB',
  filesCount: '65536',
  sockets: '64',
}

/** An option as help shows it. */
export interface WorkerFlag {
  /** `--redis <url>`. */
  readonly usage: string
  readonly what: string
}

/** Options that belong together. */
export interface WorkerFlags {
  readonly title?: string
  readonly flags: readonly WorkerFlag[]
}

/** All options of a worker, in the order of its help. */
export const WORKER_FLAGS: readonly WorkerFlags[] = [
  {
    flags: [
      { usage: '--queue <name>', what: 'the queue' },
      {
        usage: '--redis <url>',
        what: 'Redis or Valkey; default: $REDIS_URL, then redis://127.0.0.1:6379',
      },
      { usage: '--prefix <text>', what: 'what all keys begin with; default: wasiexec' },
      {
        usage: '--store <where>',
        what: 'where programs are: "redis", a folder, or the https URL of a bucket of S3 (with $AWS_ACCESS_KEY_ID, $AWS_SECRET_ACCESS_KEY and, if set, $AWS_REGION); default: redis',
      },
    ],
  },
  {
    title: 'Upper bounds for every job, which no job can raise:',
    // A queue has no requests.
    flags: limitFlags('run', 'files', 'network').map(({ limit, usage, what }) => {
      const most = WORKER_LIMITS[limit]
      return { usage, what: most === undefined ? what : `${what}; default: ${most}` }
    }),
  },
  {
    title: 'What every job may use of this machine; default: nothing:',
    flags: [
      {
        usage: '--dir <host[::guest][:rw]>',
        what: 'a directory, read-only without :rw; may be repeated',
      },
      ...NETWORK_FLAGS.map(({ name, value, what }) => ({ usage: `--${name} <${value}>`, what })),
    ],
  },
  {
    title: 'The worker:',
    flags: [
      { usage: '--threads <n>', what: 'threads that run guests; default: one per core' },
      { usage: '--processes', what: 'run guests in worker processes of this machine' },
      { usage: '--chunks <n>', what: 'chunks at a time; default: one more than threads' },
      { usage: '--programs <n>', what: 'programs that stay loaded; default: 64' },
      {
        usage: '--cache <folder>',
        what: "where compiled code is kept; default: the user's cache folder",
      },
      {
        usage: '--lock <duration>',
        what: 'silence after which the worker is lost; the same for all of a queue; default: 30s',
      },
      { usage: '--drain <duration>', what: 'how long a drain waits for jobs; default: 25s' },
      {
        usage: '--http <[host:]port>',
        what: 'serve /healthz, /livez, /readyz and /metrics; default host: 127.0.0.1',
      },
      { usage: '-h, --help', what: 'print this help' },
      { usage: '-V, --version', what: 'print the version' },
    ],
  },
]
