import type { BatchResult, CallOutcome } from 'wasiexec'
import type { Connection } from './connection.ts'
import type { QueueBatchOptions, QueueDefaults, QueueProgram } from './queue-program.ts'
import type { ProgramStore } from './store.ts'

/** How a queue is set up. */
export interface ProgramQueueOptions {
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
export interface SubmitOptions {
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
export interface Submission {
  readonly id: string
  /** How many jobs it has. */
  readonly jobs: number
}

/** The result of one job of a queue: what a batch returns, and whose job it was. */
export type QueueResult<Id = unknown> = BatchResult<Id, CallOutcome> & {
  /** The `id` of the submission. */
  readonly submission: string
}

/** How results are read. */
export interface ResultsOptions {
  /** Whether to wait for more when no result is owed any more. Default: `false`. */
  follow?: boolean | undefined
  /** Ends the loop. What was not read stays in the queue. */
  signal?: AbortSignal | undefined
}

/** How far a queue has come. */
export interface QueueProgress {
  /** Jobs that were submitted. */
  readonly submitted: number
  /** Jobs that have ended. */
  readonly finished: number
  /** Jobs that have ended, by kind of ending. */
  readonly kinds: Readonly<Record<string, number>>
  /** Results that were read. */
  readonly read: number
  /** Chunks that wait for a worker, and chunks that workers have. */
  readonly chunks: { readonly waiting: number; readonly active: number }
  /** Workers that are connected. */
  readonly workers: number
}

/** How far a submission has come. */
export interface SubmissionProgress {
  readonly jobs: number
  readonly finished: number
  /** Whether all its jobs are in the queue. */
  readonly sealed: boolean
  readonly cancelled: boolean
}

/** A program that is not run any more. */
export interface QuarantinedProgram {
  readonly digest: string
  readonly reason: string
  /** When it was put there, in ISO 8601. */
  readonly since: string
}

/** The names of the options of a queue. */
export const QUEUE_OPTIONS: readonly string[] = [
  'connection',
  'store',
  'prefix',
  'maxPending',
  'maxPendingBytes',
] satisfies readonly (keyof ProgramQueueOptions)[]

/** The names of the options of a submission. */
export const SUBMIT_OPTIONS: readonly string[] = [
  'program',
  'defaults',
  'id',
  'signal',
  'chunkJobs',
] satisfies readonly (keyof SubmitOptions)[]

/** The names of the options of a batch. */
export const BATCH_OPTIONS: readonly string[] = [
  'defaults',
  'concurrency',
  'ordered',
  'signal',
  'stopOn',
  'deadline',
  'state',
  'chunkJobs',
] satisfies readonly (keyof QueueBatchOptions)[]
