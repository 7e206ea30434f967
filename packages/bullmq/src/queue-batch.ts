import {
  BatchTotals,
  WasiexecError,
  type Batch,
  type BatchEnd,
  type BatchResult,
  type BatchSummary,
} from 'wasiexec'
import { checkSignal, invalid } from './faults.ts'
import { LostJobs } from './feeder.ts'
import type { End, ReadResult } from './results.ts'

/** What a batch over a queue needs of the queue. */
export interface BatchChannel {
  /**
   * Sends the jobs; resolves when all were sent, and rejects with what the source threw.
   *
   * @param held returns how many results wait here for one before them
   */
  feed(ids: Map<number, unknown>, held: () => number): Promise<void>
  /** Jobs that were sent. */
  sent(): number
  read(): Promise<readonly ReadResult[]>
  cancel(reason: unknown): Promise<void>
  close(): Promise<void>
}

/** How a batch is read and ended. */
export interface QueueBatchOptions {
  ordered?: boolean | undefined
  signal?: AbortSignal | undefined
  stopOn?: ((result: BatchResult) => boolean) | undefined
  deadline?: Date | number | undefined
}

/** The longest time of a timer. */
const MAX_DELAY = 2 ** 31 - 1

/** The results of jobs that other machines run: what `Program.batch` returns, over a queue. */
export class QueueBatch<Id> implements Batch<Id> {
  readonly #open: () => Promise<BatchChannel>
  readonly #options: QueueBatchOptions
  readonly #totals = new BatchTotals()
  #isUsed = false
  #settle!: (summary: BatchSummary) => void
  readonly #summary = new Promise<BatchSummary>((resolve) => (this.#settle = resolve))
  #endedBy: BatchEnd = 'jobs'
  #reason: unknown

  constructor(open: () => Promise<BatchChannel>, options: QueueBatchOptions) {
    this.#open = open
    this.#options = options
  }

  get summary(): Promise<BatchSummary> {
    // The caller may be about to read the results.
    if (!this.#isUsed) setImmediate(() => this.#isUsed || void this.#drain())
    return this.#summary
  }

  [Symbol.asyncIterator](): AsyncIterableIterator<BatchResult<Id>> {
    return each(this.#start())
  }

  chunks(): AsyncIterable<BatchResult<Id>[]> {
    const results = this.#start()
    return { [Symbol.asyncIterator]: () => results }
  }

  async #drain(): Promise<void> {
    try {
      for await (const _ of this.chunks());
    } catch {
      // The summary has it.
    }
  }

  #start(): AsyncGenerator<BatchResult<Id>[], undefined> {
    if (this.#isUsed)
      throw new WasiexecError('ERR_BATCH_USED', 'the results of a batch can be read once')
    this.#isUsed = true
    return this.#run()
  }

  async *#run(): AsyncGenerator<BatchResult<Id>[], undefined> {
    const started = performance.now()
    let failure: { error: unknown } | undefined
    let isWhole = false
    let channel: BatchChannel | undefined
    let stop = (): void => {}
    try {
      channel = await this.#open()
      stop = this.#watch(channel)
      for await (const results of this.#results(channel)) yield results
      isWhole = true
    } catch (error) {
      failure = { error }
      throw error
    } finally {
      stop()
      const isLeft = !isWhole && failure === undefined
      if (isLeft && this.#endedBy === 'jobs') this.#endedBy = 'consumer'
      const unclosed = await this.#close(channel, isWhole)
      this.#conclude(performance.now() - started, failure ?? unclosed)
      if (failure === undefined) rethrow(unclosed)
    }
  }

  /** Closes the channel; returns what keeps it from being closed. */
  async #close(
    channel: BatchChannel | undefined,
    isWhole: boolean,
  ): Promise<{ error: unknown } | undefined> {
    const message = 'nobody reads the results of the batch any more'
    try {
      if (!isWhole) await channel?.cancel(new WasiexecError('ERR_BATCH_STOPPED', message))
      await channel?.close()
      return undefined
    } catch (error) {
      return { error }
    }
  }

  async *#results(channel: BatchChannel): AsyncGenerator<BatchResult<Id>[], undefined> {
    const ids = new Map<number, unknown>()
    const fed: { isOver: boolean; fault?: { error: unknown } } = { isOver: false }
    const line = new Line<BatchResult<Id>>(this.#options.ordered ?? true)
    const feeding = channel
      .feed(ids, () => line.held)
      .catch((error: unknown) => {
        fed.fault = { error }
      })
      .finally(() => {
        fed.isOver = true
      })
    let received = 0
    while (!fed.isOver || received < channel.sent()) {
      // What is missing then does not come.
      if (fed.fault?.error instanceof LostJobs) break
      const read = await channel.read()
      received += read.length
      for (const result of read) line.add(result.index, this.#result(result, ids))
      const ready = line.take()
      for (const result of ready) this.#count(result, channel)
      if (ready.length > 0) yield ready
    }
    await feeding
    if (fed.fault !== undefined) throw fed.fault.error
    if (this.#failed !== undefined) throw this.#failed.error
  }

  #failed: { error: unknown } | undefined

  #result({ index, end }: ReadResult, ids: Map<number, unknown>): BatchResult<Id> {
    const id = ids.get(index) as Id
    ids.delete(index)
    return { index, id, ...this.#local(end) } as BatchResult<Id>
  }

  /** An abort of this batch has the reason that was given here, and not what came back of it. */
  #local(end: End): End {
    const { outcome } = end
    if (this.#reason === undefined || outcome?.kind !== 'abort') return end
    Object.defineProperty(outcome, 'reason', { value: this.#reason })
    return end
  }

  #count(result: BatchResult<Id>, channel: BatchChannel): void {
    this.#totals.add(result)
    const { stopOn } = this.#options
    if (stopOn === undefined || this.#endedBy !== 'jobs') return
    try {
      if (stopOn(result) !== true) return
      this.#end(
        channel,
        'stop-on',
        new WasiexecError('ERR_BATCH_STOPPED', '`stopOn` ended the batch'),
      )
    } catch (error) {
      this.#failed = { error }
      this.#end(channel, 'error', new WasiexecError('ERR_BATCH_STOPPED', '`stopOn` threw'))
    }
  }

  #end(channel: BatchChannel, endedBy: BatchEnd, reason: unknown): void {
    if (this.#endedBy !== 'jobs') return
    this.#endedBy = endedBy
    this.#reason = reason
    channel.cancel(reason).catch((error: unknown) => (this.#failed ??= { error }))
  }

  /** Ends the batch when its signal or its deadline says so. Returns how to stop looking at these. */
  #watch(channel: BatchChannel): () => void {
    const { signal, deadline } = this.#options
    const abort = (): void => this.#end(channel, 'signal', signal!.reason)
    if (signal?.aborted) abort()
    signal?.addEventListener('abort', abort)
    const late = deadline === undefined ? undefined : Number(deadline) - Date.now()
    const miss = (): void =>
      this.#end(
        channel,
        'deadline',
        new WasiexecError('ERR_BATCH_DEADLINE', 'the `deadline` of the batch has passed'),
      )
    const timer =
      late === undefined || late > MAX_DELAY ? undefined : setTimeout(miss, Math.max(late, 0))
    return () => {
      signal?.removeEventListener('abort', abort)
      clearTimeout(timer)
    }
  }

  #conclude(wallMs: number, failure: { error: unknown } | undefined): void {
    if (failure !== undefined) this.#endedBy = 'error'
    const counts = this.#totals.counts()
    const outcomes = counts.jobs - counts.kinds.error
    this.#settle({
      ...counts,
      wallMs,
      runsPerSecond: wallMs > 0 ? (outcomes * 1000) / wallMs : 0,
      endedBy: this.#endedBy,
      ...(failure === undefined ? {} : { error: failure.error }),
    })
  }
}

function rethrow(failure: { error: unknown } | undefined): void {
  if (failure !== undefined) throw failure.error
}

/** Results in the order of their jobs, or as they come. */
class Line<T> {
  readonly #ordered: boolean
  readonly #waiting = new Map<number, T>()
  #ready: T[] = []
  #next = 0

  constructor(ordered: boolean) {
    this.#ordered = ordered
  }

  add(index: number, value: T): void {
    if (!this.#ordered) this.#ready.push(value)
    else this.#waiting.set(index, value)
  }

  /** Values that wait for one before them. */
  get held(): number {
    return this.#waiting.size
  }

  take(): T[] {
    for (let next; (next = this.#waiting.get(this.#next)) !== undefined; this.#next += 1) {
      this.#waiting.delete(this.#next)
      this.#ready.push(next)
    }
    const ready = this.#ready
    this.#ready = []
    return ready
  }
}

async function* each<T>(arrays: AsyncGenerator<T[], undefined>): AsyncGenerator<T, undefined> {
  for await (const array of arrays) yield* array
}

/** @throws {WasiexecError} `ERR_INVALID_OPTION`. */
export function checkBatchOptions(options: QueueBatchOptions): void {
  const { ordered, signal, stopOn, deadline } = options
  if (ordered !== undefined && typeof ordered !== 'boolean')
    throw invalid('ordered', 'true or false', ordered)
  checkSignal(signal)
  if (stopOn !== undefined && typeof stopOn !== 'function')
    throw invalid('stopOn', 'a function', stopOn)
  const time: unknown = deadline instanceof Date ? deadline.getTime() : deadline
  if (time !== undefined && !(typeof time === 'number' && time >= 0 && time < Infinity))
    throw invalid('deadline', 'a Date or milliseconds since 1970', deadline)
}
