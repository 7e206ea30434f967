import type { BatchSummary } from '../../src/index.ts'
import { BUCKETS, bucketStart } from '../buckets.ts'
import type { Collected } from '../collect.ts'
import { largest, type Group } from '../groups.ts'
import { KINDS, type Kind } from '../result.ts'
import type { PageData, PageSeries } from './data.ts'
import { verdictSlots, type Slot } from './palette.ts'

/** Endings that the page shows apart. */
const MAX_ENDINGS = 48

/** The names that the summary on the terminal has. */
export const KIND_NAMES: Readonly<Record<Kind, string>> = {
  ok: 'ok',
  exit: 'nonzero exit',
  trap: 'trap',
  limit: 'limit',
  abort: 'abort',
  error: 'error',
}

/** The parts into which the page divides the results. */
export interface Facets {
  readonly groups: readonly Group[]
  /** By colour: verdicts where there are any, kinds otherwise. */
  readonly series: readonly (PageSeries & { readonly slot: Slot; readonly count: number })[]
  readonly seriesOf: (result: { kind: Kind; verdict: string | undefined }) => number
  readonly hasVerdicts: boolean
}

export function facets(collected: Collected): Facets {
  const groups = largest(collected.groups, MAX_ENDINGS)
  const hasVerdicts = groups.some(({ verdict }) => verdict !== undefined)
  const nameOf = ({ kind, verdict }: { kind: Kind; verdict: string | undefined }): string =>
    hasVerdicts ? (verdict ?? KIND_NAMES[kind]) : kind
  const counts = new Map<string, number>()
  for (const group of groups) {
    const name = nameOf(group)
    counts.set(name, (counts.get(name) ?? 0) + group.count)
  }
  const names = hasVerdicts
    ? [...counts.keys()].toSorted((a, b) => counts.get(b)! - counts.get(a)!)
    : KINDS.filter((kind) => counts.has(kind))
  const slots = hasVerdicts ? verdictSlots(names) : undefined
  // Good results are at the bottom of each stack.
  if (hasVerdicts)
    names.sort((a, b) => Number(slots!.get(b) === 'ok') - Number(slots!.get(a) === 'ok'))
  const series = names.map((name) => ({
    name: slots === undefined ? KIND_NAMES[name as Kind] : name,
    slot: slots?.get(name) ?? (name as Kind),
    count: counts.get(name)!,
  }))
  return { groups, series, hasVerdicts, seriesOf: (result) => names.indexOf(nameOf(result)) }
}

export function chartData(
  collected: Collected,
  facets: Facets,
  summary: Pick<BatchSummary, 'jobs' | 'runMs'>,
): PageData {
  const { groups, series, seriesOf } = facets
  const [first, last] = bucketRange(groups)
  const wide = binWidth(collected)
  const bins = Math.floor(collected.lastMs / (wide * collected.binMs)) + 1
  const { p50, p90, p99 } = summary.runMs
  return {
    jobs: collected.results,
    series: series.map(({ name, slot }) => ({ name, slot })),
    groups: groups.map((group) => ({
      key: group.key,
      kind: group.kind,
      ending: group.ending,
      verdict: group.verdict,
      count: group.count,
      series: seriesOf(group),
      times: [...group.times.subarray(first, last)],
      bins: Array.from({ length: bins }, (_, at) =>
        total(group.bins.subarray(at * wide, (at + 1) * wide)),
      ),
    })),
    edges: Array.from({ length: last - first + 1 }, (_, at) => bucketStart(first + at)),
    binMs: wide * collected.binMs,
    endMs: collected.lastMs,
    marks: [
      { name: 'p50', ms: p50 },
      { name: 'p90', ms: p90 },
      { name: 'p99', ms: p99 },
    ],
  }
}

const MIN_BINS = 12
const MIN_IN_BIN = 5

/** How many of the collector's bins become one: few results in many bins would be noise. */
function binWidth({ results, untimed, binMs, lastMs }: Collected): number {
  let wide = 1
  const bins = (): number => lastMs / (wide * binMs)
  while (bins() > 2 * MIN_BINS && (results - untimed) / bins() < MIN_IN_BIN) wide *= 2
  return wide
}

function total(counts: Uint32Array): number {
  return counts.reduce((sum, count) => sum + count, 0)
}

/** A single bar needs some empty buckets around it. */
const MIN_BUCKETS = 15

function bucketRange(groups: readonly Group[]): [first: number, end: number] {
  let first = BUCKETS
  let last = -1
  for (const { times } of groups) {
    for (let at = 0; at < BUCKETS; at += 1) {
      if (times[at] === 0) continue
      first = Math.min(first, at)
      last = Math.max(last, at)
    }
  }
  if (last === -1) return [0, 0]
  const more = Math.max(1, Math.ceil((MIN_BUCKETS - (last - first + 1)) / 2))
  return [Math.max(0, first - more), Math.min(BUCKETS, last + 1 + more)]
}
