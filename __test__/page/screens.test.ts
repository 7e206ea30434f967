// A report looks right: any batch, any screen, light and dark, and for all people.
import { stat } from 'node:fs/promises'
import test from 'ava'
import type { Page } from 'playwright-core'
import { ReportCollector } from '../../report/collect.ts'
import { count } from '../../report/page/format.ts'
import type { ReportInfo } from '../../report/info.ts'
import { numbers } from '../support/guest.ts'
import { ended, exit, noSummary } from '../support/report.ts'
import { open, pageTest, violations } from './browser.ts'
import { close, fits, many, text, write } from './pages.ts'

test.after.always(close)

const PAGES: Record<string, (collector: ReportCollector) => Partial<ReportInfo>> = {
  'no job': () => ({}),
  'one job': (collector) => {
    collector.add(exit(0, { index: 0, wallMs: 3 }), 5)
    return {
      summary: {
        ...noSummary,
        jobs: 1,
        ok: 1,
        wallMs: 5,
        runMs: { p50: 3, p90: 3, p99: 3, max: 3 },
      },
    }
  },
  'nothing but failures': (collector) => {
    for (const index of numbers(500))
      collector.add(ended({ kind: 'limit', limit: 'timeout' }, { index, wallMs: 1000 }), index)
    return { summary: { ...noSummary, jobs: 500 } }
  },
  'nothing that could be run': (collector) => {
    for (const index of numbers(500))
      collector.add({ index, error: { code: 'ERR_PREOPEN', message: 'no' } }, index)
    return { summary: { ...noSummary, jobs: 500 } }
  },
  'aborts before the start, and results of earlier sessions': (collector) => {
    for (const index of numbers(500)) collector.add(ended({ kind: 'abort' }, { index, wallMs: 0 }))
    return { summary: { ...noSummary, jobs: 500, endedBy: 'signal' } }
  },
  'thousands of exit codes': (collector) => {
    for (const index of numbers(5000))
      collector.add(
        exit(index, { index, id: `${index}`.repeat(300), wallMs: 0.001 + index }),
        index * 1000,
      )
    return { summary: { ...noSummary, jobs: 5000, ok: 1, wallMs: 5e6 } }
  },
  'a million jobs': (collector) => {
    const results = numbers(1000).map((index) =>
      exit(index % 50 === 0 ? 1 : 0, { index, wallMs: 1 + (index % 7) }),
    )
    for (const index of numbers(1_000_000)) collector.add(results[index % 1000]!, index / 10)
    return { summary: { ...noSummary, jobs: 1_000_000, ok: 980_000, wallMs: 1e5 } }
  },
  'more verdicts than colours': (collector) => {
    for (const index of numbers(300))
      collector.add(exit(0, { index, verdict: `verdict ${index % 30}` }), index)
    return { summary: { ...noSummary, jobs: 300, ok: 300 } }
  },
}

for (const [name, fill] of Object.entries(PAGES)) {
  pageTest(
    `a batch of ${name} has a page that can be read on any screen, in light and dark`,
    async (t) => {
      const collector = new ReportCollector()
      const path = await write(collector, fill(collector))
      t.true((await stat(path)).size < 3_000_000)
      // 320: a phone, or 200 % on a narrow window.
      for (const width of [320, 700, 1280]) {
        const colorScheme = width === 700 ? 'dark' : 'light'
        const { page, complaints } = await open(t, path, {
          viewport: { width, height: 800 },
          colorScheme,
        })
        t.deepEqual(complaints, [])
        t.true(await fits(page), `at ${width}`)
        t.is(await page.locator('h1').count(), 1)
      }
    },
  )
}

pageTest(
  'light and dark follow the system until the switch says otherwise; paper is light',
  async (t) => {
    const { path } = await many()
    const paper = (page: Page): Promise<string> =>
      page.evaluate(() => getComputedStyle(document.documentElement).backgroundColor)
    const chart = (page: Page): Promise<string> =>
      page.locator('#histogram canvas').evaluate((canvas: HTMLCanvasElement) => canvas.toDataURL())
    const { page } = await open(t, path, { colorScheme: 'light' })
    const light = [await paper(page), await chart(page)]
    await page.emulateMedia({ colorScheme: 'dark' })
    await page.waitForFunction(
      (before) => document.querySelector('canvas')!.toDataURL() !== before,
      light[1]!,
    )
    const dark = [await paper(page), await chart(page)]
    t.not(light[0], dark[0])
    t.is(await page.locator('#theme').getAttribute('aria-checked'), 'true')
    await page.locator('#theme').click()
    await page.waitForFunction(
      (before) => document.querySelector('canvas')!.toDataURL() === before,
      light[1]!,
    )
    t.deepEqual([await paper(page), await chart(page)], light)
    await page.locator('#theme').click()
    await page.emulateMedia({ media: 'print', colorScheme: 'dark' })
    t.is(await paper(page), light[0]!)
    t.true((await page.pdf()).length > 10_000)
  },
)

pageTest('a chart is as wide as its place and as sharp as the screen', async (t) => {
  const { path } = await many()
  for (const deviceScaleFactor of [1, 1.5, 2]) {
    const { page } = await open(t, path, { deviceScaleFactor })
    for (const width of [1280, 600, 1000]) {
      await page.setViewportSize({ width, height: 800 })
      await page.waitForFunction(() => {
        const place = document.querySelector('#histogram')!
        const canvas = place.querySelector('canvas')!
        return (
          canvas.width === Math.round(place.clientWidth * devicePixelRatio) &&
          canvas.clientWidth === place.clientWidth
        )
      })
    }
    t.true(await fits(page))
  }
})

pageTest('runs are counted in whole numbers', async (t) => {
  const collector = new ReportCollector()
  for (const index of numbers(3)) collector.add(exit(0, { index, wallMs: 20 }), index)
  const { page } = await open(t, await write(collector))
  await page.evaluate(() => {
    const written = ((window as { written?: string[] }).written = [] as string[])
    CanvasRenderingContext2D.prototype.fillText = (text) => void written.push(text)
  })
  await page.setViewportSize({ width: 600, height: 800 })
  await page.waitForFunction(() => (window as { written?: string[] }).written!.length > 4)
  const written = await page.evaluate(() => (window as { written?: string[] }).written!)
  t.deepEqual(written.filter((text) => /^[\d.]+$/.test(text)).slice(0, 4), ['0', '1', '2', '3'])
})

pageTest('axe finds nothing that keeps people out, in light and dark', async (t) => {
  const { path } = await many()
  for (const colorScheme of ['light', 'dark'] as const) {
    const { page } = await open(t, path, { colorScheme, bypassCSP: true })
    await page.locator('#failing summary').first().click()
    await page.locator('[data-value=trap]').click()
    await page.locator('.table > summary').first().click()
    t.deepEqual(await violations(page), [], colorScheme)
  }
})

pageTest('without scripts the figures and the jobs are there', async (t) => {
  const { path, summary } = await many()
  const { page } = await open(t, path, { javaScriptEnabled: false })
  t.is(await text(page, '#jobs'), count(summary.jobs))
  await page.locator('#failing summary').first().click()
  t.true(await page.locator('#failing .body').first().isVisible())
  t.is(await page.locator('#slowest li[data-group]:visible').count(), 25)
})
