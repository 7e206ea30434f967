// `wasiexec batch`: outputs that take no more, and what is seen while it runs.
import { spawn, spawnSync } from 'node:child_process'
import { existsSync, mkdtempSync, rmdirSync } from 'node:fs'
import { mkdir, open, readFile, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Writable } from 'node:stream'
import { setTimeout } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import test from 'ava'
import {
  batch,
  jobsFile,
  lasting,
  parseResults,
  readResults,
  startBatch,
} from '../support/batch-command.ts'
import { ended, node } from '../support/child.ts'
import { compiled, folder, numbers, watPath } from '../support/guest.ts'
import { growth, HELD_ARGUMENTS, type Held } from '../support/held.ts'

const posix = process.platform === 'win32' ? test.skip : test

/** Takes so many bytes, and then has this error. */
class Limited extends Writable {
  readonly chunks: Buffer[] = []
  readonly #code: string
  #left: number

  constructor(bytes: number, code: string) {
    super()
    this.#left = bytes
    this.#code = code
  }

  override _write(chunk: Buffer, _: BufferEncoding, done: (error?: Error) => void): void {
    this.#left -= chunk.length
    if (this.#left >= 0) {
      this.chunks.push(chunk)
      done()
      return
    }
    done(
      Object.assign(new Error(`${this.#code}: no more, write`), {
        code: this.#code,
        syscall: 'write',
      }),
    )
  }
}

function* endlessLines(): Generator<Buffer> {
  for (;;) yield Buffer.from('{}\n'.repeat(1000))
}

test('a reader that has gone ends an endless batch quietly', async (t) => {
  const { Readable } = await import('node:stream')
  const stdin = Readable.from(endlessLines())
  const stdout = new Limited(100_000, 'EPIPE')
  const { status, stderr } = await batch([watPath('hello'), '-', '-q'], { stdin, stdout })
  t.is(status, 141)
  t.is(stderr, '')
})

test('results that nobody takes hold up the jobs', async (t) => {
  const { Readable } = await import('node:stream')
  let taken = 0
  const stdin = Readable.from(
    (function* () {
      for (; taken < 1_000_000; taken += 1000) yield Buffer.from('{}\n'.repeat(1000))
    })(),
  )
  let release = (): void => {}
  const stdout = new Writable({
    highWaterMark: 1,
    write(_chunk, _encoding, done) {
      release = () => done(Object.assign(new Error('EPIPE'), { code: 'EPIPE' }))
    },
  })
  const called = batch([watPath('hello'), '-', '-q'], { stdin, stdout })
  let before = -1
  do {
    before = taken
    await setTimeout(500)
    // Until it stays: if it does not, the source has an end.
  } while (before !== taken || before === 0)
  t.true(taken < 200_000, `${taken}`)
  release()
  t.is((await called).status, 141)
})

test('an error of stdout ends an endless batch, and says how far it got', async (t) => {
  const { Readable } = await import('node:stream')
  const stdin = Readable.from(endlessLines())
  const stdout = new Limited(10_000_000, 'ENOSPC')
  const { status, stderr } = await batch([watPath('hello'), '-', '-q'], { stdin, stdout })
  t.is(status, 125)
  const results = parseResults(Buffer.concat(stdout.chunks).toString())
  t.true(results.length > 0)
  const count = new Intl.NumberFormat('en').format(results.length)
  t.is(
    stderr,
    `wasiexec: cannot write the results: ENOSPC: no more, write; ${count} results written\n`,
  )
})

posix('a shell’s `| head` ends it quietly', async (t) => {
  const bin = fileURLToPath(new URL('../../bin/wasiexec.mjs', import.meta.url))
  const command = `yes '{}' | "$0" "$1" batch -q --cache-dir "$2" "$3" - | head -n 3`
  const shell = spawn('sh', ['-c', command, process.execPath, bin, compiled, watPath('hello')])
  const { code, stdout, stderr } = await ended(shell)
  t.is(code, 0)
  t.is(parseResults(stdout).length, 3)
  t.is(stderr, '')
})

/** Whether a small disk can be made here, which root may, unless it is one of a container. */
function mayMount(): boolean {
  if (process.platform !== 'linux' || process.getuid?.() !== 0) return false
  const disk = mkdtempSync(join(tmpdir(), 'wasiexec-disk-'))
  const { status } = spawnSync('mount', ['-t', 'tmpfs', 'tmpfs', disk])
  spawnSync('umount', ['-l', disk])
  rmdirSync(disk)
  return status === 0
}

const withDisk = mayMount() ? test : test.skip
const withDevFull = existsSync('/dev/full') ? test : test.skip

withDisk(
  'a full disk stops a batch with whole lines, and with room again it goes on',
  async (t) => {
    const path = await folder(t)
    const disk = join(path, 'disk')
    await mkdir(disk)
    t.is(spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=256k', 'tmpfs', disk]).status, 0)
    t.teardown(() => spawnSync('umount', ['-l', disk]))
    const jobs = join(path, 'jobs.ndjson')
    const results = join(disk, 'results.ndjson')
    await writeFile(
      jobs,
      numbers(3000)
        .map((index) => `{"id":${index}}\n`)
        .join(''),
    )
    const words = [watPath('hello'), jobs, '-o', results, '-q']
    const { status, stderr } = await batch(words)
    t.is(status, 125)
    const kept = await readFile(results, 'utf8')
    const count = parseResults(kept).length
    t.true(count > 100 && count < 3000, `${count}`)
    const said = new Intl.NumberFormat('en').format(count)
    t.is(
      stderr,
      `wasiexec: cannot write the results: ENOSPC: no space left on device, write; ` +
        `${said} results in ${results}, and the same command with --resume continues\n`,
    )
    // Still full: nothing is lost.
    t.is((await batch([...words, '--resume'])).status, 125)
    t.true((await readFile(results, 'utf8')).startsWith(kept))
    spawnSync('mount', ['-o', 'remount,size=64m', disk])
    const resumed = await batch([...words, '--resume'])
    t.is(resumed.status, 0, resumed.stderr)
    t.deepEqual(
      (await readResults(results)).map(({ id }) => id),
      numbers(3000),
    )
  },
)

withDevFull('a device that is full', async (t) => {
  const { jobs } = await jobsFile(t, [{}])
  const { status, stderr } = await batch([watPath('hello'), jobs, '-o', '/dev/full', '-q'])
  t.is(status, 125)
  t.regex(stderr, /^wasiexec: cannot write the results: ENOSPC: .*; there are no results\n$/)
  t.is((await batch([watPath('hello'), jobs, '-o', '/dev/null', '-q'])).status, 0)
  t.is((await batch([watPath('hello'), jobs, '-o', '/dev/null', '--resume'])).status, 125)
})

posix('jobs and results may be pipes with names', async (t) => {
  const path = await folder(t)
  const [jobs, results] = [join(path, 'jobs'), join(path, 'results')]
  spawnSync('mkfifo', [jobs, results])
  const child = startBatch([watPath('cat'), jobs, '-o', results, '-q'])
  const end = ended(child)
  const [text] = await Promise.all([
    readFile(results, 'utf8'),
    writeFile(jobs, '{"stdin":"x"}\n{}\n'),
  ])
  t.is((await end).code, 0)
  t.deepEqual(
    parseResults(text).map(({ outcome }) => outcome!.stdout),
    ['x', ''],
  )
})

posix('a pipe that nothing comes from keeps no batch that has ended', async (t) => {
  const path = await folder(t)
  const jobs = join(path, 'jobs')
  spawnSync('mkfifo', [jobs])
  const child = startBatch([watPath('hello'), jobs, '-q', '--stop-on-failure', '--max-output', '1'])
  const end = ended(child)
  const writer = await open(jobs, 'w')
  t.teardown(() => writer.close())
  await writer.write('{}\n')
  const { code, stderr } = await end
  t.is(code, 1, stderr)
})

test('results come while others still run', async (t) => {
  const child = startBatch([watPath('cat'), '-', '-q'])
  const end = ended(child)
  for (const stdin of ['first', 'second']) {
    child.stdin.write(`${JSON.stringify({ stdin })}\n`)
    const [result] = parseResults(
      await new Promise<string>((resolve) =>
        child.stdout.once('data', (text) => resolve(`${text}`)),
      ),
    )
    t.is(result!.outcome!.stdout, stdin)
  }
  child.stdin.end()
  t.is((await end).code, 0)
})

test('what a batch holds does not grow with its jobs', async (t) => {
  const child = await node(
    `
    import { main } from ${JSON.stringify(new URL('../../dist/cli/main.mjs', import.meta.url).href)}
    import { Readable, Writable } from 'node:stream'
    const block = Buffer.from('{"args":["some","arguments"]}\\n'.repeat(1000))
    const BLOCKS = 400
    const samples = []
    const stdin = Readable.from((async function* () {
      for (let given = 1; given <= BLOCKS; given += 1) {
        yield block
        if (given % (BLOCKS / 20) === 0) samples.push(await held())
      }
    })())
    const nowhere = () => new Writable({ write: (chunk, encoding, done) => setImmediate(done) })
    const io = { stdin, stdout: nowhere(), stderr: nowhere(), env: {}, onInterrupt: () => () => {} }
    const words = ['batch', ${JSON.stringify(watPath('hello'))}, '-', '--cache-dir', ${JSON.stringify(compiled)}]
    const status = await main(words, io)
    console.log(JSON.stringify({ status, samples }))`,
    { nodeArguments: HELD_ARGUMENTS },
  )
  t.is(child.code, 0, child.stderr)
  const { status, samples } = JSON.parse(child.stdout) as { status: number; samples: Held[] }
  t.is(status, 0, child.stderr)
  t.is(samples.length, 20)
  const { heap, buffers, native } = growth(samples)
  t.log(
    `${heap >> 10} KiB more on the heap, ${buffers >> 10} in buffers, ${native >> 10} in all else`,
  )
  // For each of 200,000 jobs: 10 bytes, 10 bytes and 168 bytes (malloc has a reserve).
  t.true(heap < 2 << 20)
  t.true(buffers < 2 << 20)
  t.true(native < 32 << 20)
})

test('text from jobs does not command the terminal', async (t) => {
  const stdin = `{}\n{"\u001b[2Jx":1}\n\u001b[31m\n`
  const { stderr } = await batch([watPath('hello'), '-', '-q'], { stdin })
  t.is(stderr.trimEnd().split('\n').length, 2)
  t.false(stderr.includes('\u001B'), JSON.stringify(stderr))
  // Nor does that of a results file which somebody edited.
  const { jobs, results } = await jobsFile(t, [{ args: 5 }])
  const words = [watPath('hello'), jobs, '-o', results]
  await batch(words)
  const text = await readFile(results, 'utf8')
  await writeFile(results, text.replace('ERR_INVALID_OPTION', '\\u001b[2J'))
  const resumed = await batch([...words, '--resume'])
  t.regex(resumed.stderr, /1 error \\u\{1b\}\[2J/)
  t.false(resumed.stderr.includes('\u001B'))
})

test('every byte of results is written, however large they are', async (t) => {
  const { jobs, results } = await jobsFile(
    t,
    numbers(12).map((index) => ({ args: [`${index * 400_000}`] })),
  )
  const words = [watPath('flood-argv'), jobs, '-o', results, '-q']
  t.is((await batch(words)).status, 0)
  t.deepEqual(
    (await readResults(results)).map(({ outcome }) => outcome!.stdout.length),
    numbers(12).map((index) => index * 400_000),
  )
  const { stdout } = await batch([watPath('flood-argv'), jobs, '-q'])
  t.deepEqual(parseResults(stdout).map(lasting), (await readResults(results)).map(lasting))
})

test('--stop-on-failure: the first failure is the last result', async (t) => {
  const codes = [0, 0, 4, 0, 5]
  const { jobs, results } = await jobsFile(
    t,
    codes.map((code) => ({ args: [`${code}`] })),
  )
  const words = [watPath('exit-argv'), jobs, '-o', results, '--stop-on-failure', '-q']
  const { status, stderr } = await batch(words)
  t.is(status, 1)
  t.regex(stderr, /stopped by --stop-on-failure; 3 results in .* --resume continues\n$/)
  const exits = async (): Promise<number[]> =>
    (await readResults(results)).map(({ outcome }) => outcome!.code!)
  t.deepEqual(await exits(), [0, 0, 4])
  t.is((await batch([...words, '--resume'])).status, 1)
  t.deepEqual(await exits(), codes)
})

test('--deadline: what has not ended then is left to --resume', async (t) => {
  const { jobs, results } = await jobsFile(t, [
    { args: ['1'] },
    { args: ['3600000'] },
    { args: ['1'] },
  ])
  const words = [watPath('sleep-argv'), jobs, '-o', results, '--concurrency', '3', '-q']
  // As long as this machine needs for the first job.
  let called = await batch([...words, '--deadline', '1s'])
  while ((await readResults(results)).length === 0) {
    called = await batch([...words, '--deadline', '1s', '--resume'])
  }
  t.is(called.status, 124)
  t.regex(called.stderr, /the --deadline has passed; 1 result in .* --resume continues\n$/)
  t.deepEqual(
    (await readResults(results)).map(({ index }) => index),
    [0],
  )
  while ((await readResults(results)).length === 1) {
    await batch([...words, '--deadline', '1s', '--resume', '--unordered'])
  }
  t.deepEqual(
    (await readResults(results)).map(({ index }) => index),
    [0, 2],
  )
})

test('an interrupt ends a batch, also one that came too early', async (t) => {
  const { jobs, results } = await jobsFile(t, [{ args: ['3600000'] }])
  const words = [watPath('sleep-argv'), jobs, '-o', results, '-q']
  for (const after of [undefined, 300]) {
    const { status, stderr } = await batch([...words, '--resume'], {
      onStart: (interrupt) => {
        if (after === undefined) interrupt('SIGINT')
        else void setTimeout(after).then(() => interrupt('SIGINT'))
      },
    })
    t.is(status, 130)
    t.is(stderr, 'wasiexec: interrupted; there are no results\n')
  }
})
