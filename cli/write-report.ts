import type { Writable } from 'node:stream'
import type { ReportCollector } from '../report/collect.ts'
import type { ReportInfo } from '../report/info.ts'
import { render } from '../report/render.ts'
import { writeWholeFile } from './whole-file.ts'

/**
 * Writes the page. A file appears whole or not at all, and replaces a file of that name. A stream is not
 * ended. Rejects with the error of the file system or the stream.
 */
export async function writeReport(
  target: string | Writable,
  collector: ReportCollector,
  info: ReportInfo,
): Promise<void> {
  const content = await render(info, collector)
  if (typeof target !== 'string') {
    await new Promise<void>((resolve, reject) => {
      target.write(content, (error) => (error ? reject(error) : resolve()))
    })
    return
  }
  await writeWholeFile(target, content, { replace: true })
}
