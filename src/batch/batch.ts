import { performance } from 'node:perf_hooks'
import { calls, runs } from '../diagnostics.ts'
import { WasiexecError } from '../errors.ts'
import { Jobs, type BatchPlace } from './jobs.ts'
import { LazyResult, read, type PendingResult } from './lazy-result.ts'
import {
  checkBatchOptions,
  type AnyResult,
  type BatchResult,
  type CheckedBatchOptions,
} from './options.ts'
import type { AnyCallOutcome, CallOutcome, HostError, Outcome } from '../outcome.ts'
import { ObservedJobs } from './observed-jobs.ts'
import { InOrder } from './order.ts'
import { Results } from './results.ts'
import { JobSource } from './source.ts'
import { summarize, type BatchEnd, type BatchSummary } from './summary.ts'
import { BatchTotals } from './totals.ts'
import { Window } from './window.ts'

/**
 * The results of many runs, to be read once with `for await`. Made by {@link Program.batch}.
 *
 * Every job that was taken has exactly one result. Jobs are taken as results are read, a bounded
 * number ahead. Leaving the loop aborts the runs in progress and closes the source of the jobs.
 *
 * @example
 * const batch = program.batch(jobs)
 * for await (const { id, outcome } of batch) console.log(id, outcome?.kind)
 * console.log((await batch.summary).ok)
 */
export interface Batch<
  Id = unknown,
  O extends CallOutcome | HostError = Outcome,
> extends AsyncIterable<BatchResult<Id, O>> {
  /**
   * Resolves to the totals when the batch has ended, and never rejects. If nobody reads the results,
   * asking for the totals runs the batch, and no result is kept.
   */
  readonly summary: Promise<BatchSummary>
  /**
   * Starts the batch. After the last result, reading throws what the source of the jobs or `stopOn`
   * threw, or `ERR_PROGRAM_CLOSED` or `ERR_RUNTIME_CLOSED`, if one of these ended the batch.
   *
   * @throws {WasiexecError} `ERR_BATCH_USED` the second time.
   * @example
   * for await (const { index, outcome } of program.batch(jobs)) console.log(index, outcome?.ok)
   */
  [Symbol.asyncIterator](): AsyncIterableIterator<BatchResult<Id, O>>
  /**
   * The same results in arrays. An array has all results that are ready when the loop asks, and is never
   * empty. Use it in place of the batch itself where more than 100,000 results come per second: the
   * loop waits once per array instead of once per result. It ends, fails and is left as a loop over the
   * batch is.
   *
   * @example
   * for await (const results of program.batch(jobs).chunks()) {
   *   for (const { index, outcome } of results) console.log(index, outcome?.kind)
   * }
   */
  chunks(): AsyncIterable<BatchResult<Id, O>[]>
}

/** The core is told how much output was read each time it is this much. */
const TELL_BYTES = 1024 * 1024

/** Longer timers fire at once. */
const MAX_TIMER_MS = 2 ** 31 - 1

/** A running batch: takes jobs while there is room for their results. */
export class RunningBatch implements Batch<unknown, AnyCallOutcome> {
  readonly #place: BatchPlace
  readonly #options: CheckedBatchOptions
  readonly #concurrency: number
  readonly #source: JobSource
  readonly #jobs: Jobs
  readonly #observed: ObservedJobs
  readonly #window: Window
  readonly #totals = new BatchTotals()
  readonly #results = new Results()
  readonly #release = (result: PendingResult): void => this.#released(result)
  readonly #put: (result: PendingResult) => void
  readonly #summary: Promise<BatchSummary>
  #summarize!: (summary: BatchSummary) => void
  /** When it began. */
  #start = 0
  #state: 'new' | 'read' | 'drained' | 'ended' = 'new'
  #taken = 0
  #handedOver = 0
  /** Bytes of output that were read and not yet reported to the core. */
  #readBytes = 0
  #filling = false
  #pulling = false
  #hungry = false
  #exhausted = false
  /** Why the batch ends early, and what its reader is thrown. */
  #end: { by: BatchEnd; failure: { error: unknown } | undefined } | undefined
  #aborted: { reason: unknown } | undefined
  #timer: NodeJS.Timeout | undefined

  /** @throws {WasiexecError} `ERR_INVALID_OPTION`. */
  constructor(place: BatchPlace, jobs: unknown, options: unknown) {
    this.#place = place
    this.#options = checkBatchOptions(options)
    this.#concurrency = this.#options.concurrency ?? place.port.stats().threads
    this.#window = new Window(this.#concurrency)
    const { defaults, state } = this.#options
    this.#jobs = new Jobs(place, defaults, state === 'fresh', {
      aborted: () => this.#aborted,
      ended: (result) => this.#ended(result),
      closed: (reason) => {
        this.#fail(reason)
        this.#endWhenDone()
      },
    })
    this.#observed = new ObservedJobs(place, defaults)
    const inOrder = this.#options.ordered ? new InOrder(this.#release) : undefined
    this.#put = inOrder === undefined ? this.#release : (result) => inOrder.put(result)
    this.#summary = new Promise((resolve) => (this.#summarize = resolve))
    this.#source = new JobSource(jobs)
  }

  get summary(): Promise<BatchSummary> {
    // The caller may be about to read the results.
    if (this.#state === 'new') setImmediate(() => this.#state === 'new' && this.#begin('drained'))
    return this.#summary
  }

  [Symbol.asyncIterator](): AsyncIterableIterator<AnyResult> {
    return this.#read(() => this.#next())
  }

  chunks(): AsyncIterable<AnyResult[]> {
    return { [Symbol.asyncIterator]: () => this.#read(() => this.#nextChunk()) }
  }

  #read<T>(next: () => Promise<IteratorResult<T>>): AsyncIterableIterator<T> {
    if (this.#state !== 'new') {
      const message =
        'the results of a batch can be read once, one by one or in chunks; these were read or not kept'
      throw new WasiexecError('ERR_BATCH_USED', message)
    }
    this.#begin('read')
    return {
      next,
      return: () => this.#leave(),
      [Symbol.asyncIterator]() {
        return this
      },
    }
  }

  #next(): Promise<IteratorResult<AnyResult>> {
    const result = this.#results.take()
    if (result === undefined) {
      this.#hungry = true
      const read = this.#results.wait()
      this.#fill()
      return read
    }
    this.#handOver(result)
    this.#fill()
    return Promise.resolve({ done: false, value: result })
  }

  async #nextChunk(): Promise<IteratorResult<AnyResult[]>> {
    let pending = this.#results.takeAll()
    while (pending.length === 0) {
      const finish = this.#results.finish()
      if (finish !== undefined) return finish
      this.#hungry = true
      this.#fill()
      await this.#results.arrival()
      pending = this.#results.takeAll()
    }
    for (const result of pending) this.#handOver(result)
    this.#fill()
    return { done: false, value: pending.map(read) }
  }

  async #leave(): Promise<IteratorResult<never>> {
    this.#handedOver += this.#results.clear()
    if (this.#state === 'read') {
      this.#state = 'drained'
      this.#stop('consumer', undefined)
      this.#endWhenDone()
    }
    await this.#summary
    this.#results.end(undefined)
    return { done: true, value: undefined }
  }

  #begin(state: 'read' | 'drained'): void {
    this.#state = state
    this.#start = performance.now()
    this.#jobs.open(this.#concurrency)
    const { closeReason } = this.#jobs
    if (closeReason !== undefined) this.#fail(closeReason)
    const { signal, deadline } = this.#options
    signal?.addEventListener('abort', this.#onSignal, { once: true })
    if (signal?.aborted === true) this.#onSignal()
    if (deadline !== undefined) this.#watch(deadline)
    this.#fill()
  }

  readonly #onSignal = (): void => {
    this.#stop('signal', this.#options.signal?.reason)
    this.#endWhenDone()
  }

  #watch(deadline: number): void {
    if (this.#state === 'ended') return
    const left = deadline - Date.now()
    if (left <= 0) {
      const message = 'the deadline of the batch has passed'
      this.#stop('deadline', new WasiexecError('ERR_BATCH_DEADLINE', message))
      this.#endWhenDone()
      return
    }
    this.#timer = setTimeout(() => this.#watch(deadline), Math.min(left, MAX_TIMER_MS)).unref()
  }

  /** Takes as many jobs as there is room for. */
  #fill(): void {
    // A job that fails at once, or a source that reads results, would call this again.
    if (this.#filling) return
    this.#filling = true
    if (this.#source.isAsync) void this.#pull()
    else while (this.#takesMore()) this.#takeNext()
    this.#filling = false
    this.#endWhenDone()
  }

  async #pull(): Promise<void> {
    if (this.#pulling) return
    this.#pulling = true
    while (this.#takesMore()) {
      try {
        const next = await this.#source.nextLater()
        this.#filling = true
        this.#take(next)
      } catch (error) {
        this.#fail(error)
      }
      this.#filling = false
    }
    this.#pulling = false
    this.#endWhenDone()
  }

  #takesMore(): boolean {
    if (this.#end !== undefined || this.#exhausted) return false
    return this.#window.admits(this.#taken - this.#handedOver, this.#jobs.inputBytes)
  }

  #takeNext(): void {
    try {
      this.#take(this.#source.next())
    } catch (error) {
      this.#fail(error)
    }
  }

  #take(result: IteratorResult<unknown>): void {
    if (result.done === true) {
      this.#exhausted = true
      return
    }
    // A job that arrives after the end was decided is not taken.
    if (this.#end !== undefined) return
    const index = this.#taken
    this.#taken += 1
    const job = result.value
    if (runs.isObserved || calls.isObserved) {
      this.#observed.submit(index, job, () => this.#jobs.submit(index, job))
    } else this.#jobs.submit(index, job)
  }

  #ended(pending: PendingResult): void {
    const result = this.#observed.isAwaited ? this.#observed.ended(pending) : pending
    if (result instanceof LazyResult) this.#totals.addExit(result.code, result)
    else this.#totals.add(result)
    this.#put(result)
    const isHungry = this.#hungry || this.#state === 'drained'
    if (isHungry && this.#window.hungry(this.#jobs.count)) this.#hungry = false
    this.#fill()
  }

  /** It is this result's turn to be read. */
  #released(pending: PendingResult): void {
    // `stopOn` is given the very result that is read afterwards, not a copy.
    const result = this.#options.stopOn === undefined ? pending : read(pending)
    if (this.#end === undefined && this.#asksToStop(result)) {
      const message = 'the batch was stopped by `stopOn`'
      this.#stop('stop-on', new WasiexecError('ERR_BATCH_STOPPED', message))
    }
    if (this.#state === 'drained' || this.#results.push(result)) this.#handOver(result)
  }

  #asksToStop(result: PendingResult): boolean {
    try {
      return this.#options.stopOn?.(read(result)) === true
    } catch (error) {
      this.#fail(error)
      this.#abort(error)
      return false
    }
  }

  #handOver(result: PendingResult): void {
    const output = outputBytes(result)
    if (output === undefined && this.#state === 'drained') {
      // Jobs that cannot be run end at once: without a pause, they alone would keep this thread busy.
      setImmediate(() => {
        this.#handedOver += 1
        this.#fill()
      })
      return
    }
    this.#handedOver += 1
    if (output === undefined || this.#state === 'ended') return
    this.#readBytes += output
    if (this.#readBytes < TELL_BYTES) return
    this.#jobs.outputRead(this.#readBytes)
    this.#readBytes = 0
  }

  /** Ends the batch without aborting its runs; its reader is thrown the error. */
  #fail(error: unknown): void {
    this.#end ??= { by: 'error', failure: { error } }
  }

  #stop(by: BatchEnd, reason: unknown): void {
    this.#end ??= { by, failure: undefined }
    this.#abort(reason)
  }

  #abort(reason: unknown): void {
    if (this.#aborted !== undefined || this.#state === 'ended') return
    this.#aborted = { reason }
    this.#jobs.abort(reason)
  }

  #endWhenDone(): void {
    const isOver = this.#exhausted || this.#end !== undefined
    if (!isOver || this.#jobs.count > 0 || this.#filling || this.#state === 'ended') return
    this.#state = 'ended'
    this.#options.signal?.removeEventListener('abort', this.#onSignal)
    clearTimeout(this.#timer)
    this.#jobs.close()
    const { by, failure } = this.#end ?? { by: 'jobs', failure: undefined }
    const wallMs = performance.now() - this.#start
    const stats = this.#place.port.stats()
    const summary = summarize(this.#totals.counts(), { by, failure, wallMs, stats })
    void this.#close(() => {
      this.#results.end(failure)
      this.#summarize(summary)
    })
  }

  async #close(then: () => void): Promise<void> {
    await this.#source.close()
    then()
  }
}

/** Bytes of captured output and of collected files, as the core counts them; undefined where there is no outcome. */
function outputBytes(result: PendingResult): number | undefined {
  if (result instanceof LazyResult) return result.outputBytes
  const { outcome } = result
  if (outcome === undefined) return undefined
  let bytes = outcome.stdout.length + outcome.stderr.length
  if (outcome.files === undefined) return bytes
  // Names of one file share a buffer.
  for (const file of new Set(outcome.files.values())) bytes += file.length
  return bytes
}
