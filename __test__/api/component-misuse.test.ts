// What careless callers and hosts of components do.
import test from 'ava'
import { setImmediate, setTimeout } from 'node:timers/promises'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import {
  load,
  type CallOptions,
  type HostError,
  type Instance,
  type WasiexecError,
} from '../support/package.ts'
import { node } from '../support/child.ts'
import { thrown, wat } from '../support/guest.ts'

interface Thing extends AsyncDisposable, Disposable {
  get(): Promise<number>
}

interface Things {
  things: { Thing: { create(number: number): Promise<Thing> } }
  ask(): Promise<number>
  loop(): Promise<void>
  big(bytes: ArrayLike<number>): Promise<Uint8Array>
}

interface Calc {
  echoBytes(bytes: unknown): Promise<Uint8Array>
}

const TAKE_OVER = 'my:x/things#take'

const things = () => wat('thing-component')

/** What calls functions under all of their names, with anything. */
function untyped(instance: object) {
  const any = instance as Instance
  return {
    callSync: (name: string, ...args: unknown[]) => any.callSync(name, ...(args as number[])),
    with: (options: CallOptions) => ({
      call: (name: string, ...args: unknown[]) =>
        any.with(options).call(name, ...(args as number[])),
    }),
  }
}

async function codeOf(use: () => unknown): Promise<string | undefined> {
  const error = await thrown(async () => use())
  return (error as WasiexecError | undefined)?.code
}

function collectGarbage(): void {
  setFlagsFromString('--expose-gc')
  const gc = runInNewContext('gc') as () => void
  gc()
}

/** An instance with a thing of its own, which its host function `ask` has. */
async function withThing(
  ask: (held: { thing?: Thing }) => unknown,
): Promise<{ instance: Instance<Things, HostError>; held: { thing?: Thing } }> {
  const held: { thing?: Thing } = {}
  const imports = {
    big: (bytes: Uint8Array) => bytes,
    async ask() {
      await ask(held)
      return 1
    },
  }
  const instance = await (await things()).instantiate<Things>({ imports })
  held.thing = await instance.exports.things.Thing.create(7)
  return { instance, held }
}

test('the large result of one host call is not an argument of the next', async (t) => {
  const seen: Uint8Array[] = []
  const answer = new Uint8Array(20_000).fill(1)
  const imports = {
    ask: () => 1,
    big(bytes: Uint8Array) {
      seen.push(bytes)
      return answer
    },
  }
  await using instance = await (await things()).instantiate<Things>({ imports })
  const argument = new Uint8Array(20_000).fill(2)
  // In each order of calls that are waited for and calls that are not.
  for (const way of ['sync', 'sync', 'async', 'sync', 'async', 'async']) {
    const outcome =
      way === 'sync' ? instance.callSync('big', argument) : await instance.call('big', argument)
    t.deepEqual(outcome.kind === 'returned' && outcome.values[0], answer)
    t.deepEqual(seen.pop(), argument)
  }
})

test('a call that cannot be made takes nothing over', async (t) => {
  let answer: (value: number) => void = () => {}
  const imports = {
    big: (bytes: Uint8Array) => bytes,
    ask: () => new Promise<number>((resolve) => (answer = resolve)),
  }
  await using instance = await (await things()).instantiate<Things>({ imports })
  const thing = await instance.exports.things.Thing.create(5)
  // `take` is called by the name of WIT, which the types above do not have.
  const { callSync, with: withOptions } = untyped(instance)
  const asking = instance.exports.ask()
  t.is(await codeOf(() => callSync(TAKE_OVER, thing)), 'ERR_INSTANCE_BUSY')
  const aborting = new AbortController()
  const queued = withOptions({ signal: aborting.signal }).call(TAKE_OVER, thing)
  aborting.abort('not needed')
  t.is((await queued).kind, 'abort')
  while ((await Promise.race([asking, setTimeout(5)])) === undefined) answer(1)
  t.is(await codeOf(() => callSync(TAKE_OVER, thing, 1)), 'ERR_INVALID_CALL')
  t.is(callSync(TAKE_OVER, thing).kind, 'returned')
  t.is(await codeOf(() => callSync(TAKE_OVER, thing)), 'ERR_INVALID_CALL')
})

test('a host function cannot wait for resources of the instance that calls it', async (t) => {
  const codes: (string | undefined)[] = []
  const { instance, held } = await withThing(async ({ thing }) => {
    await setTimeout(1)
    codes.push(await codeOf(() => thing!.get()))
    codes.push(await codeOf(() => thing![Symbol.asyncDispose]()))
  })
  await using _ = instance
  t.is(await instance.exports.ask(), 1)
  t.deepEqual(codes, ['ERR_INSTANCE_BUSY', 'ERR_INSTANCE_BUSY'])
  // It was not given up.
  t.is(await held.thing!.get(), 7)
})

test('a host function gives up resources of the instance that calls it', async (t) => {
  const { instance, held } = await withThing(({ thing }) => thing![Symbol.dispose]())
  await using _ = instance
  t.is(await instance.exports.ask(), 1)
  t.is(await codeOf(() => held.thing!.get()), 'ERR_INVALID_CALL')
  t.is(await instance.exports.ask(), 1)
})

test('what is garbage-collected is not in the way of `callSync`', async (t) => {
  await using instance = await (await wat('calc-component')).instantiate()
  const make = (): void => {
    instance.callSync('counters#[static]counter.starting-at', 1)
  }
  let dropped = 0
  for (let round = 0; round < 100 && dropped < 20; round += 1) {
    for (let count = 0; count < 10; count += 1) make()
    collectGarbage()
    await setImmediate()
    const outcome = instance.callSync('dropped')
    dropped = outcome.kind === 'returned' ? Number(outcome.values[0]) : NaN
  }
  t.true(dropped >= 20)
})

test('instances of components that nobody holds are freed', async (t) => {
  const child = await node(
    `const runtime = new Runtime()
     const program = await ownWat('calc-component', { runtime })
     for (let count = 0; count < 6; count += 1) {
       const instance = await program.instantiate()
       await instance.exports.add(1, 2)
       const { Counter } = instance.exports.counters
       await (await Counter.create(1)).nextValue()
     }
     const before = runtime.stats().instances
     for (let round = 0; round < 400 && runtime.stats().instances > 1; round += 1) {
       gc()
       await new Promise((resolve) => setTimeout(resolve, 1))
     }
     console.log(before > 1, runtime.stats().instances <= 1)`,
    { nodeArguments: ['--expose-gc'] },
  )
  t.like(child, { code: 0, stdout: 'true true\n' }, child.stderr)
})

test('arrays of numbers that are not as they seem', async (t) => {
  await using instance = await (await wat('calc-component')).instantiate<Calc>()
  const moved = new Uint8Array(10)
  structuredClone(moved, { transfer: [moved.buffer] })
  t.deepEqual(await instance.exports.echoBytes(moved), new Uint8Array())
  class Longer extends Uint8Array {
    override get length(): number {
      return 50
    }
  }
  t.deepEqual(await instance.exports.echoBytes(new Longer(3)), new Uint8Array(3))
  const proxy = new Proxy(new Uint8Array(3), {})
  t.is(await codeOf(() => instance.exports.echoBytes(proxy)), 'ERR_INVALID_CALL')
})

test('fields and flags with the names of what all objects have', async (t) => {
  const names = ['constructor', 'to-string', 'value-of', 'has-own-property']
  const text = `(component
    (core module $m (func (export "f") (param i32) (result i32) (local.get 0))
      (func (export "g") (param i32 i32 i32 i32) (result i32)
        (i32.or (i32.shl (local.get 0) (i32.const 1)) (local.get 2))))
    (core instance $i (instantiate $m))
    (type $flags' (flags ${names.map((name) => `"${name}"`).join(' ')}))
    (export $flags "all" (type $flags'))
    (type $fields' (record (field "constructor" (option u8)) (field "to-string" (option u8))))
    (export $fields "parts" (type $fields'))
    (func (export "echo") (param "flags" $flags) (result $flags) (canon lift (core func $i "f")))
    (func (export "which") (param "parts" $fields) (result u32) (canon lift (core func $i "g"))))`
  const program = await load(Buffer.from(text), { cache: false })
  await using instance = await program.instantiate<{
    echo(flags: object): Promise<object>
    which(parts: object): Promise<number>
  }>()
  const none = { constructor: false, toString: false, valueOf: false, hasOwnProperty: false }
  t.deepEqual(await instance.exports.echo({}), none)
  t.deepEqual(await instance.exports.echo({ valueOf: true }), { ...none, valueOf: true })
  t.is(await instance.exports.which({}), 0)
  t.is(await instance.exports.which(new Date(0)), 0)
  t.is(await instance.exports.which({ toString: 5 }), 1)
  t.is(await instance.exports.which({ constructor: 5 }), 2)
})

test('messages do not list thousands of cases', async (t) => {
  const names = Array.from({ length: 2000 }, (_, index) => `"case-${index}"`).join(' ')
  const text = `(component
    (core module $m (func (export "f") (param i32)))
    (core instance $i (instantiate $m))
    (type $all' (enum ${names}))
    (export $all "all" (type $all'))
    (func (export "f") (param "value" $all) (canon lift (core func $i "f"))))`
  const program = await load(Buffer.from(text), { cache: false })
  await using instance = await program.instantiate<{ f(value: string): Promise<void> }>()
  const error = (await thrown(() => instance.exports.f('none'))) as Error
  t.regex(error.message, /'case-19' and 1980 more, got "none"$/)
})

test('a class whose objects cannot be constructed is named before anything starts', async (t) => {
  const program = await wat('store-component')
  const Cursor = Object.assign(() => {}, { openCount: () => 0 })
  const imports = {
    'my:pkg/store': { get: () => undefined, putAll: () => 0, Cursor },
    logLine: () => {},
  }
  const error = (await thrown(() => program.instantiate({ imports }))) as WasiexecError
  t.is(error.code, 'ERR_UNRESOLVED_IMPORT')
  t.regex(error.message, /a class `Cursor` that can be constructed/)
})

test('interfaces of WASI cannot be replaced under any name', async (t) => {
  const text = `(component
    (import "wasi:random/random@0.2.0"
      (instance (export "get-random-u64" (func (result u64))))))`
  const program = await load(Buffer.from(text), { cache: false })
  const getRandomU64 = (): bigint => 1n
  for (const version of ['', '@0.2.0', '@0.2.3']) {
    const imports = { [`wasi:random/random${version}`]: { getRandomU64 } }
    t.is(await codeOf(() => program.instantiate({ imports })), 'ERR_INVALID_OPTION', version)
  }
  // Of another version, which it does not import.
  const imports = { 'wasi:random/random@0.3.0': { getRandomU64 } }
  await using instance = await program.instantiate({ imports })
  t.deepEqual(Object.keys(instance.exports), [])
})
