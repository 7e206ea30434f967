// Clocks, random numbers and files of runs that are the same, by every way to run.
import test, { type ExecutionContext } from 'ava'
import { load, type Files, type RunOptions } from '../support/package.ts'
import { ownWat, watPath } from '../support/guest.ts'
import { open, SCRATCH, source, write, type Step } from '../support/wasi-script.ts'
import { homes, runs, SAME, same } from '../support/ways.ts'

const all = homes()
test.after.always(() => all.close())

const WALL = BigInt(SAME.clock.now) * 1_000_000n
const [SECONDS, NANOSECONDS] = [WALL / 1_000_000_000n, WALL % 1_000_000_000n]
const MS = 1_000_000n
/** By this a reading moves the monotonic clock. */
const STEP = 1_000n

/** The 64-bit words that a guest prints, which are the same by every way. */
async function words(t: ExecutionContext, name: string): Promise<bigint[]> {
  const seen = same(t, await runs(all, watPath(name), () => SAME))
  t.is(seen['ending'], 'exit 0')
  return wordsOf(Buffer.from(seen['stdout'] as string, 'latin1'))
}

function wordsOf(printed: Buffer): bigint[] {
  return Array.from({ length: printed.length / 8 }, (_, index) =>
    printed.readBigUInt64LE(index * 8),
  )
}

/** What `times.wat` prints of a wait: an errno, the number of events, these and the time. */
function waited(events: bigint[], time: bigint): bigint[] {
  return [0n, BigInt(events.length), ...events, time]
}

test.serial('WASI 0.1: clocks and waits', async (t) => {
  const [BADF, INVAL] = [8n, 28n]
  const printed = await words(t, 'times')
  // Each wait takes two readings: one as it begins, and one that the guest prints.
  const expected = [
    [0n, 1n, 0n, 1n, BADF, BADF, WALL, 0n, STEP],
    waited([1n], 2n * MS + 2n * STEP),
    waited([1n], 10n * MS),
    waited([1n], 10n * MS + 2n * STEP),
    waited([1n], 11n * MS + 3n * STEP),
    waited([1n], 12n * MS + 4n * STEP),
    waited([1n], 12n * MS + 6n * STEP),
    WALL,
    waited([2n, 3n], 14n * MS + 7n * STEP),
    waited([2n], 14n * MS + 9n * STEP),
    waited([1n], 14n * MS + 11n * STEP),
    waited([2n, 3n], 14n * MS + 13n * STEP),
  ].flat()
  t.deepEqual(printed.slice(0, expected.length), expected)
  // The last wait has nothing to wait for, and leaves the events of the one before.
  const [errno, , , , time, readings] = printed.slice(expected.length)
  t.is(errno, INVAL)
  t.is(time, 14n * MS + 15n * STEP)
  t.is(readings, MS / STEP)
})

test.serial('the preview before WASI 0.1: a wait', async (t) => {
  t.deepEqual(await words(t, 'times-unstable'), [0n, 0n, 1n, 8n, 2n * MS + STEP])
})

/** How many words of random numbers the guests print at their end. */
const RANDOM = 8

test.serial('WASI 0.2: clocks and waits', async (t) => {
  const printed = await words(t, 'component-times')
  const expected = [
    [0n, 1n, SECONDS, NANOSECONDS, 1n, 0n, STEP],
    [2n * MS + 2n * STEP, 10n * MS, 10n * MS + 2n * STEP],
    // A look at each of four pollables is a reading.
    [2n, 1n, 3n, 20n * MS],
    [3n, 0n, 1n, 3n, 20n * MS + 5n * STEP],
    [MS / STEP, 21n * MS + 7n * STEP],
  ]
  t.deepEqual(printed.slice(0, -RANDOM), expected.flat())
})

test.serial('WASI 0.3: clocks, and several waits at a time', async (t) => {
  const printed = await words(t, 'component-p3-times')
  const expected = [
    [1n, SECONDS, NANOSECONDS, 1n, 0n, STEP],
    [2n * MS + 2n * STEP, 10n * MS, 10n * MS + 2n * STEP],
    // The one that was over at once, and the others in their order.
    (1n << 64n) - 1n,
    [2n, 20n * MS, 1n, 20n * MS + STEP, 3n, 25n * MS, 0n, 30n * MS],
  ]
  t.deepEqual(printed.slice(0, -RANDOM), expected.flat())
})

for (const name of ['times', 'component-times', 'component-p3-times']) {
  test.serial(`${name}: many at a time, whose waits are over late`, async (t) => {
    const program = await ownWat(name)
    const alone = (await program.run(SAME)).stdout.toString('hex')
    const jobs = Array.from({ length: 200 }, () => ({}))
    for await (const { outcome } of program.batch(jobs, { defaults: SAME, concurrency: 100 })) {
      t.is(outcome?.stdout.toString('hex'), alone)
    }
  })
}

test.serial('random numbers of all kinds follow the seed', async (t) => {
  for (const name of ['component-times', 'component-p3-times']) {
    const program = await ownWat(name)
    const random = async (options: RunOptions): Promise<bigint[]> =>
      wordsOf((await program.run(options)).stdout).slice(-RANDOM)
    const first = await random({ randomSeed: 7 })
    t.is(new Set(first).size, RANDOM)
    t.deepEqual(await random({ randomSeed: 7 }), first)
    for (const other of [await random({ randomSeed: 8 }), await random({}), await random({})]) {
      t.deepEqual(
        other.filter((word) => first.includes(word)),
        [],
      )
    }
  }
})

test.serial('the wall clock alone stands still: the monotonic one starts at 0', async (t) => {
  const program = await load(watPath('clock'), { cache: false })
  const { stdout } = await program.run({ clock: SAME.clock })
  t.is(stdout.toString(), `${WALL}\n0\n`)
})

/** Prints a random number and the monotonic clock, before and after it reads stdin. */
const BEFORE_AND_AFTER = `(module
  (import "wasi_snapshot_preview1" "fd_read" (func $fd_read (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_write" (func $fd_write (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "clock_time_get" (func $clock (param i32 i64 i32) (result i32)))
  (import "wasi_snapshot_preview1" "random_get" (func $random (param i32 i32) (result i32)))
  (memory (export "memory") 1)
  ;; sixteen bytes at 64
  (data (i32.const 0) "\\40\\00\\00\\00\\10\\00\\00\\00")
  (func $print
    (drop (call $random (i32.const 64) (i32.const 8)))
    (drop (call $clock (i32.const 1) (i64.const 1) (i32.const 72)))
    (drop (call $fd_write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 16))))
  (func (export "_start")
    (call $print)
    (drop (call $fd_read (i32.const 0) (i32.const 0) (i32.const 1) (i32.const 16)))
    (call $print)))`

test.serial('the runs of a snapshot', async (t) => {
  const program = await load(Buffer.from(BEFORE_AND_AFTER), { cache: false })
  const alone = wordsOf((await program.run(SAME)).stdout)
  t.is(alone[3], STEP)
  const wasm = await (await program.snapshot(SAME)).wasm()
  // A snapshot goes on with the numbers of its own seed.
  for (const options of [SAME, { clock: SAME.clock }]) {
    const seen = same(t, await runs(all, wasm, () => options))
    const [before, start, after, time] = wordsOf(Buffer.from(seen['stdout'] as string, 'latin1'))
    t.deepEqual([before, start, time], [alone[0], 0n, STEP])
    t.is(after, options === SAME ? alone[0] : alone[2])
  }
})

/** Given files; the numbers of the paths in their order are the inodes. */
const FILES: Files = {
  'z.txt': 'last',
  'a.txt': 'first',
  'lib/': { 'y.txt': '', 'b.txt': 'b' },
  'empty/': {},
}
const DIRECTORY = 3

interface Stat {
  device: bigint
  inode: bigint
  type: number
  links: bigint
  size: bigint
  times: bigint[]
}

function stat(memory: Buffer, at: number): Stat {
  const word = (index: number): bigint => memory.readBigUInt64LE(at + index * 8)
  return {
    device: word(0),
    inode: word(1),
    type: memory[at + 16]!,
    links: word(3),
    size: word(4),
    times: [word(5), word(6), word(7)],
  }
}

/** Names and inodes in the order in which the directory has them. */
function entries(memory: Buffer, at: number, used: number): [name: string, inode: bigint][] {
  const found: [string, bigint][] = []
  for (let next = at; next < at + used;) {
    const length = memory.readUInt32LE(next + 16)
    const name = memory.toString('utf8', next + 24, next + 24 + length)
    found.push([name, memory.readBigUInt64LE(next + 8)])
    next += 24 + length
  }
  return found
}

test.serial('files in memory: order, inodes and times', async (t) => {
  const [LISTS, STATS, SIZE] = [2048, 256, 2040]
  const list = (index: number): Step => [
    'fd_readdir',
    DIRECTORY,
    SCRATCH + LISTS + index * 1024,
    1024,
    0n,
    SCRATCH + SIZE - index * 4,
  ]
  const paths = ['.', 'a.txt', 'empty', 'lib', 'lib/b.txt', 'z.txt', 'made', 'folder', 'hard']
  const steps: Step[] = [
    list(0),
    open(DIRECTORY, 'made', 1),
    write(4, 'text'),
    ['path_create_directory', DIRECTORY, 'folder'],
    ['path_link', DIRECTORY, 0, 'z.txt', DIRECTORY, 'hard'],
    ['path_symlink', 'a.txt', DIRECTORY, 'soft'],
    ['path_unlink_file', DIRECTORY, 'a.txt'],
    ['path_rename', DIRECTORY, 'soft', DIRECTORY, 'a.txt'],
    list(1),
    ...paths.map((path, index): Step => [
      'path_filestat_get',
      DIRECTORY,
      0,
      path,
      SCRATCH + STATS + index * 64,
    ]),
  ]
  const make = (): RunOptions => ({ ...SAME, files: FILES, collect: ['**'] })
  const seen = same(t, await runs(all, Buffer.from(source(steps)), make))
  t.is(seen['ending'], 'exit 0')
  const printed = Buffer.from(seen['stdout'] as string, 'latin1')
  t.deepEqual([...printed.subarray(0, steps.length)], Array(steps.length).fill(0))
  const memory = printed.subarray(steps.length)
  const listed = (index: number): [string, bigint][] =>
    entries(memory, LISTS + index * 1024, memory.readUInt32LE(SIZE - index * 4))

  const given: [string, bigint][] = [
    ['.', 1n],
    ['..', 1n],
    ['a.txt', 2n],
    ['empty', 3n],
    ['lib', 4n],
    ['z.txt', 7n],
  ]
  t.deepEqual(listed(0), given)
  t.deepEqual(listed(1), [
    ...given.filter(([name]) => name !== 'a.txt'),
    ['made', 8n],
    ['folder', 9n],
    ['hard', 7n],
    ['a.txt', 10n],
  ])
  const stats = paths.map((_, index) => stat(memory, STATS + index * 64))
  t.deepEqual(
    stats.map(({ inode }) => inode),
    [1n, 10n, 3n, 4n, 5n, 7n, 8n, 9n, 7n],
  )
  for (const { times, device } of stats) {
    t.deepEqual(times, [WALL, WALL, WALL])
    t.is(device, stats[0]!.device)
  }
})
