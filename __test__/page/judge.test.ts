// The pages of examples/online-judge.mjs.
import test from 'ava'
import { HOSTILE, startJudge } from '../support/example-servers.ts'
import { openUrl, pageTest, violations } from './browser.ts'
import { close, fits } from './pages.ts'

test.after.always(close)

pageTest('a submission from the page is judged before the eyes of its author', async (t) => {
  const { url } = await startJudge(t)
  const { page, complaints } = await openUrl(t, url)
  for (const [sample, verdict, verdicts] of [
    ['ada.wat', 'accepted', ['accepted', 'accepted', 'accepted']],
    ['cleo.wat', 'time limit', ['time limit', 'time limit', 'time limit']],
    ['fay.wat', 'not a program', []],
  ] as const) {
    await page.goto(url)
    await page.locator(`button[value="${sample}"]`).click()
    await page.waitForURL('**/submissions/*')
    await page.locator(`#verdict .badge:not(.judging)`).waitFor()
    t.is(await page.locator('#verdict').innerText(), verdict)
    const badges = page.locator('#results [data-field=verdict]')
    t.deepEqual(await badges.allInnerTexts(), [...verdicts])
    t.is(await page.locator('#error').isVisible(), sample === 'fay.wat')
    // What the server makes of it is what the script has made of it.
    const shown = await page.locator('main').innerText()
    await page.reload()
    t.is(await page.locator('main').innerText(), shown)
  }
  await page.locator('nav a').click()
  t.is(await page.locator('tbody tr').count(), 3)
  t.deepEqual(complaints, [])
})

pageTest('a file can be uploaded, and one that is too large is refused in words', async (t) => {
  const { url } = await startJudge(t)
  const { page } = await openUrl(t, url)
  const upload = async (name: string, buffer: Buffer): Promise<void> => {
    await page.locator('#file').setInputFiles({ name, mimeType: 'application/wasm', buffer })
    await page.locator('form button').click()
  }
  await upload('large.wasm', Buffer.alloc(9 << 20))
  await page.locator('#problem:not(:empty)').waitFor()
  t.is(await page.locator('#problem').innerText(), 'Not submitted: Request body is too large')
  await upload('own.wasm', Buffer.from('(module (func (export "_start")))'))
  await page.waitForURL('**/submissions/*')
  await page.locator('#verdict .badge.rejected').waitFor()
  t.is(await page.locator('h1').innerText(), 'own.wasm')
  t.is(await page.locator('#verdict').innerText(), 'wrong answer')
})

pageTest('what a submitter writes is text on every page', async (t) => {
  const { url, submitHostile } = await startJudge(t)
  const id = await submitHostile()
  const { page, complaints } = await openUrl(t, `${url}/submissions/${id}`)
  await page.locator('#verdict .badge.rejected').waitFor()
  for (const again of [false, true]) {
    if (again) await page.reload()
    t.is(await page.locator('h1').innerText(), HOSTILE)
    await page.locator('.result summary').first().click()
    t.is(await page.locator('[data-field=stdout]').first().innerText(), HOSTILE)
  }
  await page.goto(url)
  t.is(await page.locator('tbody a').innerText(), HOSTILE)
  t.is(await page.locator('img, main script').count(), 0)
  t.deepEqual(complaints, [])
})

pageTest('the judge can be read on any screen, in light and dark, and by all people', async (t) => {
  const { url, submit, submitHostile } = await startJudge(t)
  const other = await submit('no program', 'no program')
  const id = await submitHostile()
  // The list of submissions does not change while it is looked at.
  for (const one of [other, id]) await (await fetch(`${url}/api/submissions/${one}/events`)).text()
  for (const path of ['/', `/submissions/${id}`]) {
    for (const [width, colorScheme] of [
      [320, 'light'],
      [700, 'dark'],
      [1280, 'light'],
    ] as const) {
      const { page } = await openUrl(t, url + path, {
        viewport: { width, height: 800 },
        colorScheme,
        bypassCSP: true,
      })
      await page.locator('.badge.rejected').first().waitFor()
      for (const summary of await page.locator('summary').all()) await summary.click()
      t.true(await fits(page), `${path} at ${width}`)
      t.deepEqual(await violations(page), [], `${path} at ${width}`)
    }
  }
})
