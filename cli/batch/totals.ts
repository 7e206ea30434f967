import {
  BatchTotals,
  type BatchAdvice,
  type BatchEnd,
  type BatchSummary,
  type CountableResult,
} from '../../src/index.ts'
import { VERDICTS } from './verdict.ts'

/** A result with its verdict, whether it has just come or was read from a file. */
interface JudgedResult extends CountableResult {
  readonly verdict?: string | undefined
}

/** The totals of all results in the output; `wallMs` and `runsPerSecond` are of this session. */
export interface Summary extends Omit<BatchSummary, 'error'> {
  /** With `--each-file`: jobs by their verdict. */
  readonly verdicts?: Readonly<Record<string, number>>
  /** Results that were there before this session. */
  readonly resumed: number
}

/** Counts results and their verdicts. */
export class Totals {
  readonly #results = new BatchTotals()
  readonly #verdicts = new Map<string, number>()

  /** @param isJudged Whether there are verdicts. */
  constructor(isJudged: boolean) {
    if (isJudged) for (const verdict of VERDICTS) this.#verdicts.set(verdict, 0)
  }

  add(result: JudgedResult): void {
    const { verdict } = result
    if (verdict !== undefined) this.#verdicts.set(verdict, (this.#verdicts.get(verdict) ?? 0) + 1)
    this.#results.add(result)
  }

  get results(): number {
    return this.#results.jobs
  }

  /** Results without an outcome. */
  get errors(): number {
    return this.#results.kinds.error
  }

  get accepted(): number {
    return this.#verdicts.get('accepted') ?? 0
  }

  /** Results by their verdict, or by their kind where there are no verdicts; without zeros. */
  parts(): [name: string, count: number][] {
    const { ok } = this.#results
    const { exit, trap, limit, abort, error } = this.#results.kinds
    const all: [string, number][] =
      this.#verdicts.size > 0
        ? [...this.#verdicts, ['error', error]]
        : [
            ['ok', ok],
            ['nonzero exit', exit - ok],
            ['trap', trap],
            ['limit', limit],
            ['abort', abort],
            ['error', error],
          ]
    return all.filter(([, number]) => number > 0)
  }

  /** @param session How many results are not of this session, how many runs are, and how long it took. */
  summary(
    { endedBy, advice }: { endedBy: BatchEnd; advice: BatchAdvice | undefined },
    session: { resumed: number; runs: number; wallMs: number },
  ): Summary {
    const { resumed, runs, wallMs } = session
    return {
      ...this.#results.counts(),
      ...(this.#verdicts.size > 0 ? { verdicts: Object.fromEntries(this.#verdicts) } : {}),
      wallMs,
      runsPerSecond: wallMs === 0 ? 0 : (runs / wallMs) * 1000,
      resumed,
      endedBy,
      ...(advice && { advice }),
    }
  }
}

/** How the results that are not `ok` ended, each ending with its number, the most frequent first. */
export function details({
  exitCodes,
  traps,
  limits,
  errors,
}: Summary): [ending: string, count: number][] {
  return [
    ...named('exit', exitCodes).filter(([ending]) => ending !== 'exit 0'),
    ...named('trap', traps),
    ...named('limit', limits),
    ...named('error', errors),
  ].toSorted(([, a], [, b]) => b - a)
}

function named(
  kind: string,
  counts: Readonly<Record<string, number>>,
): [ending: string, count: number][] {
  return Object.entries(counts).map(([name, number]) => [`${kind} ${name}`, number])
}
