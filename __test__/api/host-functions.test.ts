// Run once more with worker processes, and with each compiler.
import { Readable } from 'node:stream'
import { text } from 'node:stream/consumers'
import { inspect } from 'node:util'
import vm from 'node:vm'
import test from 'ava'
import fc from 'fast-check'
import {
  Runtime,
  WasiexecError,
  ProgramError,
  describeOutcome,
  inProcesses,
  load,
  orThrow,
  type CallingGuest,
  type HostError,
  type HostedRunSyncOptions,
  type Imports,
  type Outcome,
  type Program,
} from '../support/package.ts'
import { deferred, ending, numbers, observed, refusal, until, wat } from '../support/guest.ts'
import { withMoreTime } from '../support/patience.ts'
import { calling, module, printing } from '../support/host.ts'

/** The ways to run something with host functions that return at once. */
const WAYS: Record<
  string,
  (program: Program, options: HostedRunSyncOptions) => Promise<Outcome | HostError>
> = {
  run: (program, options) => program.run(options),
  runSync: async (program, options) => program.runSync(options),
  batch: async (program, { imports, ...options }) => {
    const results = program.batch([options], { defaults: { imports } })
    for await (const { outcome, error } of results) {
      if (error !== undefined) throw error
      return outcome
    }
    throw new Error('a batch without a result')
  },
  'a job with functions of its own': async (program, options) => {
    const others = { env: { f: () => 'another function' } }
    for await (const result of program.batch([options], { defaults: { imports: others } })) {
      if (result.error !== undefined) throw result.error
      return result.outcome
    }
    throw new Error('a batch without a result')
  },
}

function hostError(outcome: Outcome | HostError): HostError {
  if (outcome.kind !== 'host-error') throw new Error(`not a host error but ${ending(outcome)}`)
  return outcome
}

/** Throws for whatever is done with it, also for `instanceof`. */
function revokedProxy(): object {
  const { proxy, revoke } = Proxy.revocable({}, {})
  revoke()
  return proxy
}

/** What promises are awaited as, and no promise. */
function thenable(
  then: (resolve: (value: unknown) => void, reject: (error: unknown) => void) => void,
): object {
  return withThen({ value: then })
}

function withThen(property: PropertyDescriptor): object {
  // oxlint-disable-next-line unicorn/no-thenable -- it is what this tests
  return Object.defineProperty({}, 'then', property)
}

/** For each type: what a guest is given and what it then gives. */
const VALUES: Record<string, readonly (readonly [unknown, unknown])[]> = {
  i32: [
    [0, 0],
    [-0, 0],
    [1, 1],
    [-1, -1],
    [2 ** 31 - 1, 2 ** 31 - 1],
    [-(2 ** 31), -(2 ** 31)],
    [2 ** 31, -(2 ** 31)],
    [2 ** 32 - 1, -1],
  ],
  i64: [
    [0n, 0n],
    [-1n, -1n],
    [2n ** 53n + 1n, 2n ** 53n + 1n],
    [2n ** 63n - 1n, 2n ** 63n - 1n],
    [-(2n ** 63n), -(2n ** 63n)],
    [2n ** 63n, -(2n ** 63n)],
    [2n ** 64n - 1n, -1n],
  ],
  f32: [
    [0, 0],
    [-0, -0],
    [0.1, Math.fround(0.1)],
    [1e300, Infinity],
    [-Infinity, -Infinity],
    [NaN, NaN],
  ],
  f64: [
    [0.1, 0.1],
    [-0, -0],
    [Number.MIN_VALUE, Number.MIN_VALUE],
    [Number.MAX_VALUE, Number.MAX_VALUE],
    [-Infinity, -Infinity],
    [NaN, NaN],
  ],
}

for (const [way, start] of Object.entries(WAYS)) {
  for (const [type, values] of Object.entries(VALUES)) {
    test(`${way}: every ${type} crosses in both directions`, async (t) => {
      const program = await module(`
        (import "env" "give" (func $give (result ${type})))
        (import "env" "take" (func $take (param ${type})))
        (func (export "_start") (call $take (call $give)))`)
      for (const [given, expected] of values) {
        const taken: unknown[] = []
        const imports = { env: { give: () => given, take: (value: unknown) => taken.push(value) } }
        t.is(ending(await start(program, { imports })), 'exit 0')
        t.is(taken.length, 1)
        t.true(Object.is(taken[0], expected), `${inspect(given)} became ${inspect(taken[0])}`)
      }
    })
  }

  test(`${way}: many parameters and results keep their order`, async (t) => {
    const types = ['i32', 'i64', 'f32', 'f64', 'i64', 'i32']
    const program = await module(`
      (import "env" "give" (func $give (result ${types.join(' ')})))
      (import "env" "take" (func $take (param ${types.join(' ')})))
      (func (export "_start") (call $take (call $give)))`)
    const values = [1, 2n, 3.5, 4.25, -5n, -6]
    let taken: unknown[] = []
    const take = (...all: unknown[]): void => void (taken = all.slice(0, -1))
    const imports = { env: { give: () => values, take } }
    t.is(ending(await start(program, { imports })), 'exit 0')
    t.deepEqual(taken, values)
  })

  test(`${way}: what a function throws ends the run, and is in the outcome as it was thrown`, async (t) => {
    const program = await module(
      `(import "env" "f" (func $f)) ${printing('before')}
       (func (export "_start") (call $print) (call $f) (call $print))`,
    )
    for (const thrown of [
      new Error('oh'),
      new WasiexecError('ERR_JOB', 'x'),
      'text',
      0,
      null,
      undefined,
      revokedProxy(),
    ]) {
      const imports = {
        env: {
          f: () => {
            throw thrown
          },
        },
      }
      const outcome = hostError(await start(program, { imports }))
      // Not `t.is`, which looks into both.
      t.true(outcome.error === thrown)
      t.false(outcome.ok)
      t.deepEqual(observed(outcome), ['host-error', 'before', ''])
      t.true(outcome.usage.wallMs >= 0)
    }
  })

  test(`${way}: a function gets the memory of its caller, as long as it runs`, async (t) => {
    const program = await module(`
      (import "env" "f" (func $f (param i32 i32) (result i32)))
      (memory (export "memory") 1 4)
      (data (i32.const 100) "hällo\\ff")
      (func (export "_start")
        (if (i32.ne (call $f (i32.const 100) (i32.const 7)) (i32.const 7)) (then unreachable))
        (if (i32.ne (i32.load (i32.const 200)) (i32.const 0x04030201)) (then unreachable))
        (drop (memory.grow (i32.const 2)))
        (i32.store8 (i32.const 0x2ffff) (i32.const 9))
        (drop (call $f (i32.const 0x2fff9) (i32.const 7))))`)
    const callers: CallingGuest[] = []
    const seen: unknown[] = []
    const imports = {
      env: {
        f: (pointer: number, length: number, caller: CallingGuest) => {
          const { memory } = caller
          callers.push(caller)
          seen.push(memory.byteLength, memory.readString(pointer, length))
          seen.push([...memory.read(pointer, 2)], [...memory.read(BigInt(pointer), length)].at(-1))
          memory.write(200, Uint8Array.of(1, 2, 3, 4))
          return length
        },
      },
    }
    t.is(ending(await start(program, { imports })), 'exit 0')
    const zeros = '\0'.repeat(6)
    t.deepEqual(seen, [65536, 'hällo\uFFFD', [104, 195], 255, 3 * 65536, `${zeros}\t`, [0, 0], 9])
    for (const { memory } of callers) {
      for (const late of [
        () => memory.byteLength,
        () => memory.read(0, 1),
        () => memory.readString(0, 1),
        () => memory.write(0, Uint8Array.of(1)),
      ]) {
        t.is((await refusal(late)).code, 'ERR_CALL_ENDED')
      }
    }
  })

  test(`${way}: bytes outside of the memory are refused and nothing is written`, async (t) => {
    const program = await module(`
      (import "env" "f" (func $f))
      (memory (export "memory") 1)
      (func (export "_start")
        (call $f)
        (if (i32.load (i32.const 65532)) (then unreachable)))`)
    const attempts: [string, (memory: CallingGuest['memory']) => unknown][] = [
      ['ERR_OUT_OF_BOUNDS', (memory) => memory.read(65536, 1)],
      ['ERR_OUT_OF_BOUNDS', (memory) => memory.read(65535, 2)],
      ['ERR_OUT_OF_BOUNDS', (memory) => memory.read(0, 65537)],
      ['ERR_OUT_OF_BOUNDS', (memory) => memory.read(0, 2 ** 53 - 1)],
      ['ERR_OUT_OF_BOUNDS', (memory) => memory.read(-1, 1)],
      ['ERR_OUT_OF_BOUNDS', (memory) => memory.read(2 ** 53 - 1, 1)],
      ['ERR_OUT_OF_BOUNDS', (memory) => memory.read(-1n, 1)],
      ['ERR_OUT_OF_BOUNDS', (memory) => memory.read(2n ** 64n - 1n, 1)],
      ['ERR_OUT_OF_BOUNDS', (memory) => memory.readString(65535, 2)],
      ['ERR_OUT_OF_BOUNDS', (memory) => memory.readString(1, 70_000)],
      ['ERR_OUT_OF_BOUNDS', (memory) => memory.write(65533, new Uint8Array(4).fill(255))],
      ['ERR_OUT_OF_BOUNDS', (memory) => memory.write(-4, new Uint8Array(4))],
      ['ERR_INVALID_OPTION', (memory) => memory.read(2n ** 64n, 1)],
      ['ERR_INVALID_OPTION', (memory) => memory.read(-(2n ** 63n) - 1n, 1)],
      ['ERR_INVALID_OPTION', (memory) => memory.read(0.5, 1)],
      ['ERR_INVALID_OPTION', (memory) => memory.read(NaN, 1)],
      ['ERR_INVALID_OPTION', (memory) => memory.read('0' as never, 1)],
      ['ERR_INVALID_OPTION', (memory) => memory.read(0, -1)],
      ['ERR_INVALID_OPTION', (memory) => memory.read(0, 1.5)],
      ['ERR_INVALID_OPTION', (memory) => memory.write(0, 'text' as never)],
    ]
    const refused: string[] = []
    const f = ({ memory }: CallingGuest): void => {
      for (const [, attempt] of attempts) {
        try {
          attempt(memory)
          refused.push('nothing')
        } catch (error) {
          refused.push((error as WasiexecError).code)
        }
      }
      t.is(memory.read(65536, 0).length, 0)
      memory.write(65536, new Uint8Array())
    }
    t.is(ending(await start(program, { imports: { env: { f } } })), 'exit 0')
    t.deepEqual(
      refused,
      attempts.map(([code]) => code),
    )
  })

  test(`${way}: wrong results are errors that name the function and its type`, async (t) => {
    const wrong: Record<string, unknown[]> = {
      i32: [undefined, null, '1', 1n, true, NaN, 0.5, Infinity, 2 ** 32, -(2 ** 31) - 1, [1], {}],
      i64: [undefined, null, '1', 1, true, 2n ** 64n, -(2n ** 63n) - 1n, [1n], {}],
      f32: [undefined, null, '1', 1n, true, [1], {}],
      f64: [undefined, null, '1', 1n, true, [1], {}],
      'i32 i64': [
        undefined,
        1,
        [],
        [1],
        [1, 2n, 3],
        [1n, 1],
        [1, undefined],
        '12',
        new Set([1, 2n]),
      ],
    }
    for (const [types, values] of Object.entries(wrong)) {
      const results = types.split(' ')
      const program = await module(calling(['i64'], results))
      for (const value of values) {
        const outcome = await start(program, { imports: { env: { f: () => value } } })
        const { error } = hostError(outcome)
        t.true(error instanceof WasiexecError, inspect(value))
        const { code, message } = error as WasiexecError
        t.is(code, 'ERR_HOST_FUNCTION')
        const type = results.length === 1 ? types : '(i32, i64)'
        t.true(message.startsWith(`the host function env.f (i64) -> ${type} must return `), message)
      }
    }
  })

  test(`${way}: what a function without results returns is ignored`, async (t) => {
    const program = await module(calling([], []))
    for (const value of [undefined, null, 1, 'text', {}, [1, 2]]) {
      t.is(ending(await start(program, { imports: { env: { f: () => value } } })), 'exit 0')
    }
  })

  test(`${way}: a function of a start section is called`, async (t) => {
    const program = await module(`
      (import "env" "f" (func $f (param i32)))
      (memory (export "memory") 1)
      (func $start (call $f (i32.const 7)))
      (start $start)`)
    const seen: unknown[] = []
    const f = (value: number, { memory }: CallingGuest): void =>
      void seen.push(value, memory.byteLength)
    t.is(ending(await start(program, { imports: { env: { f } } })), 'exit 0')
    t.deepEqual(seen, [7, 65536])
  })

  test(`${way}: programs that cannot be interrupted, and runs with fuel, call functions too`, async (t) => {
    const text = calling(['i32'], ['i32'])
    const slow = await module(text, { interruptible: false })
    const f = (value: number): number => value + 1
    t.is(ending(await start(slow, { imports: { env: { f } } })), 'exit 0')
    const fueled = await start(await module(text), {
      imports: { env: { f } },
      limits: { fuel: 1000 },
    })
    t.is(ending(fueled), 'exit 0')
  })

  test(`${way}: hostile names are looked up among the given functions alone`, async (t) => {
    const names = ['__proto__', 'constructor', 'toString', 'hasOwnProperty', 'then', '']
    for (const [module_, name] of names.flatMap((a) => names.map((b) => [a, b] as const))) {
      const program = await module(
        `(import "${module_}" "${name}" (func $f)) (func (export "_start") (call $f))`,
      )
      for (const given of [{}, { [module_]: {} }, { env: {} }]) {
        const { code } = await refusal(start(program, { imports: given }))
        t.is(code, 'ERR_UNRESOLVED_IMPORT', `${module_}.${name}`)
      }
      let calls = 0
      // As `JSON.parse` makes them: own properties of whatever name.
      const functions = Object.defineProperty({}, name, {
        value: () => (calls += 1),
        enumerable: true,
      })
      const imports = Object.defineProperty({}, module_, { value: functions, enumerable: true })
      t.is(ending(await start(program, { imports })), 'exit 0')
      t.is(calls, 1)
    }
  })

  test(`${way}: functions beyond what the program imports are left out`, async (t) => {
    const never = (): never => {
      throw new Error('nobody calls this')
    }
    const imports = { env: { f: () => 1, other: never }, more: { never }, none: undefined }
    t.is(ending(await start(await module(calling([], ['i32'])), { imports })), 'exit 0')
    t.deepEqual(observed(await start(await wat('hello'), { imports })), ['exit 0', 'hello\n', ''])
  })
}

test('each property of imports is read once, and no prototype is looked at', async (t) => {
  const program = await module(calling([], ['i32']))
  const read: string[] = []
  const given = {
    get env() {
      read.push('env')
      return {
        get f() {
          read.push('f')
          return () => 1
        },
      }
    },
  }
  t.is(ending(await program.run({ imports: given })), 'exit 0')
  t.is(ending(program.runSync({ imports: given })), 'exit 0')
  t.deepEqual(read, ['env', 'f', 'env', 'f'])
  class Inherited {
    f(): number {
      return 1
    }
  }
  const { code, message } = await refusal(
    program.run({ imports: { env: new Inherited() as never } }),
  )
  t.is(code, 'ERR_UNRESOLVED_IMPORT')
  t.regex(
    message,
    /: env\.f \(function \(\) -> i32\), `imports\.env` is an Inherited without functions of its own, and methods of a class are not taken$/,
  )
  class Own {
    f = (): number => 1
  }
  t.is(ending(await program.run({ imports: { env: new Own() as never } })), 'exit 0')
  const thrown = new Error('getter')
  const bad = {
    get env(): never {
      throw thrown
    },
  }
  t.is((await refusal(program.run({ imports: bad }))).message, 'getter')
  t.is((await refusal(() => program.runSync({ imports: bad }))).message, 'getter')
})

test('what is not an object of objects of functions is refused by name', async (t) => {
  const program = await module(calling([], []))
  const bad: [unknown, RegExp][] = [
    [null, /^`imports` must be an object/],
    [1, /^`imports` must be an object/],
    [[], /^`imports` must be an object/],
    [new Map(), /^`imports` must be an object with names as keys/],
    [{ env: 1 }, /^`imports\.env` must be an object, got 1$/],
    [{ env: { f: 1 } }, /^`imports\.env\.f` must be a function, got 1$/],
    [{ env: { f: null } }, /^`imports\.env\.f` must be a function, got null$/],
    [{ env: { f() {}, memory: new ArrayBuffer(1) } }, /^`imports\.env\.memory` must be a function/],
  ]
  for (const [imports, message] of bad) {
    for (const attempt of [
      program.run({ imports } as never),
      () => program.runSync({ imports } as never),
      () => program.check({ imports } as never),
      () => program.batch([], { defaults: { imports } } as never),
    ]) {
      const refused = await refusal(attempt as () => unknown)
      t.is(refused.code, 'ERR_INVALID_OPTION')
      t.regex(refused.message, message)
    }
  }
  // A component may import functions without a module. So only the program tells whether this is wrong.
  const refused = await refusal(program.run({ imports: { env: () => {} } }))
  t.is(refused.message, '`imports.env` must be an object, got a function')
  t.is(ending(await program.run({ imports: { env: { f: () => {}, g: undefined } } })), 'exit 0')
})

test('imports are checked against the program before anything starts', async (t) => {
  const f = (): void => {}
  const cases: [text: string, imports: Imports, message: string][] = [
    [
      calling(['i32'], ['i64']),
      { env: {} },
      '`imports` lacks what "guest" imports: env.f (function (i32) -> i64)',
    ],
    [
      '(import "env" "fetchRow" (func (param i32)))',
      { env: { fetch_row: f, other: f } },
      '`imports` lacks what "guest" imports: env.fetchRow (function (i32)), `imports.env.fetch_row` was given: did you mean `imports.env.fetchRow`?',
    ],
    [
      '(import "env" "a" (func)) (import "env" "b" (func (result f32 f64)))',
      { env: { zzzz: f } },
      '`imports` lacks what "guest" imports: env.a (function ()), given are zzzz; env.b (function () -> (f32, f64)), given are zzzz',
    ],
    [
      '(import "env" "f" (func))',
      { host: { f } },
      '`imports` lacks what "guest" imports: env.f (function ()), `imports.host.f` was given: did you mean `imports.env.f`?',
    ],
    [
      '(import "env" "f" (func))',
      { envs: { g: f } },
      '`imports` lacks what "guest" imports: env.f (function ()), `imports.envs` was given: did you mean `imports.env`?',
    ],
    // What is imported under its own name is not meant for another.
    [
      '(import "env" "get" (func)) (import "env" "get_row" (func))',
      { env: { get: f } },
      '`imports` lacks what "guest" imports: env.get_row (function ()), given are get',
    ],
    [
      '(import "host1" "f" (func)) (import "host2" "f" (func))',
      { host1: { f } },
      '`imports` lacks what "guest" imports: host2.f (function ())',
    ],
    [
      '(import "env" "get" (func)) (import "env" "get_row" (func))',
      { env: { get: f, get_rows: f } },
      '`imports` lacks what "guest" imports: env.get_row (function ()), `imports.env.get_rows` was given: did you mean `imports.env.get_row`?',
    ],
    [
      '(import "env" "memory" (memory 1))',
      { env: { memory: f } },
      '`imports` lacks what "guest" imports: env.memory (memory 1 page or more), which only a guest can have',
    ],
    [
      '(import "env" "t" (table 1 funcref)) (import "env" "g" (global i32))',
      { env: { t: f, g: f } },
      '`imports` lacks what "guest" imports: env.t (table 1 element or more of (ref null func)), which only a guest can have; env.g (global i32), which only a guest can have',
    ],
    [
      '(import "env" "v" (func (param v128)))',
      { env: { v: f } },
      '`imports` lacks what "guest" imports: env.v (function (v128)), which only a guest can have',
    ],
  ]
  for (const [text, imports, message] of cases) {
    const program = await module(
      text.includes('_start') ? text : `${text} (func (export "_start"))`,
    )
    for (const attempt of [
      program.run({ imports }),
      () => program.runSync({ imports }),
      () => program.check({ imports }),
    ]) {
      t.like(await refusal(attempt), { code: 'ERR_UNRESOLVED_IMPORT', message })
    }
    for await (const { error } of program.batch([{}], { defaults: { imports } })) {
      t.like(error, { code: 'ERR_UNRESOLVED_IMPORT', message })
    }
  }
})

test('a function of WASI cannot be replaced', async (t) => {
  const imports = { wasi_snapshot_preview1: { fd_write: () => 0 } }
  const hello = await wat('hello')
  t.like(await refusal(hello.run({ imports })), {
    code: 'ERR_INVALID_OPTION',
    message:
      '`imports.wasi_snapshot_preview1.fd_write` must be absent: wasiexec provides this function of WASI itself',
  })
  // One that WASI does not have may be in its module.
  const own = await module(`
    (import "wasi_snapshot_preview1" "sock_open" (func $open (result i32)))
    (func (export "_start") (drop (call $open)))`)
  const given = { wasi_snapshot_preview1: { sock_open: () => 58, fd_write: () => 0 } }
  t.is(ending(await own.run({ imports: given })), 'exit 0')
  const component = await wat('component-hello')
  t.is(ending(await component.run({ imports: {} })), 'exit 0')
  for (const { name } of component.imports) {
    const refused = await refusal(component.run({ imports: { [name]: {} } }))
    t.is(refused.code, 'ERR_INVALID_OPTION')
    t.is(
      refused.message,
      `\`imports['${name}']\` must be absent: wasiexec provides this interface of WASI itself`,
    )
  }
})

test('without imports a program that needs some is refused as before', async (t) => {
  const program = await module(calling([], []))
  for (const attempt of [program.run(), () => program.runSync()]) {
    const { code, message } = await refusal(attempt)
    t.is(code, 'ERR_UNRESOLVED_IMPORT')
    t.regex(
      message,
      /^unresolved imports: env\.f \(function \(\)\); available modules: .*; functions of a host are given in `imports`$/,
    )
  }
})

test('an import that is there twice is one function, and with two types it is refused', async (t) => {
  const twice = await module(`
    (import "env" "f" (func $a)) (import "env" "f" (func $b))
    (func (export "_start") (call $a) (call $b))`)
  let calls = 0
  const imports = { env: { f: () => (calls += 1) } }
  t.is(ending(await twice.run({ imports })), 'exit 0')
  t.is(calls, 2)
  const mixed = await module(`
    (import "env" "f" (func $a)) (import "env" "f" (func $b (param i32)))
    (func (export "_start") (call $a))`)
  t.is((await refusal(mixed.run({ imports }))).code, 'ERR_UNRESOLVED_IMPORT')
  t.is((await refusal(() => mixed.runSync({ imports }))).code, 'ERR_UNRESOLVED_IMPORT')
})

test('a promise or thenable suspends the guest and gives its value', async (t) => {
  const program = await module(calling(['i32'], ['i64']))
  const results: unknown[] = [
    Promise.resolve(1n),
    new Promise((resolve) => setImmediate(resolve, 2n)),
    thenable((resolve) => resolve(3n)),
    thenable((resolve) => void setTimeout(resolve, 1, 4n)),
  ]
  for (const result of results) {
    t.is(ending(await program.run({ imports: { env: { f: () => result } } })), 'exit 0')
  }
  const oh = new Error('oh')
  const fail = (): never => {
    throw oh
  }
  const rejections: unknown[] = [
    Promise.reject(oh),
    withThen({ get: fail }),
    thenable(fail),
    thenable((_, reject) => reject(oh)),
  ]
  for (const result of rejections) {
    t.is(hostError(await program.run({ imports: { env: { f: () => result } } })).error, oh)
  }
  const { error } = hostError(await program.run({ imports: { env: { f: async () => 'text' } } }))
  t.is((error as WasiexecError).code, 'ERR_HOST_FUNCTION')
})

test('a promise in runSync is refused with advice', async (t) => {
  const program = await module(calling([], ['i32']))
  for (const f of [
    async () => 1,
    async () => Promise.reject(new Error('unseen')),
    () => thenable(() => {}),
  ]) {
    const { error } = hostError(program.runSync({ imports: { env: { f } } }))
    t.is((error as WasiexecError).code, 'ERR_HOST_FUNCTION')
    t.regex(
      (error as WasiexecError).message,
      /^the host function env\.f returned a promise, .*use `run`/,
    )
  }
})

test('an async function has the memory of its caller until its promise settles', async (t) => {
  const program = await module(`
    (import "env" "f" (func $f (result i32)))
    (memory (export "memory") 1)
    (func (export "_start")
      (i32.store8 (i32.const 0) (call $f))
      (if (i32.ne (i32.load8_u (i32.const 1)) (i32.const 42)) (then unreachable)))`)
  let late: CallingGuest | undefined
  const f = async (caller: CallingGuest): Promise<number> => {
    late = caller
    await new Promise(setImmediate)
    caller.memory.write(1, Uint8Array.of(42))
    return caller.memory.byteLength / 65536
  }
  const runs = numbers(20).map(() => program.run({ imports: { env: { f } } }))
  for (const outcome of await Promise.all(runs)) t.is(ending(outcome), 'exit 0')
  t.is((await refusal(() => late!.memory.byteLength)).code, 'ERR_CALL_ENDED')
})

test('a guest that exports no memory has none', async (t) => {
  const program = await module(`${calling([], [])} (memory (export "other") 1)`)
  const f = ({ memory }: CallingGuest): number => memory.byteLength
  const { error } = hostError(await program.run({ imports: { env: { f } } }))
  t.like(error, { code: 'ERR_OUT_OF_BOUNDS' })
})

test('a host error is total: orThrow, describeOutcome, JSON, copies', async (t) => {
  const program = await module(calling([], []))
  const failed = async (thrown: unknown): Promise<HostError> => {
    const f = (): never => {
      throw thrown
    }
    return hostError(await program.run({ imports: { env: { f } } }))
  }
  const oh = new TypeError('oh')
  const outcome = await failed(oh)
  const thrown = t.throws(() => orThrow(outcome), { instanceOf: ProgramError })
  t.is(thrown.message, 'a host function threw: oh')
  t.is(thrown.cause, oh)
  t.is(thrown.outcome, outcome as never)
  t.deepEqual(Object.keys(outcome), ['kind', 'ok', 'error', 'stdout', 'stderr', 'usage'])
  const json = JSON.parse(JSON.stringify(outcome))
  t.like(json, {
    kind: 'host-error',
    ok: false,
    error: { name: 'TypeError', message: 'oh' },
    stdout: '',
  })
  t.is(describeOutcome(json), 'a host function threw: oh')
  t.is({ ...outcome }.error, oh)
  t.true(inspect(outcome).startsWith('HostError {'))
  const described: [unknown, string][] = [
    ['text', 'a host function threw: text'],
    [undefined, 'a host function threw'],
    [null, 'a host function threw'],
    [1n, 'a host function threw'],
    [{ message: 1 }, 'a host function threw'],
    [
      {
        get message() {
          throw oh
        },
      },
      'a host function threw',
    ],
  ]
  for (const [value, text] of described) t.is(describeOutcome(await failed(value)), text)
})

test('a host error and an abort are JSON whatever was thrown', async (t) => {
  const circle: { self?: unknown } = {}
  circle.self = circle
  const unwilling = {
    toJSON() {
      throw new Error('no')
    },
  }
  const error = Object.assign(new WasiexecError('ERR_JOB', 'oh'), { size: 1n })
  const cases: [unknown, unknown][] = [
    [1n, '1'],
    ['text', 'text'],
    [null, null],
    [Symbol('s'), undefined],
    [{ size: 1 }, { size: 1 }],
    [circle, '[object Object]'],
    [unwilling, '[object Object]'],
    [error, { name: 'WasiexecError', message: 'oh', code: 'ERR_JOB' }],
    [Object.assign(new Error('x'), { message: { toString: undefined } }), '[object]'],
    [revokedProxy(), '[object]'],
  ]
  const program = await module(calling([], []))
  const loop = await wat('loop')
  for (const [thrown, expected] of cases) {
    const f = (): never => {
      throw thrown
    }
    const failed = hostError(await program.run({ imports: { env: { f } } }))
    const aborted = await loop.run({ signal: AbortSignal.abort(thrown) })
    t.deepEqual(JSON.parse(JSON.stringify(failed)).error, expected)
    t.deepEqual(JSON.parse(JSON.stringify(aborted)).reason, expected)
  }
  const { reason } = JSON.parse(JSON.stringify(await loop.run({ signal: AbortSignal.abort() })))
  t.deepEqual(reason, { name: 'AbortError', message: 'This operation was aborted' })
})

test('a batch gives each run its functions, and counts host errors', async (t) => {
  const program = await module(calling(['i32'], ['i32']))
  const plain = await wat('hello')
  let shared = 0
  const f = (): number => {
    shared += 1
    if (shared % 10 === 0) throw new Error(`call ${shared}`)
    return shared
  }
  const own = (): Promise<number> => Promise.resolve(1)
  const jobs = numbers(300).map((id) =>
    id % 3 === 0
      ? { id, imports: { env: { f: own } } }
      : id % 3 === 1
        ? { id }
        : { id, program: plain },
  )
  const batch = program.batch(jobs, { defaults: { imports: { env: { f } } }, concurrency: 50 })
  const endings: string[] = []
  for await (const { id, outcome, error } of batch) {
    t.is(id, endings.length)
    endings.push(error?.code ?? ending(outcome!))
  }
  t.is(shared, 100)
  t.is(endings.filter((text) => text === 'host-error').length, 10)
  t.is(endings.filter((text) => text === 'exit 0').length, 290)
  t.deepEqual((await batch.summary).kinds, {
    exit: 290,
    trap: 0,
    limit: 0,
    abort: 0,
    error: 0,
    'host-error': 10,
  })
})

test('time in a host function counts for timeoutMs and not for cpuMs', async (t) => {
  const program = await module(calling([], ['i32']))
  const busy = (): number => {
    const end = performance.now() + 120
    while (performance.now() < end);
    return 1
  }
  const later = (): Promise<number> => new Promise((resolve) => setTimeout(resolve, 120, 1))
  for (const [f, start] of [
    [busy, WAYS['runSync']!],
    [busy, WAYS['run']!],
    [later, WAYS['run']!],
  ] as const) {
    const imports = { env: { f } }
    const free = await start(program, { imports, limits: { cpuMs: 60 } })
    t.is(ending(free), 'exit 0')
    t.true(free.usage.wallMs >= 119, `${free.usage.wallMs}`)
    t.true(free.usage.cpuMs < 60, `${free.usage.cpuMs}`)
    t.is(ending(await start(program, { imports, limits: { timeoutMs: 60 } })), 'limit timeout')
  }
})

test('a run whose function never answers ends at its deadline, and its late result is ignored', async (t) => {
  const program = await module(
    `(import "env" "f" (func $f (result i32))) ${printing('before')}
     (func (export "_start") (call $print) (drop (call $f)) (call $print))`,
  )
  for (const settle of ['resolve', 'reject'] as const) {
    const answer = deferred<number>()
    let caller: CallingGuest | undefined
    const f = (given: CallingGuest): Promise<number> => {
      caller = given
      return answer.promise
    }
    const outcome = await withMoreTime(
      50,
      (timeoutMs) => program.run({ imports: { env: { f } }, limits: { timeoutMs } }),
      () => caller !== undefined,
    )
    t.deepEqual(observed(outcome), ['limit timeout', 'before', ''])
    t.is((await refusal(() => caller!.memory.byteLength)).code, 'ERR_CALL_ENDED')
    answer[settle](1)
    await new Promise(setImmediate)
    t.is((await refusal(() => caller!.memory.read(0, 1))).code, 'ERR_CALL_ENDED')
  }
})

test('signal, dispose and the end of a batch abort a run that waits for a function', async (t) => {
  const text = calling([], ['i32'])
  let called = 0
  const f = (): Promise<number> => {
    called += 1
    return new Promise(() => {})
  }
  const imports = { env: { f } }
  const program = await module(text)
  const controller = new AbortController()
  const run = program.run({ imports, signal: controller.signal })
  await until(() => called === 1)
  controller.abort('enough')
  const outcome = await run
  t.is(outcome.kind === 'abort' && outcome.reason, 'enough')

  const batchControl = new AbortController()
  const batch = program.batch([{}, {}], {
    defaults: { imports },
    concurrency: 2,
    signal: batchControl.signal,
  })
  const endings = (async () => {
    const all: string[] = []
    for await (const { outcome: ended } of batch) all.push(ending(ended!))
    return all
  })()
  await until(() => called === 3)
  batchControl.abort()
  t.deepEqual(await endings, ['abort', 'abort'])

  const own = await module(`${text} (; another ;)`)
  const last = own.run({ imports })
  await until(() => called === 4)
  own[Symbol.dispose]()
  t.is(ending(await last), 'abort')
})

test('a signal that aborts while a sync function runs ends the run after it', async (t) => {
  const program = await module(calling([], ['i32']))
  const controller = new AbortController()
  const f = (): number => {
    controller.abort('inside')
    return 1
  }
  const outcome = await program.run({ imports: { env: { f } }, signal: controller.signal })
  t.is(outcome.kind === 'abort' ? outcome.reason : ending(outcome), 'inside')
})

test('a host function may start runs and wait for them', async (t) => {
  const program = await module(calling([], ['i32']))
  const hello = await wat('hello')
  const inner: Promise<Outcome>[] = []
  const f = (): number => {
    inner.push(hello.run())
    return 1
  }
  t.is(ending(program.runSync({ imports: { env: { f } } })), 'exit 0')
  t.is(ending(await program.run({ imports: { env: { f } } })), 'exit 0')
  for (const outcome of await Promise.all(inner)) t.is(ending(outcome), 'exit 0')
  // On the event loop no thread waits.
  const nested = (): number => hello.runSync().stdout.length
  t.is(ending(await program.run({ imports: { env: { f: nested } } })), 'exit 0')
  const deep = async (): Promise<number> => {
    const outcome = await program.run({ imports: { env: { f } } })
    return outcome.ok ? 1 : 0
  }
  t.is(ending(await program.run({ imports: { env: { f: deep } } })), 'exit 0')
})

test('a thread that waits can wait for a run inside of a run, where there is a slot', async (t) => {
  await using runtime = new Runtime({ threads: 1, maxConcurrentRuns: 3 })
  const text = new TextEncoder().encode(
    `(module ${calling([], ['i32'])} (memory (export "memory") 1))`,
  )
  const program = await load(text, { runtime, cache: false })
  let depth = 0
  const f = (caller: CallingGuest): number => {
    depth += 1
    const inner = program.runSync({ imports: { env: { f } } })
    t.is(caller.memory.byteLength, 65536)
    if (inner.kind === 'host-error') throw inner.error
    return 1
  }
  const { error } = hostError(program.runSync({ imports: { env: { f } } }))
  t.is((error as WasiexecError).code, 'ERR_NESTED_RUN')
  t.is(depth, inProcesses ? 1 : 3)
  const leaf = (): number => 1
  const once = (): number => {
    t.is(ending(program.runSync({ imports: { env: { f: leaf } } })), 'exit 0')
    return 1
  }
  if (!inProcesses) t.is(ending(program.runSync({ imports: { env: { f: once } } })), 'exit 0')
  const slow = await load(text, { runtime, cache: false, interruptible: false })
  const wait = (): number => slow.runSync({ imports: { env: { f: leaf } } }).stdout.length
  const refused = hostError(program.runSync({ imports: { env: { f: wait } } }))
  t.is((refused.error as WasiexecError).code, 'ERR_NESTED_RUN')
  t.is(ending(program.runSync({ imports: { env: { f: leaf } } })), 'exit 0')
})

test.serial('a script that is terminated in a host function leaves nothing behind', async (t) => {
  const program = await module(calling([], ['i32']))
  const endless = { imports: { env: { f: () => 1 } } }
  const context = vm.createContext({ program, options: endless })
  // The function is of the context, so that the time limit is met inside of it.
  const script = 'options.imports.env.f = () => { for (;;); }; program.runSync(options)'
  t.throws(() => vm.runInContext(script, context, { timeout: 20 }), {
    code: 'ERR_SCRIPT_EXECUTION_TIMEOUT',
  })
  await new Promise(setImmediate)
  t.is(ending(program.runSync({ imports: { env: { f: () => 1 } } })), 'exit 0')
})

test('many runs at a time call functions that wait for each other', async (t) => {
  const program = await module(`
    (import "env" "f" (func $f (param i32) (result i32)))
    (func (export "_start") (local $i i32)
      (loop $again
        (if (i32.ne (call $f (local.get $i)) (local.get $i)) (then unreachable))
        (local.set $i (i32.add (local.get $i) (i32.const 1)))
        (br_if $again (i32.lt_u (local.get $i) (i32.const 5)))))`)
  let waiting: (() => void)[] = []
  const RUNS = 100
  const f = (value: number): Promise<number> =>
    new Promise((resolve) => {
      waiting.push(() => resolve(value))
      if (waiting.length < RUNS) return
      const all = waiting
      waiting = []
      for (const go of all) go()
    })
  const runs = numbers(RUNS).map(() => program.run({ imports: { env: { f } } }))
  for (const outcome of await Promise.all(runs)) t.is(ending(outcome), 'exit 0')
})

test('any sequence of calls gives what a model of it gives', async (t) => {
  const program = await module(`
    (import "env" "next" (func $next (param f64) (result f64)))
    (func (export "_start") (local $x f64)
      (block $end
        (loop $again
          (local.set $x (call $next (local.get $x)))
          (br_if $end (f64.lt (local.get $x) (f64.const 0)))
          (br $again))))`)
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.record({ value: fc.double({ min: 0, noNaN: true }), isLater: fc.boolean() })),
      async (steps) => {
        const seen: number[] = []
        const next = (value: number): number | Promise<number> => {
          const step = steps[seen.length]
          seen.push(value)
          const result = step?.value ?? -1
          return step?.isLater === true ? Promise.resolve(result) : result
        }
        const outcome = await program.run({ imports: { env: { next } } })
        const values = steps.map(({ value }) => value)
        t.deepEqual([ending(outcome), ...seen], ['exit 0', 0, ...values])
      },
    ),
    { numRuns: 50 },
  )
})

test('a live run calls host functions', async (t) => {
  const program = await module(calling(['i32'], ['i32']))
  const good = program.spawn({ imports: { env: { f: async (value: number) => value } } })
  t.is(ending(await good.outcome), 'exit 0')
  const oh = new Error('oh')
  const fail = (): never => {
    throw oh
  }
  const bad = program.spawn({ imports: { env: { f: fail } } })
  t.is(hostError(await bad.outcome).error, oh)
})

test('what a live run lacks rejects its outcome and fails its streams', async (t) => {
  const program = await module(calling(['i32'], ['i32']))
  for (const options of [{}, { imports: {} }, { imports: { env: { g: () => 1 } } }]) {
    const guest = program.spawn(options)
    const attempts = [guest.outcome, guest.lines().next(), text(guest.stdout), text(guest.stderr)]
    for (const attempt of attempts) {
      t.is((await refusal(attempt)).code, 'ERR_UNRESOLVED_IMPORT')
    }
    t.true(guest.stdin.destroyed)
    t.false(guest.kill())
  }
})

test('the stdin of a run that lacks a function is destroyed, as for every fault', async (t) => {
  const program = await module(calling(['i32'], ['i32']))
  for (const imports of [undefined, {}]) {
    const ways: ((stdin: Readable) => Promise<unknown>)[] = [
      (stdin) => program.run({ stdin, imports: imports! }),
      (stdin) => program.spawn({ stdin, imports: imports! }).outcome,
    ]
    if (!inProcesses) ways.push((stdin) => program.instantiate({ stdin, imports: imports! }))
    for (const start of ways) {
      const stdin = Readable.from(['text'])
      t.is((await refusal(start(stdin))).code, 'ERR_UNRESOLVED_IMPORT')
      t.true(stdin.destroyed)
    }
  }
})

test('values that a function returns are its own, whatever reading them runs', async (t) => {
  const types = ['i32', 'i64', 'f64'] as const
  const inner = await module(calling(types, ['i32']))
  const given: unknown[] = []
  const outer = await module(`
    (import "env" "values" (func $values (result i32 i64 f64)))
    (import "env" "given" (func $given (param i32 i64 f64)))
    (func (export "_start") (call $given (call $values)))`)
  const values = (): unknown => {
    const list: unknown[] = [1, 2n, 3]
    return new Proxy(list, {
      get: (target, name, receiver) => {
        inner.runSync({ imports: { env: { f: () => 77 } } })
        return Reflect.get(target, name, receiver) as unknown
      },
    })
  }
  for (const [way, run] of Object.entries(WAYS)) {
    const env = { values, given: (...args: unknown[]) => given.push(args.slice(0, 3)) }
    const outcome = await run(outer, { imports: { env } })
    // Worker processes cannot run something for a thread that waits for them.
    if (inProcesses && way === 'runSync') {
      t.is((hostError(outcome).error as WasiexecError).code, 'ERR_NESTED_RUN')
      continue
    }
    t.is(ending(outcome), 'exit 0', way)
    t.deepEqual(given.pop(), [1, 2n, 3], way)
  }
})

test('names that a program chose are escaped in messages', async (t) => {
  const text = '(module (import "a\\nb" "\\u{202e}\\1b[31m" (func)) (func (export "_start")))'
  const program = await load(Buffer.from(text), { cache: false })
  const shown = 'a\\u{a}b.\\u{202e}\\u{1b}[31m (function ())'
  for (const imports of [undefined, {}]) {
    const { code, message } = await refusal(program.run({ imports } as never))
    t.is(code, 'ERR_UNRESOLVED_IMPORT')
    t.true(message.includes(shown), message)
  }
  const other = await load(Buffer.from('(module (func (export "a\\nb")))'), { cache: false })
  const { code, message } = await refusal(other.run())
  t.is(code, 'ERR_NO_ENTRY_POINT')
  t.true(message.includes('a\\u{a}b'), message)
})
