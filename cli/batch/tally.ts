import type { Job } from '../../src/index.ts'
import { printable } from '../io.ts'
import type { ReportCollector, ReportResult } from '../../report/collect.ts'
import type { Item } from './item.ts'
import type { Result, StoredResult } from './result-line.ts'
import { Totals } from './totals.ts'
import { numeral } from './words.ts'

/** This many jobs that could not be run are named one by one. */
const MAX_NAMED = 10

/** Counts all results, also the results of earlier sessions, and names jobs that could not be run. */
export class Tally {
  readonly totals: Totals
  /** Results of earlier sessions. */
  resumed = 0
  readonly #collector: ReportCollector | undefined
  readonly #say: (line: string) => void
  #start = performance.now()
  #failed = 0
  /** Lines that are no jobs. */
  #unread = 0

  constructor(
    isJudged: boolean,
    collector: ReportCollector | undefined,
    say: (line: string) => void,
  ) {
    this.totals = new Totals(isJudged)
    this.#collector = collector
    this.#say = say
  }

  /** The first job is about to run. */
  begin(): void {
    this.#start = performance.now()
  }

  /** Milliseconds since then. */
  sinceStart(): number {
    return performance.now() - this.#start
  }

  stored(result: StoredResult): void {
    this.resumed += 1
    this.totals.add(result)
    this.#collector?.add(result)
  }

  took(item: Item, result: Result, job: Job | undefined, expected: Buffer | undefined): void {
    this.totals.add(result)
    if (result.error?.code === 'ERR_INVALID_LINE') this.#unread += 1
    if (result.error !== undefined) {
      this.#failed += 1
      if (this.#failed <= MAX_NAMED)
        this.#say(printable(`wasiexec: ${item.place}: ${result.error.message}`))
    }
    if (this.#collector === undefined) return
    this.#collector.add(new Taken(item, result, job, expected), this.sinceStart())
  }

  /**
   * Says how many were not named.
   *
   * @param hasJobs Whether the lines of the input had to be jobs. If none of them is, the input is of another kind.
   */
  end(hasJobs: boolean): void {
    const more = this.#failed - MAX_NAMED
    if (more > 0)
      this.#say(`wasiexec: ${numeral(more)} more jobs could not be run; their results say why`)
    if (hasJobs && this.#unread > 0 && this.#unread === this.totals.results) {
      this.#say(
        'wasiexec: expected a JSON object per line, found none; with --each-line a line is the stdin of a run',
      )
    }
  }
}

/** A result as the report takes it. */
class Taken implements ReportResult {
  readonly #item: Item
  readonly outcome: Result['outcome']
  readonly error: Result['error']
  readonly verdict: string | undefined
  readonly job: Job | undefined
  readonly expected: Buffer | undefined

  constructor(
    item: Item,
    { outcome, error, verdict }: Result,
    job: Job | undefined,
    expected: Buffer | undefined,
  ) {
    this.#item = item
    this.outcome = outcome
    this.error = error
    this.verdict = verdict
    this.job = job
    this.expected = expected
  }

  get index(): number {
    return this.#item.index
  }

  get id(): unknown {
    return this.#item.id
  }

  /** A case has its name as its id. */
  get label(): string | undefined {
    return this.#item.line === undefined ? undefined : this.#item.place
  }
}
