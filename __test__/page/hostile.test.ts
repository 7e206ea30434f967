// A report of guests that print to be more than text.
import { stat } from 'node:fs/promises'
import test from 'ava'
import { ReportCollector } from '../../report/collect.ts'
import { numbers } from '../support/guest.ts'
import type { TrapCode } from '../support/package.ts'
import { ended, exit } from '../support/report.ts'
import { open, pageTest } from './browser.ts'
import { close, fits, write } from './pages.ts'

test.after.always(close)

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
          trap: { code: text as TrapCode, message: text, frames },
          stdout: text,
          stderr: text,
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

test('a page of outputs that were made to be large stays within its bounds', async (t) => {
  for (const part of ['&', 'a\0', '\u202ea', '\0']) {
    const collector = new ReportCollector()
    const long = part.repeat(10_000)
    for (const index of numbers(1000)) {
      const job = { args: [long], stdin: long }
      const trap = {
        code: long as TrapCode,
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
