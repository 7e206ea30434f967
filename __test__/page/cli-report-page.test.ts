import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createRequire } from 'node:module'
import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises'
import test from 'ava'
import type { Page } from 'playwright-core'
import { ReportCollector } from '../../src/cli/report/collect.ts'
import { count, duration, rate } from '../../src/cli/report/page/format.ts'
import { writeReport, type ReportInfo } from '../../src/cli/report/write.ts'
import type { BatchSummary, Job } from '../package.ts'
import { close, open, pageTest } from './browser.ts'
import { errorCases, outcomeCases, waitingCases } from '../cases.ts'
import { batch, jobsFile } from '../batch-command.ts'
import { numbers, wat, watPath } from '../guest.ts'
import { ended, exit, noSummary } from '../report.ts'

let place = ''
let written = 0

test.before(async () => {
  place = await mkdtemp(join(tmpdir(), 'wasiexec-page-'))
})
test.after.always(close)
test.after.always(() => rm(place, { recursive: true, force: true }))

/** Writes a page of these results and answers its path. */
async function write(collector: ReportCollector, info: Partial<ReportInfo> = {}): Promise<string> {
  const path = join(place, `${(written += 1)}.html`)
  await writeReport(path, collector, { summary: noSummary, ...info })
  return path
}

/** One of a real batch, for all tests that only look at it. */
let real: Promise<{ path: string; summary: BatchSummary }> | undefined

async function realBatch(): Promise<{ path: string; summary: BatchSummary }> {
  const make = [...(await outcomeCases()), ...(await waitingCases()), ...(await errorCases())]
  const jobs = numbers(2000).map((index): Job => {
    const { program, options } = make[index % make.length]!(index % 256)
    return { program, ...options, id: `job-${index}` }
  })
  const running = (await wat('hello')).batch(jobs)
  const collector = new ReportCollector()
  for await (const result of running)
    collector.add({ ...result, job: jobs[result.index] }, result.index)
  const summary = await running.summary
  return { path: await write(collector, { summary, title: 'many kinds' }), summary }
}

function many(): Promise<{ path: string; summary: BatchSummary }> {
  return (real ??= realBatch())
}

function value(page: Page, selector: string): Promise<number> {
  return page.locator(selector).getAttribute('value').then(Number)
}

function text(page: Page, selector: string): Promise<string> {
  return page.locator(selector).innerText()
}

/** What the two charts say they show. */
async function drawn(page: Page): Promise<[runs: number, results: number]> {
  return [await value(page, '#histogram-total'), await value(page, '#throughput-total')]
}

function rows(page: Page, list: string): Promise<string[]> {
  return page.locator(`#${list} li[data-group]:visible .ending-name`).allInnerTexts()
}

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
  const told = new Map(endings as [string, number][])
  for (const [ending, count] of expected) t.is(told.get(ending), count, ending)
  // Exit codes beyond the most frequent are told together.
  t.is(
    [...told.values()].reduce((sum, count) => sum + count, 0),
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

pageTest('the filter by kind holds for charts and lists', async (t) => {
  const { path, summary } = await many()
  const { page, complaints } = await open(t, path)
  const before = await drawn(page)
  const { kinds } = summary
  await page.locator('[data-value=trap]').click()
  t.is(await text(page, '#status'), `${count(kinds.trap)} of ${count(summary.jobs)} jobs`)
  t.deepEqual(await drawn(page), [kinds.trap, kinds.trap])
  for (const list of ['failing', 'slowest']) {
    const shown = await rows(page, list)
    t.true(shown.length > 0)
    t.true(
      shown.every((ending) => ending.startsWith('trap ')),
      list,
    )
  }
  // Kinds add up, and an ending narrows them.
  await page.locator('[data-value=limit]').click()
  t.deepEqual(await drawn(page), [kinds.trap + kinds.limit, kinds.trap + kinds.limit])
  await page.locator('.ending', { hasText: 'limit fuel' }).click()
  t.is((await drawn(page))[1], summary.limits.fuel!)
  t.deepEqual(new Set(await rows(page, 'failing')), new Set(['limit fuel']))
  await page.locator('#clear').click()
  t.deepEqual(await drawn(page), before)
  t.is(await text(page, '#status'), `All ${count(summary.jobs)} jobs`)
  // What could not be run has no run time.
  await page.locator('[data-value=error]').click()
  t.deepEqual(await drawn(page), [0, kinds.error])
  t.true(await page.locator('#slowest .none').isVisible())
  t.deepEqual(complaints, [])
})

pageTest('the search finds jobs by id, arguments and output', async (t) => {
  const collector = new ReportCollector()
  for (const index of numbers(60)) {
    collector.add(
      exit(1, {
        index,
        id: `case-${index}`,
        job: { args: [`--size=${index}`] },
        stdout: `Output ${index}.`,
      }),
      index,
    )
  }
  const { page } = await open(t, await write(collector))
  const found = async (words: string): Promise<string[]> => {
    await page.locator('#search').fill(words)
    return page.locator('#failing li[data-group]:visible .id').allInnerTexts()
  }
  t.deepEqual(await found('case-17'), ['case-17'])
  t.deepEqual(await found('--size=18'), ['case-18'])
  t.deepEqual(await found('output 19.'), ['case-19'])
  t.deepEqual(await found('nowhere'), [])
  t.true(await page.locator('#failing .none').isVisible())
  t.is((await found('')).length, 25)
  await page.locator('#failing .show-more').click()
  t.is(await page.locator('#failing li[data-group]:visible').count(), 60)
})

pageTest('a keyboard is enough', async (t) => {
  const { path, summary } = await many()
  const { page } = await open(t, path)
  const focused = (): Promise<string> =>
    page.evaluate(() => {
      const { tagName, dataset, id } = document.activeElement as HTMLElement
      return dataset['value'] ?? (id === '' ? tagName : id)
    })
  const tabTo = async (name: string): Promise<void> => {
    for (const _ of numbers(100)) {
      if ((await focused()) === name) return
      await page.keyboard.press('Tab')
    }
    t.fail(`${name} cannot be reached`)
  }
  await tabTo('theme')
  await page.keyboard.press('Space')
  t.is(await page.locator('#theme').getAttribute('aria-checked'), 'true')
  await tabTo('trap')
  const outline = await page.evaluate(() => getComputedStyle(document.activeElement!).outlineStyle)
  t.is(outline, 'solid')
  await page.keyboard.press('Enter')
  t.is(await page.locator('[data-value=trap]').getAttribute('aria-pressed'), 'true')
  t.is((await drawn(page))[1], summary.kinds.trap)
  await tabTo('clear')
  await page.keyboard.press('Enter')
  t.is(await focused(), 'trap')
  await tabTo('search')
  await tabTo('SUMMARY')
  const details = page.locator('#failing details').first()
  t.is(await details.getAttribute('open'), null)
  await page.keyboard.press('Enter')
  t.is(await details.getAttribute('open'), '')
})

/** Where a script of the guest's would leave its mark. */
const MARK = 'window.marked = true'
const HOSTILE = [
  `</script><script>${MARK}</script>`,
  `<img src=x onerror="${MARK}">`,
  `</pre></details></style><svg onload="${MARK}">`,
  `"><iframe srcdoc="<script>parent.${MARK}</script>"></iframe>`,
  `<!--<script>${MARK}</script>-->`,
  `<meta http-equiv="refresh" content="0;url=https://example.com">`,
  `<link rel=stylesheet href=https://example.com/a.css>`,
  `javascript:${MARK}`,
  '\x1b[31mred\x1b[0m\x1b]0;title\x07',
  'abc\u202ecba\u2066\u200f',
  'a\0b\ud800c\ufffe',
  '\n\n  leading',
  `e${'\u0301'.repeat(200)}`,
]

pageTest('what a guest prints is text, whatever it is', async (t) => {
  const collector = new ReportCollector()
  HOSTILE.forEach((text, index) => {
    const given = {
      index,
      id: text,
      label: text,
      verdict: text,
      job: { args: [text], stdin: text },
    }
    const frames = [{ functionIndex: 1, function: text, file: text, line: 1 }]
    collector.add(
      ended(
        {
          kind: 'trap',
          trap: { code: text, message: text, frames },
          stdout: text,
          stderr: Buffer.from(text),
        },
        given,
      ),
      index,
    )
    collector.add({ index, id: { text }, error: { code: text, message: text } }, index)
    collector.add(ended({ kind: 'abort', reason: text }, { index, expected: text }), index)
  })
  collector.add(
    exit(3, {
      index: 90,
      id: 'bytes',
      stdout: Buffer.from([0xff, 0xfe, 0x80, 0x41]).toString('latin1'),
    }),
  )
  collector.add(exit(3, { index: 91, id: 'endless', stdout: 'x'.repeat(5_000_000) }))
  const title = HOSTILE.join('')
  const options = Object.fromEntries(HOSTILE.map((text) => [text, text]))
  const path = await write(collector, {
    title,
    options,
    program: { name: title, path: title },
    version: title,
  })
  const { page, complaints } = await open(t, path, { viewport: { width: 390, height: 844 } })
  await page.locator('#failing .show-more').click()
  await page.evaluate(() => {
    for (const details of document.querySelectorAll('details')) details.open = true
  })
  // Also while it is laid out.
  await page.locator('#failing li[data-group]').last().scrollIntoViewIfNeeded()
  for (const chip of await page.locator('.chip').all()) await chip.click()
  t.deepEqual(complaints, [])
  t.is(await page.evaluate(() => (window as { marked?: boolean }).marked), undefined)
  t.deepEqual(
    await page.evaluate(() =>
      ['img', 'iframe', 'link', 'object', 'base'].filter((tag) => document.querySelector(tag)),
    ),
    [],
  )
  t.is(await page.locator('script').count(), 2)
  // It is all there, as text.
  const stdout = page.locator('#failing figure', { hasText: 'stdout' }).locator('pre')
  const texts = await stdout.allTextContents()
  for (const text of HOSTILE.slice(0, 8)) t.true(texts.includes(text), text)
  t.true(texts.includes('abc[U+202E]cba[U+2066][U+200F]'))
  t.true(texts.includes('a␀b\ufffdc[U+FFFE]'))
  t.true(texts.includes('\n\n  leading'))
  t.true(texts.some((text) => text.includes('4,997,952 bytes left out')))
  t.true(await fits(page))
})

/** Whether nothing is wider than the window. */
function fits(page: Page): Promise<boolean> {
  return page.evaluate(
    () => document.documentElement.scrollWidth <= document.documentElement.clientWidth,
  )
}

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

pageTest('verdicts are told apart where there are any', async (t) => {
  const collector = new ReportCollector()
  const verdicts = ['accepted', 'accepted', 'wrong answer', 'runtime error'] as const
  for (const index of numbers(400)) {
    const verdict = verdicts[index % 4]!
    const result = exit(verdict === 'runtime error' ? 1 : 0, {
      index,
      verdict,
      stdout: '3\n',
      expected: '4\n',
    })
    collector.add(result, index)
  }
  const { page } = await open(
    t,
    await write(collector, { summary: { ...noSummary, jobs: 400, ok: 300 } }),
  )
  t.is(await text(page, '#share'), '50.0 %')
  t.deepEqual([await value(page, '#good'), await value(page, '#all')], [200, 400])
  await page.locator('[data-value="wrong answer"]').click()
  t.deepEqual(await drawn(page), [100, 100])
  await page.locator('#failing summary').first().click()
  const figures = page.locator('#failing details[open] figure')
  t.deepEqual(await figures.locator('figcaption').allTextContents(), ['stdout', 'expected'])
  t.deepEqual(await figures.locator('pre').allTextContents(), ['3\n', '4\n'])
  await page.locator('[data-facet=kind][data-value=exit]').click()
  t.deepEqual(await drawn(page), [0, 0])
})

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

pageTest('axe finds nothing that keeps people out, in light and dark', async (t) => {
  const { path } = await many()
  const axe = createRequire(import.meta.url).resolve('axe-core/axe.min.js')
  for (const colorScheme of ['light', 'dark'] as const) {
    const { page } = await open(t, path, { colorScheme, bypassCSP: true })
    await page.locator('#failing summary').first().click()
    await page.locator('[data-value=trap]').click()
    await page.locator('.table > summary').first().click()
    await page.addScriptTag({ path: axe })
    const violations = await page.evaluate(async () => {
      const { violations } = await (
        window as unknown as {
          axe: { run(): Promise<{ violations: { id: string; nodes: { html: string }[] }[] }> }
        }
      ).axe.run()
      return violations.map(({ id, nodes }) => `${id}: ${nodes[0]!.html}`)
    })
    t.deepEqual(violations, [], colorScheme)
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

test('a page of outputs that were made to be large stays within its bounds', async (t) => {
  for (const part of ['&', 'a\0', '\u202ea', '\0']) {
    const collector = new ReportCollector()
    const long = part.repeat(10_000)
    for (const index of numbers(3000)) {
      const job = { args: [long], stdin: long }
      const trap = {
        code: long,
        message: long,
        frames: Array.from({ length: 20 }, () => ({ functionIndex: 1, function: long })),
      }
      const given = {
        index,
        id: `${index} ${long}`,
        verdict: `${index % 100} ${long}`,
        job,
        expected: long,
      }
      collector.add(ended({ kind: 'trap', trap, stdout: long, stderr: long }, given), index)
    }
    const { size } = await stat(await write(collector))
    t.true(size < 16_000_000, `${size} bytes of ${JSON.stringify(part)}`)
  }
})
