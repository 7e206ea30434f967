import type { RuntimeStats } from 'wasiexec'
import type { End, Kind } from './results.ts'
import { kindOf } from './results.ts'

/** Upper ends of the buckets of run times, in seconds. */
const BUCKETS = [0.0001, 0.001, 0.01, 0.1, 1, 10, 60] as const

/** What a worker counts. */
export class Counts {
  readonly jobs: Map<Kind, number> = new Map()
  readonly buckets: number[] = BUCKETS.map(() => 0)
  busyMs = 0
  /** Results that came a second time, and were dropped. */
  dropped = 0
  chunks = 0
  /** Chunks that another worker was lost with, or that another worker took over. */
  lost = 0
  retried = 0
  returned = 0
  quarantined = 0

  add(end: End, isFirst: boolean): void {
    if (!isFirst) {
      this.dropped += 1
      return
    }
    const kind = kindOf(end)
    this.jobs.set(kind, (this.jobs.get(kind) ?? 0) + 1)
    const wallMs = end.outcome?.usage.wallMs
    if (wallMs === undefined) return
    this.busyMs += wallMs
    const at = BUCKETS.findIndex((most) => wallMs <= most * 1000)
    if (at >= 0) this.buckets[at]! += 1
  }

  /** Results that were the first of their job. */
  get finished(): number {
    return [...this.jobs.values()].reduce((sum, count) => sum + count, 0)
  }
}

/** What a worker has and does at a moment. */
export interface Gauges {
  readonly chunks: number
  readonly programs: number
  readonly loads: number
  readonly isDraining: boolean
  readonly isConnected: boolean
  readonly runtime: RuntimeStats
}

/** The metrics of a worker in the text format of Prometheus. */
export function exposition(queue: string, counts: Counts, gauges: Gauges): string {
  const label = `queue="${queue}"`
  const lines: string[] = []
  const metric = (
    name: string,
    type: 'counter' | 'gauge',
    help: string,
    ...rows: readonly (readonly [labels: string, value: number])[]
  ): void => {
    lines.push(`# HELP wasiexec_worker_${name} ${help}`, `# TYPE wasiexec_worker_${name} ${type}`)
    for (const [labels, value] of rows)
      lines.push(`wasiexec_worker_${name}{${[label, labels].filter(Boolean).join(',')}} ${value}`)
  }
  const { runtime } = gauges
  const kinds = [...counts.jobs].map(([kind, count]) => [`kind="${kind}"`, count] as const)
  metric('jobs_total', 'counter', 'Jobs that ended here, by kind of ending.', ...kinds)
  metric('dropped_total', 'counter', 'Results that came second, and were dropped.', [
    '',
    counts.dropped,
  ])
  metric('chunks_total', 'counter', 'Chunks that ended here.', ['', counts.chunks])
  metric('chunks_lost_total', 'counter', 'Chunks that a worker was lost with.', ['', counts.lost])
  metric('chunks_retried_total', 'counter', 'Chunks left because of a fault of the machine.', [
    '',
    counts.retried,
  ])
  metric('chunks_returned_total', 'counter', 'Chunks given back by a drain.', ['', counts.returned])
  metric('quarantined_total', 'counter', 'Programs put into quarantine.', ['', counts.quarantined])
  metric('program_loads_total', 'counter', 'Programs fetched and compiled.', ['', gauges.loads])
  metric('programs', 'gauge', 'Programs that are loaded.', ['', gauges.programs])
  metric('chunks', 'gauge', 'Chunks in progress.', ['', gauges.chunks])
  metric('runs', 'gauge', 'Runs in progress.', ['', runtime.running])
  metric('runs_waiting', 'gauge', 'Runs that wait for a thread or a slot.', ['', runtime.queued])
  metric('threads', 'gauge', 'Threads that run guests.', ['', runtime.threads])
  metric('draining', 'gauge', 'Whether it takes no more chunks.', ['', Number(gauges.isDraining)])
  metric('connected', 'gauge', 'Whether it is connected to Redis.', [
    '',
    Number(gauges.isConnected),
  ])
  const name = 'wasiexec_worker_run_seconds'
  lines.push(`# HELP ${name} Wall-clock time of runs.`, `# TYPE ${name} histogram`)
  let sum = 0
  for (const [at, most] of BUCKETS.entries()) {
    sum += counts.buckets[at]!
    lines.push(`${name}_bucket{${label},le="${most}"} ${sum}`)
  }
  const runs = counts.finished - (counts.jobs.get('error') ?? 0)
  lines.push(`${name}_bucket{${label},le="+Inf"} ${runs}`)
  lines.push(`${name}_sum{${label}} ${counts.busyMs / 1000}`, `${name}_count{${label}} ${runs}`)
  return `${lines.join('\n')}\n`
}
