import { createHash } from 'node:crypto'
import { BUCKETS, bucketOf } from './buckets.ts'
import { KINDS, word, type Kind } from './result.ts'

/** Results that ended alike, and when and how long they ran. */
export interface Group {
  /** Names its kind, ending and verdict, in this batch and in any other. */
  readonly key: string
  readonly kind: Kind
  /** Such as `exit 3`. */
  readonly ending: string
  readonly verdict: string | undefined
  readonly count: number
  /** Runs by their time, in the buckets of buckets.ts. */
  readonly times: Uint32Array
  /** Results without a run time: errors, and runs that were aborted before they started. */
  readonly notRun: number
  /** Results by when they came, in bins of equal width. */
  readonly bins: Uint32Array
}

type Growing = { -readonly [K in keyof Group]: Group[K] }

/** Endings that are counted apart; the rest, nearly always exit codes, are counted together. */
const MAX_GROUPS = 512
const MAX_VERDICTS = 16
export const MAX_BINS = 120
const FIRST_BIN_MS = 1

export const OTHERS: Readonly<Record<Kind, string>> = {
  ok: 'other exits',
  exit: 'other exit codes',
  trap: 'other traps',
  limit: 'other limits',
  abort: 'other aborts',
  error: 'other errors',
}
export const OTHER_VERDICT = 'other verdicts'

/** Counts of a batch by ending and verdict. Bins of time become wider as the batch becomes longer. */
export class Groups {
  readonly #groups = new Map<string, Growing>()
  readonly #verdicts = new Set<string>()
  /** Of the last result: most results end like the one before. */
  #last: Growing | undefined
  #binMs = FIRST_BIN_MS
  #lastMs = 0

  add(
    kind: Kind,
    ending: string,
    verdict: string | undefined,
    wallMs: number | undefined,
    at: number | undefined,
  ): Group {
    const group = this.#find(kind, ending, verdict && this.#verdict(verdict))
    group.count += 1
    if (wallMs !== undefined && wallMs > 0) group.times[bucketOf(wallMs)]! += 1
    else group.notRun += 1
    if (at !== undefined) group.bins[this.#bin(at)]! += 1
    return group
  }

  /** @param now Until when there are bins, which may be after the last result. */
  collected(now: number = this.#lastMs): {
    groups: readonly Group[]
    binMs: number
    lastMs: number
  } {
    const lastMs = Math.max(now, this.#lastMs)
    this.#widen(lastMs)
    const groups = [...this.#groups.values()].toSorted(
      (a, b) => KINDS.indexOf(a.kind) - KINDS.indexOf(b.kind) || b.count - a.count,
    )
    return { groups, binMs: this.#binMs, lastMs }
  }

  #find(kind: Kind, ending: string, verdict: string | undefined): Growing {
    const last = this.#last
    if (last?.ending === ending && last.kind === kind && last.verdict === verdict) return last
    return (this.#last = this.#lookUp(kind, ending, verdict))
  }

  #lookUp(kind: Kind, ending: string, verdict: string | undefined): Growing {
    const key = `${kind}\n${ending}\n${verdict ?? ''}`
    const known = this.#groups.get(key)
    if (known !== undefined) return known
    if (this.#groups.size >= MAX_GROUPS && ending !== OTHERS[kind]) {
      return this.#lookUp(kind, OTHERS[kind], verdict)
    }
    const group = empty(kind, ending, verdict)
    this.#groups.set(key, group)
    return group
  }

  #verdict(verdict: string): string {
    const name = word(verdict)
    if (this.#verdicts.has(name)) return name
    if (this.#verdicts.size >= MAX_VERDICTS) return OTHER_VERDICT
    this.#verdicts.add(name)
    return name
  }

  #bin(at: number): number {
    const ms = Math.max(0, at)
    this.#lastMs = Math.max(this.#lastMs, ms)
    this.#widen(ms)
    return Math.floor(ms / this.#binMs)
  }

  #widen(ms: number): void {
    while (ms >= this.#binMs * MAX_BINS) {
      this.#binMs *= 2
      for (const { bins } of this.#groups.values()) halve(bins)
    }
  }
}

function empty(kind: Kind, ending: string, verdict: string | undefined): Growing {
  return {
    key: keyOf(kind, ending, verdict),
    kind,
    ending,
    verdict,
    count: 0,
    times: new Uint32Array(BUCKETS),
    notRun: 0,
    bins: new Uint32Array(MAX_BINS),
  }
}

/** Short, and without the characters that a name may have. */
function keyOf(...names: readonly (string | undefined)[]): string {
  return createHash('sha256').update(names.join('\n')).digest('base64url').slice(0, 12)
}

/** Makes one bin of every two. */
function halve(bins: Uint32Array): void {
  for (let at = 0; at < bins.length / 2; at += 1) bins[at] = bins[2 * at]! + bins[2 * at + 1]!
  bins.fill(0, bins.length / 2)
}

/** The `most` largest groups, and one group for the others of each kind and verdict. */
export function largest(groups: readonly Group[], most: number): Group[] {
  const apart = groups.filter(({ kind, ending }) => ending !== OTHERS[kind])
  const kept = new Set(apart.toSorted((a, b) => b.count - a.count).slice(0, most))
  const pooled = new Map<string, Growing>()
  for (const group of groups.filter((group) => !kept.has(group))) {
    const { kind, verdict } = group
    const key = `${kind}\n${verdict ?? ''}`
    const others = pooled.get(key) ?? empty(kind, OTHERS[kind], verdict)
    merge(others, group)
    pooled.set(key, others)
  }
  return [...groups.filter((group) => kept.has(group)), ...pooled.values()]
}

function merge(into: Growing, group: Group): void {
  into.count += group.count
  into.notRun += group.notRun
  group.times.forEach((count, at) => (into.times[at]! += count))
  group.bins.forEach((count, at) => (into.bins[at]! += count))
}
