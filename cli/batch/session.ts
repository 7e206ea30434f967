import { join } from 'node:path'
import {
  WasiexecError,
  type BatchResult,
  type BatchSummary,
  type Job,
  type Program,
} from '../../src/index.ts'
import type { BatchOptions, WasiexecErrorCode } from '../../src/index.ts'
import { writeCollected } from '../guest-files.ts'
import type { InterruptSignal } from '../io.ts'
import { CliError } from '../status.ts'
import type { DoneJobs } from './done-jobs.ts'
import type { Identity } from './identity.ts'
import { BadJob, type Input, type Item } from './item.ts'
import { encodeResult, type Result } from './result-line.ts'
import type { ResultQueue } from './result-queue.ts'
import { counted } from './words.ts'

/** Why no more jobs are run. */
export type Stop =
  | { readonly by: 'signal'; readonly signal: InterruptSignal }
  /** `--stop-on-failure` */
  | { readonly by: 'stop-on' }
  /** The output failed. */
  | { readonly by: 'output'; readonly error: unknown }
  /** No job of this batch can be run. */
  | { readonly by: 'error'; readonly error: Error }

/** What a session needs. */
export interface SessionOptions {
  readonly program: Program
  readonly input: Input
  readonly identity: Identity
  readonly done: DoneJobs
  readonly batch: Omit<BatchOptions, 'signal' | 'stopOn' | 'deadline'>
  /** The folder of collected files, which are otherwise in the results. */
  readonly collectTo: string | undefined
  /** In milliseconds from the beginning. */
  readonly deadline: number | undefined
  readonly strict: boolean
  readonly stopOnFailure: boolean
  /** Whether `took` is given the jobs. */
  readonly keepsJobs: boolean
  /** Called for each result before it is written. */
  took(
    item: Item,
    result: Result,
    more: { job: Job | undefined; expected: Buffer | undefined },
  ): void
}

/** Errors that every job of the batch would have. */
const COMMON_ERRORS: ReadonlySet<WasiexecErrorCode> = new Set([
  'ERR_UNSUPPORTED_WASM',
  'ERR_UNRESOLVED_IMPORT',
  'ERR_NO_ENTRY_POINT',
  'ERR_PREOPEN',
  'ERR_PROGRAM_CLOSED',
  'ERR_RUNTIME_CLOSED',
  'ERR_OUT_OF_RESOURCES',
] as const)

/** The results file has results of other jobs. */
export class NotResumable extends CliError {
  constructor(why: string) {
    super(`cannot resume: ${why}`)
  }
}

/** Runs the jobs that have no result yet, in one batch of the library. */
export class Session {
  readonly #options: SessionOptions
  readonly #controller = new AbortController()
  #stop: Stop | undefined
  /** Whether results are no longer written, because they would be out of order or are not wanted. */
  #isClosed = false
  /** The input up to here has results, in the unit of its size. */
  end = 0
  /** Runs with an outcome. */
  runs = 0

  constructor(options: SessionOptions) {
    this.#options = options
  }

  /** Takes no more jobs and aborts the runs that go on. Only the first reason counts. */
  stop(stop: Stop): void {
    if (this.#stop !== undefined) return
    this.#stop = stop
    this.#controller.abort()
  }

  get stopped(): Stop | undefined {
    return this.#stop
  }

  /** Resolves when all results are in the queue. Rejects with what the input threw. */
  async run(queue: ResultQueue): Promise<Pick<BatchSummary, 'endedBy' | 'advice'>> {
    const { program, batch: options, deadline } = this.#options
    const batch = program.batch(this.#take(), {
      ...options,
      signal: this.#controller.signal,
      deadline: deadline === undefined ? undefined : Date.now() + deadline,
    })
    for await (const result of batch) {
      if (this.#options.collectTo !== undefined) await this.#writeFiles(result)
      this.#put(result, queue)
      if (queue.isFull) await queue.flush()
    }
    return batch.summary
  }

  async *#take(): AsyncGenerator<Job, void> {
    const { input, done, strict, keepsJobs } = this.#options
    let count = 0
    for await (const item of input.items()) {
      count += 1
      if (done.has(item.index)) {
        checkSame(item, done)
        this.end = item.end
        continue
      }
      try {
        const job = item.job()
        if (strict) this.#check(job)
        if (keepsJobs) item.made = job
        job.id = item
        yield job
      } catch (error) {
        if (!(error instanceof BadJob)) throw error
        if (strict) {
          const message = `${item.place}: ${error.message}; --strict runs nothing from there on`
          throw new CliError(message, { cause: error })
        }
        yield { id: item, error }
      }
    }
    checkCount(count, input, done)
  }

  /** Throws what the library would refuse a job for, before the next job is taken. */
  #check(job: Job): void {
    try {
      this.#options.program.check(job)
    } catch (error) {
      if (!(error instanceof WasiexecError) || COMMON_ERRORS.has(error.code)) throw error
      throw new BadJob(error.code, error.message)
    }
  }

  /** Written before the result, so that a job with a result has its files. */
  async #writeFiles({ id, outcome }: BatchResult): Promise<void> {
    if (outcome?.files === undefined || outcome.kind === 'abort') return
    const { index } = id as Item
    await writeCollected(join(this.#options.collectTo!, String(index)), outcome.files)
    delete (outcome as { files?: unknown }).files
  }

  #put(result: BatchResult, queue: ResultQueue): void {
    const item = result.id as Item
    const job = item.made
    item.made = undefined
    if (this.#isClosed || queue.failure !== undefined) return
    if (result.outcome?.kind === 'abort') {
      // An abort is not a result: a later session runs the job again. The results after it would be out of order.
      if (this.#options.batch.ordered !== false) this.#isClosed = true
      return
    }
    if (result.error !== undefined && COMMON_ERRORS.has(result.error.code)) {
      this.#isClosed = true
      this.stop({ by: 'error', error: result.error })
      return
    }
    const { expected, ...judged } = this.#judged(item, result)
    const key = this.#options.identity.key(item.digest())
    const { text, result: end } = encodeResult(item, key, judged)
    if (end.outcome !== undefined) this.runs += 1
    this.end = Math.max(this.end, item.end)
    this.#options.took(item, end, { job, expected })
    queue.add(text)
    const isGood = end.verdict === undefined ? end.outcome?.ok === true : end.verdict === 'accepted'
    if (!isGood && this.#options.stopOnFailure) {
      this.#isClosed = true
      this.stop({ by: 'stop-on' })
    }
  }

  #judged(item: Item, { outcome, error }: BatchResult): Result & { expected: Buffer | undefined } {
    if (outcome === undefined) {
      const { code, message } = error.cause instanceof BadJob ? error.cause : error
      return { error: { code, message }, expected: undefined }
    }
    try {
      const { verdict, expected } = item.judge?.(outcome) ?? {}
      return { outcome, verdict, expected }
    } catch (error) {
      if (!(error instanceof BadJob)) throw error
      return { error: { code: error.code, message: error.message }, expected: undefined }
    }
  }
}

/** @throws {NotResumable} when the results file has results of other jobs. */
export async function verify(input: Input, done: DoneJobs): Promise<void> {
  // An input that can be read only once is checked as it is read.
  if (done.size === 0 || !input.isRereadable) return
  let count = 0
  for await (const item of input.items()) {
    if (item.index >= done.end) return
    count += 1
    if (done.has(item.index)) checkSame(item, done)
  }
  checkCount(count, input, done)
}

function checkSame(item: Item, done: DoneJobs): void {
  if (item.digest() === done.digest(item.index)) return
  throw new NotResumable(
    `${item.place}: the job has changed since its result was written; --force starts over`,
  )
}

function checkCount(count: number, input: Input, done: DoneJobs): void {
  if (count >= done.end) return
  throw new NotResumable(
    `there is a result of job ${done.end}, but ${input.name} has only ${counted(count, 'job')}; --force starts over`,
  )
}
