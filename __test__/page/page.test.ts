// A report shows what the batch was.
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import test from 'ava'
import type { Page } from 'playwright-core'
import { count, duration, rate } from '../../report/page/format.ts'
import { batch, jobsFile } from '../support/batch-command.ts'
import { numbers, watPath } from '../support/guest.ts'
import type { BatchSummary } from '../support/package.ts'
import { open, pageTest } from './browser.ts'
import { close, drawn, many, rows, text, value } from './pages.ts'

test.after.always(close)

async function runs(page: Page, table: number): Promise<number> {
  const cells = await page.locator('.table').nth(table).locator('td').allTextContents()
  return cells.reduce((sum, cell) => sum + Number(cell.replaceAll(',', '')), 0)
}

pageTest(
  'the page opens from a file, asks for nothing, and has nothing to complain of',
  async (t) => {
    const { path } = await many()
    const { page, complaints } = await open(t, path)
    t.is(await page.title(), 'many kinds – wasiexec batch')
    t.is(await page.locator('canvas').count(), 2)
    t.deepEqual(complaints, [])
  },
)

pageTest('the numbers are those of the summary', async (t) => {
  const { path, summary } = await many()
  const { page } = await open(t, path)
  const { jobs, ok, kinds, wallMs, cpuMs, runMs, runsPerSecond } = summary
  const shown: Record<string, [number, string]> = {
    jobs: [jobs, count(jobs)],
    good: [ok, count(ok)],
    all: [jobs, `${count(jobs)} jobs`],
    wallMs: [wallMs, duration(wallMs)],
    cpuMs: [cpuMs, duration(cpuMs)],
    runsPerSecond: [runsPerSecond, rate(runsPerSecond)],
    p50: [runMs.p50, duration(runMs.p50)],
    p90: [runMs.p90, duration(runMs.p90)],
    p99: [runMs.p99, duration(runMs.p99)],
    max: [runMs.max, duration(runMs.max)],
  }
  for (const [id, expected] of Object.entries(shown)) {
    t.deepEqual([await value(page, `#${id}`), await text(page, `#${id}`)], expected, id)
  }
  const chip = (kind: string): Promise<number> =>
    value(page, `[data-facet=kind][data-value=${kind}] data`)
  t.deepEqual(
    [
      await chip('ok'),
      await chip('exit'),
      await chip('trap'),
      await chip('limit'),
      await chip('abort'),
      await chip('error'),
    ],
    [ok, kinds.exit - ok, kinds.trap, kinds.limit, kinds.abort, kinds.error],
  )
  const endings = await page
    .locator('.ending')
    .evaluateAll((buttons) =>
      buttons.map((button) => [
        button.querySelector('.name')!.textContent!.trim(),
        Number(button.querySelector('data')!.value),
      ]),
    )
  const expected = new Map([
    ...Object.entries(summary.traps).map(([code, count]) => [`trap ${code}`, count] as const),
    ...Object.entries(summary.limits).map(([limit, count]) => [`limit ${limit}`, count] as const),
  ])
  const counts = new Map(endings as [string, number][])
  for (const [ending, count] of expected) t.is(counts.get(ending), count, ending)
  // Exit codes beyond the most frequent are shown together.
  t.is(
    [...counts.values()].reduce((sum, count) => sum + count, 0),
    jobs - ok,
  )
})

pageTest('the charts and their tables show all runs and all results', async (t) => {
  const { path, summary } = await many()
  const { page } = await open(t, path)
  const [histogram, throughput] = await drawn(page)
  t.is(throughput, summary.jobs)
  t.true(histogram <= summary.jobs - summary.kinds.error)
  t.true(histogram >= summary.jobs - summary.kinds.error - summary.kinds.abort)
  t.deepEqual([await runs(page, 0), await runs(page, 1)], [histogram, throughput])
  // Something is drawn: pixels of the colour of exits with 0, which most buckets have.
  const colours = await page.locator('#histogram canvas').evaluate((canvas: HTMLCanvasElement) => {
    const { data } = canvas.getContext('2d')!.getImageData(0, 0, canvas.width, canvas.height)
    const seen: Record<string, number> = {}
    for (let at = 0; at < data.length; at += 4) {
      const colour = `rgb(${data[at]}, ${data[at + 1]}, ${data[at + 2]})`
      seen[colour] = (seen[colour] ?? 0) + 1
    }
    return seen
  })
  const of = (slot: string): Promise<string> =>
    page.locator(`.chip .c-${slot}`).evaluate((dot) => getComputedStyle(dot).backgroundColor)
  for (const slot of ['ok', 'trap', 'limit']) t.true((colours[await of(slot)] ?? 0) > 20, slot)
})

pageTest(
  '--report: the page of a batch has the numbers of its summary, after --resume too',
  async (t) => {
    const jobs = numbers(300).map((index) => ({ id: `job ${index}`, args: [`${index % 3}`] }))
    const files = await jobsFile(t, [...jobs, { args: 5 }])
    const report = join(files.folder, 'report.html')
    const words = [watPath('exit-argv'), files.jobs, '-o', files.results, '--report', report]
    const shown = async (more: string[]): Promise<[summary: BatchSummary, numbers: number[]]> => {
      const { stdout, stderr } = await batch(['-q', '--summary', 'json', ...words, ...more])
      const { page, complaints } = await open(t, report)
      t.deepEqual(complaints, [], stderr)
      const ids = ['all', 'good', 'wallMs', 'cpuMs', 'runsPerSecond', 'p50', 'p90', 'p99', 'max']
      const shown = await Promise.all(ids.map((id) => value(page, `#${id}`)))
      const chips = page.locator('.chip data')
      shown.push(
        ...(await chips.evaluateAll((all) =>
          all.map((data) => Number((data as HTMLDataElement).value)),
        )),
      )
      return [JSON.parse(stdout) as BatchSummary, shown]
    }
    const expected = ({
      jobs,
      ok,
      wallMs,
      cpuMs,
      runsPerSecond,
      runMs,
      kinds,
    }: BatchSummary): number[] => [
      jobs,
      ok,
      wallMs,
      cpuMs,
      runsPerSecond,
      runMs.p50,
      runMs.p90,
      runMs.p99,
      runMs.max,
      ok,
      kinds.exit - ok,
      kinds.error,
    ]
    const [summary, numbersShown] = await shown([])
    t.deepEqual([summary.jobs, summary.ok, summary.kinds.error], [301, 100, 1])
    t.deepEqual(numbersShown, expected(summary))

    const results = (await readFile(files.results, 'utf8')).split('\n')
    await writeFile(files.results, `${results.slice(0, 200).join('\n')}\n`)
    const [resumed, again] = await shown(['--resume'])
    t.deepEqual([resumed.jobs, resumed.ok, resumed.kinds.error], [301, 100, 1])
    t.deepEqual(again, expected(resumed))
    const { page } = await open(t, report)
    t.regex(await text(page, '.notice'), /^200 results of earlier sessions/)
    t.is(await value(page, '#throughput-total'), 101)
    t.deepEqual(new Set(await rows(page, 'failing')), new Set(['exit 1', 'exit 2']))
  },
)
