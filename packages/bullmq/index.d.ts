// The public contract of @wasiexec/bullmq, rolled up from src/ by `npm run build:ts`. Do not edit.
/// <reference types="node" />
import {
  Batch,
  BatchOptions,
  BatchResult,
  CallJob,
  CallOutcome,
  CallResult,
  HostError,
  Job,
  Limits,
  LoadOptions,
  RunOptions,
  Runtime,
  RuntimeOptions,
} from 'wasiexec'
import { Redis, RedisOptions } from 'ioredis'
import { EventEmitter } from 'node:events'

// packages/bullmq/src/caps.d.ts
/** Upper bounds for all jobs of a worker. No job can raise one. */
type Caps = Omit<Limits, 'onMemory' | 'onOutput'>
/** Where Redis or Valkey is: a URL (`redis://…`, `rediss://…`), options of ioredis, or a connection of ioredis. */
type Connection = string | RedisOptions | Redis
/** A program of a chunk: its digest, and the name that its runs see. */
interface ProgramRef {
  readonly digest: string
  readonly name: string
}
/** What a job is to a worker. */
type QueuedWork =
  | {
      readonly kind: 'run'
      readonly options: RunOptions
    }
  | {
      readonly kind: 'call'
      readonly call: CallJob['call']
      readonly limits?: Limits
    }
  | {
      readonly kind: 'error'
      readonly error: Error
    }
/** A job as it came out of a chunk. */
interface QueuedJob {
  /** Which job of its submission. */
  readonly index: number
  /** Which program of the chunk. */
  readonly program: number
  readonly work: QueuedWork
  /** Goes back with the result as it came. */
  readonly id: unknown
}
/**
 * Packs jobs into one message, for a {@link ChunkRunner} behind any queue. What cannot be sent becomes the error of its
 * job.
 *
 * @param program of all the jobs: the SHA-256 of its binary in hexadecimal, and the name that its runs see
 * @throws {WasiexecError} `ERR_INVALID_OPTION` for a program without a digest.
 * @example
 * const payload = encodeChunk({ digest, name: 'tool' }, [{ id: 1, args: ['1'] }, { id: 2, args: ['2'] }])
 */
declare function encodeChunk(
  program: ProgramRef,
  jobs: Iterable<Omit<Job, 'program'> | CallJob>,
): Uint8Array
/** A job of a queue: a job of a batch, whose program is one of the queue. */
interface QueueJob<Id = unknown> extends Omit<Job<Id>, 'program'> {
  /** The program to run in place of the one of the submission. */
  program?: QueueProgram | undefined
}
/** One call of a batch over a queue. Each call has an instance of its own. */
interface QueueCallJob<Id = unknown> extends CallJob<Id> {
  /** The program whose function is called, in place of the one of the submission. */
  program?: QueueProgram | undefined
}
/** The options that all jobs share. */
type QueueDefaults = Omit<RunOptions, 'signal' | 'preopens' | 'imports'>
/**
 * How a batch is run over a queue. `concurrency` and `state` are for the workers to say, and have no effect here: calls
 * always have fresh instances.
 */
type QueueBatchOptions<Id = unknown> = Omit<BatchOptions<Id>, 'defaults'> & {
  defaults?:
    | QueueDefaults
    | undefined /** Jobs that go to a worker together. Default: as many as take about a quarter of a second. */
  chunkJobs?: number | undefined
}
/** A program in the store of a queue, made by {@link ProgramQueue.addProgram}. */
declare class QueueProgram implements ProgramRef {
  #private
  /** The SHA-256 of its binary in hexadecimal. */
  readonly digest: string
  /** argv[0] of its runs. */
  readonly name: string
  /**
   * Runs the program once per job, on the workers of the queue. Jobs and results are those of `Program.batch` of wasiexec,
   * in the same order; the same loop reads them.
   *
   * The results belong to this batch: when it is left, its jobs are cancelled.
   *
   * @throws {WasiexecError} `ERR_INVALID_OPTION`. A job that cannot be sent or run has a result with an `error`.
   * @example
   * const program = await queue.addProgram('tool.wasm') // in place of: await load('tool.wasm')
   * for await (const { index, outcome } of program.batch(jobs)) console.log(index, outcome?.kind)
   */
  batch<Id = unknown>(
    jobs: Iterable<QueueJob<Id>> | AsyncIterable<QueueJob<Id>>,
    options?: QueueBatchOptions<Id>,
  ): Batch<Id>
  batch<Id = unknown>(
    jobs: Iterable<QueueCallJob<Id>> | AsyncIterable<QueueCallJob<Id>>,
    options?: QueueBatchOptions<Id>,
  ): AsyncIterable<CallResult<Id>> & Pick<Batch<Id>, 'summary'>
}
/**
 * Where the binaries of programs are, by their SHA-256 in hexadecimal. Producers write, workers read, and check what they
 * have read. All producers and workers of a queue name the same store. Anything with these three functions is one.
 */
interface ProgramStore {
  /** Whether it has the binary, so that it need not be sent. */
  has(digest: string): Promise<boolean>
  /** Returns the binary, or undefined if there is none. Rejects when the store cannot be asked. */
  get(digest: string): Promise<Uint8Array | undefined>
  /** Keeps the binary. Doing this twice is the same as once. */
  put(digest: string, binary: Uint8Array): Promise<void>
}
/**
 * A store in a folder that all machines see, such as a network file system.
 *
 * @throws {WasiexecError} `ERR_INVALID_OPTION`.
 * @example
 * const queue = new ProgramQueue('grading', { connection, store: folderStore('/mnt/programs') })
 */
declare function folderStore(folder: string): ProgramStore
/** Where a bucket is, and who asks for it. */
interface S3Options {
  /** The address of the bucket: `https://bucket.s3.eu-central-1.amazonaws.com`, or `https://minio.internal/bucket`. */
  bucketUrl: string
  accessKeyId: string
  secretAccessKey: string
  sessionToken?: string | undefined
  /** Default: what the address says, otherwise `us-east-1`. */
  region?: string | undefined
  /** What the names of the objects begin with. Default: `wasiexec/`. */
  prefix?: string | undefined
}
/**
 * A store in a bucket of S3 or of anything that speaks its protocol. Requests are signed (SigV4) and tried again
 * when the service is overloaded.
 *
 * @throws {WasiexecError} `ERR_INVALID_OPTION`.
 * @example
 * const store = s3Store({ bucketUrl: 'https://programs.s3.eu-central-1.amazonaws.com', accessKeyId, secretAccessKey })
 */
declare function s3Store(options: S3Options): ProgramStore
/** How a queue is set up. */
interface ProgramQueueOptions {
  /** Redis or Valkey. */
  connection: Connection
  /** Where programs are kept. Workers name the same store. Default: Redis. */
  store?: ProgramStore | undefined
  /** What all keys in Redis begin with. Default: `wasiexec`. */
  prefix?: string | undefined
  /**
   * Jobs whose results nobody has read yet, above which a submission waits; a batch and the results of the queue count
   * apart. Default: 100,000.
   */
  maxPending?: number | undefined
  /** The same for the bytes of jobs and results in Redis. Default: 256 MiB. */
  maxPendingBytes?: number | undefined
}
/** How jobs are submitted. */
interface SubmitOptions {
  /** The program of jobs that name none. */
  program?: QueueProgram | undefined
  /** The options that all jobs share, as in a batch. Default: none. */
  defaults?: QueueDefaults | undefined
  /** The name of the submission, which its results have: 1 to 100 letters, digits, `_` and `-`. Default: a random one. */
  id?: string | undefined
  /** Cancels the submission, with its reason. */
  signal?: AbortSignal | undefined
  /** Jobs that go to a worker together. Default: as many as take about a quarter of a second. */
  chunkJobs?: number | undefined
}
/** A submission whose jobs are all in the queue. */
interface Submission {
  readonly id: string
  /** How many jobs it has. */
  readonly jobs: number
}
/** The result of one job of a queue: what a batch returns, and whose job it was. */
type QueueResult<Id = unknown> = BatchResult<Id, CallOutcome> & {
  /** The `id` of the submission. */ readonly submission: string
}
/** How results are read. */
interface ResultsOptions {
  /** Whether to wait for more when no result is owed any more. Default: `false`. */
  follow?: boolean | undefined
  /** Ends the loop. What was not read stays in the queue. */
  signal?: AbortSignal | undefined
}
/** How far a queue has come. */
interface QueueProgress {
  /** Jobs that were submitted. */
  readonly submitted: number
  /** Jobs that have ended. */
  readonly finished: number
  /** Jobs that have ended, by kind of ending. */
  readonly kinds: Readonly<Record<string, number>>
  /** Results that were read. */
  readonly read: number
  /** Chunks that wait for a worker, and chunks that workers have. */
  readonly chunks: {
    readonly waiting: number
    readonly active: number
  }
  /** Workers that are connected. */
  readonly workers: number
}
/** How far a submission has come. */
interface SubmissionProgress {
  readonly jobs: number
  readonly finished: number
  /** Whether all its jobs are in the queue. */
  readonly sealed: boolean
  readonly cancelled: boolean
}
/** A program that is not run any more. */
interface QuarantinedProgram {
  readonly digest: string
  readonly reason: string
  /** When it was put there, in ISO 8601. */
  readonly since: string
}
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
declare class ProgramQueue extends EventEmitter<{
  error: [Error]
}> {
  #private
  readonly name: string
  /** @throws {WasiexecError} `ERR_INVALID_OPTION`. */
  constructor(name: string, options: ProgramQueueOptions)
  /**
   * Puts a program into the store, under the digest of its binary: a program that is there already is not sent again. A
   * string is a path; bytes are a binary or WAT text. It is compiled by the workers.
   *
   * @throws {WasiexecError} (rejects) `ERR_INVALID_OPTION`, `ERR_READ_FAILED`; what the store throws.
   */
  addProgram(
    source: string | URL | Uint8Array,
    options?: {
      name?: string | undefined
    },
  ): Promise<QueueProgram>
  /**
   * Returns a program that was added before, here or elsewhere.
   *
   * @throws {WasiexecError} `ERR_INVALID_OPTION`.
   */
  program(
    digest: string,
    {
      name,
    }?: {
      name?: string | undefined
    },
  ): QueueProgram
  /**
   * Puts jobs into the queue, many at a time, and resolves when all are there. The `id` of a job has to be plain data.
   *
   * It waits while more than `maxPending` jobs have no result that was read, so read the results meanwhile where there are
   * more jobs than that.
   *
   * @throws {WasiexecError} (rejects) `ERR_INVALID_OPTION`; what the source of the jobs throws, after the jobs before it
   * were submitted. A job that cannot be sent or run has a result with an `error`.
   */
  submit<Id = unknown>(jobs: Jobs<Id>, options?: SubmitOptions): Promise<Submission>
  /**
   * The results of everything that was submitted to this queue, by whomever, as they come. A result is removed from the
   * queue when the loop asks for what follows; several processes that read share the results. The loop ends when no result
   * is owed any more and this queue submits nothing, unless `follow` is set.
   *
   * @throws {WasiexecError} `ERR_BATCH_USED` while another loop of this queue reads.
   */
  results<Id = unknown>(options?: ResultsOptions): AsyncGenerator<QueueResult<Id>, undefined>
  /** The same results in arrays, none of which is empty. */
  chunks<Id = unknown>(options?: ResultsOptions): AsyncGenerator<QueueResult<Id>[], undefined>
  /**
   * Cancels a submission: its jobs end as aborts with this reason. Those that no worker has begun end at once, others in
   * about a second. Returns false if there is no such submission, or it was cancelled before.
   *
   * @param reason Default: a `WasiexecError` with the code `ERR_BATCH_STOPPED`.
   */
  cancel(submission: string, reason?: unknown): Promise<boolean>
  /** How far the queue has come. */
  progress(): Promise<QueueProgress>
  /** How far a submission has come; undefined if there is none, or it ended more than a day ago. */
  submission(id: string): Promise<SubmissionProgress | undefined>
  /** The programs that are not run any more, because their jobs killed their workers. */
  quarantined(): Promise<QuarantinedProgram[]>
  /** Lets a program run again. Returns false if it was not in quarantine. */
  release(digest: string): Promise<boolean>
  /** Closes the connections. Jobs and results stay in the queue. */
  close(): Promise<void>
  /** The same as {@link close}, for `await using`. */
  [Symbol.asyncDispose](): Promise<void>
}
/** What became of a job: an outcome, or the error that came in its place. */
type AnyOutcome = CallOutcome | HostError
type End =
  | {
      readonly outcome: AnyOutcome
      readonly error?: undefined
    }
  | {
      readonly outcome?: undefined
      readonly error: Error
    }
/** How a worker loads programs. */
type ProgramOptions = Pick<LoadOptions, 'cache' | 'compiler'>
/** What an operator lets all jobs of a worker use of its machine. No job can ask for any of it. */
type Grants = Pick<RunOptions, 'preopens' | 'network' | 'http'>
/** How a {@link ChunkRunner} is set up. */
interface ChunkRunnerOptions {
  /** Where the programs are. */
  store: ProgramStore
  /** What runs them. */
  runtime: Runtime
  /** Upper bounds for every job. Default: 60 s, 1 GiB of memory, 16 MiB of output, 64 MiB and 65,536 files, 64 sockets. */
  limits?: Caps | undefined
  /** What every job may use of this machine: directories, and, unless it is a core module, network. Default: nothing. */
  grants?: Grants | undefined
  /** How programs are loaded. Default: as by `load`. */
  load?: ProgramOptions | undefined
  /** Programs that stay loaded. Default: 64. */
  programs?: number | undefined
}
/** The jobs of one message of any queue: what `ProgramQueue` calls a chunk. */
interface ChunkWork {
  /** The jobs, as a producer packed them. */
  readonly payload: Uint8Array
  /** How many jobs these are, if that is known: a payload with more or fewer is refused. */
  readonly count?: number | undefined
  /** The options that they share, as a producer packed them. Default: none. */
  readonly defaults?: Uint8Array | undefined
  /** Jobs that have their results already, by their place in the chunk. Default: none. */
  readonly isDone?: (place: number) => boolean
  /** Programs that are not run, by digest. */
  readonly quarantined?: ReadonlySet<string>
  /** Whether this is the last try: faults of the machine are then results, too. */
  readonly isLastTry?: boolean
  /** Workers were lost with this chunk: its jobs run alone, one after the other. */
  readonly alone?: AloneWork | undefined
  /** Aborts the runs. Their results have its reason, unless it is `leave`. */
  readonly signal?: AbortSignal | undefined
  /** Aborts the runs, and leaves them without results. */
  readonly leave?: AbortSignal | undefined
}
/** How jobs are run that may have cost their worker. */
interface AloneWork {
  /** The job that goes first. */
  readonly first: number | undefined
  /** Says that a job is about to run alone; false stops the work. */
  begin(place: number): Promise<boolean>
  /** Says that the job does not run any more, although it has no result. */
  leave?(): Promise<void>
  /** How often the job was alone in a worker that was lost. */
  kills(place: number): number
}
/** The end of one job. */
interface JobEnd {
  /** Its place in the chunk. */
  readonly place: number
  readonly job: QueuedJob
  readonly end: End
}
/** What became of a chunk. */
interface ChunkEnd {
  /** Jobs that have no result, because of the machine or because the work was left. */
  readonly undone: number
  /** Why, if it was the machine. */
  readonly fault: Error | undefined
}
/** A payload that is not a chunk. */
declare class UnreadableChunk extends Error {}
/**
 * Runs chunks of jobs: what a worker does between taking a message and acknowledging it, whatever the queue is. It loads
 * programs by digest, holds jobs to the operator's limits, runs them as one native batch, and hands over each end once.
 *
 * @example
 * // A worker for any queue: Kafka, SQS, a Kubernetes job.
 * const runner = new ChunkRunner({ store: folderStore('/mnt/programs'), runtime: new Runtime() })
 * const { undone } = await runner.run({ payload: message.body }, async (ends) => save(ends))
 * if (undone === 0) await message.acknowledge()
 */
declare class ChunkRunner {
  #private
  /** Called when a program is to be quarantined, with the reason. */
  onQuarantine: (digest: string, reason: string) => Promise<void>
  /** @throws {WasiexecError} `ERR_INVALID_OPTION`. */
  constructor(options: ChunkRunnerOptions)
  /** Programs that are loaded, and how many were loaded since the start. */
  get programs(): {
    readonly loaded: number
    readonly loads: number
  }
  /**
   * Runs the jobs of a chunk and hands over their ends as they come, some at a time. Whatever guests do is an end; so is
   * what is wrong with a job.
   *
   * @throws {UnreadableChunk} (rejects) when the payload is not a chunk.
   * @throws {Error} (rejects) what `take` throws.
   */
  run(work: ChunkWork, take: (ends: readonly JobEnd[]) => Promise<void>): Promise<ChunkEnd>
}
/** How a worker is set up. */
interface ProgramWorkerOptions {
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
  http?:
    | {
        port: number
        host?: string | undefined
      }
    | undefined
}
/** What a worker has done. */
interface WorkerStats {
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
  quarantine: [
    {
      digest: string
      reason: string
    },
  ]
}
/**
 * Takes chunks of jobs from a queue and runs each as one native batch. It begins at once, and goes on until it is drained.
 *
 * Events: `error` (a fault of the machine or of Redis; the worker goes on) and `quarantine` (`{ digest, reason }`).
 *
 * @example
 * const worker = new ProgramWorker('grading', { connection: 'redis://127.0.0.1', limits: { timeoutMs: 10_000 } })
 * process.once('SIGTERM', () => worker.drain())
 */
declare class ProgramWorker extends EventEmitter<Events> {
  #private
  /** The name of its queue. */
  readonly name: string
  /** @throws {WasiexecError} `ERR_INVALID_OPTION`, `ERR_OUT_OF_RESOURCES`. */
  constructor(name: string, options: ProgramWorkerOptions)
  /**
   * Resolves when the worker is connected and its health is served: to the port, if there is one.
   *
   * @throws {Error} (rejects) when the port cannot be had.
   */
  ready(): Promise<number | undefined>
  /** What the worker has done. */
  stats(): WorkerStats
  /** The metrics in the text format of Prometheus, as `/metrics` serves them. */
  metrics(): string
  /**
   * Takes no more chunks, waits for the jobs in progress, gives back what has not ended after `drainMs`, and resolves when
   * everything of the worker is closed. Calling it again returns the same promise.
   */
  drain(): Promise<void>
  /** The same as {@link drain}, for `await using`. */
  [Symbol.asyncDispose](): Promise<void>
}
export {
  type AloneWork,
  type Caps,
  type ChunkEnd,
  ChunkRunner,
  type ChunkRunnerOptions,
  type ChunkWork,
  type Connection,
  type End,
  type Grants,
  type JobEnd,
  type ProgramOptions,
  ProgramQueue,
  type ProgramQueueOptions,
  type ProgramRef,
  type ProgramStore,
  ProgramWorker,
  type ProgramWorkerOptions,
  type QuarantinedProgram,
  type QueueBatchOptions,
  type QueueCallJob,
  type QueueDefaults,
  type QueueJob,
  QueueProgram,
  type QueueProgress,
  type QueueResult,
  type QueuedJob,
  type QueuedWork,
  type ResultsOptions,
  type S3Options,
  type Submission,
  type SubmissionProgress,
  type SubmitOptions,
  UnreadableChunk,
  type WorkerStats,
  encodeChunk,
  folderStore,
  s3Store,
}
