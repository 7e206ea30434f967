// Run once more with each compiler.
import test from 'ava'
import { ProgramError, type Instance, type WasiexecError } from '../support/package.ts'
import { callEnding, ownWat, thrown, wat } from '../support/guest.ts'
import { withMoreTime } from '../support/patience.ts'

interface Counter extends Disposable, AsyncDisposable {
  nextValue(): Promise<number>
}

type Division = { tag: 'ok'; val: number } | { tag: 'err'; val: 'overflow' | 'by-zero' }

interface Calc {
  add(a: number, b: number): Promise<number>
  trap(): Promise<void>
  loop(): Promise<void>
  dropped(): Promise<number>
  echoText(text: string): Promise<string>
  echoBytes(bytes: Uint8Array | number[]): Promise<Uint8Array>
  'my:pkg/math': {
    subtractNumbers(a: number, b: number): Promise<number>
    divide(a: number, b: number): Promise<Division>
  }
  'my:pkg/math@1.9.0': { subtractNumbers(a: number, b: number): Promise<number> }
  'my:pkg/math@1.10.0': Calc['my:pkg/math']
  'my:pkg/counters': {
    readonly Counter: {
      create(start: number): Promise<Counter>
      startingAt(start: number): Promise<Counter>
      new (): Counter
      readonly prototype: Counter
    }
    finish(counter: Counter): Promise<number>
  }
}

const calc = async (): Promise<Instance<Calc>> => (await wat('calc-component')).instantiate<Calc>()

const codeOf = async (use: () => Promise<unknown>): Promise<[string | undefined, string]> => {
  const error = (await thrown(use)) as WasiexecError
  return [error.code, error.message]
}

test('functions of a component are called with JavaScript values', async (t) => {
  await using instance = await calc()
  t.is(await instance.exports.add(1, 2), 3)
  t.is(await instance.exports.echoText('Grüße, 🌍'), 'Grüße, 🌍')
  t.deepEqual(await instance.exports.echoBytes(Uint8Array.of(1, 2, 255)), Uint8Array.of(1, 2, 255))
  t.deepEqual(await instance.exports.echoBytes([1, 2, 255]), Uint8Array.of(1, 2, 255))
  t.deepEqual(await instance.exports.echoBytes([]), new Uint8Array())
  const outcome = await instance.call('add', 40, 2)
  t.is(callEnding(outcome), 'returned')
  t.deepEqual(outcome.kind === 'returned' && [...outcome.values], [42])
  const now = instance.callSync('add', 40, 3)
  t.deepEqual(now.kind === 'returned' && [...now.values], [43])
})

test('interfaces have their full name, one without a version, and a short one', async (t) => {
  await using instance = await calc()
  const exports = instance.exports as unknown as Record<string, unknown>
  t.deepEqual(
    Object.keys(exports).filter((name) => name.includes(':')),
    ['my:pkg/math@1.10.0', 'my:pkg/math@1.9.0', 'my:pkg/counters'],
  )
  t.is(exports['math'], exports['my:pkg/math@1.10.0'])
  t.is(exports['my:pkg/math'], exports['my:pkg/math@1.10.0'])
  t.is(exports['counters'], exports['my:pkg/counters'])
  t.is(await instance.exports['my:pkg/math'].subtractNumbers(5, 3), 2)
  // The old one adds.
  t.is(await instance.exports['my:pkg/math@1.9.0'].subtractNumbers(5, 3), 8)
})

test('`call` takes every name of a function', async (t) => {
  await using instance = await (await wat('calc-component')).instantiate()
  const valueOf = async (name: string, ...args: unknown[]): Promise<unknown> => {
    const outcome = await instance.call(name, ...args)
    return outcome.kind === 'returned' ? outcome.values[0] : outcome
  }
  for (const name of [
    'my:pkg/math@1.10.0#subtract-numbers',
    'my:pkg/math@1.10.0#subtractNumbers',
    'my:pkg/math#subtract-numbers',
    'my:pkg/math#subtractNumbers',
    'math#subtract-numbers',
  ]) {
    t.is(await valueOf(name, 9, 4), 5, name)
  }
  t.is(await valueOf('my:pkg/math@1.9.0#subtract-numbers', 9, 4), 13)
  t.is(await valueOf('echo-text', 'a'), 'a')
  t.is(await valueOf('echoText', 'a'), 'a')
  const counter = await valueOf('my:pkg/counters#[constructor]counter', 3)
  t.is(await valueOf('my:pkg/counters#[method]counter.next-value', counter), 4)
})

test('a result is a value, also the outermost one', async (t) => {
  await using instance = await calc()
  const { divide } = instance.exports['my:pkg/math']
  t.deepEqual(await divide(7, 2), { tag: 'ok', val: 3 })
  t.deepEqual(await divide(7, 0), { tag: 'err', val: 'by-zero' })
})

test('resources are classes', async (t) => {
  await using instance = await calc()
  const { Counter, finish } = instance.exports['my:pkg/counters']
  const counter = await Counter.create(5)
  t.true(counter instanceof Counter)
  t.is(counter.constructor.name, 'Counter')
  t.is(await counter.nextValue(), 6)
  t.is(await counter.nextValue(), 7)
  const other = await Counter.startingAt(100)
  t.is(await other.nextValue(), 101)
  t.is(await finish(other), 101)
  // Given away.
  const [code, message] = await codeOf(() => other.nextValue())
  t.is(code, 'ERR_INVALID_CALL')
  t.regex(message, /self: expected a Counter of this instance that was neither given away nor/)
  t.is(await instance.exports.dropped(), 1)
  await counter[Symbol.asyncDispose]()
  t.is(await instance.exports.dropped(), 2)
  await counter[Symbol.asyncDispose]()
  t.is(await instance.exports.dropped(), 2)
  t.is((await codeOf(() => counter.nextValue()))[0], 'ERR_INVALID_CALL')
  const third = await Counter.create(1)
  third[Symbol.dispose]()
  t.is(await instance.exports.dropped(), 3)
  t.throws(() => new Counter(), { message: /await Counter\.create/ })
})

test('a resource belongs to its instance', async (t) => {
  await using instance = await calc()
  await using other = await calc()
  const counter = await instance.exports['my:pkg/counters'].Counter.create(1)
  const { finish } = other.exports['my:pkg/counters']
  t.is((await codeOf(() => finish(counter)))[0], 'ERR_INVALID_CALL')
  t.is((await codeOf(() => finish({} as Counter)))[0], 'ERR_INVALID_CALL')
  t.is(await counter.nextValue(), 2)
})

test('what is given away by a call that is refused stays', async (t) => {
  await using instance = await (await wat('calc-component')).instantiate()
  const outcome = await instance.call('counters#[constructor]counter', 1)
  const counter = outcome.kind === 'returned' ? outcome.values[0] : undefined
  const aborted = instance.with({ signal: AbortSignal.abort('no') })
  t.is(callEnding(await aborted.call('counters#finish', counter)), 'abort')
  t.is((await codeOf(() => instance.call('counters#finish', counter, 1)))[0], 'ERR_INVALID_CALL')
  const finished = await instance.call('counters#finish', counter)
  t.deepEqual(finished.kind === 'returned' && [...finished.values], [1])
})

test('a resource that nobody has any more is dropped', async (t) => {
  const { gc } = globalThis
  if (gc === undefined) {
    t.pass('the garbage collector cannot be called')
    return
  }
  await using instance = await calc()
  const { Counter } = instance.exports['my:pkg/counters']
  for (let made = 0; made < 10; made += 1) await Counter.create(made)
  while ((await instance.exports.dropped()) < 9) {
    gc()
    await new Promise((resolve) => setTimeout(resolve, 10))
  }
  t.true((await instance.exports.dropped()) >= 9)
})

test('a wrong value is refused before the call, with its place', async (t) => {
  await using instance = await calc()
  const refused = async (...[name, ...args]: [string, ...unknown[]]): Promise<string> => {
    const untyped = instance as unknown as Instance
    const [code, message] = await codeOf(() => untyped.call(name, ...args))
    t.is(code, 'ERR_INVALID_CALL', message)
    return message
  }
  t.is(
    await refused('add', '1', 2),
    '"add": a: expected an integer from -2147483648 to 2147483647, got "1"',
  )
  t.is(
    await refused('add', 1),
    '"add": b: expected an integer from -2147483648 to 2147483647, got undefined',
  )
  t.is(await refused('add', 1, 2, 3), '"add" takes 2 arguments, got 3')
  t.is(await refused('echo-text', 5), '"echo-text": text: expected a string, got 5')
  t.is(
    await refused('echo-bytes', [1, 256]),
    '"echo-bytes": bytes[1]: expected an integer from 0 to 255, got 256',
  )
  t.is(
    await refused('echo-bytes', new Uint16Array(1)),
    '"echo-bytes": bytes: expected a Uint8Array or an array (list<u8>), got a Uint16Array',
  )
  t.is(await refused('ad'), 'the component exports no function "ad"; did you mean "add"?')
  // A function of an interface, without the interface.
  t.is(
    await refused('divide'),
    'the component exports no function "divide"; it exports "my:pkg/math@1.10.0#divide"',
  )
  t.regex(
    await refused('nothing'),
    /^the component exports no function "nothing"; it exports "my:pkg\/math@1.10.0#subtract-numbers", /,
  )
  t.is(await refused(5 as unknown as string), 'the name of a function must be a string, got 5')
  t.is(await instance.exports.add(1, 2), 3)
})

test('a call of a component ends like a run', async (t) => {
  const program = await wat('calc-component')
  {
    await using instance = await program.instantiate<Calc>()
    const outcome = await instance.call('trap')
    t.is(outcome.kind === 'trap' && outcome.trap.code, 'unreachable')
    t.is((await codeOf(() => instance.call('add', 1, 2)))[0], 'ERR_INSTANCE_OVER')
  }
  {
    const inTime = async (timeoutMs: number): Promise<Instance<Calc> | undefined> =>
      program.instantiate<Calc>({ limits: { timeoutMs } }).catch(() => undefined)
    const made = await withMoreTime(50, inTime, (instance) => instance !== undefined)
    await using instance = made!
    const error = await thrown(() => instance.exports.loop())
    t.true(error instanceof ProgramError && error.outcome.kind === 'limit')
  }
  {
    await using instance = await program.instantiate<Calc>({ limits: { fuel: 10_000n } })
    const outcome = instance.callSync('loop')
    t.is(outcome.kind === 'limit' && outcome.limit, 'fuel')
  }
  {
    await using instance = await program.instantiate<Calc>()
    const controller = new AbortController()
    const call = instance.with({ signal: controller.signal }).call('loop')
    setTimeout(() => controller.abort('enough'), 20)
    const outcome = await call
    t.is(outcome.kind === 'abort' && outcome.reason, 'enough')
  }
})

test('what breaks the rules of components is a trap', async (t) => {
  const program = await wat('calc-component')
  for (const name of [
    'wrong-list',
    'wrong-text',
    'wrong-case',
    'wrong-char',
    'wrong-pointer',
    'overlapping',
    'too-many',
  ]) {
    await using instance = await program.instantiate()
    const outcome = await instance.call(name)
    t.is(outcome.kind === 'trap' && outcome.trap.code, 'host-call', name)
  }
})

test('components have no memory or globals to look at', async (t) => {
  await using instance = await calc()
  t.deepEqual(Object.keys(instance.memories), [])
  t.deepEqual(instance.globals.names, [])
  t.throws(() => instance.memory, { code: 'ERR_INVALID_CALL' })
  t.throws(() => instance.globals.get('g'), { code: 'ERR_INVALID_CALL' })
})

test('pools and batches call components', async (t) => {
  const program = await wat('calc-component')
  await using pool = program.pool<Calc>({ instances: 2 })
  const sums = await Promise.all([1, 2, 3, 4].map((n) => pool.value('add', n, 1)))
  t.deepEqual(sums, [2, 3, 4, 5])
  const fresh = program.pool<Calc>({ instances: 2, state: 'fresh' })
  const calls = ['a', 'bc', ''].map((text) => fresh.value('echoText', text))
  await fresh.drain()
  t.deepEqual(await Promise.all(calls), ['a', 'bc', ''])
  t.like(fresh.stats(), { instances: 0, finished: 3, replaced: 3 })
  const jobs = ['a', 'bc', ''].map((text) => ({ call: ['echo-text', text] as const }))
  const texts: unknown[] = []
  for await (const { index, outcome } of program.batch(jobs)) {
    texts[index] = outcome?.kind === 'returned' ? outcome.values[0] : outcome
  }
  t.deepEqual(texts, ['a', 'bc', ''])
})

test('a large list goes in and out', async (t) => {
  await using instance = await calc()
  const bytes = new Uint8Array(5 << 20).map((_, index) => index * 7)
  // A deep comparison of so many numbers takes half a minute.
  t.is(Buffer.compare(await instance.exports.echoBytes(bytes), bytes), 0)
  const outcome = instance.callSync('echoBytes', bytes)
  t.is(Buffer.compare(outcome.kind === 'returned' ? outcome.values[0] : Buffer.of(), bytes), 0)
})

test('a getter of an argument may call as well', async (t) => {
  await using instance = await calc()
  const list = [1, 2, 3]
  let inner: Promise<number> | undefined
  Object.defineProperty(list, 1, {
    get: () => {
      inner = instance.exports.add(20, 22)
      return 7
    },
  })
  t.deepEqual(await instance.exports.echoBytes(list), Uint8Array.of(1, 7, 3))
  t.is(await inner, 42)
})

test('a component without a command can be looked at, and not run', async (t) => {
  const program = await ownWat('calc-component')
  t.is((await program.inspect()).entry, 'reactor')
  t.is((await codeOf(() => program.run()))[0], 'ERR_NO_ENTRY_POINT')
})
