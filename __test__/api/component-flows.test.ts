// Run once more with each compiler.
// Streams and futures of components, and functions of the host at the same time.
import { Readable } from 'node:stream'
import { setTimeout } from 'node:timers/promises'
import test from 'ava'
import type { Imports, WasiexecError } from '../support/package.ts'
import { node as child } from '../support/child.ts'
import { callEnding, deferred, numbers, real, thrown, until } from '../support/guest.ts'
import { withMoreTime } from '../support/patience.ts'

type Values<T> = AsyncIterable<T> | Iterable<T>
type Point = { x: number; y: number; name?: string }
interface Item extends AsyncDisposable {
  id(): Promise<number>
}

interface Flows {
  all(keys: string[]): Promise<string[]>
  sources: {
    count(to: number, pause: number): Promise<AsyncIterableIterator<number>>
    bytes(length: number, piece: number): Promise<AsyncIterableIterator<Uint8Array>>
    forever(): Promise<AsyncIterableIterator<bigint>>
    ended(): Promise<number>
    words(text: string): Promise<AsyncIterable<string>>
    points(count: number): Promise<AsyncIterable<Point>>
    ticks(count: number): Promise<AsyncIterable<undefined>>
    later(value: number, pause: number): Promise<number>
    done(pause: number): Promise<undefined>
    nested(): Promise<{
      numbers: AsyncIterable<number>
      value: Promise<{ tag: 'ok'; val: string } | { tag: 'err'; val: number }>
      all: AsyncIterable<number>[]
    }>
    busy(milliseconds: number): Promise<AsyncIterableIterator<number>>
    breaks(after: number): Promise<AsyncIterableIterator<number>>
    items(count: number): Promise<AsyncIterableIterator<Item>>
    Item: { live(): Promise<number> }
  }
  sinks: {
    sum(numbers: Values<number>): Promise<bigint>
    length(bytes: Values<Uint8Array | number>): Promise<[bigint, bigint]>
    take(numbers: Values<bigint>, count: number): Promise<BigUint64Array>
    join(text: Values<string>): Promise<string>
    settle(value: string | Promise<string>): Promise<string>
    describe(points: Values<[number, string | undefined]>): Promise<string[]>
    ignore(numbers: Values<number>, value: number | Promise<number>): Promise<number>
    start(numbers: Values<number>): Promise<bigint>
  }
  pipes: {
    upper(text: Values<string>): Promise<AsyncIterable<string>>
    sameBytes(bytes: Values<Uint8Array>): Promise<AsyncIterable<Uint8Array>>
    sameWords(words: Values<string>): Promise<AsyncIterable<string>>
    sameValue(value: string | Promise<string>): Promise<string>
    copy(bytes: Values<Uint8Array>): Promise<AsyncIterable<Uint8Array>>
    around(text: Values<string>): Promise<AsyncIterable<string>>
    next(number: number): Promise<number>
  }
}

const host: Imports = {
  'test:flows/host': {
    wait: (key: string) => key,
    transform: async function* (text: AsyncIterable<string>) {
      for await (const word of text) yield `<${word}>`
    },
    next: async (number: Promise<number>) => (await number) + 1,
  },
}

async function flows(imports = host, options = {}) {
  return (await real('flows')).instantiate<Flows>({ imports, ...options })
}

/** The same for calls of any function with any arguments. */
async function anyCalls() {
  return (await real('flows')).instantiate({ imports: host })
}

async function all<T>(values: AsyncIterable<T>): Promise<T[]> {
  const seen: T[] = []
  for await (const value of values) seen.push(value)
  return seen
}

async function* slowly<T>(values: Iterable<T>): AsyncGenerator<T> {
  for (const value of values) {
    await setTimeout(1)
    yield value
  }
}

test('functions of the host run at the same time, and settle in any order', async (t) => {
  const waiting = new Map<string, ReturnType<typeof deferred<string>>>()
  const wait = (key: string): Promise<string> => {
    const later = deferred<string>()
    waiting.set(key, later)
    return later.promise
  }
  await using instance = await flows({
    'test:flows/host': { ...host['test:flows/host'], wait },
  } as Imports)
  const keys = ['a', 'b', 'c']
  const said = instance.exports.all(keys)
  await until(() => waiting.size === keys.length)
  for (const key of keys.toReversed()) {
    waiting.get(key)!.resolve(key.toUpperCase())
    await setTimeout(1)
  }
  t.deepEqual(await said, ['A', 'B', 'C'])
})

test('more of them than may run at a time are all served', async (t) => {
  let most = 0
  let running = 0
  const wait = async (key: string): Promise<string> => {
    running += 1
    most = Math.max(most, running)
    await setTimeout(1)
    running -= 1
    return key
  }
  await using instance = await flows({
    'test:flows/host': { ...host['test:flows/host'], wait },
  } as Imports)
  const keys = numbers(700).map(String)
  t.deepEqual(await instance.exports.all(keys), keys)
  t.true(most > 1 && most <= 256, `${most} at a time`)
})

test('one that throws ends the call, and what the others return is dropped', async (t) => {
  const error = new Error('as asked')
  const wait = async (key: string): Promise<string> => {
    if (key !== 'bad') return setTimeout(1, key)
    throw error
  }
  const instance = await flows({
    'test:flows/host': { ...host['test:flows/host'], wait },
  } as Imports)
  const outcome = await instance.call('all', ['a', 'bad', 'b'])
  t.is(outcome.kind, 'host-error')
  t.is(outcome.kind === 'host-error' ? outcome.error : undefined, error)
})

test('a guest gives streams of all types', async (t) => {
  await using instance = await flows()
  const { sources } = instance.exports
  t.deepEqual(await all(await sources.count(1000, 0)), numbers(1000))
  t.deepEqual(await all(await sources.count(3, 5)), [0, 1, 2])
  t.deepEqual(await all(await sources.count(0, 0)), [])
  t.deepEqual(await all(await sources.words('who says what')), ['who', 'says', 'what'])
  t.deepEqual(await all(await sources.ticks(3)), [undefined, undefined, undefined])
  t.deepEqual(await all(await sources.points(3)), [
    { x: 0, y: 0, name: 'point 0' },
    { x: -1, y: 0.5, name: undefined },
    { x: -2, y: 1, name: 'point 2' },
  ])
  const { numbers: integers, value, all: lists } = await sources.nested()
  t.deepEqual(await all(lists[1]!), [2, 2.5])
  t.deepEqual(await value, { tag: 'ok', val: 'fine' })
  t.deepEqual(await all(integers), [-1, 2, -3])
  t.deepEqual(await all(lists[0]!), [1, 1.5])
})

test('bytes come in pieces', async (t) => {
  await using instance = await flows()
  const length = 1_000_000
  const pieces = await all(await instance.exports.sources.bytes(length, 200_000))
  t.true(pieces.every((piece) => piece instanceof Uint8Array && piece.length <= 64 * 1024))
  const expected = Buffer.from(numbers(length).map((place) => place % 251))
  t.true(expected.equals(Buffer.concat(pieces)))
})

test('a guest gives futures', async (t) => {
  await using instance = await flows()
  const { sources } = instance.exports
  t.is(await sources.later(7, 5), 7)
  t.is(await sources.done(1), undefined)
  const outcome = await instance.call('sources#later', 8, 20)
  t.is(callEnding(outcome), 'returned')
  if (outcome.kind !== 'returned') return
  const [value] = outcome.values as unknown as [Promise<number>]
  t.true(value instanceof Promise, 'the call has returned before the value is there')
  t.is(await value, 8)
})

test('a guest takes iterables of all kinds', async (t) => {
  await using instance = await flows()
  const { sinks } = instance.exports
  t.is(await sinks.sum([1, 2, 3]), 6n)
  t.is(await sinks.sum(new Set(numbers(5000))), 12_497_500n)
  t.is(await sinks.sum(slowly([1, 2, 3])), 6n)
  t.is(await sinks.sum(ReadableStream.from([1, 2, 3])), 6n)
  t.is(await sinks.sum([]), 0n)
  t.is(await sinks.join(slowly(['who', '', 'whät'])), 'who  whät')
  t.deepEqual(
    await sinks.describe([
      [1, 'one'],
      [2, undefined],
    ]),
    ['(1, Some("one"))', '(2, None)'],
  )
  const bytes = Buffer.alloc(300_000, 3)
  t.deepEqual(await sinks.length(bytes), [300_000n, 900_000n])
  t.deepEqual(await sinks.length([bytes, new Uint8Array(), 7]), [300_001n, 900_007n])
  t.deepEqual(await sinks.length(new Blob([bytes]).stream()), [300_000n, 900_000n])
  t.is(await sinks.start(slowly([4, 5])), 9n, 'the stream outlives the call')
})

test('a guest takes promises and values as futures', async (t) => {
  await using instance = await flows()
  const { sinks } = instance.exports
  t.is(await sinks.settle('now'), 'now')
  t.is(await sinks.settle(setTimeout(5, 'later')), 'later')
})

test('streams and futures go through a guest', async (t) => {
  await using instance = await flows()
  const { pipes } = instance.exports
  const { promise, resolve } = deferred<string>()
  const upper = (await pipes.upper(
    (async function* () {
      yield 'a'
      yield await promise
    })(),
  )) as AsyncIterableIterator<string>
  t.is((await upper.next()).value, 'A', 'before the source has ended')
  resolve('b')
  t.deepEqual(await all(upper), ['B'])
  const bytes = Buffer.from(numbers(200_000).map((place) => place % 256))
  t.true(bytes.equals(Buffer.concat(await all(await pipes.copy([bytes])))))
  t.true(bytes.equals(Buffer.concat(await all(await pipes.sameBytes([bytes])))))
  t.deepEqual(await all(await pipes.sameWords(slowly(['x', 'y']))), ['x', 'y'])
  t.is(await pipes.sameValue(setTimeout(1, 'same')), 'same')
})

test('streams and futures of functions of the host', async (t) => {
  await using instance = await flows()
  const { pipes } = instance.exports
  t.deepEqual(await all(await pipes.around(['a', 'b'])), ['<a>', '<b>'])
  t.is(await pipes.next(41), 42)
})

test('a stream of one instance is given to another', async (t) => {
  await using one = await flows()
  await using other = await flows()
  t.is(await other.exports.sinks.sum(await one.exports.sources.count(100, 0)), 4950n)
})

test('several streams of an instance are read at the same time, and calls go on', async (t) => {
  await using instance = await flows()
  const { sources, sinks } = instance.exports
  const streams = await Promise.all(numbers(20).map(() => sources.count(50, 1)))
  const read = Promise.all(streams.map(all))
  t.is(await sinks.sum(slowly([1, 2])), 3n)
  for (const seen of await read) t.deepEqual(seen, numbers(50))
})

test('a guest is no further than its reader', async (t) => {
  await using instance = await flows()
  const { sources } = instance.exports
  const stream = await sources.count(3, 0)
  t.is((await stream.next()).value, 0)
  await setTimeout(50)
  t.is(await sources.ended(), 0, 'there is room for one value, and two are left')
  t.deepEqual(await all(stream), [1, 2])
  while ((await sources.ended()) === 0) await setTimeout(1)
  t.deepEqual(await all(stream), [], 'it has ended')
})

test('values that are asked for at the same time come in their order', async (t) => {
  await using instance = await flows()
  const stream = await instance.exports.sources.count(3, 1)
  const asked = await Promise.all(numbers(5).map(() => stream.next()))
  t.deepEqual(
    asked.map(({ value }) => value as number | undefined),
    [0, 1, 2, undefined, undefined],
  )
})

test('a call that is aborted while a stream is open ends it', async (t) => {
  const instance = await flows()
  const stream = await instance.exports.sources.count(2, 60_000)
  const next = thrown(() => stream.next())
  const controller = new AbortController()
  const call = instance
    .with({ signal: controller.signal })
    .call('sinks#sum', new ReadableStream<number>())
  await setTimeout(20)
  controller.abort()
  t.is((await call).kind, 'abort')
  t.is(((await next) as WasiexecError).code, 'ERR_INSTANCE_OVER')
})

test('a read that waits keeps the process alive, and an open stream does not', async (t) => {
  const script = (use: string): string => `
    const same = (value) => value
    const imports = { 'test:flows/host': { wait: same, transform: same, next: same } }
    const { exports } = await (await real('flows')).instantiate({ imports })
    ${use}
  `
  const read = await child(
    script(`
    for await (const number of await exports.sources.count(2, 100)) console.log(number)
    console.log(await exports.sources.later(7, 100))
  `),
  )
  t.deepEqual([read.stdout, read.code], ['0\n1\n7\n', 0], read.stderr)
  const open = await child(
    script(`
    const stream = await exports.sources.count(2, 3_600_000)
    void exports.sinks.sum([1]).then((sum) => console.log(sum))
  `),
  )
  t.deepEqual([open.stdout, open.code], ['1n\n', 0], open.stderr)
})

test('a guest waits for the reader', async (t) => {
  await using instance = await flows()
  const { sources } = instance.exports
  const stream = await sources.forever()
  t.is((await stream.next()).value, 0n)
  await setTimeout(50)
  t.is((await stream.next()).value, 1n, 'nothing was lost')
  t.is(await sources.ended(), 0)
  await stream.return!()
  t.deepEqual(await stream.next(), { done: true, value: undefined })
  while ((await sources.ended()) === 0) await setTimeout(1)
  t.pass('the guest has noticed')
})

test('a loop that is left leaves the stream, and `callSync` can be used again', async (t) => {
  await using instance = await flows()
  const { sources } = instance.exports
  const stream = await sources.count(1_000_000, 0)
  const busy = await thrown(async () => instance.callSync('sources#ended'))
  t.is((busy as WasiexecError).code, 'ERR_INSTANCE_BUSY')
  t.regex((busy as WasiexecError).message, /a stream or future of the instance is open/)
  for await (const number of stream) if (number === 5) break
  // A call that comes after it.
  await sources.ended()
  const outcome = instance.callSync('sources#ended')
  t.is(outcome.kind, 'returned')
})

test('a guest that wants no more closes the iterable', async (t) => {
  await using instance = await flows()
  const { sinks } = instance.exports
  let isClosed = false
  const endless = async function* (): AsyncGenerator<bigint> {
    try {
      for (let number = 0n; ; number += 1n) yield number
    } finally {
      isClosed = true
    }
  }
  t.deepEqual([...(await sinks.take(endless(), 3))], [0n, 1n, 2n])
  await until(() => isClosed)
  let isCancelled = false
  const unread = new ReadableStream<number>({ cancel: () => void (isCancelled = true) })
  t.is(await sinks.ignore(unread, new Promise(() => {})), 7)
  await until(() => isCancelled)
})

test('what an iterable throws ends the call', async (t) => {
  const error = new Error('as asked')
  const failing = async function* (): AsyncGenerator<number> {
    yield 1
    throw error
  }
  const calls: [string, unknown][] = [
    ['sinks#sum', failing()],
    ['sinks#settle', Promise.reject(error)],
  ]
  for (const [name, value] of calls) {
    const instance = await anyCalls()
    const outcome = await instance.call(name, value as never)
    t.is(outcome.kind, 'host-error', name)
    t.is(outcome.kind === 'host-error' ? outcome.error : undefined, error)
  }
})

test('a Readable may fail before the guest reads, or where the guest never reads', async (t) => {
  const error = new Error('as asked')
  const instance = await anyCalls()
  const failing = (): Readable => new Readable({ read() {} }).destroy(error)
  const ignored = await instance.call('sinks#ignore', failing() as never, 5)
  t.is(ignored.kind, 'returned')
  const outcome = await instance.call('sinks#length', failing() as never)
  t.is(outcome.kind === 'host-error' ? outcome.error : undefined, error)
})

test('the same after the call has returned ends the instance, and who reads hears of it', async (t) => {
  const error = new Error('as asked')
  const instance = await flows()
  const stream = await instance.exports.pipes.upper(
    (async function* () {
      yield 'a'
      throw error
    })(),
  )
  const ended = (await thrown(() => all(stream))) as WasiexecError
  t.is(ended.code, 'ERR_INSTANCE_OVER')
  t.is(ended.outcome?.kind, 'host-error')
  t.regex(ended.message, /as asked/)
})

test('the same for a stream that comes back untouched', async (t) => {
  async function* cut(): AsyncGenerator<string> {
    yield 'a'
    throw new Error('as asked')
  }
  const transform = { 'test:flows/host': { ...host['test:flows/host'], transform: cut } }
  const same = (await flows()).exports.pipes.sameWords(cut())
  const around = (await flows(transform)).exports.pipes.around(['a'])
  for (const stream of [await same, await around]) {
    const read: string[] = []
    const ended = (await thrown(async () => {
      for await (const word of stream) read.push(word)
    })) as WasiexecError
    t.deepEqual(read, ['a'])
    t.is(ended.code, 'ERR_INSTANCE_OVER')
    t.regex(ended.message, /as asked/)
  }
})

test('wrong values', async (t) => {
  await using instance = await anyCalls()
  const refused: [string, unknown[], RegExp][] = [
    ['sinks#sum', [5], /sinks.*: numbers: expected an iterable \(stream<u32>\), got 5/],
    ['sinks#sum', ['123'], /numbers: expected an iterable/],
    ['sinks#sum', [new Uint8Array(2)], /numbers: expected an iterable/],
    ['sinks#sum', [{}], /numbers: expected an iterable/],
    ['sinks#settle', [5], /value: expected a string, got 5/],
    ['sinks#ignore', [[], -1], /value: expected an integer/],
  ]
  for (const [name, args, message] of refused) {
    const error = (await thrown(() => instance.call(name, ...(args as never[])))) as WasiexecError
    t.is(error.code, 'ERR_INVALID_CALL', name)
    t.regex(error.message, message)
  }
  t.is(callEnding(await instance.call('sinks#sum', [1] as never)), 'returned', 'no call was made')
  const later: [string, unknown, RegExp][] = [
    ['sinks#sum', [1, 'two'], /stream<u32>.*\[1\]: expected an integer.*got "two"/],
    [
      'sinks#describe',
      [
        [1, 'a'],
        [2, 3],
      ],
      /\[1\]\[1\]: expected a string, got 3/,
    ],
    ['sinks#length', [256], /\[0\]: expected a Uint8Array or an integer from 0 to 255, got 256/],
    ['sinks#settle', Promise.resolve(5), /future<string>: expected a string, got 5/],
  ]
  for (const [name, value, message] of later) {
    const other = await anyCalls()
    const outcome = await other.call(name, value as never)
    t.is(outcome.kind, 'host-error', name)
    if (outcome.kind === 'host-error') t.regex((outcome.error as Error).message, message)
  }
})

test('`callSync` refuses streams and futures by name', async (t) => {
  await using instance = await anyCalls()
  for (const name of [
    'sources#count',
    'sources#later',
    'sources#nested',
    'sinks#sum',
    'sinks#settle',
  ]) {
    const error = (await thrown(async () => instance.callSync(name))) as WasiexecError
    t.is(error.code, 'ERR_INVALID_CALL', name)
    t.regex(error.message, /has a stream or a future; use `call`/)
  }
})

test('a guest that traps between calls ends its streams', async (t) => {
  const instance = await flows()
  const stream = await instance.exports.sources.breaks(2)
  t.is((await stream.next()).value, 0)
  t.is((await stream.next()).value, 1)
  const error = (await thrown(() => stream.next())) as WasiexecError
  t.is(error.code, 'ERR_INSTANCE_OVER')
  t.is(error.outcome?.kind, 'trap')
  for (const read of await Promise.allSettled([stream.next(), stream.next()])) {
    t.is(read.status, 'rejected', 'what was cut off never looks like what has ended')
  }
  await stream.return!()
  t.deepEqual(await stream.next(), { done: true, value: undefined })
  const again = (await thrown(() => instance.call('sources#ended'))) as WasiexecError
  t.is(again.code, 'ERR_INSTANCE_OVER')
})

test('an instance that is disposed of ends its streams', async (t) => {
  const instance = await flows()
  const stream = await instance.exports.sources.count(3, 60_000)
  const next = thrown(() => stream.next())
  const outcome = await instance.call('sources#later', 1, 60_000)
  const value =
    outcome.kind === 'returned' ? (outcome.values[0] as unknown as Promise<number>) : undefined
  await instance[Symbol.asyncDispose]()
  t.is(((await next) as WasiexecError).code, 'ERR_INSTANCE_CLOSED')
  t.is(((await thrown(async () => value)) as WasiexecError).code, 'ERR_INSTANCE_CLOSED')
})

test('what a guest computes between calls is limited, for each value anew', async (t) => {
  const limits = { cpuMs: 300 }
  const instance = await flows(host, { limits })
  const stream = await instance.exports.sources.busy(20)
  // More than the limit in all.
  for (let number = 0; number < 25; number += 1) t.is((await stream.next()).value, number)
  await stream.return!()
  const other = await flows(host, { limits })
  // By the wall clock, of which a loaded machine gives the guest little.
  const hangs = await other.exports.sources.busy(3_600_000)
  const error = (await thrown(() => hangs.next())) as WasiexecError
  t.is(error.code, 'ERR_INSTANCE_OVER')
  t.is(error.outcome?.kind, 'limit')
})

test('fuel is given anew for each value, too', async (t) => {
  const limits = { fuel: 400_000 }
  const instance = await flows(host, { limits })
  // Each takes more than a thousand units.
  t.is((await all(await instance.exports.sources.count(2000, 0))).length, 2000)
  const hangs = await instance.exports.sources.busy(100_000)
  const error = (await thrown(() => hangs.next())) as WasiexecError
  t.is(error.code, 'ERR_INSTANCE_OVER')
  t.is(error.outcome?.kind, 'limit')
  t.is(error.outcome?.kind === 'limit' ? error.outcome.limit : undefined, 'fuel')
})

test('a guest may wait between calls for longer than its calls may take', async (t) => {
  const attempt = async (timeoutMs: number): Promise<number[]> => {
    await using instance = await flows(host, { limits: { timeoutMs } })
    const counted = await instance.exports.sources.count(2, 2 * timeoutMs)
    return await all(counted)
  }
  const inTime = async (timeoutMs: number) => attempt(timeoutMs).catch(() => undefined)
  t.deepEqual(await withMoreTime(100, inTime, Array.isArray), [0, 1])
})

test('resources come in streams', async (t) => {
  await using instance = await flows()
  const { sources } = instance.exports
  const items = await all(await sources.items(3))
  t.deepEqual(await Promise.all(items.map((item) => item.id())), [0, 1, 2])
  t.is(await sources.Item.live(), 3)
  for (const item of items) await item[Symbol.asyncDispose]()
  t.is(await sources.Item.live(), 0)
})

test('more streams than an instance may have are a trap', async (t) => {
  const instance = await flows()
  const open: unknown[] = []
  const error = (await thrown(async () => {
    for (;;) open.push(await instance.exports.sources.count(1, 60_000))
  })) as { outcome?: { kind: string } }
  t.is(error.outcome?.kind, 'trap')
  t.is(open.length, 1000)
})

test('types', async (t) => {
  const text = await (await real('flows')).types()
  for (const line of [
    'count(to: number, pause: number): Promise<AsyncIterable<number>>',
    'bytes(length: number, piece: number): Promise<AsyncIterable<Uint8Array>>',
    'ticks(count: number): Promise<AsyncIterable<undefined>>',
    'later(value: number, pause: number): Promise<Promise<number>>',
    'sum(numbers: AsyncIterable<number> | Iterable<number>): Promise<bigint>',
    'settle(value: PromiseLike<string> | string): Promise<string>',
    'all: Array<AsyncIterable<number>>',
  ]) {
    t.true(text.includes(line), line)
  }
})
