// Run once more with each compiler.
import test, { type ExecutionContext } from 'ava'
import { once } from 'node:events'
import { PassThrough } from 'node:stream'
import { setTimeout as delay } from 'node:timers/promises'
import { inspect } from 'node:util'
import {
  load,
  ProgramError,
  Runtime,
  WasiexecError,
  type CallOutcome,
  type Instance,
  type Outcome,
} from '../support/package.ts'
import { callEnding, ending, ownWat, thrown, wat } from '../support/guest.ts'
import { withMoreTime } from '../support/patience.ts'

interface Functions {
  add(a: number, b: number): number
  add64(a: bigint, b: bigint): bigint
  addf32(a: number, b: number): number
  addf64(a: number, b: number): number
  same(a: number, b: bigint, c: number, d: number): [number, bigint, number, number]
  nothing(): void
  returns_funcref(): unknown
  takes_v128(value: unknown): void
  read(): number
  next(): number
  load(address: number): number
  grow(pages: number): number
  print(stream: number, address: number, length: number): number
  exit(code: number): void
  trap(): void
  divide(a: number, b: number): number
  loop(): void
  flood(): void
  recurse(): void
  sum(n: bigint): bigint
  sleep(milliseconds: bigint): void
}

type Library = Instance<Functions>

async function library(options = {}): Promise<Library> {
  return (await wat('exports')).instantiate<Functions>(options)
}

/** What is observed of a call: its ending, what it returned and printed. */
function observed(outcome: CallOutcome): unknown[] {
  const values = outcome.kind === 'returned' ? outcome.values : []
  return [callEnding(outcome), values, outcome.stdout.toString(), outcome.stderr.toString()]
}

/** Calls a function whatever its type says. */
async function callAny(instance: Library, name: string, ...args: unknown[]): Promise<CallOutcome> {
  const call = instance.call as unknown as (
    name: string,
    ...args: unknown[]
  ) => Promise<CallOutcome>
  return call.call(instance, name, ...args)
}

function callAnySync(instance: Library, name: string, ...args: unknown[]): CallOutcome {
  const call = instance.callSync as unknown as (name: string, ...args: unknown[]) => CallOutcome
  return call.call(instance, name, ...args)
}

const RETURNED: [name: string, args: unknown[], values: unknown[]][] = [
  ['add', [1, 2], [3]],
  ['add', [-(2 ** 31), -1], [2 ** 31 - 1]],
  ['add', [2 ** 32 - 1, 0], [-1]],
  ['add', [2 ** 31, 0], [-(2 ** 31)]],
  ['add', [-0, 0], [0]],
  ['add64', [1n, 2n], [3n]],
  ['add64', [2n ** 63n - 1n, 1n], [-(2n ** 63n)]],
  ['add64', [2n ** 64n - 1n, 0n], [-1n]],
  ['add64', [-(2n ** 63n), 0n], [-(2n ** 63n)]],
  ['addf32', [0.5, 0.25], [0.75]],
  ['addf32', [Infinity, -Infinity], [NaN]],
  ['addf32', [0.1, 0], [Math.fround(0.1)]],
  ['addf64', [0.1, 0.2], [0.1 + 0.2]],
  ['addf64', [NaN, 0], [NaN]],
  ['addf64', [-0, -0], [-0]],
  ['same', [-1, -1n, 0.5, 0.1], [-1, -1n, 0.5, 0.1]],
  ['nothing', [], []],
]

test('functions take and return numbers of all types', async (t) => {
  await using instance = await library()
  for (const [name, args, values] of RETURNED) {
    const outcomes = [await callAny(instance, name, ...args), callAnySync(instance, name, ...args)]
    for (const outcome of outcomes) {
      t.deepEqual(observed(outcome), ['returned', values, '', ''], name)
      t.true(outcome.ok)
      t.true(outcome.usage.wallMs > 0)
    }
  }
})

test('typed functions return values, or reject with the outcome', async (t) => {
  await using instance = await library()
  t.is(await instance.exports.add(1, 2), 3)
  t.is(await instance.exports.add64(1n, 2n), 3n)
  t.is(await instance.exports.nothing(), undefined)
  t.deepEqual(await instance.exports.same(1, 2n, 3, 4), [1, 2n, 3, 4])
  const error = await t.throwsAsync(instance.exports.exit(3), { instanceOf: ProgramError })
  t.is((error as ProgramError).outcome.kind, 'exit')
  t.true(Object.isFrozen(instance.exports))
})

const I32 = 'an integer from -2^31 to 2^32 - 1'
const I64 = 'a bigint from -2^63 to 2^64 - 1'
const REFUSED: [name: string, args: unknown[], message: string][] = [
  ...[1.5, 2 ** 32, -(2 ** 31) - 1, NaN, Infinity, '1', 1n, null, undefined, true, {}, [1]].map(
    (value): [string, unknown[], string] => [
      'add',
      [0, value],
      `argument 2 of "add" (i32, i32) -> i32 must be ${I32}, got `,
    ],
  ),
  ...[1, 2n ** 64n, -(2n ** 63n) - 1n, '1', null, undefined, {}].map(
    (value): [string, unknown[], string] => [
      'add64',
      [value, 0n],
      `argument 1 of "add64" (i64, i64) -> i64 must be ${I64}, got `,
    ],
  ),
  ...(['addf32', 'addf64'] as const).flatMap((name) =>
    [1n, '1', null, undefined, false, {}].map((value): [string, unknown[], string] => [
      name,
      [value, 0],
      `argument 1 of "${name}" (${name.slice(3)}, ${name.slice(3)}) -> ${name.slice(3)} must be a number, got `,
    ]),
  ),
  ['add', [], '"add" (i32, i32) -> i32 needs 2 arguments, got 0'],
  ['add', [1, 2, 3], 'needs 2 arguments, got 3'],
  ['nothing', [1], '"nothing" () needs 0 arguments, got 1'],
  ['ad', [1, 2], 'exports no function "ad"; did you mean "add"?'],
  ['_start', [], 'exports no function "_start"; it exports "add", "add64"'],
  ['toString', [], 'exports no function "toString"'],
  ['memory', [], '"memory" is a memory, not a function'],
  ['count', [], '"count" is a global, not a function'],
  [
    'returns_funcref',
    [],
    'because of its type () -> funcref: only numbers (i32, i64, f32, f64) cross, and not funcref',
  ],
  ['takes_v128', [0], 'and not v128'],
  [5 as unknown as string, [], 'must be a string, got 5'],
]

test('calls that cannot be made are refused by name, and the instance goes on', async (t) => {
  await using instance = await library()
  for (const [name, args, message] of REFUSED) {
    const error = await t.throwsAsync<WasiexecError>(callAny(instance, name, ...args), {
      instanceOf: WasiexecError,
      code: 'ERR_INVALID_CALL',
    })
    t.true(error.message.includes(message), error.message)
    t.throws(() => callAnySync(instance, name, ...args), {
      code: 'ERR_INVALID_CALL',
      message: error.message,
    })
  }
  t.is(await instance.exports.add(1, 2), 3)
})

test('an instance keeps its state, and its calls are carried out in their order', async (t) => {
  await using instance = await library()
  const calls = Array.from({ length: 5000 }, () => instance.exports.next())
  t.deepEqual(
    await Promise.all(calls),
    Array.from({ length: 5000 }, (_, index) => index + 1),
  )
  t.deepEqual(instance.callSync('next').kind === 'returned' && instance.callSync('next').ok, true)
  await using other = await library()
  t.is(await other.exports.next(), 1)
})

test('output belongs to the call that printed it', async (t) => {
  await using instance = await library()
  const outcomes = await Promise.all([
    instance.call('print', 1, 1024, 4),
    instance.call('nothing'),
    instance.call('print', 2, 1029, 2),
  ])
  t.deepEqual(outcomes.map(observed), [
    ['returned', [0], 'text', ''],
    ['returned', [], '', ''],
    ['returned', [0], '', 'in'],
  ])
  t.deepEqual(observed(instance.callSync('print', 1, 1024, 14)), [
    'returned',
    [0],
    'text in memory',
    '',
  ])
})

/** Calls that end the instance. */
const ENDINGS: [
  name: keyof Functions,
  args: unknown[],
  limits: object,
  ending: string,
  stdout: string,
][] = [
  ['exit', [0], {}, 'exit 0', 'text'],
  ['exit', [3], {}, 'exit 3', 'text'],
  ['exit', [-1], {}, 'exit 4294967295', 'text'],
  ['trap', [], {}, 'trap unreachable', 'text'],
  ['divide', [1, 0], {}, 'trap integer-divide-by-zero', ''],
  ['load', [-1], {}, 'trap memory-out-of-bounds', ''],
  ['recurse', [], {}, 'trap stack-overflow', ''],
  ['flood', [], { outputBytes: 10 }, 'limit output', 'texttextte'],
]

/** Calls that print before their time is over. */
const TIMED = [
  ['loop', [], 'timeoutMs', 'limit timeout'],
  ['loop', [], 'cpuMs', 'limit cpu'],
  ['sleep', [3_600_000n], 'timeoutMs', 'limit timeout'],
] as const

test('a call that does not return is an outcome, and ends the instance', async (t) => {
  for (const sync of [false, true]) {
    const what = `sync: ${sync}`
    for (const [name, args, limits, ending, stdout] of ENDINGS) {
      const outcome = await lastCall(t, name, args, limits, sync)
      t.deepEqual(observed(outcome), [ending, [], stdout, ''], `${name}, ${what}`)
    }
    for (const [name, args, limit, ending] of TIMED) {
      const outcome = await withMoreTime(
        100,
        async (ms) => lastCall(t, name, args, { [limit]: ms }, sync),
        ({ stdout }) => stdout.length > 0,
      )
      t.deepEqual(observed(outcome), [ending, [], 'text', ''], `${name}, ${what}`)
    }
  }
})

/** Makes the call that ends an instance, and expects that nothing can be done with the instance afterwards. */
async function lastCall(
  t: ExecutionContext,
  name: string,
  args: readonly unknown[],
  limits: object,
  sync: boolean,
): Promise<CallOutcome> {
  await using instance = await library()
  const caller = instance.with({ limits }) as Library
  const queued = sync ? [] : [callAny(caller, name, ...args), callAny(instance, 'next')]
  const outcome = await (sync ? callAnySync(caller, name, ...args) : queued[0]!)
  if (!sync) await isOver(t, () => queued[1]!, outcome as Outcome)
  await isOver(t, () => instance.call('next'), outcome as Outcome)
  await isOver(t, async () => instance.callSync('next'), outcome as Outcome)
  await isOver(t, async () => instance.memory.read(0, 1), outcome as Outcome)
  await isOver(t, async () => instance.globals.get('count'), outcome as Outcome)
  return outcome
}

async function isOver(
  t: ExecutionContext,
  use: () => Promise<unknown>,
  outcome: Outcome,
): Promise<void> {
  const error = await t.throwsAsync<WasiexecError>(use(), { code: 'ERR_INSTANCE_OVER' })
  t.is(error.outcome, outcome)
  t.regex(error.message, /^the instance has ended: the program .*; instantiate the program again$/)
}

test('the limits of the instance are those of each call', async (t) => {
  const isReturned = (ending: string): boolean => ending === 'returned'
  const attempt = async (timeoutMs: number): Promise<string[]> => {
    await using instance = await library({ limits: { timeoutMs, outputBytes: 4 } })
    const endings: string[] = []
    for (let call = 0; call < 3 && endings.every(isReturned); call += 1) {
      endings.push(callEnding(await instance.call('print', 1, 1024, 4)))
      await delay(0.4 * timeoutMs)
    }
    if (!endings.every(isReturned)) return endings
    // A call replaces those that it gives.
    const patient = instance.with({ limits: { timeoutMs: 600_000 } })
    endings.push(callEnding(await patient.call('sleep', BigInt(timeoutMs + 100))))
    endings.push(callEnding(await instance.call('loop')))
    return endings
  }
  const inTime = async (ms: number) => attempt(ms).catch(() => [])
  const endings = await withMoreTime(1000, inTime, ({ length }) => length === 5)
  t.deepEqual(endings, ['returned', 'returned', 'returned', 'returned', 'limit timeout'])
})

test('fuel is counted for each call, where the instance has a fuel limit', async (t) => {
  await using instance = await library({ limits: { fuel: 100_000 } })
  const first = await instance.call('sum', 1000n)
  const second = await instance.call('sum', 1000n)
  t.is(callEnding(first), 'returned')
  t.is(first.usage.fuel, second.usage.fuel)
  const enough = { fuel: first.usage.fuel! }
  t.is(callEnding(await instance.with({ limits: enough }).call('sum', 1000n)), 'returned')
  const short = { fuel: first.usage.fuel! - 1n }
  t.is(callEnding(await instance.with({ limits: short }).call('sum', 1000n)), 'limit fuel')
  await using other = await library()
  const refused = other.with({ limits: { fuel: 10 } })
  await t.throwsAsync(refused.call('add', 1, 2), { code: 'ERR_INVALID_OPTION', message: /fuel/ })
  t.throws(() => refused.callSync('add', 1, 2), { code: 'ERR_INVALID_OPTION', message: /fuel/ })
  t.is(await other.exports.add(1, 2), 3)
})

test('memory is limited for the instance', async (t) => {
  const page = 65_536
  await using instance = await library({ limits: { memoryBytes: 4 * page } })
  t.is(await instance.exports.grow(1), 2)
  const denied = await instance.call('grow', 2)
  t.deepEqual(observed(denied), ['returned', [-1], '', ''])
  t.true(denied.usage.memoryDenied)
  const later = await instance.call('grow', 0)
  t.false(later.usage.memoryDenied)
  t.is(later.usage.memoryPeakBytes, 3 * page + 8)
  await using strict = await library({ limits: { memoryBytes: 4 * page, onMemory: 'stop' } })
  t.is(callEnding(await strict.call('grow', 2)), 'limit memory')
  for (const limits of [
    { memoryBytes: 1 },
    { onMemory: 'stop' },
    { filesBytes: 1 },
    { filesCount: 1 },
  ]) {
    t.throws(() => instance.with({ limits: limits as object }), {
      code: 'ERR_INVALID_OPTION',
      message: /absent: (memory belongs|files belong) to the instance/,
    })
  }
})

test('options of calls are checked', async (t) => {
  await using instance = await library()
  const bad: [unknown, RegExp][] = [
    [undefined, /`options` must be an object/],
    [{ limit: {} }, /unknown option `limit`; did you mean `limits`/],
    [{ timeoutMs: 5 }, /unknown option `timeoutMs`; did you mean `limits.timeoutMs`/],
    [{ limits: 5 }, /`limits` must be an object/],
    [{ limits: { timeoutMs: -1 } }, /`limits.timeoutMs` must be a positive number/],
    [{ limits: { timeout: 1 } }, /did you mean `timeoutMs`/],
    [{ signal: 5 }, /`signal` must be an AbortSignal/],
  ]
  for (const [options, message] of bad) {
    t.throws(() => instance.with(options as object), { code: 'ERR_INVALID_OPTION', message })
  }
})

test('a signal aborts one call: the instance ends if the call has begun', async (t) => {
  const stdin = new PassThrough()
  await using instance = await library({ stdin })
  const controller = new AbortController()
  const { signal } = controller
  const first = instance.call('read')
  const waits = instance.with({ signal }).call('next')
  const third = instance.call('next')
  await delay(20)
  const reason = { any: 'reason' }
  controller.abort(reason)
  const aborted = await waits
  t.is(aborted.kind === 'abort' && aborted.reason, reason)
  stdin.write('a')
  t.deepEqual(observed(await first), ['returned', [97], '', ''])
  t.deepEqual(observed(await third), ['returned', [1], '', ''])
  const late = await instance.with({ signal }).call('next')
  t.is(late.kind === 'abort' && late.reason, reason)
  t.throws(() => instance.with({ signal }).callSync('next'), { code: 'ERR_INVALID_OPTION' })
  for (const name of ['loop', 'sleep'] as const) {
    const stdout = new PassThrough()
    await using other = await library({ stdout })
    const second = new AbortController()
    const caller = other.with({ signal: second.signal }) as Library
    const calling = callAny(caller, name, ...(name === 'sleep' ? [3_600_000n] : []))
    // It has begun.
    await once(stdout, 'data')
    second.abort(reason)
    const outcome = await calling
    t.is(outcome.kind === 'abort' && outcome.reason, reason)
    await isOver(t, () => other.call('next'), outcome as Outcome)
  }
})

test('what ends an instance aborts its calls with the reason', async (t) => {
  const reason = new Error('enough')
  const ways: [
    name: string,
    end: (parts: Ways) => void,
    check: (error: unknown) => boolean,
    later: string,
  ][] = [
    [
      'signal',
      ({ controller }) => controller.abort(reason),
      (error) => error === reason,
      'ERR_INSTANCE_OVER',
    ],
    [
      'dispose',
      ({ instance }) => instance[Symbol.dispose](),
      hasCode('ERR_INSTANCE_CLOSED'),
      'ERR_INSTANCE_CLOSED',
    ],
    [
      'program',
      ({ program }) => program[Symbol.dispose](),
      hasCode('ERR_PROGRAM_CLOSED'),
      'ERR_PROGRAM_CLOSED',
    ],
    [
      'runtime',
      ({ runtime }) => void runtime.close(),
      hasCode('ERR_RUNTIME_CLOSED'),
      'ERR_RUNTIME_CLOSED',
    ],
  ]
  for (const [name, end, check, later] of ways) {
    for (const [busy, waits] of [
      ['loop', true],
      ['sleep', true],
      // The end comes to the core together with the calls.
      ['loop', false],
      [undefined, false],
    ] as const) {
      const runtime = new Runtime({ threads: 1, cacheDir: false })
      const program = await ownWat('exports', { runtime })
      const controller = new AbortController()
      const instance = await program.instantiate<Functions>({ signal: controller.signal })
      const args = busy === 'sleep' ? [3_600_000n] : []
      const calls =
        busy === undefined ? [] : [callAny(instance, busy, ...args), instance.call('next')]
      if (waits) await delay(10)
      end({ instance, program, runtime, controller })
      for (const call of calls) {
        const outcome = await call
        t.is(outcome.kind, 'abort', `${name}, ${busy}`)
        t.true(
          outcome.kind === 'abort' && check(outcome.reason),
          `${name}, ${busy}: ${inspect(outcome)}`,
        )
      }
      await t.throwsAsync(instance.call('next'), { code: later }, `${name}, ${busy}`)
      await instance[Symbol.asyncDispose]()
      if (name !== 'runtime') t.is(runtime.stats().instances, 0, `${name} ${busy}`)
      await runtime.close()
    }
  }
})

test('calls that were made just before the end of their instance are aborted, wherever it finds them', async (t) => {
  // Whether the core has begun with the calls, has them, or gets them after the end, is a matter of chance.
  for (let round = 0; round < 60; round += 1) {
    const instance = await library()
    const calls = Array.from({ length: 1 + (round % 3) }, () => instance.call('loop'))
    instance[Symbol.dispose]()
    for (const call of calls) {
      const outcome = await call
      t.true(outcome.kind === 'abort' && hasCode('ERR_INSTANCE_CLOSED')(outcome.reason))
    }
  }
})

interface Ways {
  instance: Library
  program: Awaited<ReturnType<typeof ownWat>>
  runtime: Runtime
  controller: AbortController
}

function hasCode(code: string): (error: unknown) => boolean {
  return (error) => error instanceof WasiexecError && error.code === code
}

test('_initialize is called once, and _start is not', async (t) => {
  await using reactor = await (await wat('reactor')).instantiate()
  t.is(await reactor.exports['add']!(1, 2), 3)
  t.is(reactor.initialization.kind, 'returned')
  const command = await (await wat('print-both')).instantiate()
  t.is(command.initialization.stdout.length, 0)
  t.deepEqual(observed(await command.call('_start')), ['exit 2', [], 'out\n', 'err\n'])
})

/** Start sections that end the program. */
const EARLY: [body: string, limits: object, ending: string][] = [
  ['(call $exit (i32.const 0))', {}, 'exit 0'],
  ['(call $exit (i32.const 7))', {}, 'exit 7'],
  ['unreachable', {}, 'trap unreachable'],
  ['(loop $forever (br $forever))', { timeoutMs: 20 }, 'limit timeout'],
  ['(loop $forever (br $forever))', { cpuMs: 20 }, 'limit cpu'],
  ['(loop $forever (br $forever))', { fuel: 1000 }, 'limit fuel'],
  ['(drop (memory.grow (i32.const 1)))', { memoryBytes: 65_536, onMemory: 'stop' }, 'limit memory'],
]

test('a program that ends while it is instantiated rejects with its outcome', async (t) => {
  for (const early of ['(start $main)', '(export "_initialize" (func $main))']) {
    for (const [body, limits, ending] of EARLY) {
      const wat = `(module
        (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
        (memory (export "memory") 1)
        (func $main ${body})
        ${early})`
      const program = await load(Buffer.from(wat), { cache: false })
      const error = await t.throwsAsync<WasiexecError>(program.instantiate({ limits }), {
        code: 'ERR_INSTANTIATE',
        message: /^the program ended while it was instantiated: /,
      })
      t.is(callEnding(error.outcome!), ending, `${early} ${body}`)
      const signal = AbortSignal.timeout(20)
      if (body.includes('loop')) {
        await t.throwsAsync(program.instantiate({ signal }), {
          any: true,
          is: await abortedBy(signal),
        })
      }
    }
  }
})

async function abortedBy(signal: AbortSignal): Promise<unknown> {
  while (!signal.aborted) await delay(5)
  return signal.reason
}

test('what cannot be instantiated is refused by name', async (t) => {
  const cases: [guest: string, options: object, code: string, message: RegExp][] = [
    ['unresolved-import', {}, 'ERR_UNRESOLVED_IMPORT', /env/],
    ['exports', { preopens: { '/': '/missing/folder' } }, 'ERR_PREOPEN', /missing/],
    ['exports', { unknown: 1 }, 'ERR_INVALID_OPTION', /unknown option/],
    ['exports', { limits: { timeoutMs: 0 } }, 'ERR_INVALID_OPTION', /timeoutMs/],
  ]
  for (const [guest, options, code, message] of cases) {
    const program = await wat(guest)
    await t.throwsAsync(program.instantiate(options), { code, message }, guest)
  }
  const wrong = '(module (func (export "_initialize") (param i32)))'
  const program = await load(Buffer.from(wrong), { cache: false })
  await t.throwsAsync(program.instantiate(), { code: 'ERR_NO_ENTRY_POINT', message: /_initialize/ })
  const signal = AbortSignal.abort('before')
  const aborted = await thrown(() => wat('exports').then((it) => it.instantiate({ signal })))
  t.is(aborted, 'before')
})

test('memory is read and written between calls', async (t) => {
  await using instance = await library()
  const { memory } = instance
  t.is(memory.byteLength, 131_072)
  t.is(memory.readString(1024), 'text in memory')
  t.is(memory.readString(1024, 4), 'text')
  t.deepEqual(memory.read(1024, 4), Buffer.from('text'))
  t.is(memory.write(2048, 'gr\u00fc\u00dfe'), 7)
  t.is(memory.readString(2048, 7), 'gr\u00fc\u00dfe')
  t.is(memory.write(131_071, Uint8Array.of(7)), 1)
  t.is(await instance.exports.load(131_071), 7)
  t.is(memory.write(131_072, ''), 0)
  t.is(memory.read(131_072, 0).length, 0)
  await instance.exports.grow(1)
  t.is(memory.byteLength, 196_608)
  t.is(
    memory.read(131_072, 65_536).every((byte) => byte === 0),
    true,
  )
  // Copies: what is read does not change.
  const before = memory.read(2048, 1)
  memory.write(2048, 'x')
  t.deepEqual(before, Buffer.from('g'))
  const outside: (() => unknown)[] = [
    () => memory.read(196_608, 1),
    () => memory.read(196_600, 9),
    () => memory.read(-1, 1),
    () => memory.read(2 ** 53 - 1, 1),
    () => memory.write(196_607, 'ab'),
    () => memory.readString(196_609),
    () => memory.readString(0, 196_609),
  ]
  for (const use of outside) t.throws(use, { code: 'ERR_OUT_OF_BOUNDS' }, String(use))
  // Nothing was written.
  t.is(await instance.exports.load(196_607), 0)
  const bad: (() => unknown)[] = [
    () => memory.read(1.5, 1),
    () => memory.read('0' as unknown as number, 1),
    () => memory.read(0, -1),
    () => memory.read(0, 2 ** 31),
    () => memory.read(2 ** 53, 1),
    () => memory.write(0, 5 as unknown as string),
    () => memory.write(0, '\ud800'),
  ]
  for (const use of bad) t.throws(use, { code: 'ERR_INVALID_OPTION' }, String(use))
  const end = memory.byteLength - 2
  memory.write(end, 'ab')
  t.throws(() => memory.readString(end), { code: 'ERR_OUT_OF_BOUNDS', message: /no byte is 0/ })
})

test('several memories, and memories of 64 bits', async (t) => {
  const wide = await (await wat('memory64')).instantiate()
  t.deepEqual(Object.keys(wide.memories), ['memory', 'wide'])
  t.is(wide.memories['wide']!.write(2n ** 15n, 'text'), 4)
  t.is(wide.memories['wide']!.readString(32_768), 'text')
  t.is(wide.memory.read(32_768, 4).toString(), '\0\0\0\0')
  t.throws(() => wide.memories['wide']!.read(-1n, 1), { code: 'ERR_INVALID_OPTION' })
  t.throws(() => wide.memories['wide']!.read(2n ** 63n, 1), { code: 'ERR_INVALID_OPTION' })
  const none = await (await load(Buffer.from('(module)'), { cache: false })).instantiate()
  t.throws(() => none.memory, {
    code: 'ERR_INVALID_CALL',
    message: /no memory "memory"; it exports none/,
  })
})

test('globals are read and set', async (t) => {
  await using instance = await library()
  const { globals } = instance
  t.deepEqual(globals.names, ['count', 'answer', 'wide', 'half', 'third', 'reference'])
  t.deepEqual(
    ['count', 'answer', 'wide', 'half', 'third'].map((name) => globals.get(name)),
    [0, 42, -1n, 0.5, 0.25],
  )
  globals.set('count', 41)
  t.is(await instance.exports.next(), 42)
  t.is(globals.get('count'), 42)
  globals.set('wide', 2n ** 64n - 2n)
  t.is(globals.get('wide'), -2n)
  globals.set('half', 0.1)
  t.is(globals.get('half'), Math.fround(0.1))
  globals.set('third', 0.1)
  t.is(globals.get('third'), 0.1)
  const bad: [() => unknown, RegExp][] = [
    [() => globals.set('answer', 1), /"answer" is not mutable/],
    [() => globals.set('count', 1n), /the global "count" \(i32\) must be an integer/],
    [() => globals.set('wide', 1), /must be a bigint/],
    [() => globals.get('reference'), /is not a number .* but funcref/],
    [() => globals.set('reference', 1), /is not a number/],
    [() => globals.get('counts'), /no global "counts"; did you mean "count"/],
    [() => globals.get('add'), /"add" is a function, not a global/],
  ]
  for (const [use, message] of bad) t.throws(use, { code: 'ERR_INVALID_CALL', message })
})

test('a name that is not exported is told shortly, and no odd name is proposed', async (t) => {
  const text = '(module (func (export "")) (func (export "x")) (func (export "other")))'
  await using instance = await (await load(Buffer.from(text), { cache: false })).instantiate()
  t.is((await instance.call('')).kind, 'returned')
  const wrong = (name: string): string =>
    t.throws(() => instance.callSync(name), { code: 'ERR_INVALID_CALL' }).message
  const all = 'it exports "", "x", "other"'
  t.is(wrong('unlike'), `the program exports no function "unlike"; ${all}`)
  t.is(wrong('othe'), 'the program exports no function "othe"; did you mean "other"?')
  t.is(wrong('u'.repeat(1e6)), `the program exports no function "${'u'.repeat(80)}…"; ${all}`)
  await using other = await (await load(Buffer.from('(module (func (export "x")))'))).instantiate()
  t.throws(() => other.callSync(''), {
    message: 'the program exports no function ""; it exports "x"',
  })
})

test('callSync, memory and globals wait for nobody', async (t) => {
  const stdin = new PassThrough()
  await using instance = await library({ stdin })
  const uses: (() => unknown)[] = [
    () => instance.callSync('next'),
    () => instance.memory.read(0, 1),
    () => instance.memory.readString(1024),
    () => instance.memory.write(0, 'a'),
    () => instance.memory.byteLength,
    () => instance.globals.get('count'),
    () => instance.globals.set('count', 1),
  ]
  const calling = instance.call('read')
  for (const use of uses) t.throws(use, { code: 'ERR_INSTANCE_BUSY' }, String(use))
  await delay(20)
  for (const use of uses) t.throws(use, { code: 'ERR_INSTANCE_BUSY' }, String(use))
  stdin.end('b')
  t.deepEqual(observed(await calling), ['returned', [98], '', ''])
  t.is(await instance.exports.read(), -1)
  for (const use of uses) t.notThrows(use, String(use))
})

test('callSync is refused while stdin is a stream that this thread would have to read', async (t) => {
  const readable = new PassThrough()
  async function* generated() {
    yield 'a'
  }
  for (const stdin of [readable, generated()]) {
    await using instance = await library({ stdin, limits: { timeoutMs: 10_000 } })
    const refused = {
      code: 'ERR_INSTANCE_BUSY',
      message: /`stdin`, a stream that has not ended and is read by this thread; use `call`/,
    }
    t.throws(() => instance.callSync('read'), refused)
    t.throws(() => instance.callSync('next'), refused)
    readable.end('a')
    t.is(await instance.exports.read(), 97)
    t.is(await instance.exports.read(), -1)
    t.deepEqual(observed(instance.callSync('read')), ['returned', [-1], '', ''])
  }
  await using other = await library({ stdin: 'a' })
  t.deepEqual(observed(other.callSync('read')), ['returned', [97], '', ''])
})

test('a stream gets all that callSync prints, after the call, and later calls wait for it', async (t) => {
  const PIECE = 65_536
  const source = `(module
    (import "wasi_snapshot_preview1" "fd_write" (func $write (param i32 i32 i32 i32) (result i32)))
    (memory (export "memory") 2)
    (data (i32.const 0) "\\10\\00\\00\\00\\00\\00\\01\\00")
    (func (export "print") (param $pieces i32)
      (loop $more
        (drop (call $write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 8)))
        (br_if $more (local.tee $pieces (i32.sub (local.get $pieces) (i32.const 1)))))))`
  const program = await load(Buffer.from(source))
  const stdout = new PassThrough()
  await using instance = await program.instantiate({ stdout, limits: { timeoutMs: 60_000 } })
  let length = 0
  // Nobody reads the stream during the first call.
  t.is(instance.callSync('print', 100).kind, 'returned')
  t.is(stdout.readableLength, 0)
  stdout.on('data', (bytes: Buffer) => (length += bytes.length))
  t.is((await instance.call('print', 50)).kind, 'returned')
  await instance[Symbol.asyncDispose]()
  stdout.end()
  await once(stdout, 'end')
  t.is(length, 150 * PIECE)
})

/** Counts turns of the event loop until it is stopped. */
function loopTurns(): { stop(): number } {
  let turns = 0
  let goesOn = true
  const count = (): void => {
    turns += 1
    if (goesOn) setImmediate(count)
  }
  setImmediate(count)
  return {
    stop: () => {
      goesOn = false
      return turns
    },
  }
}

test('calls and lines one after the other leave the event loop its turns', async (t) => {
  await using instance = await library()
  const calls = loopTurns()
  for (let made = 0; made < 3200; made += 1) await instance.call('next')
  t.true(calls.stop() > 40)
  const guest = (await wat('cat')).spawn()
  const lines = loopTurns()
  const answers = guest.lines()
  for (let given = 0; given < 3200; given += 1) {
    guest.stdin.write(`${given}\n`)
    t.is((await answers.next()).value, `${given}`)
  }
  t.true(lines.stop() > 40)
  guest.stdin.end()
  t.is(ending(await guest.outcome), 'exit 0')
})

test('an instance takes a slot until it ends, and waits for one', async (t) => {
  const runtime = new Runtime({ threads: 1, maxConcurrentRuns: 2, cacheDir: false })
  const program = await ownWat('exports', { runtime })
  const instances = [await program.instantiate(), await program.instantiate()]
  const { instances: taken, running, maxConcurrentRuns } = runtime.stats()
  t.deepEqual({ taken, running, maxConcurrentRuns }, { taken: 2, running: 0, maxConcurrentRuns: 2 })
  let made = false
  const third = program.instantiate<Functions>().then((instance) => {
    made = true
    return instance
  })
  await delay(30)
  t.false(made)
  t.is(runtime.stats().queued, 1)
  await instances[0]![Symbol.asyncDispose]()
  t.is(await (await third).exports.add(1, 2), 3)
  // A call that ends an instance frees its slot, too.
  await instances[1]!.call('trap')
  await (await program.instantiate())[Symbol.asyncDispose]()
  await runtime.close()
})

test('programs that cannot be interrupted', async (t) => {
  const program = await ownWat('exports', { interruptible: false })
  await using instance = await program.instantiate<Functions>()
  const calls = Array.from({ length: 20 }, () => instance.exports.next())
  t.deepEqual(
    await Promise.all(calls),
    Array.from({ length: 20 }, (_, index) => index + 1),
  )
  t.deepEqual(observed(instance.callSync('next')), ['returned', [21], '', ''])
  const timed = instance.with({ limits: { timeoutMs: 10 } })
  await t.throwsAsync(timed.call('next'), { code: 'ERR_INVALID_OPTION', message: /interrupt/ })
  t.is(callEnding(await instance.call('trap')), 'trap unreachable')
  await t.throwsAsync(program.instantiate({ limits: { timeoutMs: 10 } }), {
    code: 'ERR_INVALID_OPTION',
  })
})

test('outcomes of calls print and become JSON', async (t) => {
  await using instance = await library()
  const outcome = await instance.call('same', 1, 2n ** 60n, Infinity, 0.5)
  const json = JSON.parse(JSON.stringify(outcome)) as Record<string, unknown>
  t.like(json, {
    kind: 'returned',
    ok: true,
    values: [1, `${2n ** 60n}`, 'Infinity', 0.5],
    stdout: '',
  })
  t.regex(inspect(outcome), /^Returned \{\n {2}kind: 'returned',\n {2}ok: true,\n {2}values: \[/)
})
