import type { BatchSummary } from '../src/index.ts'
import type { Phase } from './page/data.ts'

/** What a page says beside the results. */
export interface ReportInfo {
  /** From the library; the page shows these totals. */
  readonly summary: Omit<BatchSummary, 'endedBy' | 'error'> &
    Partial<Pick<BatchSummary, 'endedBy' | 'error'>>
  /** Default: the program's name. */
  readonly title?: string
  readonly program?: {
    readonly name: string
    readonly path?: string
    readonly kind?: string
    /** Its version of WASI in words, such as `WASI 0.1`. */
    readonly wasi?: string
  }
  /** How the batch was run, shown as it is, such as `{ '--timeout': '2s' }`. */
  readonly options?: Readonly<Record<string, string>>
  readonly startedAt?: Date
  /** The version of wasiexec. */
  readonly version?: string
}

/** How far the batch of a live page is. */
export interface LiveState {
  readonly phase: Phase
  /** What is being done, in a few words. */
  readonly words: string
  /** The part of the jobs that has ended, 0 to 1, where it is known. */
  readonly fraction: number | undefined
  /** Results per second in the last seconds. */
  readonly perSecond: number
  readonly leftMs: number | undefined
}
