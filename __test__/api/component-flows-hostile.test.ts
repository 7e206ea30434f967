// Streams and futures of guests and callers that do their worst.
import { Readable } from 'node:stream'
import { setTimeout } from 'node:timers/promises'
import test from 'ava'
import type { Imports, WasiexecError } from '../support/package.ts'
import { node as child } from '../support/child.ts'
import { ownWat, real, until } from '../support/guest.ts'

interface Hostile {
  cancel(count: number): Promise<undefined>
  futures(count: number): Promise<Promise<Uint8Array>[]>
  nest(count: number): Promise<AsyncIterableIterator<Promise<Uint8Array>>>
  peek(count: number): Promise<undefined>
}

async function hostile(functions: Record<string, unknown> = {}) {
  const imports = {
    'test:hostile/host': { hang: () => {}, items: () => [], ...functions },
  } as unknown as Imports
  return (await ownWat('flows-hostile')).instantiate<Hostile>({ imports })
}

async function flows() {
  const same = (value: unknown) => value
  const imports = { 'test:flows/host': { wait: same, transform: same, next: same } }
  return (await real('flows')).instantiate({ imports: imports as unknown as Imports })
}

test('calls that a guest cancels run on, and count as calls', async (t) => {
  let running = 0
  await using instance = await hostile({
    hang: () => {
      running += 1
      return new Promise(() => {})
    },
  })
  await instance.exports.cancel(1000)
  t.is(running, 256)
})

test('calls that a guest cancels end when their functions have returned', async (t) => {
  let running = 0
  let all = 0
  await using instance = await hostile({
    hang: async () => {
      all += 1
      running += 1
      t.true(running <= 256)
      await setTimeout(1)
      running -= 1
    },
  })
  for (let round = 0; round < 10; round += 1) {
    await instance.exports.cancel(200)
    await until(() => running === 0)
  }
  t.is(all, 2000)
})

interface Cancelled {
  cancel(count: number): Promise<undefined>
  check(): Promise<undefined>
}

test('what a function returns after its call was cancelled is let go', async (t) => {
  const disposed: number[] = []
  let closed = 0
  const things: { settle: () => void }[] = []
  const open = (number: number) =>
    new Promise((resolve) => {
      const thing = { [Symbol.dispose]: () => void disposed.push(number) }
      const stream = {
        [Symbol.iterator]: () => ({
          next: () => ({ done: false, value: 1 }),
          return: () => ({ done: true, value: (closed += 1) }),
        }),
      }
      things.push({ settle: () => resolve([thing, stream]) })
    })
  const imports = { 'test:cancelled/host': { open, check: () => {} } } as unknown as Imports
  await using instance = await (await ownWat('flows-cancelled')).instantiate<Cancelled>({ imports })
  for (let round = 0; round < 3; round += 1) {
    await instance.exports.cancel(40)
    for (const { settle } of things.splice(0)) settle()
    await until(() => disposed.length === 40 && closed === 40)
    t.is(new Set(disposed.splice(0)).size, 40)
    closed = 0
  }
  t.is((await instance.call('check')).kind, 'returned')
})

test('what a function throws after its call was cancelled is not why the instance ends', async (t) => {
  const failing: (() => void)[] = []
  const open = () =>
    new Promise((_, reject) => failing.push(() => reject(new Error('cancelled before'))))
  const check = () => {
    throw new Error('the reason')
  }
  const imports = { 'test:cancelled/host': { open, check } } as unknown as Imports
  const instance = await (await ownWat('flows-cancelled')).instantiate<Cancelled>({ imports })
  await instance.exports.cancel(10)
  for (const fail of failing) fail()
  await setTimeout(20)
  const outcome = await instance.call('check')
  t.is(outcome.kind === 'host-error' && (outcome.error as Error).message, 'the reason')
})

test('streams of calls that are never made do not stay open', async (t) => {
  await using instance = await hostile({ hang: () => new Promise(() => {}) })
  // From the second round on, no call has its turn.
  for (let round = 0; round < 8; round += 1) {
    t.is((await instance.call('cancel', 500)).kind, 'returned')
  }
})

test('the same while a thread waits', async (t) => {
  let calls = 0
  await using instance = await hostile({ hang: () => void (calls += 1) })
  for (let round = 0; round < 20; round += 1) {
    t.is(instance.callSync('cancel', 200).kind, 'returned')
    await instance.exports.cancel(1)
  }
  t.is(calls, 20 * 201)
})

test('a guest that makes streams faster than its host hears of their ends is stopped', async (t) => {
  const instance = await hostile({ hang: () => new Promise(() => {}) })
  const outcome = await instance.call('cancel', 1_000_000)
  t.is(outcome.kind, 'trap')
})

test('the futures of one value carry no more than a value', async (t) => {
  const instance = await hostile()
  const values = await Promise.allSettled(await instance.exports.futures(40))
  const came = values.filter(({ status }) => status === 'fulfilled')
  t.true(came.length > 1 && came.length <= 8, `${came.length} of 16 MiB`)
  const reason = values.find((value) => value.status === 'rejected')?.reason as WasiexecError
  t.is(reason.code, 'ERR_INSTANCE_OVER')
  t.regex(reason.message, /the futures of one value carry too much/)
})

test('streams of the host that are read and dropped at once are closed', async (t) => {
  const kinds = [
    (close: () => void) => new ReadableStream({ cancel: close }),
    (close: () => void) => new Readable({ read() {}, destroy: close }),
  ]
  for (const open of kinds) {
    let opened = 0
    let closed = 0
    await using instance = await hostile({
      items: () => {
        opened += 1
        return open(() => void (closed += 1))
      },
    })
    for (let round = 0; round < 3; round += 1) await instance.exports.peek(500)
    await until(() => closed === 1500)
    t.is(opened, 1500)
  }
})

test('who leaves a stream does not wait for the futures in it', async (t) => {
  const { stdout, code, stderr } = await child(`
    const imports = { 'test:hostile/host': { hang() {}, items: () => [] } }
    const { exports } = await (await ownWat('flows-hostile')).instantiate({ imports })
    const stream = await exports.nest(10)
    await stream.return()
    console.log('left')
  `)
  t.deepEqual([stdout, code], ['left\n', 0], stderr)
})

test('a stream that is collected in the middle of a piece is left', async (t) => {
  const { stdout, code, stderr } = await child(
    `
    const same = (value) => value
    const imports = { 'test:flows/host': { wait: same, transform: same, next: same } }
    const instance = await (await real('flows')).instantiate({ imports })
    await (async () => {
      const words = await instance.exports.sources.words('a b c')
      console.log((await words.next()).value)
    })()
    for (;;) {
      await new Promise((resolve) => setTimeout(resolve, 1))
      gc()
      try {
        instance.callSync('sources#ended')
        break
      } catch (error) {
        if (error.code !== 'ERR_INSTANCE_BUSY') throw error
      }
    }
    console.log('idle')
  `,
    { nodeArguments: ['--expose-gc'] },
  )
  t.deepEqual([stdout, code], ['a\nidle\n', 0], stderr)
})

test('a stream that nobody reads may end while a thread waits', async (t) => {
  await using instance = await flows()
  const outcome = await instance.call('sources#count', 2, 20)
  t.is(outcome.kind, 'returned')
  if (outcome.kind !== 'returned') return
  await (outcome.values[0] as unknown as AsyncIterableIterator<number>).return!()
  /** A call as soon as no stream is open. */
  const callSync = async (...call: Parameters<typeof instance.callSync>) => {
    for (;;) {
      await setTimeout(1)
      try {
        return instance.callSync(...call)
      } catch (error) {
        if ((error as WasiexecError).code !== 'ERR_INSTANCE_BUSY') throw error
      }
    }
  }
  for (let ended = 0; ended === 0;) {
    // The guest goes on with all its tasks while it waits for the host.
    t.is((await callSync('all', ['a', 'b'] as never)).kind, 'returned')
    const asked = await callSync('sources#ended')
    t.is(asked.kind, 'returned')
    if (asked.kind !== 'returned') return
    ended = asked.values[0] as number
  }
  await instance.call('sources#ended')
  t.is((await callSync('sources#ended')).kind, 'returned')
})

test('an iterator without `next` ends the call', async (t) => {
  for (const [iterator, shown] of [
    [{}, 'an object'],
    [5, '5'],
    [undefined, 'undefined'],
  ] as const) {
    const instance = await flows()
    const iterable = { [Symbol.asyncIterator]: () => iterator }
    const outcome = await instance.call('sinks#sum', iterable as never)
    if (outcome.kind !== 'host-error') {
      t.fail(outcome.kind)
      continue
    }
    t.is(
      (outcome.error as Error).message,
      `the iterator of a stream<u32> must have a method \`next\`, got ${shown}`,
    )
  }
})

test('an iterator that returns no object ends the call', async (t) => {
  for (const next of [() => 5, async () => 5]) {
    const instance = await flows()
    const iterable = { [Symbol.asyncIterator]: () => ({ next }) }
    const outcome = await instance.call('sinks#sum', iterable as never)
    t.is(outcome.kind, 'host-error')
    if (outcome.kind !== 'host-error') continue
    t.regex((outcome.error as Error).message, /the iterator of a stream<u32> returned no object/)
  }
})

test('what an iterable gives after the guest has left it is not kept', async (t) => {
  let isOpen = true
  await using instance = await hostile({
    items: () => ({
      [Symbol.asyncIterator]: () => ({
        next: () => setTimeout(20, { done: false, value: 'no number' }),
        return: async () => void (isOpen = false),
      }),
    }),
  })
  await instance.exports.peek(3)
  await until(() => !isOpen)
  await setTimeout(50)
  await instance.exports.peek(1)
  t.pass('a wrong value that nobody wants is no error')
})

test('a read that waits when its runtime is closed says so', async (t) => {
  const { stdout, code, stderr } = await child(`
    const runtime = new Runtime({ threads: 1 })
    const same = (value) => value
    const imports = { 'test:flows/host': { wait: same, transform: same, next: same } }
    const { guest } = await import(${JSON.stringify(new URL('../../guests/unpack.mjs', import.meta.url).href)})
    const program = await load(await guest('flows'), { runtime })
    const { exports } = await program.instantiate({ imports })
    const stream = await exports.sources.count(2, 3_600_000)
    const next = stream.next()
    const closing = runtime.close()
    console.log(await next.catch((error) => error.code))
    await closing
  `)
  t.deepEqual([stdout, code], ['ERR_RUNTIME_CLOSED\n', 0], stderr)
})

test('calls and ends that come faster than a thread takes them are all taken', async (t) => {
  for (const workers of ['threads', 'processes']) {
    const { stdout, code, stderr } = await child(`
      const runtime = new Runtime({ workers: '${workers}' })
      let calls = 0
      const hang = () => {
        if ((calls += 1) === 1) Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 300)
      }
      const imports = { 'test:hostile/host': { hang, items: () => [] } }
      const program = await load(watPath('flows-hostile'), { runtime, cache: false })
      console.log(program.runSync({ imports }).kind)
      await runtime.close()
    `)
    t.deepEqual([stdout, code], ['exit\n', 0], `${workers} ${stderr}`)
  }
})
