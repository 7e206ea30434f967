// `wasiexec batch --live`: the address, the end of the command, and what the page knows of the batch.
import { createServer, type AddressInfo } from 'node:net'
import { once } from 'node:events'
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import test from 'ava'
import type { PageData } from '../../report/page/data.ts'
import { batch, jobsFile, readResults, startBatch } from '../support/batch-command.ts'
import { ended } from '../support/child.ts'
import type { InterruptSignal } from '../../cli/io.ts'
import { Screen, type Called } from '../support/cli.ts'
import { numbers, watPath } from '../support/guest.ts'
import { request } from '../support/live.ts'

const ADDRESS = /^wasiexec: live report(?: until Ctrl-C)?: (http:\/\/127\.0\.0\.1:\d+\/[\w-]+\/)$/m

/** A stderr that waits for the address. */
class Watched extends Screen {
  async address(): Promise<string> {
    for (;;) {
      const [, url] = ADDRESS.exec(this.text) ?? []
      if (url !== undefined) return url
      await new Promise((resolve) => setTimeout(resolve, 10))
    }
  }
}

/** Starts a batch with `--live-stay`. */
async function stay(
  words: readonly string[],
): Promise<{ running: Promise<Called>; url: string; interrupt(signal: InterruptSignal): void }> {
  const stderr = new Watched()
  let interrupt: (signal: InterruptSignal) => void = () => {}
  const running = batch([...words, '--live-stay'], {
    stderr,
    onStart: (listener) => (interrupt = listener),
  })
  return { running, url: await stderr.address(), interrupt: (signal) => interrupt(signal) }
}

function dataOf(page: string): PageData {
  const [, json] = /<script type="application\/json" id="data">([^]*?)<\/script>/.exec(page)!
  return JSON.parse(json!) as PageData
}

async function isGone(url: string): Promise<boolean> {
  return request(url).then(
    () => false,
    () => true,
  )
}

test('the command prints the address, serves the batch, and ends with it', async (t) => {
  const { jobs, results } = await jobsFile(t, [
    ...numbers(5).map((index) => ({ id: `quick ${index}`, args: ['1'] })),
    { id: 'slow', args: ['2500'] },
  ])
  const stderr = new Watched()
  const words = [watPath('sleep-argv'), jobs, '-o', results, '--live']
  const running = batch(words, { stderr })
  const url = await stderr.address()
  let text = ''
  while (!text.includes('quick 4')) text = (await request(url)).text
  t.is(dataOf(text).phase, 'running')
  t.regex(text, /id="state" class="running"/)
  const { status } = await running
  t.is(status, 0)
  t.is((await readResults(results)).length, 6)
  t.true(await isGone(url))
})

test('a process without a page that is open ends with its batch', async (t) => {
  const { jobs, results } = await jobsFile(t, [{ args: ['1'] }])
  const words = [watPath('sleep-argv'), jobs, '-o', results, '--live', '-q']
  const { code, stdout, stderr } = await ended(startBatch(words))
  t.is(code, 0)
  t.is(stdout, '')
  t.regex(stderr, ADDRESS)
  t.is(stderr.split('\n').length, 2)
})

test('a process ends with its batch while a page is open, and the page has the end', async (t) => {
  const { jobs, results } = await jobsFile(t, [{ args: ['1500'] }])
  const child = startBatch([watPath('sleep-argv'), jobs, '-o', results, '--live', '-q'])
  const end = ended(child)
  let text = ''
  child.stderr.on('data', (chunk: Buffer) => (text += chunk.toString()))
  while (!ADDRESS.test(text)) await once(child.stderr, 'data')
  const [, url = ''] = ADDRESS.exec(text)!
  const page = request(`${url}events`)
  const { code } = await end
  t.is(code, 0)
  const events = (await page).text.split('\n\n').filter((event) => event.startsWith('data: '))
  const last = JSON.parse(events.at(-1)!.slice(6)) as { data: PageData; main: string }
  t.is(last.data.phase, 'over')
  t.is(last.data.jobs, 1)
})

test('--live-stay serves the end until Ctrl-C, and keeps the status of the batch', async (t) => {
  const { jobs, results } = await jobsFile(t, [{ args: ['1'] }, { args: 5 }])
  const { running, url, interrupt } = await stay([watPath('sleep-argv'), jobs, '-o', results])
  let phase
  while (phase !== 'over') {
    const { text } = await request(url)
    phase = dataOf(text).phase
  }
  // The results file is free for another batch.
  const again = await batch([watPath('sleep-argv'), jobs, '-o', results, '--resume', '-q'])
  t.is(again.status, 1)
  interrupt('SIGINT')
  t.is((await running).status, 1)
  t.true(await isGone(url))
})

const posix = process.platform === 'win32' ? test.skip : test

posix('--live-stay: a process stays, and SIGTERM ends it', async (t) => {
  const { jobs, results } = await jobsFile(t, [{ args: ['1'] }])
  const child = startBatch([watPath('sleep-argv'), jobs, '-o', results, '--live-stay'])
  const end = ended(child)
  let text = ''
  child.stderr.on('data', (chunk: Buffer) => (text += chunk.toString()))
  while (!/1 result in/.test(text)) await once(child.stderr, 'data')
  const [, url = ''] = ADDRESS.exec(text)!
  await new Promise((resolve) => setTimeout(resolve, 500))
  t.is(dataOf((await request(url)).text).phase, 'over')
  child.kill('SIGTERM')
  t.is((await end).code, 0)
})

test('nothing stays after Ctrl-C, nor after an error', async (t) => {
  const { jobs, results, folder } = await jobsFile(t, [{ args: ['3600000'] }])
  const { running, url, interrupt } = await stay([watPath('sleep-argv'), jobs, '-o', results])
  interrupt('SIGINT')
  t.is((await running).status, 130)
  t.true(await isGone(url))
  const bad = join(folder, 'bad.ndjson')
  await writeFile(bad, 'no job\n')
  const words = [watPath('sleep-argv'), bad, '--strict', '--live-stay']
  const { status, stderr: said } = await batch(words)
  t.is(status, 125)
  t.regex(said, /bad\.ndjson, line 1: /)
})

test('a batch that goes on shows all results, and its --report has them too', async (t) => {
  const jobs = numbers(40).map((index) => ({ id: `job ${index}`, args: [`${index % 2}`] }))
  const files = await jobsFile(t, [...jobs])
  const words = [watPath('exit-argv'), files.jobs, '-o', files.results]
  await batch([...words, '-q'])
  const lines = (await readFile(files.results, 'utf8')).split('\n')
  await writeFile(files.results, `${lines.slice(0, 30).join('\n')}\n`)
  const report = join(files.folder, 'report.html')
  const more = ['--resume', '--report', report]
  const { running, url, interrupt } = await stay([...words, ...more])
  let page = ''
  while (page === '' || dataOf(page).phase !== 'over') page = (await request(url)).text
  interrupt('SIGINT')
  t.is((await running).status, 0)
  const written = await readFile(report, 'utf8')
  for (const text of [page, written]) {
    t.is(dataOf(text).jobs, 40)
    t.regex(text, /30 results\s+of earlier sessions/)
    for (const { id } of jobs) t.true(text.includes(id), id)
  }
  t.is(dataOf(written).phase, undefined)
})

test('a batch that an error ends says so on its page', async (t) => {
  const { jobs, results } = await jobsFile(t, '{"args":["1500"]}\nno job\n')
  const child = startBatch([watPath('sleep-argv'), jobs, '-o', results, '--strict', '--live', '-q'])
  const end = ended(child)
  let text = ''
  child.stderr.on('data', (chunk: Buffer) => (text += chunk.toString()))
  while (!ADDRESS.test(text)) await once(child.stderr, 'data')
  const page = request(`${ADDRESS.exec(text)![1]}events`)
  t.is((await end).code, 125)
  const last = JSON.parse((await page).text.split('\n\n').at(-2)!.slice(6)) as { main: string }
  t.regex(
    last.main,
    /Not complete:<\/strong> stopped by an error: .*jobs\.ndjson, line 2: not JSON/,
  )
})

test('a port can be chosen; one that is taken, or is none, stops the batch before it runs', async (t) => {
  const { jobs, results } = await jobsFile(t, [{ args: ['1'] }])
  const other = createServer().listen(0, '127.0.0.1')
  t.teardown(() => other.close())
  await once(other, 'listening')
  const { port } = other.address() as AddressInfo
  const words = [watPath('sleep-argv'), jobs, '-o', results, '-q']
  const taken = await batch([...words, '--live-port', `${port}`])
  t.is(taken.status, 125)
  t.regex(taken.stderr, /--live-port: cannot listen on port \d+: .*EADDRINUSE/)
  const none = await batch([...words, '--live-port', '70000'])
  t.is(none.status, 125)
  t.regex(none.stderr, /--live-port .*a port from 0 to 65535/)
  other.close()
  await once(other, 'close')
  const { status, stderr } = await batch([...words, '--live-port', `${port}`])
  t.is(status, 0)
  t.true(stderr.includes(`http://127.0.0.1:${port}/`))
})
