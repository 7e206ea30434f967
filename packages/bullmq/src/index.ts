/**
 * Runs batches of WASI programs on many machines, by BullMQ over Redis or Valkey.
 *
 * @packageDocumentation
 */

export type { Caps } from './caps.ts'
export type { Connection } from './connection.ts'
export { encodeChunk, type ProgramRef, type QueuedJob, type QueuedWork } from './jobs.ts'
export { ProgramQueue } from './program-queue.ts'
export type {
  ProgramQueueOptions,
  QuarantinedProgram,
  QueueProgress,
  QueueResult,
  ResultsOptions,
  Submission,
  SubmissionProgress,
  SubmitOptions,
} from './queue-options.ts'
export {
  QueueProgram,
  type QueueBatchOptions,
  type QueueCallJob,
  type QueueDefaults,
  type QueueJob,
} from './queue-program.ts'
export type { End } from './results.ts'
export { ProgramWorker, type ProgramWorkerOptions, type WorkerStats } from './program-worker.ts'
export type { ProgramOptions } from './programs.ts'
export {
  ChunkRunner,
  UnreadableChunk,
  type AloneWork,
  type ChunkEnd,
  type ChunkRunnerOptions,
  type ChunkWork,
  type Grants,
  type JobEnd,
} from './runner.ts'
export { folderStore, s3Store, type ProgramStore, type S3Options } from './store.ts'
