import { Groups, type Group } from './groups.ts'
import { FailingJobs, LatestJobs, SlowestJobs } from './kept.ts'
import type { ListedJob } from './listed.ts'
import { endingOf, isFailing, type ReportResult } from './result.ts'

export type { ReportOutcome, ReportResult } from './result.ts'

/** How much a report keeps. */
export interface CollectorOptions {
  /** Slowest jobs kept per kind, or per verdict where there are verdicts. Default: 25. */
  readonly slowest?: number
  /** Failing jobs kept, shared fairly among their endings. Default: 200. */
  readonly failing?: number
  /** Failing jobs that came last, kept per ending for a live page. Default: 0. */
  readonly latest?: number
}

/** What a report shows of the results, beside the summary. */
export interface Collected {
  readonly results: number
  /** Results without a time, which are from earlier sessions. */
  readonly untimed: number
  readonly groups: readonly Group[]
  /** Width of a bin of the throughput, in milliseconds. */
  readonly binMs: number
  /** When the last result came, or until when there is nothing, in milliseconds since the start. */
  readonly lastMs: number
  /** Longest first. */
  readonly slowest: readonly ListedJob[]
  readonly failing: { readonly count: number; readonly listed: readonly ListedJob[] }
  /** Failing jobs that came last of each ending; some are among `failing` too. */
  readonly latest: readonly ListedJob[]
}

/** Takes the results of a batch as they come. What it keeps does not grow with their number. */
export class ReportCollector {
  readonly #groups = new Groups()
  readonly #slowest: SlowestJobs
  readonly #failing: FailingJobs
  readonly #latest: LatestJobs
  #untimed = 0
  #results = 0

  constructor({ slowest = 25, failing = 200, latest = 0 }: CollectorOptions = {}) {
    this.#slowest = new SlowestJobs(slowest)
    this.#failing = new FailingJobs(failing)
    this.#latest = new LatestJobs(latest)
  }

  /**
   * Takes one result. Its bytes are read now, so the result may be dropped or reused afterwards.
   *
   * @param at When it came, in milliseconds since the start of the batch; absent for a result of an earlier
   * session.
   */
  add(result: ReportResult, at?: number): void {
    this.#results += 1
    if (at === undefined) this.#untimed += 1
    const { kind, ending } = endingOf(result)
    const group = this.#groups.add(kind, ending, result.verdict, result.outcome?.usage.wallMs, at)
    this.#slowest.add(group, result, at)
    if (!isFailing(result)) return
    const job = this.#failing.add(group, result, at)
    if (at !== undefined) this.#latest.add(group, result, at, job)
  }

  /** @param now Until when the throughput goes, in milliseconds since the start. Default: to the last result. */
  collected(now?: number): Collected {
    return {
      results: this.#results,
      untimed: this.#untimed,
      ...this.#groups.collected(now),
      slowest: this.#slowest.listed(),
      failing: { count: this.#failing.count, listed: this.#failing.listed() },
      latest: this.#latest.listed(),
    }
  }
}
