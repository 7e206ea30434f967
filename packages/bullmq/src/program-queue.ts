import { randomUUID } from 'node:crypto'
import { EventEmitter } from 'node:events'
import { readFile } from 'node:fs/promises'
import { basename } from 'node:path'
import { fileURLToPath } from 'node:url'
import { Queue } from 'bullmq'
import type { Redis } from 'ioredis'
import { WasiexecError } from 'wasiexec'
import { pack, unpack } from './binary.ts'
import { BULL_QUEUE } from './bull.ts'
import { cancelWaiting } from './cancel.ts'
import { connect, disconnect } from './connection.ts'
import { checkOptions, checkSignal, invalid, toError, unpackFault } from './faults.ts'
import { GiveUp } from './give-up.ts'
import { Feeder, LostJobs, MOST_JOBS } from './feeder.ts'
import { packJob, portable } from './jobs.ts'
import { isDigest, isName, Keys, SHARED } from './keys.ts'
import { checkCount } from './programs.ts'
import { checkBatchOptions, QueueBatch } from './queue-batch.ts'
import {
  QueueProgram,
  type QueueBatchOptions,
  type QueueCallJob,
  type QueueDefaults,
  type QueueJob,
} from './queue-program.ts'
import {
  BATCH_OPTIONS,
  QUEUE_OPTIONS,
  SUBMIT_OPTIONS,
  type ProgramQueueOptions,
  type QuarantinedProgram,
  type QueueProgress,
  type QueueResult,
  type ResultsOptions,
  type Submission,
  type SubmissionProgress,
  type SubmitOptions,
} from './queue-options.ts'
import { ResultReader } from './result-reader.ts'
import { packReason } from './results.ts'
import { Scripts } from './scripts.ts'
import { openSource, type Source } from './source.ts'
import { digestOf, isStore, redisStore, type ProgramStore } from './store.ts'
import { Unheard } from './unheard.ts'

type Jobs<Id> =
  Iterable<QueueJob<Id> | QueueCallJob<Id>> | AsyncIterable<QueueJob<Id> | QueueCallJob<Id>>

/**
 * A queue of jobs for programs, which any number of workers on any number of machines run.
 *
 * Every job that was submitted ends exactly once in the results, also when workers, Redis or connections are lost.
 * Events: `error` (a fault of Redis; the queue goes on when Redis is back).
 *
 * @example
 * const queue = new ProgramQueue('grading', { connection: 'redis://127.0.0.1' })
 * const program = await queue.addProgram('tool.wasm')
 * await queue.submit([{ args: ['1'], id: 'one' }], { program })
 * for await (const { id, outcome } of queue.results()) console.log(id, outcome?.kind)
 * await queue.close()
 */
export class ProgramQueue extends EventEmitter<{ error: [Error] }> {
  readonly name: string
  readonly #redis: Redis
  readonly #keys: Keys
  readonly #scripts: Scripts
  readonly #store: ProgramStore
  readonly #bull: Queue
  readonly #maxOwed: number
  readonly #maxBytes: number
  readonly #reader = randomUUID()
  readonly #unheard: Unheard
  #isReading = false
  #submitting = 0

  /** @throws {WasiexecError} `ERR_INVALID_OPTION`. */
  constructor(name: string, options: ProgramQueueOptions) {
    super()
    checkOptions(options, QUEUE_OPTIONS)
    const { prefix = 'wasiexec', maxPending = 100_000, maxPendingBytes = 256 << 20 } = options
    this.name = name
    this.#keys = new Keys(prefix, name)
    this.#unheard = new Unheard(`queue ${name}`)
    this.#maxOwed = checkCount('maxPending', maxPending)
    this.#maxBytes = checkCount('maxPendingBytes', maxPendingBytes)
    if (options.store !== undefined && !isStore(options.store))
      throw invalid('store', 'an object with `has`, `get` and `put`', options.store)
    this.#redis = connect(options.connection)
    this.#scripts = new Scripts(this.#redis, this.#keys)
    this.#store = options.store ?? redisStore(this.#redis, this.#keys)
    this.#bull = new Queue(BULL_QUEUE, {
      connection: this.#redis,
      prefix: this.#keys.bull,
      streams: { events: { maxLen: 100 } },
    })
    const report = (error: Error): void => this.#report(error)
    this.#redis.on('error', report)
    this.#bull.on('error', report)
  }

  /**
   * Puts a program into the store, under the digest of its binary: a program that is there already is not sent again. A
   * string is a path; bytes are a binary or WAT text. It is compiled by the workers.
   *
   * @throws {WasiexecError} (rejects) `ERR_INVALID_OPTION`, `ERR_READ_FAILED`; what the store throws.
   */
  async addProgram(
    source: string | URL | Uint8Array,
    options: { name?: string | undefined } = {},
  ): Promise<QueueProgram> {
    checkOptions(options, ['name'])
    const isPath = typeof source === 'string' || source instanceof URL
    if (!isPath && !(source instanceof Uint8Array))
      throw invalid('source', 'a path, a URL or bytes', source)
    const path = source instanceof URL ? fileURLToPath(source) : source
    const binary = typeof path === 'string' ? await readBinary(path) : path
    const name = options.name ?? (typeof path === 'string' ? basename(path) : 'program')
    if (typeof name !== 'string' || name.includes('\0'))
      throw invalid('name', 'text without a zero byte', name)
    const digest = digestOf(binary)
    if (!(await this.#store.has(digest))) await this.#store.put(digest, binary)
    return this.program(digest, { name })
  }

  /**
   * Returns a program that was added before, here or elsewhere.
   *
   * @throws {WasiexecError} `ERR_INVALID_OPTION`.
   */
  program(digest: string, { name = 'program' }: { name?: string | undefined } = {}): QueueProgram {
    if (!isDigest(digest)) throw invalid('digest', 'a SHA-256 in hexadecimal', digest)
    return new QueueProgram({ digest, name }, (program, jobs, options) =>
      this.#batch(program, jobs as Jobs<unknown>, options as QueueBatchOptions),
    )
  }

  /**
   * Puts jobs into the queue, many at a time, and resolves when all are there. The `id` of a job has to be plain data.
   *
   * It waits while more than `maxPending` jobs have no result that was read, so read the results meanwhile where there are
   * more jobs than that.
   *
   * @throws {WasiexecError} (rejects) `ERR_INVALID_OPTION`; what the source of the jobs throws, after the jobs before it
   * were submitted. A job that cannot be sent or run has a result with an `error`.
   */
  async submit<Id = unknown>(jobs: Jobs<Id>, options: SubmitOptions = {}): Promise<Submission> {
    checkOptions(options, SUBMIT_OPTIONS)
    const { program, id = randomUUID(), signal } = options
    if (!isName(id) || id.includes('.') || id.length > 100)
      throw invalid('id', '1 to 100 letters, digits, `_` and `-`', id)
    checkSignal(signal)
    const source = openSource(jobs)
    const defaults = packDefaults(options.defaults)
    const feeder = this.#feeder(id, SHARED, options.chunkJobs)
    this.#submitting += 1
    try {
      if (!(await this.#scripts.open(id, SHARED, defaults)))
        throw invalid('id', 'the name of no other submission', id)
      const cancel = (): void => {
        feeder.stop()
        this.cancel(id, signal?.reason).catch((error: unknown) => this.#report(error))
      }
      if (signal?.aborted) cancel()
      signal?.addEventListener('abort', cancel)
      try {
        await this.#feedAndSeal(id, source, feeder, program, (job) => job?.id)
      } finally {
        signal?.removeEventListener('abort', cancel)
      }
      return { id, jobs: feeder.taken }
    } finally {
      this.#submitting -= 1
    }
  }

  /**
   * The results of everything that was submitted to this queue, by whomever, as they come. A result is removed from the
   * queue when the loop asks for what follows; several processes that read share the results. The loop ends when no result
   * is owed any more and this queue submits nothing, unless `follow` is set.
   *
   * @throws {WasiexecError} `ERR_BATCH_USED` while another loop of this queue reads.
   */
  async *results<Id = unknown>(
    options: ResultsOptions = {},
  ): AsyncGenerator<QueueResult<Id>, undefined> {
    for await (const results of this.chunks<Id>(options)) yield* results
  }

  /** The same results in arrays, none of which is empty. */
  async *chunks<Id = unknown>(
    options: ResultsOptions = {},
  ): AsyncGenerator<QueueResult<Id>[], undefined> {
    checkOptions(options, ['follow', 'signal'])
    const { follow = false, signal } = options
    if (this.#isReading)
      throw new WasiexecError('ERR_BATCH_USED', 'the results of this queue are being read already')
    this.#isReading = true
    const reader = new ResultReader(this.#redis, this.#scripts, this.#keys, SHARED, this.#reader)
    reader.onUnreadable = (error) => this.#report(error)
    try {
      await reader.open()
      for (;;) {
        if (signal?.aborted) return
        const owed = await reader.acknowledge()
        if (owed <= 0 && !follow && this.#submitting === 0) return
        const results = (await reader.read()).flatMap(({ submission, results: read }) =>
          read.map(({ index, id, end }) => ({ submission, index, id, ...end }) as QueueResult<Id>),
        )
        if (results.length > 0) yield results
      }
    } finally {
      await reader.close()
      this.#isReading = false
    }
  }

  /**
   * Cancels a submission: its jobs end as aborts with this reason. Those that no worker has begun end at once, others in
   * about a second. Returns false if there is no such submission, or it was cancelled before.
   *
   * @param reason Default: a `WasiexecError` with the code `ERR_BATCH_STOPPED`.
   */
  async cancel(submission: string, reason?: unknown): Promise<boolean> {
    const why = reason ?? new WasiexecError('ERR_BATCH_STOPPED', 'the submission was cancelled')
    if (!(await this.#scripts.cancel(submission, packReason(why)))) return false
    await cancelWaiting(this.#redis, this.#keys, this.#scripts, submission, why)
    return true
  }

  /** How far the queue has come. */
  async progress(): Promise<QueueProgress> {
    const [stats, chunks, workers] = await Promise.all([
      this.#redis.hgetall(this.#keys.stats),
      this.#bull.getJobCounts('waiting', 'active', 'delayed', 'prioritized'),
      this.#bull.getWorkersCount(),
    ])
    const { submitted = '0', read = '0', ...kinds } = stats
    const counts = Object.fromEntries(
      Object.entries(kinds).map(([kind, count]) => [kind, Number(count)]),
    )
    const { waiting = 0, delayed = 0, prioritized = 0, active = 0 } = chunks
    return {
      submitted: Number(submitted),
      finished: Object.values(counts).reduce((sum, count) => sum + count, 0),
      kinds: counts,
      read: Number(read),
      chunks: { waiting: waiting + delayed + prioritized, active },
      workers,
    }
  }

  /** How far a submission has come; undefined if there is none, or it ended more than a day ago. */
  async submission(id: string): Promise<SubmissionProgress | undefined> {
    const state = await this.#redis.hgetall(this.#keys.submission(id))
    if (state['jobs'] === undefined) return undefined
    return {
      jobs: Number(state['jobs']),
      finished: Number(state['finished']),
      sealed: state['sealed'] === '1',
      cancelled: state['cancelled'] !== undefined,
    }
  }

  /** The programs that are not run any more, because their jobs killed their workers. */
  async quarantined(): Promise<QuarantinedProgram[]> {
    const all = await this.#redis.hgetall(this.#keys.quarantine)
    return Object.entries(all).map(([digest, text]) => {
      const { reason, since } = JSON.parse(text) as Record<string, unknown>
      return { digest, reason: String(reason), since: String(since) }
    })
  }

  /** Lets a program run again. Returns false if it was not in quarantine. */
  async release(digest: string): Promise<boolean> {
    return (await this.#redis.hdel(this.#keys.quarantine, digest)) === 1
  }

  /** Closes the connections. Jobs and results stay in the queue. */
  async close(): Promise<void> {
    this.#unheard.end()
    const late = new GiveUp(CLOSE_MS, () => {})
    try {
      await late.wait(this.#bull.close())
      await late.wait(this.#redis.quit())
    } catch (error) {
      this.#report(error)
    } finally {
      late.end()
      disconnect(this.#redis)
    }
  }

  /** The same as {@link close}, for `await using`. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  #report(error: unknown): void {
    if (this.listenerCount('error') > 0) this.emit('error', toError(error))
    else this.#unheard.say(toError(error))
  }

  #feeder(submission: string, channel: string, chunkJobs: number | undefined): Feeder {
    if (chunkJobs !== undefined && checkCount('chunkJobs', chunkJobs) > MOST_JOBS)
      throw invalid('chunkJobs', `at most ${MOST_JOBS}`, chunkJobs)
    const look = async (): Promise<{ owed: number; bytes: number }> => {
      const [submitted, read, pending, unread] = (
        await this.#redis.hmget(
          this.#keys.channel(channel),
          'submitted',
          'read',
          'pending',
          'unread',
        )
      ).map(Number) as [number, number, number, number]
      return { owed: submitted - read, bytes: pending + unread }
    }
    return new Feeder(
      { scripts: this.#scripts, bull: this.#bull, look },
      { submission, channel, chunkJobs, maxOwed: this.#maxOwed, maxBytes: this.#maxBytes },
    )
  }

  /** Sends the jobs of a source, and ends their submission whatever comes. */
  async #feedAndSeal<J extends QueueJob | QueueCallJob>(
    id: string,
    source: Source<J>,
    feeder: Feeder,
    program: QueueProgram | undefined,
    idOf: (job: J, index: number) => unknown,
  ): Promise<void> {
    try {
      await this.#feed(source, feeder, program, idOf)
    } catch (error) {
      await this.#seal(id)
      throw error
    }
    const jobs = await this.#seal(id)
    if (jobs !== feeder.sent) throw new LostJobs(id, `it has ${jobs} of ${feeder.sent}`)
  }

  /** Sends the jobs of a source until it ends or the feeder is stopped. */
  async #feed<J extends QueueJob | QueueCallJob>(
    source: Source<J>,
    feeder: Feeder,
    program: QueueProgram | undefined,
    idOf: (job: J, index: number) => unknown,
  ): Promise<void> {
    try {
      while (!feeder.isStopped) {
        const pulled = source.next()
        const next = pulled instanceof Promise ? await orStopped(pulled, feeder) : pulled
        if (next === undefined || next.done) break
        const { value: job } = next
        const wait = feeder.add(this.#packed(job, feeder, program, idOf))
        if (wait !== undefined) await wait
      }
    } catch (error) {
      // What was taken before is still submitted.
      await feeder.end()
      throw error
    }
    if (feeder.isStopped) await source.close()
    await feeder.end()
  }

  #packed<J extends QueueJob | QueueCallJob>(
    job: J,
    feeder: Feeder,
    shared: QueueProgram | undefined,
    idOf: (job: J, index: number) => unknown,
  ): ReturnType<typeof packJob> {
    const index = feeder.taken
    const program = job?.program ?? shared
    if (program instanceof QueueProgram) {
      const number = feeder.programNumber(program)
      try {
        return packJob(job, index, number, idOf(job, index))
      } catch (error) {
        return packJob({ error: toError(error) }, index, number, undefined)
      }
    }
    const expected = 'a program that `queue.addProgram()` returned'
    const error = invalid('program', `${expected}, of the job or of the submission`, program)
    const none = feeder.programNumber(NO_PROGRAM)
    return packJob({ error }, index, none, undefined)
  }

  /** Ends a submission, and returns how many jobs it has. What was sent after it was cancelled ends here, too. */
  async #seal(id: string): Promise<number> {
    const jobs = await this.#scripts.seal(id)
    const reason = await this.#redis.hgetBuffer(this.#keys.submission(id), 'cancelled')
    if (reason === null) return jobs
    const why = unpackFault(unpack(reason))
    await cancelWaiting(this.#redis, this.#keys, this.#scripts, id, why)
    return jobs
  }

  #batch(
    program: QueueProgram,
    jobs: Jobs<unknown>,
    options: QueueBatchOptions,
  ): QueueBatch<unknown> {
    checkOptions(options, BATCH_OPTIONS)
    const { defaults, chunkJobs, ...rest } = options
    checkBatchOptions(rest)
    const packed = packDefaults(defaults)
    const id = randomUUID()
    const feeder = this.#feeder(id, id, chunkJobs)
    const source = openSource(jobs)
    return new QueueBatch(async () => {
      await this.#scripts.open(id, id, packed)
      const reader = new ResultReader(this.#redis, this.#scripts, this.#keys, id, this.#reader)
      await reader.open()
      return {
        feed: async (ids, held) => {
          feeder.held = held
          await this.#feedAndSeal(id, source, feeder, program, (job, index) => {
            if (job?.id !== undefined) ids.set(index, job.id)
          })
        },
        sent: () => feeder.sent,
        read: async () => {
          await reader.acknowledge()
          return (await reader.read()).flatMap(({ results }) => results)
        },
        cancel: async (reason) => {
          feeder.stop()
          await this.cancel(id, reason)
        },
        close: async () => {
          feeder.stop()
          await reader.acknowledge()
          await reader.close()
          await this.#redis.unlink(this.#keys.results(id), this.#keys.channel(id))
        },
      }
    }, rest as never)
  }
}

/** How long the end of a queue waits for Redis. */
const CLOSE_MS = 5000

/** What a job names that names no program. It is not run. */
const NO_PROGRAM = { digest: '0'.repeat(64), name: 'none' }

/** What a source returns, or undefined when the feeder stops: a source may never go on. */
function orStopped<T>(pulled: Promise<T>, feeder: Feeder): Promise<T | undefined> {
  return new Promise((resolve, reject) => {
    feeder.onStop = () => resolve(undefined)
    pulled.then(resolve, reject)
    if (feeder.isStopped) resolve(undefined)
  })
}

async function readBinary(path: string): Promise<Uint8Array> {
  try {
    return await readFile(path)
  } catch (error) {
    const { message } = toError(error)
    throw new WasiexecError('ERR_READ_FAILED', `cannot read the program: ${message}`, {
      cause: error,
    })
  }
}

function packDefaults(defaults: QueueDefaults | undefined): Buffer {
  if (defaults === undefined) return Buffer.alloc(0)
  if (typeof defaults !== 'object' || defaults === null)
    throw invalid('defaults', 'an object', defaults)
  return pack(portable(defaults))
}
