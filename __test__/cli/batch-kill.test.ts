// `wasiexec batch` killed, and gone on with: every job has exactly one result.
import { existsSync } from 'node:fs'
import { readFile, stat } from 'node:fs/promises'
import { setTimeout } from 'node:timers/promises'
import test, { type ExecutionContext } from 'ava'
import {
  jobsFile,
  lasting,
  parseResults,
  type ResultLine,
  startBatch,
} from '../support/batch-command.ts'
import { ended } from '../support/child.ts'
import { numbers, until, watPath } from '../support/guest.ts'

const posix = process.platform === 'win32' ? test.skip : test

const JOBS = 20_000
const jobs = numbers(JOBS).map((index) =>
  index % 1000 === 999 ? { id: index, stdin: index } : { id: index, stdin: `${index}\n` },
)

/** What the result of a job has to be. */
function expected(index: number): object {
  const place = { index, line: index + 1, id: index }
  if (index % 1000 === 999) {
    const message = '`stdin` must be a string (bytes go into `stdinBase64`)'
    return { ...place, error: { code: 'ERR_INVALID_OPTION', message } }
  }
  const stdout = `${index}\n`
  return { ...place, outcome: { kind: 'exit', ok: true, code: 0, stdout, stderr: '' } }
}

async function size(path: string): Promise<number> {
  return existsSync(path) ? (await stat(path)).size : 0
}

/** Starts it again and again, and kills it each time when it has written some more. */
async function killed(t: ExecutionContext, more: string[]): Promise<ResultLine[]> {
  const { jobs: path, results } = await jobsFile(t, jobs)
  const words = [watPath('cat'), path, '-o', results, '-q', ...more]
  let kills = 0
  for (let run = 0; ; run += 1) {
    const before = await size(results)
    const child = startBatch(run === 0 ? words : [...words, '--resume'])
    const end = ended(child)
    // All sorts of moments: in the middle of its start, of the first writes, of many.
    const wanted = before + Math.floor(Math.random() * 700_000)
    if (run % 4 === 3) await setTimeout(Math.random() * 300)
    else while (child.exitCode === null && (await size(results)) <= wanted) await setTimeout(1)
    child.kill('SIGKILL')
    const { code, signal, stderr } = await end
    if (signal === 'SIGKILL') {
      kills += 1
      continue
    }
    t.is(code, 1, stderr)
    t.log(`${kills} kills`)
    return parseResults(await readFile(results, 'utf8'))
  }
}

test('killed at any moment, a batch goes on in the order of its jobs', async (t) => {
  const all = await killed(t, [])
  t.is(all.length, JOBS)
  // Not 20,000 assertions.
  const wrong = all.findIndex(
    (result, index) => JSON.stringify(lasting(result)) !== JSON.stringify(expected(index)),
  )
  if (wrong >= 0) t.deepEqual(lasting(all[wrong]!), expected(wrong))
})

test('killed at any moment, an unordered batch has every job once', async (t) => {
  const all = await killed(t, ['--unordered', '--concurrency', '16'])
  t.is(all.length, JOBS)
  t.deepEqual(
    all.map(({ index }) => index).toSorted((a, b) => a - b),
    numbers(JOBS),
  )
  for (const { index, outcome } of all) {
    if (outcome !== undefined && outcome.stdout !== `${index}\n`) t.fail(`${index}`)
  }
})

test('two kills of a batch of slow jobs lose no result that was written', async (t) => {
  const slow = numbers(40).map(() => ({ args: ['20'] }))
  const { jobs: path, results } = await jobsFile(t, slow)
  const words = [watPath('sleep-argv'), path, '-o', results, '-q', '--concurrency', '2']
  let kept = ''
  for (const least of [5, 20]) {
    const child = startBatch([...words, ...(kept === '' ? [] : ['--resume'])])
    const end = ended(child)
    const lines = async (): Promise<string[]> =>
      existsSync(results) ? (await readFile(results, 'utf8')).split(/(?<=\n)/) : []
    while ((await lines()).length <= least) await setTimeout(1)
    child.kill('SIGKILL')
    t.is((await end).signal, 'SIGKILL')
    const text = await readFile(results, 'utf8')
    t.true(text.startsWith(kept))
    kept = text.slice(0, text.lastIndexOf('\n') + 1)
  }
  const last = await ended(startBatch([...words, '--resume']))
  t.is(last.code, 0, last.stderr)
  const text = await readFile(results, 'utf8')
  t.true(text.startsWith(kept))
  t.is(parseResults(text).length, 40)
})

posix(
  'Ctrl-C ends a batch with what has ended, and says how to go on; a second one at once',
  async (t) => {
    const { jobs: path, results } = await jobsFile(t, [
      ...numbers(6).map(() => ({ args: ['1'] })),
      ...numbers(4).map(() => ({ args: ['3600000'] })),
    ])
    const words = [watPath('sleep-argv'), path, '-o', results, '--concurrency', '10']
    const child = startBatch(words)
    const end = ended(child)
    await until(() => existsSync(results))
    while ((await readFile(results, 'utf8')).split('\n').length <= 6) await setTimeout(5)
    child.kill('SIGINT')
    const { code, stderr } = await end
    t.is(code, 130, stderr)
    t.regex(stderr, /interrupted; 6 results in .*, and the same command with --resume continues\n$/)
    t.is(parseResults(await readFile(results, 'utf8')).length, 6)

    // A guest that nothing stops: the first Ctrl-C waits for it, the second does not.
    const { jobs: loops, results: none } = await jobsFile(t, [{}])
    const stubborn = startBatch([watPath('loop'), loops, '-o', none, '--no-interruptible'])
    const stubbornEnd = ended(stubborn)
    await until(() => existsSync(none))
    await setTimeout(500)
    stubborn.kill('SIGINT')
    await setTimeout(500)
    t.is(stubborn.exitCode, null)
    stubborn.kill('SIGINT')
    t.is((await stubbornEnd).signal, 'SIGINT')
  },
)

posix('SIGTERM does the same, with its own status', async (t) => {
  const { jobs: path, results } = await jobsFile(t, [{ args: ['1'] }, { args: ['3600000'] }])
  const child = startBatch([watPath('sleep-argv'), path, '-o', results])
  const end = ended(child)
  await until(() => existsSync(results))
  while ((await size(results)) === 0) await setTimeout(5)
  child.kill('SIGTERM')
  const { code, stderr } = await end
  t.is(code, 143, stderr)
  t.regex(stderr, /interrupted; 1 result in /)
})

posix('an idle stdin does not keep an interrupted batch', async (t) => {
  const child = startBatch([watPath('cat'), '-'])
  const end = ended(child)
  child.stdin.write('{}\n')
  await new Promise((resolve) => child.stdout.once('data', resolve))
  child.kill('SIGINT')
  const { code, stderr } = await end
  t.is(code, 130, stderr)
})
