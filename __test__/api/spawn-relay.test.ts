// Run once more with worker processes.
import { once } from 'node:events'
import { Writable, type Readable } from 'node:stream'
import { buffer } from 'node:stream/consumers'
import { pipeline } from 'node:stream/promises'
import { setImmediate } from 'node:timers/promises'
import test, { type ExecutionContext } from 'ava'
import fc from 'fast-check'
import { Runtime, type Guest } from '../support/package.ts'
import { ending, numbers, ownWat, until, wat } from '../support/guest.ts'
import { PATIENCE_MS } from '../support/patience.ts'
import { GuestInput } from '../../src/guest/input.ts'
import { GuestOutput } from '../../src/guest/output.ts'
import type { PipeEvents } from '../../src/port/pipes.ts'

const MEBIBYTE = 2 ** 20

/** Two bytes are written for a number; none of them is 255. */
function counting(length: number): Buffer {
  const bytes = Buffer.alloc(length)
  for (let at = 0; at < length; at += 2) {
    bytes[at] = (at >> 1) % 255
    bytes[at + 1] = ((at >> 1) / 255) % 255
  }
  return bytes
}

/** Two guests that copy. */
async function twoCats(): Promise<[Guest, Guest]> {
  const program = await wat('cat')
  return [program.spawn(), program.spawn()]
}

async function allEnd(t: ExecutionContext, guests: Pick<Guest, 'outcome'>[]): Promise<void> {
  for (const guest of guests) t.is(ending(await guest.outcome), 'exit 0')
}

/** Worker processes have their guests in several processes. */
const threads = process.env['WASIEXEC_TEST_WORKERS'] === undefined ? test : test.skip

threads('bytes pass from guest to guest while JavaScript is busy', async (t) => {
  await using runtime = new Runtime({ threads: 2 })
  const [flood, cat] = [await ownWat('flood-argv', { runtime }), await ownWat('cat', { runtime })]
  const first = flood.spawn({ args: ['1000000000'] })
  const last = cat.spawn({ stdout: 'ignore' })
  first.stdout.pipe(last.stdin)
  // By the streams alone, each turn of the event loop lets a window of 256 KiB pass.
  for (const _ of numbers(50)) await setImmediate()
  const cell = new Int32Array(new SharedArrayBuffer(4))
  const end = Date.now() + PATIENCE_MS
  while (runtime.stats().finished === 0 && Date.now() < end) Atomics.wait(cell, 0, 0, 5)
  t.true(runtime.stats().finished > 0)
  await allEnd(t, [first, last])
})

/** What happens to a pipe while bytes go through. */
const change = fc.oneof(
  fc.constantFrom(
    'wait',
    'pause',
    'pipe again',
    'listen',
    'write',
    'no more',
  ) as fc.Arbitrary<string>,
  fc.constant('wait'),
)

test('whatever happens to a pipe, all bytes arrive in their order', async (t) => {
  const bytes = counting(3 * MEBIBYTE)
  const property = fc.asyncProperty(
    fc.array(fc.tuple(change, fc.integer({ min: 1, max: 20 })), { maxLength: 12 }),
    fc.integer({ min: 1, max: 300_000 }),
    async (changes, size) => {
      const [first, last] = await twoCats()
      const reading = buffer(last.stdout)
      first.stdout.pipe(last.stdin)
      const writing = write(first.stdin, bytes, size)
      let written = 0
      for (const [name, turns] of changes) {
        if (name === 'pause') {
          first.stdout.pause()
          for (const _ of numbers(turns)) await setImmediate()
          first.stdout.resume()
        } else if (name === 'pipe again') {
          first.stdout.unpipe(last.stdin)
          for (const _ of numbers(turns)) await setImmediate()
          if (!last.stdin.writable) break
          first.stdout.pipe(last.stdin)
        } else if (name === 'listen') {
          const seen: Buffer[] = []
          const see = (chunk: Buffer): void => void seen.push(chunk)
          first.stdout.on('data', see)
          for (const _ of numbers(turns)) await setImmediate()
          first.stdout.off('data', see)
          t.true(bytes.includes(Buffer.concat(seen)))
        } else if (name === 'write' && last.stdin.writable) {
          last.stdin.write(Buffer.alloc(100_000, 255))
          written += 100_000
        }
        for (const _ of numbers(turns)) await setImmediate()
      }
      await writing
      const arrived = await reading
      t.is(arrived.length, bytes.length + written)
      t.true(Buffer.from(arrived.filter((byte) => byte !== 255)).equals(bytes))
      await allEnd(t, [first, last])
    },
  )
  await fc.assert(property, { numRuns: 25 })
})

async function write(stdin: Writable, bytes: Buffer, size: number): Promise<void> {
  for (let at = 0; at < bytes.length; at += size) {
    if (!stdin.write(bytes.subarray(at, at + size))) await once(stdin, 'drain')
  }
  stdin.end()
}

/** How much of a stream was read so far. */
function counted(stream: Readable): { bytes: number } {
  const read = { bytes: 0 }
  stream.on('data', ({ length }: Buffer) => (read.bytes += length))
  return read
}

/** Writes so much, as fast as it is taken. */
async function going(stdin: Writable, mebibytes: number): Promise<void> {
  const chunk = counting(64 * 1024)
  for (let sent = 0; sent < mebibytes * MEBIBYTE; sent += chunk.length) {
    if (!stdin.write(chunk)) await once(stdin, 'drain')
  }
}

test('what is written to a pipe in between keeps its place', async (t) => {
  const [first, last] = await twoCats()
  const reading = buffer(last.stdout)
  first.stdout.pipe(last.stdin, { end: false })
  await going(first.stdin, 2)
  first.stdin.end()
  await once(first.stdout, 'end')
  last.stdin.end('the end')
  const arrived = await reading
  t.is(arrived.subarray(-7).toString(), 'the end')
  t.is(arrived.length, 2 * MEBIBYTE + 7)
})

test('one guest to two, and two to one', async (t) => {
  const program = await wat('cat')
  const [source, left, right, sink] = [
    program.spawn(),
    program.spawn(),
    program.spawn(),
    program.spawn(),
  ]
  const reading = buffer(sink.stdout)
  source.stdout.pipe(left.stdin)
  // Less than the windows hold: nobody reads from `left` yet.
  await going(source.stdin, 0.5)
  source.stdout.pipe(right.stdin)
  left.stdout.pipe(sink.stdin, { end: false })
  right.stdout.pipe(sink.stdin, { end: false })
  await going(source.stdin, 1)
  source.stdin.end()
  const ends = [left, right].map(({ stdout }) => once(stdout, 'end'))
  await Promise.all(ends)
  sink.stdin.end()
  const { length } = await reading
  // Pipes of Node give the second one what comes after it was piped.
  t.true(length >= 2.5 * MEBIBYTE && length <= 3 * MEBIBYTE, `${length}`)
  await allEnd(t, [source, left, right, sink])
})

test('text that is asked for in between is text', async (t) => {
  const [first, last] = await twoCats()
  const reading = buffer(last.stdout)
  first.stdout.pipe(last.stdin)
  await going(first.stdin, 1)
  first.stdout.setEncoding('latin1')
  const seen: unknown[] = []
  first.stdout.on('data', (chunk) => seen.push(typeof chunk))
  await going(first.stdin, 1)
  first.stdin.end()
  await reading
  t.deepEqual([...new Set(seen)], ['string'])
  await allEnd(t, [first, last])
})

test('who replaces `write` sees all chunks', async (t) => {
  const [first, last] = await twoCats()
  const reading = buffer(last.stdout)
  let seen = 0
  const { stdin } = last
  const write = (chunk: Buffer): boolean => {
    seen += chunk.length
    return Writable.prototype.write.call(stdin, chunk, 'latin1')
  }
  Object.assign(stdin, { write })
  first.stdout.pipe(stdin)
  await going(first.stdin, 2)
  first.stdin.end()
  t.is((await reading).length, 2 * MEBIBYTE)
  t.is(seen, 2 * MEBIBYTE)
})

test('a cap on the first holds', async (t) => {
  const first = (await wat('flood')).spawn({ limits: { outputBytes: 5_000_000 } })
  const last = (await wat('cat')).spawn()
  const reading = buffer(last.stdout)
  await pipeline(first.stdout, last.stdin)
  t.is((await reading).length, 5_000_000)
  t.is(ending(await first.outcome), 'limit output')
  t.is(ending(await last.outcome), 'exit 0')
})

test('a guest that is killed leaves the other what it has printed', async (t) => {
  const first = (await wat('flood')).spawn()
  const last = (await wat('cat')).spawn()
  const read = counted(last.stdout)
  first.stdout.pipe(last.stdin)
  await until(() => read.bytes >= 4 * MEBIBYTE)
  first.kill()
  t.is(ending(await last.outcome), 'exit 0')
  t.is(ending(await first.outcome), 'abort')
})

test('the first is told when the second is killed, as by a broken pipe', async (t) => {
  const first = (await wat('flood')).spawn({ onBrokenPipe: 'stop' })
  const last = (await wat('cat')).spawn()
  const read = counted(last.stdout)
  const piping = t.throwsAsync<NodeJS.ErrnoException>(pipeline(first.stdout, last.stdin))
  await until(() => read.bytes >= 4 * MEBIBYTE)
  last.kill()
  // The second if nothing waits to be written at that moment, as for a process.
  t.true(['EPIPE', 'ERR_STREAM_PREMATURE_CLOSE'].includes((await piping)?.code ?? ''))
  t.is(ending(await first.outcome), 'abort')
})

test('a guest whose reader does not read waits', async (t) => {
  const first = (await wat('flood-argv')).spawn({
    args: ['100000000'],
    limits: { timeoutMs: 500 },
  })
  const last = (await wat('cat')).spawn()
  first.stdout.pipe(last.stdin)
  // Its output fills up, then its stdin.
  t.is(ending(await first.outcome), 'limit timeout')
  t.true((await buffer(last.stdout)).length < 4 * MEBIBYTE)
})

test('a guest that is piped to itself', async (t) => {
  const guest = (await wat('cat')).spawn({ limits: { timeoutMs: 300 } })
  guest.stdout.pipe(guest.stdin)
  guest.stdin.write(counting(100_000))
  t.is(ending(await guest.outcome), 'limit timeout')
})

test('a pipe that is unpiped flows elsewhere', async (t) => {
  const [first, last] = await twoCats()
  const reading = buffer(last.stdout)
  first.stdout.pipe(last.stdin)
  await going(first.stdin, 2)
  first.stdout.unpipe(last.stdin)
  last.stdin.end()
  const rest = buffer(first.stdout as Readable)
  await going(first.stdin, 2)
  first.stdin.end()
  const whole = Buffer.concat([await reading, await rest])
  t.is(whole.length, 4 * MEBIBYTE)
  t.true(whole.equals(Buffer.concat(numbers(64).map(() => counting(64 * 1024)))))
})

/** The core's part of a guest with two outputs, and of one that reads: what they are told. */
class Core {
  readonly stdin: GuestInput = new GuestInput()
  readonly stdout: GuestOutput = new GuestOutput()
  readonly stderr: GuestOutput = new GuestOutput()
  taken = 0
  pushed = 0
  /** Which outputs pass bytes by. */
  readonly relayed: Set<GuestOutput> = new Set()

  constructor() {
    const port = {} as PipeEvents
    const push = ({ length }: Uint8Array): void => void (this.pushed += length)
    this.stdin.connect({ port, run: 1, push, end: () => {} })
    for (const output of [this.stdout, this.stderr]) {
      output.connect({
        guest: this,
        taken: (bytes) => (this.taken += bytes),
        closed: () => {},
        relay: (to) => {
          if (to === undefined) this.relayed.delete(output)
          else this.relayed.add(output)
          return true
        },
      })
    }
  }

  /** Whether stdout passes by once so much has come. */
  passesBy(bytes: number): boolean {
    this.stdout.write(Buffer.alloc(bytes))
    return this.relayed.has(this.stdout)
  }
}

/** Its stdout is piped to the stdin, where there is room. */
function piped(): Core {
  const core = new Core()
  core.stdin.give(200_000)
  core.stdout.stream.pipe(core.stdin.stream)
  return core
}

test('a guest is told of all that was taken while its output was to pass by', async (t) => {
  const core = piped()
  await setImmediate()
  t.true(core.passesBy(100_000))
  // More than there is room for, and more than a window: the guest waits until it is told.
  core.stdout.write(Buffer.alloc(700_000))
  await setImmediate()
  core.stdin.stream.write('more')
  core.stdin.give(262_144)
  core.stdin.give(262_144)
  core.stdin.give(262_144)
  await setImmediate()
  t.is(core.pushed, 800_004)
  t.is(core.taken, 800_000)
})

test('a pause lasts, whatever else is written', async (t) => {
  const core = piped()
  const { stream: stdin } = core.stdin
  await setImmediate()
  core.stdout.write(Buffer.alloc(40_000))
  stdin.write(Buffer.alloc(160_000))
  // There is no room for this, but the pipe need not wait.
  core.stdout.write(Buffer.alloc(30_000))
  core.stdout.stream.pause()
  stdin.write(Buffer.alloc(40_000))
  t.true(stdin.writableNeedDrain)
  core.stdin.give(100_000)
  t.is(core.relayed.size, 0)
  await setImmediate()
  t.is(core.relayed.size, 0)
})

test('an output passes by again after a pause', async (t) => {
  const core = piped()
  await setImmediate()
  core.stdout.stream.pause()
  await setImmediate()
  core.stdout.stream.resume()
  await setImmediate()
  t.true(core.passesBy(100_000))
})

test('a stdin that is corked gets everything in its order', async (t) => {
  const core = piped()
  await setImmediate()
  t.true(core.passesBy(100_000))
  core.stdin.stream.cork()
  t.is(core.relayed.size, 0)
  core.stdin.give(100_000)
  t.false(core.passesBy(100_000))
  core.stdin.stream.uncork()
  t.is(core.pushed, 200_000)
})

test('neither output of a guest overtakes the other', async (t) => {
  const core = piped()
  await setImmediate()
  t.true(core.passesBy(100_000))
  core.stderr.stream.pipe(core.stdin.stream)
  t.is(core.relayed.size, 0)
  t.false(core.passesBy(100_000))
  core.stderr.stream.unpipe(core.stdin.stream)
  core.stdin.give(200_000)
  t.true(core.passesBy(100_000))
})

test('what a listener writes comes before the chunk that it hears of', async (t) => {
  const core = new Core()
  const { stream: stdin } = core.stdin
  core.stdin.give(200_000)
  core.stdout.stream.once('data', () => {
    stdin.write('first')
    t.is(core.relayed.size, 0)
    t.is(core.pushed, 5)
  })
  core.stdout.stream.pipe(stdin)
  await setImmediate()
  t.true(core.passesBy(100_000))
})

test('an output that is destroyed passes nothing by', async (t) => {
  const core = piped()
  await setImmediate()
  t.true(core.passesBy(100_000))
  core.stdout.stream.destroy()
  t.is(core.relayed.size, 0)
})

test('a listener that takes the place of the pipe gets the bytes', async (t) => {
  const core = piped()
  await setImmediate()
  t.true(core.passesBy(100_000))
  core.stdout.stream.removeAllListeners('data')
  const read = counted(core.stdout.stream)
  t.false(core.passesBy(100_000))
  core.stdin.give(100_000)
  t.is(core.relayed.size, 0)
  t.is(read.bytes, 100_000)
})

test('an output passes by again once one of two pipes has ended', async (t) => {
  const core = piped()
  const { stdin } = new Core()
  stdin.give(200_000)
  core.stdout.stream.pipe(stdin.stream)
  await setImmediate()
  t.false(core.passesBy(100_000))
  core.stdout.stream.unpipe(stdin.stream)
  t.true(core.passesBy(100_000))
})
