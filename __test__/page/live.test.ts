// The page of a batch that runs: it follows, and leaves alone what somebody does on it.
import { once } from 'node:events'
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net'
import test, { type ExecutionContext } from 'ava'
import type { Page } from 'playwright-core'
import { numbers } from '../support/guest.ts'
import { FakeBatch, serveLive } from '../support/live.ts'
import { ended, exit, noSummary } from '../support/report.ts'
import { openUrl, pageTest, violations } from './browser.ts'
import { close, drawn, fits, rows, text, value } from './pages.ts'

test.after.always(close)

/** Waits until an element has this text. */
async function shows(page: Page, selector: string, expected: string): Promise<void> {
  await page.waitForFunction(
    ([selector, expected]) => {
      const element = document.querySelector<HTMLElement>(selector!)
      return element?.innerText.replaceAll(/\s+/g, ' ').trim() === expected
    },
    [selector, expected],
  )
}

function ids(page: Page, list: string): Promise<string[]> {
  return page.locator(`#${list} li[data-group]:visible .id`).allInnerTexts()
}

/** A batch in the middle: most are ok, and some fail in three ways. */
function middle(): FakeBatch {
  const batch = new FakeBatch()
  for (const index of numbers(400)) {
    const code = index % 8 === 0 ? 1 + (index % 3) : 0
    const given = { index, id: `job ${index}`, wallMs: 1 + (index % 50) }
    batch.collector.add(exit(code, given), index * 20)
  }
  batch.summary = { ...noSummary, jobs: 400, ok: 350, wallMs: 8000 }
  return batch
}

pageTest('a page follows its batch from before the first result to the end', async (t) => {
  const { batch, server, url } = await serveLive(t)
  const { page, complaints } = await openUrl(t, url)
  t.is(await text(page, '.headline'), 'No results yet')
  t.is(await text(page, '#state'), 'Running')
  t.is(await page.title(), '25 % a live batch – wasiexec batch')
  t.is(await text(page, '.pace'), '25 %\n1,000 results a second\nabout 3s left')

  batch.collector.add(exit(0, { index: 0, id: 'good' }), 100)
  batch.summary = { ...noSummary, jobs: 1, ok: 1 }
  await shows(page, '#all', '1 job')
  t.deepEqual(await drawn(page), [1, 1])
  t.is(await page.locator('canvas').count(), 2)
  t.is(await page.locator('#failing').count(), 0)

  const trap = {
    code: 'unreachable',
    message: 'it was reached',
    frames: [
      { functionIndex: 7, function: 'panic' },
      { functionIndex: 3, function: 'parse', file: 'src/parse.rs', line: 42, column: 9 },
    ],
  } as const
  const location = trap.frames[1]
  batch.collector.add(
    ended({ kind: 'trap', trap: { ...trap, location } }, { index: 1, id: 'bad', stdout: 'so far' }),
    200,
  )
  batch.collector.add(exit(3, { index: 2, id: 'worse' }), 300)
  batch.summary = { ...noSummary, jobs: 3, ok: 1 }
  batch.state = { ...batch.state, fraction: 0.75 }
  await shows(page, '#all', '3 jobs')
  t.is(await page.title(), '75 % a live batch – wasiexec batch')
  t.is(await page.locator('progress').getAttribute('value'), '0.7500')
  // The latest is the first, and a click shows it.
  t.deepEqual(await ids(page, 'failing'), ['worse', 'bad'])
  t.deepEqual(await drawn(page), [3, 3])
  await page.locator('#failing summary', { hasText: 'bad' }).click()
  const body = page.locator('#failing details[open] .body')
  t.is(await body.locator('.message').innerText(), 'it was reached')
  t.is(await body.locator('.location').innerText(), 'in parse at src/parse.rs:42:9')
  t.deepEqual(await body.locator('.frames li').allInnerTexts(), [
    'panic',
    'parse at src/parse.rs:42:9',
  ])
  t.deepEqual(await body.locator('pre').allInnerTexts(), ['so far'])

  await page.locator('#pause').focus()
  batch.end()
  await server.end()
  await shows(page, '#state', 'The batch has ended')
  // The button is gone, and its place in the page is not lost.
  t.is(await page.evaluate(() => document.activeElement!.id), 'state')
  t.is(await page.title(), 'a live batch – wasiexec batch')
  t.is(await page.locator('#pause').count(), 0)
  // The page is whole, without its server.
  server.close()
  t.true(await body.isVisible())
  await page.locator('[data-value=exit]').click()
  t.deepEqual(await ids(page, 'failing'), ['worse'])
  t.is(await text(page, '#state'), 'The batch has ended')
  t.deepEqual(complaints, [])
})

pageTest('what is pressed, typed, open or focused stays while the page goes on', async (t) => {
  const { batch, url } = await serveLive(t, middle())
  const { page, complaints } = await openUrl(t, url)
  await page.locator('[data-value=exit]').click()
  await page.locator('.ending', { hasText: 'exit 2' }).click()
  t.deepEqual(new Set(await rows(page, 'failing')), new Set(['exit 2']))
  await page.locator('.table > summary').first().click()
  await page.locator('#search').fill('job')
  const row = page.locator('#failing li[data-group]:visible').first()
  const id = await row.locator('.id').innerText()
  await row.locator('summary').click()
  const key = await row.getAttribute('data-key')
  await page.locator('#failing').evaluate((section) => {
    ;(section.querySelector('details[open]') as HTMLElement).dataset['mark'] = 'same'
  })
  // Another ending becomes the most frequent, and so many jobs fail that none of those before is among the latest.
  for (const index of numbers(5000)) {
    const result = exit(9 + (index % 2), { index: 1000 + index, id: `late ${index}`, wallMs: 1 })
    batch.collector.add(result, 9000 + index * 20)
  }
  for (const index of numbers(1000)) {
    batch.collector.add(exit(2, { index: 9000 + index, id: `job new ${index}` }), 2e5 + index * 20)
  }
  await shows(page, '#status', '1,016 of 6,400 jobs')
  t.is(await page.locator('[data-value=exit]').getAttribute('aria-pressed'), 'true')
  t.is(await page.locator('.ending[aria-pressed=true] .name').innerText(), 'exit 2')
  t.deepEqual(new Set(await rows(page, 'failing')), new Set(['exit 2']))
  t.is(await page.locator('#search').inputValue(), 'job')
  t.not(await page.locator('.table').first().getAttribute('open'), null)
  const same = page.locator('details[data-mark=same]')
  t.true(await same.isVisible())
  t.is(await same.locator('.id').innerText(), id)
  t.is(await page.locator(`[data-key="${key}"]`).count(), 1)
  t.is((await ids(page, 'failing'))[0], 'job new 999')
  t.deepEqual(await drawn(page), [1016, 1016])
  t.deepEqual(complaints, [])
})

pageTest('the focus stays where it is, even when its element moves', async (t) => {
  const { batch, url } = await serveLive(t, middle())
  const { page } = await openUrl(t, url)
  const names = (): Promise<string[]> => page.locator('.ending .name').allInnerTexts()
  const last = (await names()).at(-1)!
  await page.locator('.ending', { hasText: last }).focus()
  for (const index of numbers(100)) {
    batch.collector.add(exit(Number(last.split(' ')[1]), { index: 500 + index }), 9000)
  }
  await page.waitForFunction(
    (last) => document.querySelector<HTMLElement>('.ending .name')!.innerText.trim() === last,
    last,
  )
  t.is((await page.locator('.ending:focus .name').innerText()).trim(), last)
})

pageTest(
  'the figures of a bar stay while somebody points at it, and are those of now',
  async (t) => {
    const { batch, url } = await serveLive(t, middle())
    const { page } = await openUrl(t, url)
    await page.locator('#timeline .over').hover()
    const tip = page.locator('#timeline .tip')
    const before = await tip.innerText()
    t.regex(before, /^[\d.]+ m?s – [\d.]+ m?s\s+ok\s+\d+/)
    for (const index of numbers(2000)) {
      batch.collector.add(exit(0, { index: 1000 + index }), 8000 + index * 4)
    }
    await shows(page, '#status', 'All 2,400 jobs')
    t.true(await tip.isVisible())
    t.not(await tip.innerText(), before)
  },
)

pageTest('Pause holds the page still; afterwards it has all that has come', async (t) => {
  const { batch, server, url } = await serveLive(t, middle())
  const { page, complaints } = await openUrl(t, url)
  await page.locator('#pause').focus()
  await page.keyboard.press('Enter')
  t.is(await page.locator('#pause').getAttribute('aria-pressed'), 'true')
  t.is(await text(page, '#state'), 'Paused')
  const shown = await page.locator('main').innerText()
  const reads = async (): Promise<void> => {
    const { reads } = batch
    while (batch.reads < reads + 2) await new Promise((resolve) => setTimeout(resolve, 50))
  }
  for (const index of numbers(3)) {
    batch.collector.add(exit(5, { index: 1000 + index, id: `while ${index}` }), 9000 + index)
    await reads()
  }
  t.is(await page.locator('main').innerText(), shown)
  await page.locator('#pause').click()
  t.is(await text(page, '#state'), 'Running')
  t.deepEqual((await ids(page, 'failing')).slice(0, 3), ['while 2', 'while 1', 'while 0'])
  t.is(await text(page, '#status'), 'All 403 jobs')
  // The end comes to a page that is held, too.
  await page.locator('#pause').click()
  batch.collector.add(exit(6, { index: 2000, id: 'last' }), 9999)
  batch.end()
  await server.end()
  server.close()
  await shows(page, '#state', 'Paused; the batch has ended since')
  t.is(await text(page, '#status'), 'All 403 jobs')
  await page.locator('#pause').click()
  t.is(await text(page, '#state'), 'The batch has ended')
  t.is(await text(page, '#status'), 'All 404 jobs')
  t.is((await ids(page, 'failing'))[0], 'last')
  t.deepEqual(complaints, [])
})

/** What `ssh -L` does: a port that leads to another, and may be cut. */
async function tunnel(
  t: ExecutionContext,
  to: number,
): Promise<{ port: number; cut(): void; mend(): Promise<void> }> {
  const sockets = new Set<Socket>()
  let server: Server
  let port = 0
  const mend = async (): Promise<void> => {
    server = createServer((near) => {
      const far = connect(to, '127.0.0.1')
      for (const socket of [near, far]) {
        sockets.add(socket)
        socket.on('error', () => {})
        socket.on('close', () => (near.destroy(), far.destroy()))
      }
      near.pipe(far).pipe(near)
    }).listen(port, '127.0.0.1')
    await once(server, 'listening')
    port = (server.address() as AddressInfo).port
  }
  const cut = (): void => {
    server.close()
    for (const socket of sockets) socket.destroy()
  }
  await mend()
  t.teardown(cut)
  return { port, cut, mend }
}

pageTest('a connection that is lost is made again, and until then the page says so', async (t) => {
  const { batch, server, url } = await serveLive(t, middle())
  const way = await tunnel(t, Number(new URL(url).port))
  const { page } = await openUrl(t, url.replace(/:\d+\//, `:${way.port}/`))
  await page.locator('#pause:visible').waitFor()
  way.cut()
  await shows(page, '#state', 'No connection: the command has ended or cannot be reached')
  batch.collector.add(exit(7, { index: 1000, id: 'meanwhile' }), 9000)
  await way.mend()
  await shows(page, '#state', 'Running')
  t.is((await ids(page, 'failing'))[0], 'meanwhile')
  way.cut()
  batch.end()
  await server.end()
  await way.mend()
  // A page that was away at the end.
  await shows(page, '#state', 'The batch has ended')
})

const MARK = 'window.marked = true'
const HOSTILE = [
  `</li></ol></main><script>${MARK}</script>`,
  `<img src=x onerror="${MARK}">`,
  `"}\n\ndata: {"main":"<b>forged</b>"}\n\n`,
  `<li data-key="failing 0" data-same></li><main id="state">`,
  `"><iframe srcdoc="<script>parent.${MARK}</script>"></iframe>`,
  '\0\u202e\ud800',
]

pageTest('what guests print is text in updates, too', async (t) => {
  const { batch, url } = await serveLive(t)
  const { page, complaints } = await openUrl(t, url)
  HOSTILE.forEach((text, index) => {
    const given = {
      index,
      id: text,
      label: text,
      verdict: text,
      job: { args: [text], stdin: text },
    }
    batch.collector.add(exit(index, { ...given, stdout: text, expected: text }), 1000 + index * 20)
  })
  await page
    .locator('#failing li[data-group]')
    .nth(HOSTILE.length - 1)
    .waitFor()
  await page.evaluate(() => {
    for (const details of document.querySelectorAll('details')) details.open = true
  })
  for (const chip of await page.locator('.chip').all()) await chip.click()
  t.is(await page.evaluate(() => (window as { marked?: boolean }).marked), undefined)
  t.is(await page.locator('main script, main img, main iframe, main b, main main').count(), 0)
  const printed = await page.locator('#failing figure pre').allTextContents()
  for (const text of HOSTILE.slice(0, -1)) t.true(printed.includes(text), text)
  t.true(printed.includes('␀[U+202E]\ufffd'))
  t.deepEqual(complaints, [])
})

pageTest('bytes that are not text are shown as bytes', async (t) => {
  const batch = new FakeBatch()
  const bytes = Buffer.from(numbers(2000).map((index) => (index * 37) & 0xff))
  const { outcome } = exit(1, { index: 0 })
  batch.collector.add({ index: 0, outcome: { ...outcome!, stdout: bytes } as never }, 10)
  const { url } = await serveLive(t, batch)
  const { page } = await openUrl(t, url)
  await page.locator('#failing summary').click()
  t.is(await text(page, '#failing figcaption'), 'stdout, 2,000 bytes that are not text')
  const dump = await text(page, '#failing pre')
  t.true(dump.startsWith('00000000  00 25 4a 6f 94 b9 de 03  28 4d 72 97 bc e1 06 2b  |.%Jo'))
  t.regex(dump, /… 1,488 bytes left out …/)
})

pageTest('a million jobs are as much for the page as a thousand', async (t) => {
  const { batch, url } = await serveLive(t)
  const { page, complaints } = await openUrl(t, url)
  const add = (from: number, to: number): void => {
    for (let index = from; index < to; index += 1) {
      const given = { index, wallMs: 1 + (index % 997), stdout: `output ${index}` }
      batch.collector.add(exit(index % 40, given), index)
    }
  }
  const nodes = (): Promise<number> => page.evaluate(() => document.querySelectorAll('*').length)
  add(0, 20_000)
  await shows(page, '#status', 'All 20,000 jobs')
  const before = await nodes()
  for (const part of numbers(49)) {
    add(20_000 * (part + 1), 20_000 * (part + 2))
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
  await shows(page, '#status', 'All 1,000,000 jobs')
  const after = await nodes()
  t.true(after < before * 1.1, `${before} elements, then ${after}`)
  t.true(after < 40_000, `${after} elements`)
  t.deepEqual(await drawn(page), [1_000_000, 1_000_000])
  t.deepEqual(complaints, [])
})

pageTest('axe finds nothing that keeps people out, and every screen is wide enough', async (t) => {
  for (const colorScheme of ['light', 'dark'] as const) {
    const { batch, server, url } = await serveLive(t, middle())
    const { page } = await openUrl(t, url, { colorScheme, bypassCSP: true })
    await page.locator('#failing summary').first().click()
    await page.locator('[data-value=exit]').click()
    t.deepEqual(await violations(page), [], colorScheme)
    await page.locator('#pause').click()
    t.deepEqual(await violations(page), [], `${colorScheme}, paused`)
    await page.locator('#pause').click()
    for (const width of [320, 700, 1280]) {
      const viewport = { width, height: 800 }
      const { page, complaints } = await openUrl(t, url, { colorScheme, viewport })
      t.true(await fits(page), `${colorScheme} at ${width}`)
      t.deepEqual(complaints, [])
    }
    batch.end()
    await server.end()
    await shows(page, '#state', 'The batch has ended')
    t.deepEqual(await violations(page), [], `${colorScheme}, ended`)
    t.is(await value(page, '#throughput-total'), 50)
  }
})

pageTest('without scripts a live page shows the time at which it was loaded', async (t) => {
  const { url } = await serveLive(t, middle())
  const { page } = await openUrl(t, url, { javaScriptEnabled: false })
  t.is(await text(page, '#state'), 'Running')
  t.false(await page.locator('#pause').isVisible())
  await page.locator('#failing summary').first().click()
  t.true(await page.locator('#failing .body').first().isVisible())
})
