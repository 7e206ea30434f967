import { createHistogram } from 'node:perf_hooks'
import type { BatchAdvice, BatchEnd, BatchSummary } from '../../src/index.ts'
import { VERDICTS } from './verdict.ts'

/** What is counted of a result, whether it has just come or was read from a file. */
export interface Countable {
  readonly verdict?: string | undefined
  readonly outcome?:
    | {
        readonly kind: string
        readonly code?: number
        readonly trap?: { readonly code: string }
        readonly limit?: string
        readonly usage: { readonly wallMs: number; readonly cpuMs: number }
      }
    | undefined
  readonly error?: { readonly code: string } | undefined
}

/** The totals of all results in the output, those of earlier sessions too; times are of this session where not said. */
export interface Summary extends Omit<BatchSummary, 'error'> {
  /** Jobs without an outcome, by the code of their error. */
  readonly errors: Readonly<Record<string, number>>
  /** With `--each-file`: jobs by their verdict. */
  readonly verdicts?: Readonly<Record<string, number>>
  /** Results that were there before this session. */
  readonly resumed: number
}

const NS = 1e6

/** Counts results; its size does not depend on how many there are. */
export class Totals {
  readonly kinds = { exit: 0, trap: 0, limit: 0, abort: 0, error: 0 }
  ok = 0
  readonly #exitCodes = new Map<number, number>()
  readonly #traps = new Map<string, number>()
  readonly #limits = new Map<string, number>()
  readonly #errors = new Map<string, number>()
  readonly #verdicts = new Map<string, number>()
  readonly #runTimes = createHistogram({ figures: 3 })
  #maxMs = 0
  #cpuMs = 0

  /** @param isJudged Whether verdicts are to be counted. */
  constructor(isJudged: boolean) {
    if (isJudged) for (const verdict of VERDICTS) this.#verdicts.set(verdict, 0)
  }

  add({ outcome, error, verdict }: Countable): void {
    if (verdict !== undefined) count(this.#verdicts, verdict)
    if (outcome === undefined) {
      this.kinds.error += 1
      if (error !== undefined) count(this.#errors, error.code)
      return
    }
    this.kinds[outcome.kind as keyof typeof this.kinds] += 1
    const { wallMs, cpuMs } = outcome.usage
    this.#cpuMs += cpuMs
    this.#maxMs = Math.max(this.#maxMs, wallMs)
    this.#runTimes.record(Math.max(1, Math.round(wallMs * NS)))
    if (outcome.code === 0) this.ok += 1
    else if (outcome.code !== undefined) count(this.#exitCodes, outcome.code)
    if (outcome.trap !== undefined) count(this.#traps, outcome.trap.code)
    if (outcome.limit !== undefined) count(this.#limits, outcome.limit)
  }

  get results(): number {
    const { exit, trap, limit, abort, error } = this.kinds
    return exit + trap + limit + abort + error
  }

  get accepted(): number {
    return this.#verdicts.get('accepted') ?? 0
  }

  /** By verdict, or by kind where nothing is judged, with those that were counted. */
  parts(): [name: string, count: number][] {
    const { exit, trap, limit, abort, error } = this.kinds
    const all: [string, number][] =
      this.#verdicts.size > 0
        ? [...this.#verdicts, ['error', error]]
        : [
            ['ok', this.ok],
            ['nonzero exit', exit - this.ok],
            ['trap', trap],
            ['limit', limit],
            ['abort', abort],
            ['error', error],
          ]
    return all.filter(([, number]) => number > 0)
  }

  /** How the results that are not `ok` ended, each with its number. */
  details(): [ending: string, count: number][] {
    return [
      ...named('exit', this.#exitCodes),
      ...named('trap', this.#traps),
      ...named('limit', this.#limits),
      ...named('error', this.#errors),
    ]
  }

  /** @param session What the results of this session are, and how long they took. */
  summary(
    { endedBy, advice }: { endedBy: BatchEnd; advice: BatchAdvice | undefined },
    session: { resumed: number; runs: number; wallMs: number },
  ): Summary {
    const { resumed, runs, wallMs } = session
    const percentile = (p: number): number =>
      this.#maxMs === 0 ? 0 : Math.min(this.#runTimes.percentile(p) / NS, this.#maxMs)
    const exits: [number, number][] = this.ok === 0 ? [] : [[0, this.ok]]
    return {
      jobs: this.results,
      ok: this.ok,
      kinds: { ...this.kinds },
      exitCodes: Object.fromEntries([...exits, ...this.#exitCodes]),
      traps: Object.fromEntries(this.#traps) as BatchSummary['traps'],
      limits: Object.fromEntries(this.#limits) as BatchSummary['limits'],
      errors: Object.fromEntries(this.#errors),
      ...(this.#verdicts.size > 0 ? { verdicts: Object.fromEntries(this.#verdicts) } : {}),
      wallMs,
      cpuMs: this.#cpuMs,
      runMs: {
        p50: percentile(50),
        p90: percentile(90),
        p99: percentile(99),
        max: this.#maxMs,
      },
      runsPerSecond: wallMs === 0 ? 0 : (runs / wallMs) * 1000,
      resumed,
      endedBy,
      ...(advice && { advice }),
    }
  }
}

function count<K>(counts: Map<K, number>, key: K): void {
  counts.set(key, (counts.get(key) ?? 0) + 1)
}

function named(
  kind: string,
  counts: ReadonlyMap<number | string, number>,
): [ending: string, count: number][] {
  return [...counts].map(([name, number]) => [`${kind} ${name}`, number])
}
