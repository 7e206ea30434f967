import { createHistogram } from 'node:perf_hooks'
import { performance } from 'node:perf_hooks'
import type { Limit, Outcome, TrapCode } from '../outcome.ts'
import type { RuntimeStats } from '../stats.ts'
import { advice, type BatchAdvice } from './advice.ts'
import { LazyResult, type PendingResult } from './lazy-result.ts'

/** Why a batch took no more jobs. */
export type BatchEnd =
  /** There were no more. */
  | 'jobs'
  /** The `signal`, the `deadline` or `stopOn`. */
  | 'signal'
  | 'deadline'
  | 'stop-on'
  /** The loop over its results was left. */
  | 'consumer'
  /** The jobs' iterator or `stopOn` threw, or the program or runtime was closed. */
  | 'error'

/** The totals of a batch. */
export interface BatchSummary {
  /** Jobs taken, each of which has one result. */
  readonly jobs: number
  /** Results with exit code 0. */
  readonly ok: number
  /** Results by the kind of their outcome; `error`: those without. */
  readonly kinds: Readonly<Record<Outcome['kind'] | 'error', number>>
  /** Exits by their code. */
  readonly exitCodes: Readonly<Record<number, number>>
  /** Traps by their code. */
  readonly traps: Readonly<Partial<Record<TrapCode, number>>>
  /** Runs that a limit ended, by the limit. */
  readonly limits: Readonly<Partial<Record<Limit['limit'], number>>>
  /** From the first job taken to the end, in milliseconds. */
  readonly wallMs: number
  /** Time on a core of all runs together, in milliseconds. */
  readonly cpuMs: number
  /** Wall-clock times of the runs in milliseconds, to three digits (an HDR histogram). */
  readonly runMs: {
    readonly p50: number
    readonly p90: number
    readonly p99: number
    readonly max: number
  }
  /** Runs with an outcome, by `wallMs`. */
  readonly runsPerSecond: number
  /** Why it ended. */
  readonly endedBy: BatchEnd
  /**
   * `'processes'`: a runtime with `workers: 'processes'` would have used more cores, because the threads of
   * this one stood in each other's way (see {@link RuntimeStats.usefulThreads}). Otherwise absent.
   */
  readonly advice?: BatchAdvice
  /** What was thrown, where `endedBy` is `'error'`. */
  readonly error?: unknown
}

const NS = 1e6

/** Counts results as they arrive; its size does not depend on how many there are. */
export class Totals {
  readonly #kinds = { exit: 0, trap: 0, limit: 0, abort: 0, error: 0 }
  /** Exits with code 0, which most are. */
  #ok = 0
  readonly #otherCodes = new Map<number, number>()
  readonly #traps = new Map<TrapCode, number>()
  readonly #limits = new Map<Limit['limit'], number>()
  readonly #runTimes = createHistogram({ figures: 3 })
  #maxMs = 0
  #cpuMs = 0
  #start: number | undefined

  begin(): void {
    this.#start ??= performance.now()
  }

  add(result: PendingResult): void {
    if (result instanceof LazyResult) {
      this.#exit(result.code, result)
      return
    }
    const { outcome } = result
    if (outcome === undefined) {
      this.#kinds.error += 1
      return
    }
    if (outcome.kind === 'exit') {
      this.#exit(outcome.code, outcome.usage)
      return
    }
    this.#kinds[outcome.kind] += 1
    this.#use(outcome.usage)
    switch (outcome.kind) {
      case 'trap':
        count(this.#traps, outcome.trap.code)
        return
      case 'limit':
        count(this.#limits, outcome.limit)
        return
      case 'abort':
        return
      default:
        outcome satisfies never
    }
  }

  #exit(code: number, usage: { wallMs: number; cpuMs: number }): void {
    this.#kinds.exit += 1
    this.#use(usage)
    if (code === 0) this.#ok += 1
    else count(this.#otherCodes, code)
  }

  #use({ wallMs, cpuMs }: { wallMs: number; cpuMs: number }): void {
    this.#cpuMs += cpuMs
    this.#maxMs = Math.max(this.#maxMs, wallMs)
    this.#runTimes.record(Math.max(1, Math.round(wallMs * NS)))
  }

  summary(
    endedBy: BatchEnd,
    failure: { error: unknown } | undefined,
    stats: RuntimeStats,
  ): BatchSummary {
    const wallMs = this.#start === undefined ? 0 : performance.now() - this.#start
    const { exit, trap, limit, abort, error } = this.#kinds
    const runs = exit + trap + limit + abort
    const codes = this.#ok === 0 ? [] : [[0, this.#ok] as const]
    const percentile = (p: number): number =>
      runs === 0 ? 0 : Math.min(this.#runTimes.percentile(p) / NS, this.#maxMs)
    const advised = advice(stats, wallMs)
    return {
      jobs: runs + error,
      ok: this.#ok,
      kinds: { ...this.#kinds },
      exitCodes: Object.fromEntries([...codes, ...this.#otherCodes]),
      traps: Object.fromEntries(this.#traps),
      limits: Object.fromEntries(this.#limits),
      wallMs,
      cpuMs: this.#cpuMs,
      runMs: {
        p50: percentile(50),
        p90: percentile(90),
        p99: percentile(99),
        max: this.#maxMs,
      },
      runsPerSecond: wallMs === 0 ? 0 : (runs / wallMs) * 1000,
      endedBy,
      ...(advised && { advice: advised }),
      ...failure,
    }
  }
}

function count<K>(counts: Map<K, number>, key: K): void {
  counts.set(key, (counts.get(key) ?? 0) + 1)
}
