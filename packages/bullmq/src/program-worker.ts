import { randomUUID } from 'node:crypto'
import { EventEmitter } from 'node:events'
import {
  DelayedError,
  Queue,
  WaitingError,
  Worker,
  type Job as BullJob,
  type LockManager,
} from 'bullmq'
import type { Redis } from 'ioredis'
import { Runtime, WasiexecError, type RuntimeOptions } from 'wasiexec'
import { unpack } from './binary.ts'
import { readCaps, type Caps } from './caps.ts'
import { BULL_QUEUE } from './bull.ts'
import { connect, disconnect, type Connection } from './connection.ts'
import { checkOptions, invalid, toError, unpackFault } from './faults.ts'
import { MOST_JOBS } from './feeder.ts'
import { GiveUp } from './give-up.ts'
import { HealthServer } from './health-server.ts'
import { Keys } from './keys.ts'
import { Counts, exposition } from './metrics.ts'
import { checkCount, type ProgramOptions } from './programs.ts'
import { ResultWriter } from './result-writer.ts'
import {
  ChunkRunner,
  GRANTS,
  UnreadableChunk,
  type AloneWork,
  type ChunkEnd,
  type Grants,
  type JobEnd,
} from './runner.ts'
import { chunkAddress, Scripts, type Begun, type ChunkAddress } from './scripts.ts'
import { isStore, redisStore, type ProgramStore } from './store.ts'
import { Sweeper } from './sweeper.ts'
import { Unheard } from './unheard.ts'

/** How a worker is set up. */
export interface ProgramWorkerOptions {
  /** Redis or Valkey. */
  connection: Connection
  /** Where the programs are: the same store as that of the queue. Default: Redis. */
  store?: ProgramStore | undefined
  /** What all keys in Redis begin with: the same as that of the queue. Default: `wasiexec`. */
  prefix?: string | undefined
  /** Upper bounds, which no job can raise. Default: 60 s, 1 GiB of memory, 16 MiB of output, 64 MiB and 65,536 files, 64 sockets. */
  limits?: Caps | undefined
  /**
   * What every job may use of this machine: `preopens`, `network`, `http`. Core modules cannot have the last two, and run
   * without. Default: nothing.
   */
  grants?: Grants | undefined
  /** What runs the jobs: an own runtime with these options, or one that the caller closes. Default: one with a thread per core. */
  runtime?: RuntimeOptions | Runtime | undefined
  /** How programs are loaded: where compiled code is kept, and which compiler makes it. Default: as by `load`. */
  load?: ProgramOptions | undefined
  /** Programs that stay loaded. Default: 64. */
  programs?: number | undefined
  /** Chunks in progress at a time. Default: one more than the runtime has threads. */
  chunks?: number | undefined
  /**
   * How long the worker may be silent before others think that it is lost, in milliseconds. Its chunks are run again after
   * one to two times as long. The same for all workers of a queue. Default: 30,000.
   */
  lockMs?: number | undefined
  /** How long a drain waits for the jobs in progress, in milliseconds. Those that remain run elsewhere. Default: 25,000. */
  drainMs?: number | undefined
  /** Bytes of unread results of one submission above which no more of its jobs are run. Default: 256 MiB. */
  maxUnreadBytes?: number | undefined
  /** Where health and metrics are served. Default: nowhere. */
  http?: { port: number; host?: string | undefined } | undefined
}

/** What a worker has done. */
export interface WorkerStats {
  /** Jobs that ended here, by kind of ending. */
  readonly jobs: Readonly<Record<string, number>>
  /** Chunks that ended here. */
  readonly chunks: number
  /** Chunks in progress. */
  readonly active: number
  /** Results that another worker had written before; they were dropped. */
  readonly dropped: number
  /** Chunks begun here that a worker was lost with. */
  readonly lost: number
  readonly draining: boolean
}

interface Events {
  /** A fault of the machine or of Redis. The worker goes on. */
  error: [Error]
  /** A program was put into quarantine. */
  quarantine: [{ digest: string; reason: string }]
}

const OPTIONS = [
  'connection',
  'store',
  'prefix',
  'limits',
  'grants',
  'runtime',
  'load',
  'programs',
  'chunks',
  'lockMs',
  'drainMs',
  'maxUnreadBytes',
  'http',
] as const satisfies readonly (keyof ProgramWorkerOptions)[]

/** How often a worker asks whether the submissions that it has were cancelled. */
const CANCEL_MS = 1000
/** How much longer than `drainMs` a drain may take, for what is to be written. */
const LATE_MS = 5000
/** How long a chunk waits whose results nobody reads. */
const UNREAD_MS = 1000

/**
 * Takes chunks of jobs from a queue and runs each as one native batch. It begins at once, and goes on until it is drained.
 *
 * Events: `error` (a fault of the machine or of Redis; the worker goes on) and `quarantine` (`{ digest, reason }`).
 *
 * @example
 * const worker = new ProgramWorker('grading', { connection: 'redis://127.0.0.1', limits: { timeoutMs: 10_000 } })
 * process.once('SIGTERM', () => worker.drain())
 */
export class ProgramWorker extends EventEmitter<Events> {
  /** The name of its queue. */
  readonly name: string
  readonly #redis: Redis
  readonly #keys: Keys
  readonly #scripts: Scripts
  readonly #runtime: Runtime
  readonly #ownsRuntime: boolean
  readonly #runner: ChunkRunner
  readonly #bull: Worker
  readonly #queue: Queue
  readonly #sweeper: Sweeper
  readonly #counts = new Counts()
  readonly #leave = new AbortController()
  readonly #active = new Map<string, ActiveChunk>()
  readonly #cancelTimer: NodeJS.Timeout
  readonly #server: HealthServer | undefined
  readonly #listening: Promise<number | undefined>
  readonly #drainMs: number
  readonly #maxUnreadBytes: number
  readonly #unheard: Unheard
  #draining: Promise<void> | undefined

  /** @throws {WasiexecError} `ERR_INVALID_OPTION`, `ERR_OUT_OF_RESOURCES`. */
  constructor(name: string, options: ProgramWorkerOptions) {
    super()
    checkOptions(options, OPTIONS)
    const { prefix = 'wasiexec', limits, grants, load, programs, http } = options
    const { lockMs = 30_000, drainMs = 25_000, maxUnreadBytes = 256 << 20 } = options
    this.name = name
    this.#unheard = new Unheard(`the worker of queue ${name}`)
    this.#keys = new Keys(prefix, name)
    for (const [option, value, least] of [
      ['lockMs', lockMs, 100],
      ['drainMs', drainMs, 0],
      ['maxUnreadBytes', maxUnreadBytes, 1],
      ['chunks', options.chunks ?? 1, 1],
      ['programs', programs ?? 1, 1],
    ] as const)
      checkCount(option, value, least)
    if (options.store !== undefined && !isStore(options.store))
      throw invalid('store', 'an object with `has`, `get` and `put`', options.store)
    readCaps(limits)
    checkOptions(grants ?? {}, GRANTS)
    if (http !== undefined) checkOptions(http, ['port', 'host'])
    this.#drainMs = drainMs
    this.#maxUnreadBytes = maxUnreadBytes
    // From here on, what was opened has to be closed again.
    this.#redis = connect(options.connection)
    this.#redis.on('error', (error: Error) => this.#report(error))
    this.#ownsRuntime = !(options.runtime instanceof Runtime)
    try {
      this.#runtime =
        options.runtime instanceof Runtime ? options.runtime : new Runtime(options.runtime)
    } catch (error) {
      disconnect(this.#redis)
      throw error
    }
    const { threads } = this.#runtime.stats()
    this.#scripts = new Scripts(this.#redis, this.#keys)
    this.#runner = new ChunkRunner({
      store: options.store ?? redisStore(this.#redis, this.#keys),
      runtime: this.#runtime,
      limits,
      grants,
      load,
      programs,
    })
    this.#runner.onQuarantine = (digest, reason) => this.#quarantine(digest, reason)
    const shared = { connection: this.#redis, prefix: this.#keys.bull }
    this.#queue = new Queue(BULL_QUEUE, shared)
    this.#bull = new Worker(BULL_QUEUE, (job, token) => this.#process(job, token), {
      ...shared,
      concurrency: options.chunks ?? threads + 1,
      lockDuration: lockMs,
      stalledInterval: lockMs,
      // What was lost is counted here, by job.
      maxStalledCount: Number.MAX_SAFE_INTEGER,
      runRetryDelay: 1000,
      removeOnComplete: { count: 0 },
      removeOnFail: { count: 100 },
    })
    this.#queue.on('error', (error) => this.#report(error))
    this.#bull.on('error', (error) => this.#report(error))
    this.#sweeper = new Sweeper(this.#redis, this.#keys, this.#queue, lockMs, (error) =>
      this.#report(error),
    )
    this.#cancelTimer = setInterval(() => void this.#lookForCancelled(), CANCEL_MS)
    this.#server = http === undefined ? undefined : new HealthServer(this.#healthSource())
    this.#listening = Promise.resolve(this.#server?.listen(http!.port, http!.host ?? '127.0.0.1'))
    this.#listening.catch((error: unknown) => this.#report(error))
  }

  /**
   * Resolves when the worker is connected and its health is served: to the port, if there is one.
   *
   * @throws {Error} (rejects) when the port cannot be had.
   */
  async ready(): Promise<number | undefined> {
    await this.#bull.waitUntilReady()
    return this.#listening
  }

  /** What the worker has done. */
  stats(): WorkerStats {
    const { jobs, chunks, dropped, lost } = this.#counts
    return {
      jobs: Object.fromEntries(jobs),
      chunks,
      active: this.#active.size,
      dropped,
      lost,
      draining: this.#draining !== undefined,
    }
  }

  /** The metrics in the text format of Prometheus, as `/metrics` serves them. */
  metrics(): string {
    const { loaded, loads } = this.#runner.programs
    return exposition(this.name, this.#counts, {
      chunks: this.#active.size,
      programs: loaded,
      loads,
      isDraining: this.#draining !== undefined,
      isConnected: this.#redis.status === 'ready',
      runtime: this.#runtime.stats(),
    })
  }

  /**
   * Takes no more chunks, waits for the jobs in progress, gives back what has not ended after `drainMs`, and resolves when
   * everything of the worker is closed. Calling it again returns the same promise.
   */
  drain(): Promise<void> {
    this.#draining ??= this.#drain()
    return this.#draining
  }

  /** The same as {@link drain}, for `await using`. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.drain()
  }

  async #drain(): Promise<void> {
    this.#unheard.end()
    const leave = (): void => {
      this.#leave.abort(new WasiexecError('ERR_RUNTIME_CLOSED', 'the worker is drained'))
    }
    const timer = setTimeout(leave, this.#drainMs)
    await this.#listening.catch(() => {})
    // Without Redis nothing can be written or given back, and nobody waits for that for ever.
    const late = new GiveUp(this.#drainMs + LATE_MS, () => {
      disconnect(this.#redis)
      // Its end waits for Redis too, and it has a timer until then.
      void (this.#bull as unknown as { lockManager?: LockManager }).lockManager?.close()
    })
    try {
      await late.wait(this.#bull.close())
      await late.wait(this.#sweeper.close())
      await late.wait(this.#queue.close())
      await late.wait(this.#redis.quit())
    } catch (error) {
      this.#report(error)
    } finally {
      late.end()
      clearTimeout(timer)
      clearInterval(this.#cancelTimer)
      disconnect(this.#redis)
    }
    await this.#server?.close()
    if (this.#ownsRuntime) await this.#runtime.close()
  }

  /** Runs the chunk of a job of BullMQ. What it throws is a fault of the machine: BullMQ tries again later. */
  async #process(job: BullJob, token: string | undefined): Promise<void> {
    const address = chunkAddress(job.id, job.data)
    // Nobody but us makes such jobs. There is nothing that could be run.
    if (address === undefined) return
    if (await this.#isUnread(address)) {
      await job.moveToDelayed(Date.now() + UNREAD_MS, token)
      throw new DelayedError()
    }
    const owner = randomUUID()
    const begun = await this.#scripts.begin(address, owner)
    // It has ended: a worker ended it and was lost before BullMQ knew.
    if (begun === undefined) return
    if (begun.losses > 0) this.#counts.lost += 1
    const isLastTry = job.attemptsMade + 1 >= (job.opts.attempts ?? 1)
    const end = await this.#run(address, owner, begun, isLastTry).catch(async (error: unknown) => {
      // Given back, so that nobody takes this worker for lost.
      await this.#scripts.release(address, owner)
      throw error
    })
    if (end.undone === 0) {
      this.#counts.chunks += 1
      return
    }
    await this.#scripts.release(address, owner)
    if (end.fault !== undefined) {
      this.#counts.retried += 1
      throw end.fault
    }
    this.#counts.returned += 1
    await job.moveToWait(token)
    throw new WaitingError()
  }

  async #run(
    address: ChunkAddress,
    owner: string,
    begun: Begun,
    isLastTry: boolean,
  ): Promise<ChunkEnd> {
    const cancel = new AbortController()
    /** Somebody else has the chunk: this worker was silent for too long. */
    const takenOver = new AbortController()
    const isLost = begun.losses > 0
    const writer = new ResultWriter(
      this.#scripts,
      address,
      owner,
      {
        written: (end, isFirst) => this.#counts.add(end, isFirst),
        finished: ({ cancelled, mine, left }) => {
          if (cancelled) void this.#lookForCancelled()
          if (!mine && left > 0) takenOver.abort(new Error('another worker has the chunk'))
        },
      },
      isLost,
    )
    const active: ActiveChunk = { address, cancel }
    this.#active.set(owner, active)
    if (begun.cancelled !== undefined) cancel.abort(reasonOf(begun.cancelled))
    try {
      const end = await this.#runner
        .run(
          {
            payload: begun.payload,
            count: begun.count,
            defaults: begun.defaults,
            isDone: (place) => isSet(begun.done, place),
            quarantined: begun.quarantined,
            isLastTry,
            signal: cancel.signal,
            leave: AbortSignal.any([this.#leave.signal, takenOver.signal]),
            alone: isLost ? this.#alone(address, owner, begun) : undefined,
          },
          (ends) => writer.take(ends),
        )
        .catch((thrown: unknown) => this.#unreadable(thrown, begun, writer))
      await writer.flush()
      return takenOver.signal.aborted ? { ...end, undone: 0 } : end
    } finally {
      this.#active.delete(owner)
    }
  }

  #alone(address: ChunkAddress, owner: string, begun: Begun): AloneWork {
    const { suspect, kills } = begun
    return {
      first: suspect,
      begin: (place) => this.#scripts.mark(address, owner, place),
      leave: async () => void (await this.#scripts.mark(address, owner, undefined)),
      kills: (place) => (place === suspect ? kills : 0),
    }
  }

  /** The end of a chunk that cannot be read. Each of its jobs has an error. */
  async #unreadable(thrown: unknown, begun: Begun, writer: ResultWriter): Promise<ChunkEnd> {
    if (!(thrown instanceof UnreadableChunk) || begun.count > MOST_JOBS) throw thrown
    const error = new WasiexecError('ERR_INVALID_OPTION', thrown.message, { cause: thrown.cause })
    const ends: JobEnd[] = []
    for (let place = 0; place < begun.count; place += 1) {
      const work = { kind: 'error', error } as const
      const job = { index: begun.first + place, program: 0, work, id: undefined }
      if (!isSet(begun.done, place)) ends.push({ place, job, end: { error } })
    }
    await writer.take(ends)
    return { undone: 0, fault: undefined }
  }

  async #isUnread({ channel }: ChunkAddress): Promise<boolean> {
    const unread = await this.#redis.hget(this.#keys.channel(channel), 'unread')
    return Number(unread ?? 0) > this.#maxUnreadBytes
  }

  async #quarantine(digest: string, reason: string): Promise<void> {
    const since = new Date().toISOString()
    await this.#redis.hset(this.#keys.quarantine, digest, JSON.stringify({ reason, since }))
    this.#counts.quarantined += 1
    this.emit('quarantine', { digest, reason })
  }

  async #lookForCancelled(): Promise<void> {
    try {
      for (const { address, cancel } of this.#active.values()) {
        if (cancel.signal.aborted) continue
        const key = this.#keys.submission(address.submission)
        const reason = await this.#redis.hgetBuffer(key, 'cancelled')
        if (reason !== null) cancel.abort(reasonOf(reason))
      }
    } catch (error) {
      this.#report(error)
    }
  }

  #report(error: unknown): void {
    // Without a listener, an event `error` would end the process.
    if (this.listenerCount('error') > 0) this.emit('error', toError(error))
    else this.#unheard.say(toError(error))
  }

  #healthSource(): { problem(): string | undefined; metrics(): string } {
    return {
      problem: () => {
        if (this.#draining !== undefined) return 'it is draining'
        return this.#redis.status === 'ready' ? undefined : `Redis: ${this.#redis.status}`
      },
      metrics: () => this.metrics(),
    }
  }
}

interface ActiveChunk {
  readonly address: ChunkAddress
  readonly cancel: AbortController
}

function isSet(bits: Buffer, at: number): boolean {
  return ((bits[at >> 3] ?? 0) & (0x80 >> (at & 7))) !== 0
}

/** The reason of a cancellation, as `packReason` wrote it. */
function reasonOf(bytes: Buffer): Error {
  try {
    return unpackFault(unpack(bytes))
  } catch {
    return new WasiexecError('ERR_BATCH_STOPPED', 'the submission was cancelled')
  }
}
