import { assets } from './assets.ts'
import type { ReportCollector } from './collect.ts'
import type { ReportInfo } from './info.ts'
import { content, page } from './page/page.ts'

/** The page, with its script and its style sheet in it. */
export async function render(info: ReportInfo, collector: ReportCollector): Promise<string> {
  return page(content(info, collector.collected()), await assets()).markup
}
