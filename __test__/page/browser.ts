// A real browser for pages: what it shows, and all that it complains of.
import { createRequire } from 'node:module'
import { pathToFileURL } from 'node:url'
import test, { type ExecutionContext } from 'ava'
import { chromium, type Browser, type BrowserContextOptions, type Page } from 'playwright-core'

const found = (await import(new URL('../../scripts/chromium.mjs', import.meta.url).href)) as {
  chromium(): string | undefined
}

/** Without a browser there is nothing to test, which CI must not pass over. */
const executablePath = found.chromium()
if (executablePath === undefined && process.env['CI'] !== undefined) {
  throw new Error('no Chromium for the tests of pages; WASIEXEC_CHROMIUM may name one')
}
if (executablePath === undefined) {
  console.warn('no Chromium found: tests of pages are skipped; WASIEXEC_CHROMIUM may name one')
}

/** A test that needs a browser; one after the other, since they share it. */
export function pageTest(title: string, run: (t: ExecutionContext) => Promise<void>): void {
  if (executablePath === undefined) test.skip(title, run)
  else test.serial(title, run)
}

let browser: Promise<Browser> | undefined

/** Ends it. */
export async function closeBrowser(): Promise<void> {
  await (await browser)?.close()
}

/** A page that was opened, and what it did besides showing itself. */
export interface Opened {
  page: Page
  /** Errors, warnings, violations of its policy, dialogs; and requests to others than the page or its server. */
  complaints: string[]
}

/** Opens a file in a browser of its own. */
export function open(
  t: ExecutionContext,
  path: string,
  options: BrowserContextOptions = {},
): Promise<Opened> {
  return openUrl(t, pathToFileURL(path).href, options)
}

/** The same for a page of a server, which may ask its server for more. */
export async function openUrl(
  t: ExecutionContext,
  url: string,
  options: BrowserContextOptions = {},
): Promise<Opened> {
  const args = process.getuid?.() === 0 ? ['--no-sandbox'] : []
  browser ??= chromium.launch({ executablePath: executablePath!, args })
  const context = await (
    await browser
  ).newContext({ viewport: { width: 1280, height: 900 }, ...options })
  t.teardown(() => context.close())
  // A loaded machine may need more than Playwright's 30 s; what never comes is ended by ava.
  context.setDefaultTimeout(0)
  const complaints: string[] = []
  const { origin } = new URL(url)
  const isOwn = (other: string): boolean =>
    other === url || (origin !== 'null' && new URL(other).origin === origin)
  context.on('request', (request) => {
    if (!isOwn(request.url())) complaints.push(`request: ${request.url()}`)
  })
  const page = await context.newPage()
  page.on('console', (message) => complaints.push(`${message.type()}: ${message.text()}`))
  page.on('pageerror', (error) => complaints.push(`error: ${error.message}`))
  page.on('dialog', (dialog) => {
    complaints.push(`dialog: ${dialog.message()}`)
    void dialog.dismiss()
  })
  await page.goto(url)
  return { page, complaints }
}

/** What axe finds that keeps people out; the page was opened with `bypassCSP`. */
export async function violations(page: Page): Promise<string[]> {
  await page.addScriptTag({ path: createRequire(import.meta.url).resolve('axe-core/axe.min.js') })
  return page.evaluate(async () => {
    const { violations } = await (
      window as unknown as {
        axe: { run(): Promise<{ violations: { id: string; nodes: { html: string }[] }[] }> }
      }
    ).axe.run()
    return violations.map(({ id, nodes }) => `${id}: ${nodes[0]!.html}`)
  })
}
