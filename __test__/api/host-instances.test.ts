// Run once more with each compiler.
import test from 'ava'
import {
  inProcesses,
  type CallingGuest,
  type HostError,
  type HostFunction,
  type Instance,
  type WasiexecError,
} from '../support/package.ts'
import { callEnding, numbers, refusal } from '../support/guest.ts'
import { module } from '../support/host.ts'

interface Functions {
  twice(value: number): number
  touch(): undefined
  again(): number
}

/** Calls `env.f` from each of its functions. */
const GUEST = `
  (import "env" "f" (func $f (param i32) (result i32)))
  (memory (export "memory") 1)
  (func (export "twice") (param i32) (result i32)
    (i32.add (call $f (local.get 0)) (call $f (local.get 0))))
  (func (export "touch") (drop (call $f (i32.const 0))))
  (func (export "again") (result i32)
    (i32.store8 (i32.const 0) (i32.add (i32.load8_u (i32.const 0)) (i32.const 1)))
    (call $f (i32.load8_u (i32.const 0))))`

async function made(f: HostFunction): Promise<Instance<Functions, HostError>> {
  const program = await module(GUEST)
  return program.instantiate<Functions>({ imports: { env: { f } } })
}

if (!inProcesses) {
  test('calls of an instance call host functions, one after the other and on the calling thread', async (t) => {
    await using instance = await made((value: number) => value + 1)
    t.deepEqual(await instance.exports.twice(3), 8)
    for (const outcome of [await instance.call('twice', 20), instance.callSync('twice', 20)]) {
      t.deepEqual(outcome.kind === 'returned' && outcome.values, [42])
    }
    const calls = numbers(100).map(() => instance.call('again'))
    const values = (await Promise.all(calls)).map((outcome) =>
      outcome.kind === 'returned' ? outcome.values[0] : callEnding(outcome),
    )
    t.deepEqual(
      values,
      numbers(100).map((index) => index + 2),
    )
  })

  test('a promise suspends a call, and is refused in callSync', async (t) => {
    await using instance = await made(async (value: number) => {
      await new Promise(setImmediate)
      return value * 10
    })
    t.is(await instance.exports.twice(2), 40)
    const outcome = instance.callSync('twice', 2)
    t.is(outcome.kind, 'host-error')
    const { error } = outcome as HostError
    t.is((error as WasiexecError).code, 'ERR_HOST_FUNCTION')
    t.regex((error as WasiexecError).message, /use `call`$/)
    t.is((await refusal(instance.call('twice', 2))).code, 'ERR_INSTANCE_OVER')
  })

  for (const how of ['call', 'callSync'] as const) {
    test(`${how}: a host function that throws ends the instance with its error`, async (t) => {
      const oh = new Error('oh')
      let calls = 0
      await using instance = await made(() => {
        calls += 1
        if (calls === 3) throw oh
        return 1
      })
      const start = async (): Promise<unknown> =>
        how === 'call' ? instance.call('twice', 1) : instance.callSync('twice', 1)
      t.like(await start(), { kind: 'returned', values: [2] })
      t.like(await start(), { kind: 'host-error', ok: false, error: oh })
      const refused = await refusal(start())
      t.is(refused.code, 'ERR_INSTANCE_OVER')
      t.regex(refused.message, /a host function threw: oh/)
    })

    test(`${how}: a host function has the memory of the instance, and the instance itself is busy`, async (t) => {
      let kept: CallingGuest | undefined
      const seen: unknown[] = []
      const f = (value: number, caller: CallingGuest): number => {
        kept = caller
        seen.push(caller.memory.byteLength)
        caller.memory.write(0, Uint8Array.of(value + 1))
        for (const use of [() => instance.memory.read(0, 1), () => instance.callSync('touch')]) {
          try {
            use()
            seen.push('nothing')
          } catch (error) {
            seen.push((error as WasiexecError).code)
          }
        }
        return value
      }
      const instance: Instance<Functions, HostError> = await made(f)
      const outcome = how === 'call' ? await instance.call('again') : instance.callSync('again')
      t.is(callEnding(outcome), 'returned')
      t.deepEqual(seen, [65536, 'ERR_INSTANCE_BUSY', 'ERR_INSTANCE_BUSY'])
      t.deepEqual([...instance.memory.read(0, 1)], [2])
      t.is((await refusal(() => kept!.memory.byteLength)).code, 'ERR_CALL_ENDED')
      instance[Symbol.dispose]()
    })
  }

  test('a host function cannot call the instance that called it, now or later', async (t) => {
    const codes: string[] = []
    const attempt = async (): Promise<void> => {
      codes.push((await refusal(instance.call('twice', 7))).code)
    }
    const instance = await made(async (value: number) => {
      await attempt()
      await new Promise(setImmediate)
      await attempt()
      await Promise.all([attempt(), attempt()])
      return value
    })
    t.is(callEnding(await instance.call('touch')), 'returned')
    t.deepEqual(codes, Array(4).fill('ERR_INSTANCE_BUSY'))
    instance[Symbol.dispose]()
    const inner: Promise<unknown>[] = []
    await using other = await made((value: number) => {
      inner.push(refusal(other.call('twice', 7)))
      return value
    })
    t.is(callEnding(other.callSync('touch')), 'returned')
    t.like(await inner[0], { code: 'ERR_INSTANCE_BUSY' })
    // Others can call it meanwhile: their calls wait for their turn.
    const answer: (() => void)[] = []
    await using slow = await made(
      (value: number) => new Promise((r) => answer.push(() => r(value))),
    )
    const first = slow.call('touch')
    await new Promise(setImmediate)
    const second = slow.call('touch')
    while (answer.length < 2) {
      answer[0]?.()
      await new Promise(setImmediate)
    }
    answer[1]!()
    t.is(callEnding(await first), 'returned')
    t.is(callEnding(await second), 'returned')
  })

  test('a host function calls another instance, on the calling thread too', async (t) => {
    await using inner = await made((value: number) => value * 2)
    await using outer = await made((value: number) => {
      const outcome = inner.callSync('twice', value)
      return outcome.kind === 'returned' ? outcome.values[0] : -1
    })
    t.like(outer.callSync('twice', 1), { kind: 'returned', values: [8] })
    t.like(await outer.call('twice', 1), { kind: 'returned', values: [8] })
  })

  test('limits and disposal end a call whose function does not answer', async (t) => {
    const instance = await made(() => new Promise(() => {}))
    const limited = instance.with({ limits: { timeoutMs: 30 } })
    t.is(callEnding(await limited.call('touch')), 'limit timeout')
    const other = await made(() => new Promise(() => {}))
    const pending = other.call('touch')
    await new Promise(setImmediate)
    other[Symbol.dispose]()
    t.is(callEnding(await pending), 'abort')
  })

  test('_initialize and start sections call host functions', async (t) => {
    const program = await module(`
      (import "env" "f" (func $f (param i32)))
      (func (export "_initialize") (call $f (i32.const 2)))
      (func $start (call $f (i32.const 1)))
      (start $start)`)
    const seen: number[] = []
    await using instance = await program.instantiate({
      imports: { env: { f: (value: number) => void seen.push(value) } },
    })
    t.is(instance.initialization.kind, 'returned')
    t.deepEqual(seen, [1, 2])
    const fail = program.instantiate({
      imports: {
        env: {
          f: () => {
            throw new Error('early')
          },
        },
      },
    })
    const { code, message } = await refusal(fail)
    t.is(code, 'ERR_INSTANTIATE')
    t.regex(message, /a host function threw: early/)
    t.is((await refusal(program.instantiate({ imports: {} }))).code, 'ERR_UNRESOLVED_IMPORT')
    t.is((await refusal(program.instantiate())).code, 'ERR_UNRESOLVED_IMPORT')
  })
}
