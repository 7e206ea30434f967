import { duration } from '../page/format.ts'
import type { PageData } from '../page/data.ts'
import type { StackOptions } from './stack-chart.ts'

/** Results per second, from the start of the batch to its last result. */
export function throughput({ series, groups, binMs, endMs }: PageData): StackOptions | undefined {
  const place = document.getElementById('timeline')
  const bins = groups[0]?.bins.length ?? 0
  if (place === null || bins === 0) return undefined
  const edges = Array.from({ length: bins + 1 }, (_, at) => at * binMs)
  // The last bin is as wide as the batch lasted; a sliver is added to the bin before it.
  const results = groups.flatMap(({ bins }) => bins).reduce((sum, count) => sum + count, 0)
  // The time ends with the last result, which has an interval of its own like all others.
  const end = Math.min(endMs + endMs / results, bins * binMs)
  const rest = end - (bins - 1) * binMs
  const isSliver = bins > 1 && rest < binMs / 2
  if (isSliver) edges.pop()
  edges[edges.length - 1] = Math.max(end, edges[edges.length - 2]! + binMs / 2)
  return {
    place,
    total: document.getElementById('throughput-total'),
    noun: 'result',
    series,
    edges,
    values: ({ bins }) => (isSliver ? [...bins.slice(0, -2), bins.at(-2)! + bins.at(-1)!] : bins),
    height: (count, bar) => (count / (edges[bar + 1]! - edges[bar]!)) * 1000,
    isLog: false,
    isWhole: false,
    splits,
    tick: (ms) => tickName(ms),
    name: (bar) => `${duration(edges[bar]!)} – ${duration(edges[bar + 1]!)}`,
  }
}

const STEPS = [1, 2, 5, 10, 20, 50, 100, 200, 500].concat(
  [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800].map((seconds) => seconds * 1000),
  [1, 2, 3, 6, 12, 24, 48, 96, 192].map((hours) => hours * 3_600_000),
)

function splits(_: number, max: number): number[] {
  const step = STEPS.find((step) => max / step <= 6) ?? max / 4
  return Array.from({ length: Math.floor(max / step) + 1 }, (_, at) => at * step)
}

/** Round values have few digits. */
function tickName(ms: number): string {
  if (ms === 0) return '0'
  if (ms < 1000) return `${ms} ms`
  if (ms < 60_000) return `${ms / 1000} s`
  const minutes = Math.floor(ms / 60_000)
  const seconds = Math.round((ms % 60_000) / 1000)
  if (minutes < 60)
    return seconds === 0 ? `${minutes} min` : `${minutes}:${String(seconds).padStart(2, '0')}`
  return minutes % 60 === 0 ? `${minutes / 60} h` : `${Math.floor(minutes / 60)} h ${minutes % 60}`
}
