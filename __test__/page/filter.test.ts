// A report can be used: filter, search, keyboard.
import test from 'ava'
import { ReportCollector } from '../../report/collect.ts'
import { count } from '../../report/page/format.ts'
import { numbers } from '../support/guest.ts'
import { exit, noSummary } from '../support/report.ts'
import { open, pageTest } from './browser.ts'
import { close, drawn, many, rows, text, value, write } from './pages.ts'

test.after.always(close)

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
