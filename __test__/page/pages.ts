// Pages to look at, and what they say.
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Page } from 'playwright-core'
import { ReportCollector } from '../../report/collect.ts'
import { writeReport } from '../../cli/write-report.ts'
import type { ReportInfo } from '../../report/info.ts'
import { mixedJobs } from '../support/cases.ts'
import { wat } from '../support/guest.ts'
import type { BatchSummary } from '../support/package.ts'
import { noSummary } from '../support/report.ts'
import { closeBrowser } from './browser.ts'

let place: Promise<string> | undefined
let written = 0

/** Ends the browser and removes the pages of a test file. */
export async function close(): Promise<void> {
  await closeBrowser()
  if (place !== undefined) await rm(await place, { recursive: true, force: true })
}

/** Writes a page of these results and answers its path. */
export async function write(
  collector: ReportCollector,
  info: Partial<ReportInfo> = {},
): Promise<string> {
  place ??= mkdtemp(join(tmpdir(), 'wasiexec-page-'))
  const path = join(await place, `${(written += 1)}.html`)
  await writeReport(path, collector, { summary: noSummary, ...info })
  return path
}

/** One of a real batch, for all tests that only look at it. */
let real: Promise<{ path: string; summary: BatchSummary }> | undefined

async function realBatch(): Promise<{ path: string; summary: BatchSummary }> {
  const jobs = await mixedJobs(2000, 256)
  const running = (await wat('hello')).batch(jobs)
  const collector = new ReportCollector()
  for await (const result of running)
    collector.add({ ...result, job: jobs[result.index] }, result.index)
  const summary = await running.summary
  return { path: await write(collector, { summary, title: 'many kinds' }), summary }
}

export function many(): Promise<{ path: string; summary: BatchSummary }> {
  return (real ??= realBatch())
}

export function value(page: Page, selector: string): Promise<number> {
  return page.locator(selector).getAttribute('value').then(Number)
}

export function text(page: Page, selector: string): Promise<string> {
  return page.locator(selector).innerText()
}

/** What the two charts say they show. */
export async function drawn(page: Page): Promise<[runs: number, results: number]> {
  return [await value(page, '#histogram-total'), await value(page, '#throughput-total')]
}

export function rows(page: Page, list: string): Promise<string[]> {
  return page.locator(`#${list} li[data-group]:visible .ending-name`).allInnerTexts()
}

/** Whether nothing is wider than the window. */
export function fits(page: Page): Promise<boolean> {
  return page.evaluate(
    () => document.documentElement.scrollWidth <= document.documentElement.clientWidth,
  )
}
