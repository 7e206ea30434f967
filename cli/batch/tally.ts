import type { Job } from '../../src/index.ts'
import { printable } from '../io.ts'
import type { ReportCollector } from '../../report/collect.ts'
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
    if (result.error !== undefined) {
      this.#failed += 1
      if (this.#failed <= MAX_NAMED)
        this.#say(printable(`wasiexec: ${item.place}: ${result.error.message}`))
    }
    if (this.#collector === undefined) return
    const { index, id, place } = item
    const { args, stdin } = job ?? {}
    const label = item.line === undefined ? {} : { label: place }
    this.#collector.add(
      { index, id, ...result, ...label, job: { ...(args && { args }), stdin }, expected },
      this.sinceStart(),
    )
  }

  /** Says how many were not named. */
  end(): void {
    const more = this.#failed - MAX_NAMED
    if (more > 0)
      this.#say(`wasiexec: ${numeral(more)} more jobs could not be run; their results say why`)
  }
}
