// Makes docs/report-light.png and docs/report-dark.png: runs a batch that has every ending and takes pictures of its
// page. Needs a Chromium, and uses Debian's fonts-inter where installed: node scripts/report-picture.mjs
import { spawnSync } from 'node:child_process'
import { copyFile, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { chromium } from 'playwright-core'
import { guest } from '../guests/unpack.mjs'
import { chromium as findChromium } from './chromium.mjs'

const JOBS = 12_000
const at = (path) => fileURLToPath(new URL(`../${path}`, import.meta.url))

/** Numbers from 0 to 1 that are the same each time. */
function* random(seed) {
  for (let state = seed; ;) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    yield state / 2 ** 32
  }
}

function* jobs() {
  const numbers = random(5)
  const next = () => numbers.next().value
  const names = ['invoice', 'order', 'refund', 'customer', 'shipment']
  for (let index = 0; index < JOBS; index += 1) {
    const id = `${names[index % names.length]}-${20_000 + index}`
    const stdin = `${JSON.stringify({ id, amount: Math.round(next() * 1e5) / 100 })}\n`
    // Approximately log-normal.
    const size = Math.exp(0.4 + 0.9 * (next() + next() + next() + next() - 2))
    yield { id, stdin, ...kind(next(), next(), size) }
  }
}

/** What guests/src/rust/modes.rs is asked to do. */
function kind(which, how, size) {
  if (which < 0.12) return { args: ['cat'] }
  if (which < 0.955) return { args: ['alloc', `${Math.max(1, Math.round(size * 2))}`] }
  if (which < 0.972) return { args: ['exit', '2'] }
  if (which < 0.978) return { args: ['exit', `${[3, 65, 70, 101, 255][Math.floor(how * 5)]}`] }
  if (which < 0.988) return { args: ['panic'] }
  if (which < 0.991) return { args: ['recurse'] }
  if (which < 0.994) return { args: ['spin'] }
  if (which < 0.997) return { args: ['alloc', '400'] }
  if (which < 0.999) return { args: ['bigout', '1000000'] }
  return { args: ['ok'], preopens: { '/data': 'data' } }
}

const folder = await mkdtemp(join(tmpdir(), 'wasiexec-picture-'))
try {
  const inFolder = (name) => join(folder, name)
  await copyFile(await guest('rust'), inFolder('orders.wasm'))
  const lines = [...jobs()].map((job) => `${JSON.stringify(job)}\n`)
  await writeFile(inFolder('orders.ndjson'), lines.join(''))
  const words = ['batch', 'orders.wasm', 'orders.ndjson', '-o', 'results.ndjson', '--unordered']
  const limits = ['--timeout', '100ms', '--memory', '64MiB', '--max-output', '64KiB']
  spawnSync(
    process.execPath,
    [at('bin/wasiexec.mjs'), ...words, ...limits, '--report', 'report.html'],
    { cwd: folder, stdio: 'inherit' },
  )
  await writeFile(
    inFolder('fonts.conf'),
    `<?xml version="1.0"?><!DOCTYPE fontconfig SYSTEM "fonts.dtd"><fontconfig>
      <include>/etc/fonts/fonts.conf</include>
      <match><test name="family" compare="not_eq"><string>monospace</string></test>
        <edit name="family" mode="prepend" binding="strong"><string>Inter</string></edit></match>
    </fontconfig>`,
  )
  const browser = await chromium.launch({
    executablePath: findChromium(),
    args: process.getuid?.() === 0 ? ['--no-sandbox'] : [],
    env: { ...process.env, FONTCONFIG_FILE: inFolder('fonts.conf') },
  })
  for (const colorScheme of ['light', 'dark']) {
    const page = await browser.newPage({
      colorScheme,
      viewport: { width: 1200, height: 960 },
      deviceScaleFactor: 1.5,
    })
    await page.goto(pathToFileURL(inFolder('report.html')).href)
    await page.screenshot({ path: at(`docs/report-${colorScheme}.png`) })
  }
  await browser.close()
} finally {
  await rm(folder, { recursive: true, force: true })
}
