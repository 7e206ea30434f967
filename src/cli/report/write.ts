import type { Writable } from 'node:stream'
import type { BatchSummary } from '../../index.ts'
import type { ReportCollector } from './collect.ts'

/** What stands around the results. */
export interface ReportInfo {
  /** As the library gave it; all figures of the page are these. */
  readonly summary: Omit<BatchSummary, 'endedBy' | 'error'> &
    Partial<Pick<BatchSummary, 'endedBy' | 'error'>>
  /** Default: the program's name. */
  readonly title?: string
  readonly program?: {
    readonly name: string
    readonly path?: string
    readonly kind?: string
    readonly wasi?: string
  }
  /** How it was run, to be shown as it is, such as `{ '--timeout': '2s' }`. */
  readonly options?: Readonly<Record<string, string>>
  readonly startedAt?: Date
  /** Version of wasiexec. */
  readonly version?: string
}

/** Writes the page: a file by rename, a stream to its end without ending it. */
export async function writeReport(
  target: string | Writable,
  collector: ReportCollector,
  info: ReportInfo,
): Promise<void> {
  void target
  void collector
  void info
}
