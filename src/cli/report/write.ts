import type { Writable } from 'node:stream'
import type { BatchSummary } from '../../index.ts'
import { writeWholeFile } from '../whole-file.ts'
import { assets } from './assets.ts'
import type { ReportCollector } from './collect.ts'
import { page } from './page/page.ts'

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

/**
 * Writes the page: a file appears whole or not at all, in place of one of that name; a stream is not ended.
 * Rejects with what the file system or the stream has against it.
 */
export async function writeReport(
  target: string | Writable,
  collector: ReportCollector,
  info: ReportInfo,
): Promise<void> {
  const content = page(info, collector.collected(), await assets())
  if (typeof target !== 'string') {
    await new Promise<void>((resolve, reject) => {
      target.write(content, (error) => (error ? reject(error) : resolve()))
    })
    return
  }
  await writeWholeFile(target, content, { replace: true })
}
