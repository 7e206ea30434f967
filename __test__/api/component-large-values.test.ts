// Large arguments, which the core may read where they are, and large results. Run once more with each compiler.
import test from 'ava'
import { once } from 'node:events'
import vm from 'node:vm'
import {
  load,
  Runtime,
  type CallOutcome,
  type HostError,
  type Instance,
} from '../support/package.ts'
import { callEnding, ownWat, wat } from '../support/guest.ts'
import { startTask } from '../support/tasks.ts'
import { echoComponent } from '../support/wit-echo.ts'

interface Bytes {
  echoBytes(bytes: Uint8Array): Promise<Uint8Array>
}

interface Things {
  ask(): Promise<number>
  big(bytes: ArrayLike<number>): Promise<Uint8Array>
}

interface Echo {
  echo: { echo(...args: unknown[]): unknown }
}

const SIZE = 300_000

/** With so many arguments before it, a list comes through memory. */
const PAD = Array.from({ length: 17 }, (_, index) => index)

/** Bytes that no two seeds have in common. */
const filled = (seed: number, size = SIZE): Uint8Array<ArrayBuffer> =>
  new Uint8Array(size).map((_, index) => index * 31 + seed)

/** A deep comparison of so many numbers takes long. */
const isSame = (a: Uint8Array | undefined, b: Uint8Array): boolean =>
  a !== undefined && Buffer.compare(a, b) === 0

const sumOf = (bytes: Uint8Array): number => bytes.reduce((sum, byte) => sum + byte, 0)

const bytesOf = ({ buffer, byteOffset, byteLength }: ArrayBufferView): Uint8Array =>
  new Uint8Array(buffer, byteOffset, byteLength)

const anyValue = (outcome: CallOutcome): unknown =>
  outcome.kind === 'returned' ? outcome.values[0] : undefined

function value<T>(outcome: CallOutcome<readonly [T]> | HostError): T | undefined {
  return outcome.kind === 'returned' ? outcome.values[0] : undefined
}

const calc = async (): Promise<Instance<Bytes>> =>
  (await wat('calc-component')).instantiate<Bytes>()

interface Late {
  sum(bytes: Uint8Array): Promise<number>
}

interface Stuck {
  length(bytes: Uint8Array): Promise<number>
}

test('results are nobody else’s, and arguments are free after the call', async (t) => {
  await using instance = await calc()
  const argument = filled(1)
  const first = value(instance.callSync('echoBytes', argument))
  argument.fill(0)
  t.true(isSame(first, filled(1)))
  const second = value(instance.callSync('echoBytes', filled(2)))
  t.true(isSame(first, filled(1)) && isSame(second, filled(2)))
  first?.fill(3)
  t.true(isSame(value(instance.callSync('echoBytes', filled(4))), filled(4)))
  t.true(isSame(second, filled(2)))
  const moved = filled(5)
  const third = value(instance.callSync('echoBytes', moved))
  structuredClone(moved, { transfer: [moved.buffer] })
  t.true(isSame(value(instance.callSync('echoBytes', filled(6))), filled(6)))
  t.true(isSame(third, filled(5)))
})

test('a call that waits has the bytes that it was given', async (t) => {
  await using instance = await calc()
  // Some that share a submission, and some that do not; large ones before and after small ones.
  for (const sizes of [[SIZE], [SIZE, 3, 5000, SIZE * 4, 0, 4096, SIZE], [1, SIZE, SIZE], [4095]]) {
    const calls = sizes.map((size, seed) => {
      const argument = filled(seed, size)
      const call = instance.call('echoBytes', argument)
      argument.fill(0)
      return call
    })
    const results = (await Promise.all(calls)).map(value)
    for (const [seed, size] of sizes.entries()) t.true(isSame(results[seed], filled(seed, size)))
  }
  const program = await wat('calc-component')
  const jobs = [SIZE, 1, SIZE * 2, 5000].map((size, seed) => ({
    call: ['echo-bytes', filled(seed, size)] as const,
  }))
  for await (const { index, outcome } of program.batch(jobs)) {
    const back = outcome && value(outcome as CallOutcome<readonly [Uint8Array]>)
    t.true(isSame(back, jobs[index]!.call[1]))
  }
})

test('shared and resizable memory of arguments is copied', async (t) => {
  await using instance = await calc()
  const shared = new Uint8Array(new SharedArrayBuffer(SIZE))
  shared.set(filled(1))
  t.true(isSame(value(instance.callSync('echoBytes', shared)), filled(1)))
  shared.fill(0)
  // TypeScript's library does not know of the option yet.
  const Resizable = ArrayBuffer as unknown as new (
    length: number,
    options: { maxByteLength: number },
  ) => ArrayBuffer & { resize(length: number): void }
  const buffer = new Resizable(SIZE, { maxByteLength: SIZE * 2 })
  const view = new Uint8Array(buffer)
  view.set(filled(2))
  const whole = value(instance.callSync('echoBytes', view))
  buffer.resize(100_000)
  t.true(isSame(whole, filled(2)))
  t.true(isSame(value(instance.callSync('echoBytes', view)), filled(2, 100_000)))
  buffer.resize(SIZE * 2)
  t.is(value(instance.callSync('echoBytes', view))?.length, SIZE * 2)
})

test('lists of all numbers come back, as the last argument and before others', async (t) => {
  const kinds = {
    s8: Int8Array.from({ length: 40_000 }, (_, index) => index),
    u16: Uint16Array.from({ length: 20_000 }, (_, index) => index * 3),
    s32: Int32Array.from({ length: 10_000 }, (_, index) => -index),
    u64: BigUint64Array.from({ length: 5000 }, (_, index) => BigInt(index) << 40n),
    f64: Float64Array.from({ length: 5000 }, (_, index) => index / 3),
  } as const
  const same = (back: unknown, sent: ArrayBufferView): void => {
    t.is(back?.constructor, sent.constructor)
    t.is(Buffer.compare(bytesOf(back as ArrayBufferView), bytesOf(sent)), 0)
  }
  for (const kind of Object.keys(kinds) as (keyof typeof kinds)[]) {
    const whole = kinds[kind]
    // One that begins within its memory, one that is not long, and none.
    const lists = [whole, whole.subarray(3), whole.subarray(0, 100), whole.subarray(0, 0)]
    for (const way of ['flat', 'memory'] as const) {
      const text = echoComponent({ kind: 'list', element: { kind } }, way)
      const program = await load(Buffer.from(text), { cache: false })
      await using instance = await program.instantiate<Echo>()
      for (const sent of lists) {
        const args = way === 'flat' ? [sent] : [PAD, sent]
        same(anyValue(instance.callSync('echo#echo', ...args)), sent)
        same(anyValue(await instance.call('echo#echo', ...args)), sent)
      }
    }
    const list = { kind: 'list', element: { kind } } as const
    const text = echoComponent(
      {
        kind: 'record',
        fields: [
          ['a', list],
          ['b', list],
        ],
      },
      'flat',
    )
    const program = await load(Buffer.from(text), { cache: false })
    await using instance = await program.instantiate<Echo>()
    for (const a of lists) {
      for (const b of lists) {
        const back = anyValue(instance.callSync('echo#echo', { a, b }))
        const { a: first, b: second } = back as { a: unknown; b: unknown }
        same(first, a)
        same(second, b)
      }
    }
  }
})

test('what a getter does to an argument before it comes too late', async (t) => {
  const list = { kind: 'list', element: { kind: 'u8' } } as const
  const text = echoComponent({ kind: 'tuple', types: [list, list] }, 'flat')
  const program = await load(Buffer.from(text), { cache: false })
  await using instance = await program.instantiate<{
    echo: { echo(value: readonly [Uint8Array, ArrayLike<number>]): Promise<Uint8Array[]> }
  }>()
  const changes: ((first: Uint8Array<ArrayBuffer>) => void)[] = [
    (first) => first.fill(0),
    (first) => structuredClone(first, { transfer: [first.buffer] }),
    () => t.is(instance.callSync('echo#echo', [filled(8), [9]]).kind, 'returned'),
  ]
  for (const change of changes) {
    const first = filled(7)
    const second = [1, 2, 3]
    Object.defineProperty(second, 1, {
      get: () => {
        change(first)
        return 2
      },
    })
    const back = value(instance.callSync('echo#echo', [first, second]))
    t.true(isSame(back?.[0], filled(7)))
    t.deepEqual(back?.[1], Uint8Array.of(1, 2, 3))
  }
})

test('a host function makes large calls during a large call', async (t) => {
  const runtime = new Runtime({ threads: 3 })
  const other = await (await ownWat('calc-component', { runtime })).instantiate<Bytes>()
  const seen: unknown[] = []
  let depth = 0
  const imports = {
    ask: () => 1,
    big(bytes: Uint8Array): Uint8Array {
      depth += 1
      const nested: Uint8Array[] = [filled(depth), filled(depth + 100)]
      for (const argument of nested) {
        seen.push(isSame(value(other.callSync('echoBytes', argument)), argument))
      }
      if (depth < 2) seen.push(isSame(value(second.callSync('big', nested[0]!)), nested[0]!))
      return bytes
    },
  }
  const program = await ownWat('thing-component', { runtime })
  await using first = await program.instantiate<Things>({ imports })
  await using second = await program.instantiate<Things>({ imports })
  const argument = filled(50, SIZE * 3)
  t.true(isSame(value(first.callSync('big', argument)), argument))
  t.deepEqual(seen, [true, true, true, true, true])
  await other[Symbol.asyncDispose]()
})

test('an argument that the guest makes room for late is as it was', async (t) => {
  // Its `realloc` computes for longer than a thread waits at a time.
  const program = await wat('late-component')
  await using instance = await program.instantiate<Late>()
  await using whole = await calc()
  for (const seed of [1, 2]) {
    const argument = filled(seed)
    t.is(value(instance.callSync('sum', argument)), sumOf(argument))
    t.true(isSame(value(whole.callSync('echoBytes', argument)), argument))
  }
})

test('a large call that does not return leaves nothing behind', async (t) => {
  const program = await wat('stuck-component')
  await using whole = await calc()
  for (const seed of [1, 2, 3]) {
    await using instance = await program.instantiate<Stuck>({ limits: { timeoutMs: 60 } })
    t.is(value(instance.callSync('length', filled(seed, 1000))), 1000)
    t.is(callEnding(instance.callSync('length', filled(seed))), 'limit timeout')
    t.true(isSame(value(whole.callSync('echoBytes', filled(seed))), filled(seed)))
  }
})

test.serial('a script that is terminated in a large call leaves nothing behind', async (t) => {
  const program = await wat('stuck-component')
  await using whole = await calc()
  for (const seed of [1, 2, 3]) {
    await using instance = await program.instantiate<Stuck>()
    const argument = filled(seed)
    const call = () => instance.callSync('length', argument)
    const context = vm.createContext({ call })
    t.throws(() => vm.runInContext('call()', context, { timeout: 20 }), {
      code: 'ERR_SCRIPT_EXECUTION_TIMEOUT',
    })
    t.true(isSame(value(whole.callSync('echoBytes', filled(seed))), filled(seed)))
  }
})

test('a worker is terminated in the middle of a large call', async (t) => {
  await using whole = await calc()
  for (const seed of [1, 2]) {
    const worker = startTask('largeCall')
    await once(worker, 'message')
    await worker.terminate()
    t.true(isSame(value(whole.callSync('echoBytes', filled(seed))), filled(seed)))
  }
})
