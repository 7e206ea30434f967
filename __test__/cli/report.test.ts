import { lstat, readFile, readdir, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { serialize } from 'node:v8'
import test from 'ava'
import fc from 'fast-check'
import { BUCKETS, bucketOf, bucketStart } from '../../report/buckets.ts'
import { ReportCollector, type ReportResult } from '../../report/collect.ts'
import { excerpt } from '../../report/excerpt.ts'
import { duration, bytes, share } from '../../report/page/format.ts'
import { guestText, html, jsonScript } from '../../report/page/html.ts'
import { writeReport } from '../../cli/write-report.ts'
import type { BatchResult, BatchSummary } from '../support/package.ts'
import { mixedJobs } from '../support/cases.ts'
import { drain, folder, numbers, Sink, summarize, wat } from '../support/guest.ts'
import { exit, noSummary } from '../support/report.ts'

const posix = process.platform === 'win32' ? test.skip : test

function total(counts: Iterable<number>): number {
  return [...counts].reduce((sum, count) => sum + count, 0)
}

/** The counts of a summary, counted again from what a report keeps. */
function counts(collector: ReportCollector): Partial<BatchSummary> {
  const { groups, results } = collector.collected()
  const of = (kind: string): number =>
    total(groups.filter((group) => group.kind === kind).map(({ count }) => count))
  const by = (...kinds: string[]): Record<string, number> =>
    Object.fromEntries(
      groups
        .filter(({ kind }) => kinds.includes(kind))
        .map(({ ending, count }) => [ending.slice(ending.indexOf(' ') + 1), count]),
    )
  return {
    jobs: results,
    ok: of('ok'),
    kinds: {
      exit: of('ok') + of('exit'),
      trap: of('trap'),
      limit: of('limit'),
      abort: of('abort'),
      error: of('error'),
    },
    exitCodes: by('ok', 'exit'),
    traps: by('trap'),
    limits: by('limit'),
  }
}

/** With fewer exit codes than a report counts apart. */
async function batch(length: number): Promise<{ all: BatchResult[]; summary: BatchSummary }> {
  const running = (await wat('hello')).batch(await mixedJobs(length, 256))
  const { all } = await drain(running)
  return { all, summary: await running.summary }
}

test('the counts are those of the summary', async (t) => {
  const { all, summary } = await batch(2000)
  const collector = new ReportCollector()
  for (const result of all) collector.add(result, result.index)
  const { jobs, ok, kinds, exitCodes, traps, limits } = summary
  t.deepEqual(counts(collector), { jobs, ok, kinds, exitCodes, traps, limits })
  t.true(Object.values(kinds).every((count) => count > 0))

  const { groups, failing } = collector.collected()
  t.is(failing.count, jobs - ok)
  for (const { times, notRun, bins, count } of groups) {
    t.is(total(times) + notRun, count)
    t.is(total(bins), count)
  }
  const runs = all.filter(({ outcome }) => (outcome?.usage.wallMs ?? 0) > 0)
  t.is(total(groups.flatMap(({ times }) => [...times])), runs.length)
})

test('results that were read from a file count as those that came from guests', async (t) => {
  const { all, summary } = await batch(500)
  const came = new ReportCollector()
  const read = new ReportCollector()
  for (const result of all) {
    came.add(result)
    const { index, id, outcome, error } = result
    const line = {
      index,
      id,
      outcome,
      error: error && { code: error.code, message: error.message },
    }
    read.add(JSON.parse(JSON.stringify(line)) as ReportResult)
  }
  t.is(read.collected().untimed, summary.jobs)
  t.deepEqual(counts(read), counts(came))
  const ends = (collector: ReportCollector): unknown =>
    collector.collected().failing.listed.map(({ index, id, ending, usage, frames }) => ({
      index,
      id,
      ending,
      usage,
      frames,
    }))
  t.deepEqual(ends(read), ends(came))
})

test('what a report keeps does not grow with the results, however different they are', (t) => {
  const collector = new ReportCollector({ latest: 10 })
  const long = 'x'.repeat(20_000)
  const add = (from: number, to: number): void => {
    for (let index = from; index < to; index += 1) {
      const result = exit(index, { index, id: `${index}${long}`, wallMs: 1 + index, stdout: long })
      collector.add(
        { ...result, verdict: `verdict ${index}`, job: { args: [long], stdin: long } },
        index,
      )
    }
  }
  add(1, 10_000)
  const before = serialize(collector.collected()).length
  add(10_000, 40_000)
  const after = serialize(collector.collected()).length
  t.true(after < before * 1.1, `${before} bytes, then ${after}`)
  t.true(after < 10_000_000, `${after} bytes`)
  t.is(total(collector.collected().groups.map(({ count }) => count)), 39_999)
})

test('a million failures of one kind do not hide the few of another', (t) => {
  const collector = new ReportCollector({ failing: 100 })
  for (const index of numbers(50_000)) collector.add(exit(1, { index }))
  for (const index of [50_000, 50_001, 50_002]) collector.add(exit(3, { index }))
  for (const index of numbers(60)) collector.add(exit(4, { index: 60_000 + index }))
  const { count, listed } = collector.collected().failing
  t.is(count, 50_063)
  t.is(listed.length, 100)
  const of = (code: number): number[] =>
    listed.filter(({ ending }) => ending === `exit ${code}`).map(({ index }) => index)
  t.deepEqual(of(3), [50_000, 50_001, 50_002])
  t.true(of(4).length >= 48)
  t.deepEqual(of(1), numbers(of(1).length))
})

test('the latest failing jobs are the last of each ending, however many others there are', (t) => {
  const collector = new ReportCollector({ failing: 20, latest: 3 })
  let at = 0
  const add = (code: number, index: number): void =>
    collector.add(exit(code, { index }), (at += 20))
  for (const index of numbers(1000)) add(1, index)
  for (const index of numbers(2)) add(3, 1000 + index)
  for (const index of numbers(1000)) add(4, 2000 + index)
  for (const index of numbers(10)) add(0, 4000 + index)
  // Results of earlier sessions have no time.
  collector.add(exit(1, { index: 5000 }))
  const { latest } = collector.collected()
  t.deepEqual(
    latest.map(({ ending, index }) => [ending, index]),
    [
      ...[997, 998, 999].map((index) => ['exit 1', index]),
      ...[1000, 1001].map((index) => ['exit 3', index]),
      ...[2997, 2998, 2999].map((index) => ['exit 4', index]),
    ],
  )
})

test('a storm of failures is not all made into text, and a rare one among it is', (t) => {
  const collector = new ReportCollector({ slowest: 0, failing: 0, latest: 5 })
  let made = 0
  const failing = (code: number, index: number): ReportResult =>
    Object.defineProperty(exit(code, { index }), 'id', { get: () => (made += 1) })
  // A hundred thousand in a second.
  for (const index of numbers(100_000)) {
    collector.add(failing(index % 500 === 499 ? 2 : 1, index), index / 100)
  }
  t.true(made <= 210, `${made}`)
  const { latest } = collector.collected()
  const of = (code: number): number[] =>
    latest.filter(({ ending }) => ending === `exit ${code}`).map(({ at }) => at!)
  for (const code of [1, 2]) {
    t.is(of(code).length, 5)
    t.true(of(code).at(-1)! >= 980, `${of(code).at(-1)}`)
  }
})

test('a group has the same key in any batch, and another group another key', (t) => {
  const keys = (codes: readonly number[]): Map<string, string> => {
    const collector = new ReportCollector()
    codes.forEach((code, index) => collector.add(exit(code, { index, verdict: `v${code % 3}` })))
    const { groups } = collector.collected()
    return new Map(groups.map(({ key, ending, verdict }) => [key, `${ending} ${verdict}`]))
  }
  const all = keys(numbers(400))
  t.is(all.size, 400)
  for (const [key, name] of keys(numbers(400).toReversed())) t.is(all.get(key), name)
})

test('throughput goes on while no result comes', (t) => {
  const collector = new ReportCollector()
  for (const index of numbers(100)) collector.add(exit(0, { index }), index)
  const before = collector.collected()
  const { groups, binMs, lastMs } = collector.collected(60_000)
  t.is(lastMs, 60_000)
  t.true(groups[0]!.bins.length * binMs > 60_000)
  t.is(total(groups[0]!.bins), 100)
  // Nothing came since.
  t.is(collector.collected().lastMs, before.lastMs)
})

test('the slowest jobs are the slowest, in all and of each kind', (t) => {
  fc.assert(
    fc.property(
      fc.array(fc.record({ ms: fc.integer({ min: 1, max: 50 }), code: fc.nat(2) })),
      (runs) => {
        const collector = new ReportCollector({ slowest: 5 })
        runs.forEach(({ ms, code }, index) => collector.add(exit(code, { index, wallMs: ms })))
        const { slowest } = collector.collected()
        for (const kinds of [['ok', 'exit'], ['ok'], ['exit']]) {
          const expected = runs.filter(({ code }) => kinds.includes(code === 0 ? 'ok' : 'exit'))
          t.deepEqual(
            slowest
              .filter(({ kind }) => kinds.includes(kind))
              .slice(0, 5)
              .map(({ usage }) => usage!.wallMs),
            expected
              .map(({ ms }) => ms)
              .toSorted((a, b) => b - a)
              .slice(0, 5),
          )
        }
      },
    ),
  )
})

test('bins become wider and lose nothing', (t) => {
  fc.assert(
    fc.property(fc.array(fc.double({ min: 0, max: 1e9, noNaN: true })), (times) => {
      const collector = new ReportCollector()
      times.forEach((at, index) => collector.add(exit(0, { index }), at))
      const { groups, binMs, lastMs } = collector.collected()
      t.is(lastMs, Math.max(0, ...times))
      const bins = groups[0]?.bins ?? []
      const counted = [...bins].flatMap((count, bin) => (count === 0 ? [] : [[bin, count]]))
      const expected = new Map<number, number>()
      for (const at of times) {
        const bin = Math.floor(at / binMs)
        expected.set(bin, (expected.get(bin) ?? 0) + 1)
      }
      t.deepEqual(
        counted,
        [...expected].toSorted(([a], [b]) => a - b),
      )
    }),
  )
})

test('a run time is in the bucket that it lies in', (t) => {
  for (const bucket of numbers(BUCKETS)) {
    t.is(bucketOf(bucketStart(bucket)), bucket)
    t.is(bucketOf(bucketStart(bucket) * 1.1), bucket)
  }
  t.is(bucketOf(1e-9), 0)
  t.is(bucketOf(Infinity), BUCKETS - 1)
})

test('an excerpt is the two ends, cut between characters, and says how much it leaves out', (t) => {
  fc.assert(
    fc.property(
      fc.string({ unit: 'grapheme', maxLength: 300 }),
      fc.nat(40),
      fc.nat(40),
      (text, head, tail) => {
        const cut = excerpt(Buffer.from(text), head, tail)
        if (text === '') {
          t.is(cut, undefined)
          return
        }
        const shown = Buffer.byteLength(cut!.head) + Buffer.byteLength(cut!.tail)
        t.is(shown + cut!.cut, Buffer.byteLength(text))
        t.true(text.startsWith(cut!.head) && text.endsWith(cut!.tail))
        t.true(Buffer.byteLength(cut!.head) <= head || cut!.cut === 0)
        t.true(Buffer.byteLength(cut!.tail) <= tail + 3)
      },
    ),
  )
  const text = 'äöü€😀'.repeat(5000)
  t.deepEqual(excerpt(text, 100, 100), excerpt(Buffer.from(text), 100, 100))
  t.is(excerpt(Buffer.alloc(5000, 0x80), 10, 10)!.cut, 4980)
  t.is(excerpt(process.stdin), undefined)
})

test('bytes that are not text become a dump, and text in any encoding stays text', (t) => {
  const bytes = Buffer.from(numbers(256))
  t.deepEqual(excerpt(bytes.subarray(0xf0), 100, 100), {
    head: '00000000  f0 f1 f2 f3 f4 f5 f6 f7  f8 f9 fa fb fc fd fe ff  |................|',
    tail: '',
    cut: 0,
    binary: 16,
  })
  const long = excerpt(Buffer.concat(numbers(40).map(() => bytes)))!
  t.deepEqual([long.cut, long.binary], [256 * 38, 256 * 40])
  t.true(long.head.startsWith('00000000  00 01') && long.head.includes('000000f0  f0 f1'))
  t.true(long.tail.startsWith('00002700  00 01') && long.tail.includes('000027f0  f0 f1'))

  const texts = [
    'plain\n',
    'a\0b',
    '\x1b[31mred\x1b[0m',
    'äöü€😀'.repeat(1000),
    '\0'.repeat(5000),
  ].map((text) => Buffer.from(text))
  const latin = Buffer.from('Viele Grüße aus Köln, und schöne Ostern.', 'latin1')
  // Cut in the middle of a character, as a limit does.
  const torn = texts[3]!.subarray(0, -1)
  for (const text of [...texts, latin, torn, Buffer.from([0xff])]) {
    t.is(excerpt(text)?.binary, undefined, text.toString().slice(0, 20))
  }
  t.is(excerpt(latin)!.head, latin.toString())
})

test('an outcome in a results file has its bytes in base64', (t) => {
  const collector = new ReportCollector()
  const bytes = Buffer.from([0xff, 0xfe, 0x80, 0x81])
  const { outcome } = exit(1, { index: 0, stdout: bytes.toString() })
  const stored = { ...outcome!, stdoutBase64: bytes.toString('base64') }
  collector.add({ index: 0, outcome: stored as NonNullable<ReportResult['outcome']> })
  const { stdout } = collector.collected().failing.listed[0]!
  t.is(stdout?.head, '00000000  ff fe 80 81                                       |....|')
})

test('no text becomes markup, and none changes the text around it', (t) => {
  const hostile = `</pre></script><img src=x onerror=alert(1)>"'&\0\x1b[31m\u202e\u2066\ud800\u{e0041}`
  const { markup } = html`<p title="${hostile}">${guestText(hostile)}</p>`
  t.is(markup.match(/<(?!\/?(?:p|i)\b)/g), null)
  t.is(markup.match(/on\w+=(?!alert)/), null)
  // oxlint-disable-next-line no-control-regex
  t.false(/[\0-\x08\x0e-\x1f\u202a-\u202e\u2066-\u2069\u{e0000}-\u{e007f}]/u.test(markup))
  t.true(markup.includes('<i class="unseen">[U+202E][U+2066]\ufffd[U+E0041]</i>'))
  t.true(markup.includes('<i class="unseen">␀␛</i>[31m'))

  const script = jsonScript('data', { text: '</script><!--<script>\u2028' }).markup
  t.is(script.match(/</g)!.length, 2)
  const json = script.replaceAll(/<[^>]*>/g, '')
  t.deepEqual(JSON.parse(json), { text: '</script><!--<script>\u2028' })
})

test('a job that could not be run may have been anything', (t) => {
  const collector = new ReportCollector()
  const odd: unknown[] = [5, null, {}, [5, null, 'a b'], 'text', [[]], 1n, Symbol('s'), () => {}]
  odd.forEach((value, index) => {
    const job = { args: value, stdin: value }
    collector.add({ index, id: value, job, error: { code: 'ERR', message: 'no' } })
  })
  const { listed } = collector.collected().failing
  t.deepEqual(
    listed.map(({ args }) => args?.head),
    ['5', 'null', '{}', '5 null "a b"', 'text', '[]', '1n', 'Symbol(s)', '[Function (anonymous)]'],
  )
})

test('what is nested too deeply for JSON does not stop a report', (t) => {
  const collector = new ReportCollector()
  const deep = JSON.parse('['.repeat(1e5) + ']'.repeat(1e5)) as unknown
  const job = { args: [deep], stdin: deep }
  collector.add({ index: 0, id: deep, job, error: { code: 'ERR', message: 'no' } })
  const [only] = collector.collected().failing.listed
  t.deepEqual([only!.id, only!.args!.head], ['[ [ [ [Array] ] ] ]', '[ [ [ [Array] ] ] ]'])
})

test('lines that end in CR LF are lines, and other carriage returns are seen', (t) => {
  t.is(guestText('a\r\nb\rc\n').markup, 'a\nb<i class="unseen">␍</i>c\n')
})

test('shares are 0 % and 100 % of nothing and all alone', (t) => {
  const cases: [number, number, string][] = [
    [0, 0, '–'],
    [0, 5, '0 %'],
    [5, 5, '100 %'],
    [999_999, 1_000_000, '> 99.9 %'],
    [1, 1_000_000, '< 0.1 %'],
    [2, 3, '66.7 %'],
    [9996, 10_000, '> 99.9 %'],
    [9989, 10_000, '99.9 %'],
  ]
  for (const [part, all, text] of cases) t.is(share(part, all), text)
})

test('durations and sizes have three digits and a unit', (t) => {
  const times: [number, string][] = [
    [0, '0 s'],
    [0.0005, '0.500 µs'],
    [0.006379, '6.38 µs'],
    [0.9996, '1.00 ms'],
    [1, '1.00 ms'],
    [52.527, '52.5 ms'],
    [999.6, '1.00 s'],
    [1757.1, '1.76 s'],
    [59_949, '59.9 s'],
    [59_990, '1m'],
    [3_599_600, '1h'],
    [200_000_000, '2d 7h'],
  ]
  for (const [ms, text] of times) t.is(duration(ms), text)
  t.is(bytes(1023), '1,023 B')
  t.is(bytes(1.06 * 2 ** 20), '1.06 MiB')
  t.is(bytes(2 ** 50), '1,020 TiB')
})

test('a page appears as a whole, in place of an older one, or not at all', async (t) => {
  const place = await folder(t)
  const path = join(place, 'report.html')
  await writeFile(path, 'old')
  await writeReport(path, new ReportCollector(), { summary: noSummary })
  t.regex(await readFile(path, 'utf8'), /^<!doctype html>[^]*<\/html>\n$/)
  const missing = writeReport(join(place, 'missing', 'report.html'), new ReportCollector(), {
    summary: noSummary,
  })
  await t.throwsAsync(missing, { code: 'ENOENT' })
  // A page cannot take the place of a folder.
  await t.throwsAsync(writeReport(place, new ReportCollector(), { summary: noSummary }))
  t.deepEqual(await readdir(place), ['report.html'])
})

posix('a link stays one, and what it leads to is replaced', async (t) => {
  const place = await folder(t)
  const [link, file] = [join(place, 'link'), join(place, 'file')]
  await writeFile(file, 'old')
  await symlink(file, link)
  await writeReport(link, new ReportCollector(), { summary: noSummary })
  t.regex(await readFile(file, 'utf8'), /^<!doctype html>[^]*<\/html>\n$/)
  t.true((await lstat(link)).isSymbolicLink())
})

test('a page can go to a stream, which stays open', async (t) => {
  const sink = new Sink()
  await writeReport(sink, new ReportCollector(), { summary: noSummary })
  t.true(sink.text.startsWith('<!doctype html>'))
  t.false(sink.writableEnded)
})

test('a result is known by its verdict, or else by its ending', async (t) => {
  const { all } = await batch(100)
  const collector = new ReportCollector()
  for (const result of all) {
    collector.add({ ...result, verdict: result.index % 2 === 0 ? 'accepted' : 'wrong answer' })
  }
  const { failing, groups } = collector.collected()
  t.is(failing.count, 50)
  t.true(failing.listed.every(({ index }) => index % 2 === 1))
  const words = new Set(
    groups.map(({ ending }) => ending.replace(/^error /, '').replace(/^abort.*/, 'abort')),
  )
  t.deepEqual([...words].toSorted(), [...new Set(all.map(summarize))].toSorted())
})
