// Large arguments, which the core may read where they were written, and large results, which cross without a copy. Run once
// more with each compiler.
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

const SIZE = 300_000

/** Bytes that no two seeds have in common. */
const filled = (seed: number, size = SIZE): Uint8Array<ArrayBuffer> =>
  new Uint8Array(size).map((_, index) => index * 31 + seed)

/** A deep comparison of so many numbers takes long. */
const isSame = (a: Uint8Array | undefined, b: Uint8Array): boolean =>
  a !== undefined && Buffer.compare(a, b) === 0

function value<T>(outcome: CallOutcome<readonly [T]> | HostError): T | undefined {
  return outcome.kind === 'returned' ? outcome.values[0] : undefined
}

const calc = async (): Promise<Instance<Bytes>> =>
  (await wat('calc-component')).instantiate<Bytes>()

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
