import type { Batch, BatchOptions, CallJob, CallResult, Job, RunOptions } from 'wasiexec'
import type { ProgramRef } from './jobs.ts'

/** A job of a queue: a job of a batch, whose program is one of the queue. */
export interface QueueJob<Id = unknown> extends Omit<Job<Id>, 'program'> {
  /** The program to run in place of the one of the submission. */
  program?: QueueProgram | undefined
}

/** One call of a batch over a queue. Each call has an instance of its own. */
export interface QueueCallJob<Id = unknown> extends CallJob<Id> {
  /** The program whose function is called, in place of the one of the submission. */
  program?: QueueProgram | undefined
}

/** The options that all jobs share. */
export type QueueDefaults = Omit<RunOptions, 'signal' | 'preopens' | 'imports'>

/**
 * How a batch is run over a queue. `concurrency` and `state` are for the workers to say, and have no effect here: calls
 * always have fresh instances.
 */
export type QueueBatchOptions<Id = unknown> = Omit<BatchOptions<Id>, 'defaults'> & {
  defaults?: QueueDefaults | undefined
  /** Jobs that go to a worker together. Default: as many as take about a quarter of a second. */
  chunkJobs?: number | undefined
}

/** What makes a batch of a queue. */
export type BatchMaker = (
  program: QueueProgram,
  jobs: Iterable<unknown> | AsyncIterable<unknown>,
  options: QueueBatchOptions<never>,
) => unknown

/** A program in the store of a queue, made by {@link ProgramQueue.addProgram}. */
export class QueueProgram implements ProgramRef {
  /** The SHA-256 of its binary in hexadecimal. */
  readonly digest: string
  /** argv[0] of its runs. */
  readonly name: string
  readonly #make: BatchMaker

  /** @internal */
  constructor({ digest, name }: ProgramRef, make: BatchMaker) {
    this.digest = digest
    this.name = name
    this.#make = make
  }

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
  batch(
    jobs: Iterable<unknown> | AsyncIterable<unknown>,
    options: QueueBatchOptions<never> = {},
  ): never {
    return this.#make(this, jobs, options) as never
  }
}
