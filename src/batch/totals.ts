import { createHistogram } from 'node:perf_hooks'
import type {
  CallOutcome,
  HostError,
  JsonHostError,
  JsonOutcome,
  Limit,
  Outcome,
  Returned,
  TrapCode,
} from '../outcome.ts'

/**
 * What is counted of a result: of one of a batch, or of one that was read from JSON.
 *
 * @example
 * const results: CountableResult[] = lines.map((line) => JSON.parse(line))
 */
export interface CountableResult {
  readonly outcome?: CallOutcome | HostError | JsonOutcome | JsonHostError | undefined
  /** In place of an outcome. */
  readonly error?: { readonly code: string } | undefined
}

/**
 * What {@link BatchTotals} has counted.
 *
 * @example
 * const { jobs, ok, exitCodes } = totals.counts()
 */
export interface BatchCounts {
  /** Results. */
  readonly jobs: number
  /** Results with exit code 0, and calls that returned. */
  readonly ok: number
  /**
   * Results by the kind of their outcome; `error`: those without. `host-error` and `returned` are there only if there are
   * any.
   */
  readonly kinds: Readonly<
    Record<Outcome['kind'] | 'error', number> &
      Partial<Record<HostError['kind'] | Returned['kind'], number>>
  >
  /** Exits by their code. */
  readonly exitCodes: Readonly<Record<number, number>>
  /** Traps by their code. */
  readonly traps: Readonly<Partial<Record<TrapCode, number>>>
  /** Runs that a limit ended, by the limit. */
  readonly limits: Readonly<Partial<Record<Limit['limit'], number>>>
  /** Results without an outcome, by the code of their error. */
  readonly errors: Readonly<Record<string, number>>
  /** Time on a core of all runs together, in milliseconds. */
  readonly cpuMs: number
  /** Wall-clock times of the runs in milliseconds, to three digits (an HDR histogram). */
  readonly runMs: {
    readonly p50: number
    readonly p90: number
    readonly p99: number
    readonly max: number
  }
}

interface Times {
  readonly wallMs: number
  readonly cpuMs: number
}

const NS = 1e6

/**
 * Counts results of one batch or of several, also results that were read from JSON. Its size does not
 * depend on how many it has counted.
 *
 * @example
 * const totals = new BatchTotals()
 * for (const line of lines) totals.add(JSON.parse(line))
 * console.log(totals.counts().kinds)
 */
export class BatchTotals {
  readonly #kinds = { exit: 0, trap: 0, limit: 0, abort: 0, error: 0 }
  /** Exits with code 0, which most are. */
  #ok = 0
  #returned = 0
  readonly #otherCodes = new Map<number, number>()
  readonly #traps = new Map<TrapCode, number>()
  readonly #limits = new Map<Limit['limit'], number>()
  readonly #errors = new Map<string, number>()
  #hostErrors = 0
  readonly #runTimes = createHistogram({ figures: 3 })
  #maxMs = 0
  #cpuMs = 0

  /**
   * Counts one more result.
   *
   * @example
   * totals.add(JSON.parse(line))
   */
  add({ outcome, error }: CountableResult): void {
    if (outcome === undefined) {
      this.#kinds.error += 1
      if (error !== undefined) count(this.#errors, error.code)
      return
    }
    if (outcome.kind === 'exit') {
      this.addExit(outcome.code, outcome.usage)
      return
    }
    this.#addTimes(outcome.usage)
    if (outcome.kind === 'host-error') {
      this.#hostErrors += 1
      return
    }
    if (outcome.kind === 'returned') {
      this.#returned += 1
      return
    }
    this.#kinds[outcome.kind] += 1
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

  /**
   * Counts an exit without an outcome being made of it.
   *
   * @internal
   */
  addExit(code: number, times: Times): void {
    this.#kinds.exit += 1
    this.#addTimes(times)
    if (code === 0) this.#ok += 1
    else count(this.#otherCodes, code)
  }

  #addTimes({ wallMs, cpuMs }: Times): void {
    this.#cpuMs += cpuMs
    this.#maxMs = Math.max(this.#maxMs, wallMs)
    this.#runTimes.record(Math.max(1, Math.round(wallMs * NS)))
  }

  /**
   * The same as in {@link counts}, which has to compute the others too.
   *
   * @example
   * console.log(totals.jobs)
   */
  get jobs(): number {
    return this.#runs + this.#kinds.error
  }

  /**
   * The same as in {@link counts}.
   *
   * @example
   * console.log(`${totals.ok} of ${totals.jobs} are ok`)
   */
  get ok(): number {
    return this.#ok + this.#returned
  }

  /**
   * The same as in {@link counts}.
   *
   * @example
   * console.log(totals.kinds.trap)
   */
  get kinds(): BatchCounts['kinds'] {
    const rare = { 'host-error': this.#hostErrors, returned: this.#returned }
    const counted = Object.entries(rare).filter(([, number]) => number > 0)
    return { ...this.#kinds, ...Object.fromEntries(counted) }
  }

  /**
   * What was counted until now.
   *
   * @example
   * console.log(totals.counts().runMs.p99)
   */
  counts(): BatchCounts {
    const codes = this.#ok === 0 ? [] : [[0, this.#ok] as const]
    const percentile = (p: number): number =>
      this.#runs === 0 ? 0 : Math.min(this.#runTimes.percentile(p) / NS, this.#maxMs)
    return {
      jobs: this.jobs,
      ok: this.ok,
      kinds: this.kinds,
      exitCodes: Object.fromEntries([...codes, ...this.#otherCodes]),
      traps: Object.fromEntries(this.#traps),
      limits: Object.fromEntries(this.#limits),
      errors: Object.fromEntries(this.#errors),
      cpuMs: this.#cpuMs,
      runMs: {
        p50: percentile(50),
        p90: percentile(90),
        p99: percentile(99),
        max: this.#maxMs,
      },
    }
  }

  /** Results with an outcome. */
  get #runs(): number {
    const { exit, trap, limit, abort } = this.#kinds
    return exit + trap + limit + abort + this.#hostErrors + this.#returned
  }
}

function count<K>(counts: Map<K, number>, key: K): void {
  counts.set(key, (counts.get(key) ?? 0) + 1)
}
