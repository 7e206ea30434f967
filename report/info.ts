import type { BatchSummary } from '../src/index.ts'

/** What stands around the results. */
export interface ReportInfo {
  /** As the library gave it; the totals of the page are these. */
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
