// Run once more with each compiler.
import test from 'ava'
import { load, type Imports, type WasiexecError } from '../support/package.ts'
import { callEnding, ending, thrown, wat } from '../support/guest.ts'

interface Store {
  lookup(key: string): Promise<string | undefined>
  save(pairs: [string, string][]): Promise<number>
  sum(from: number): Promise<number>
  openCount(): Promise<number>
  drain(cursor: object): Promise<number>
  make(from: number): Promise<object>
  say(line: string): Promise<void>
}

/** What the component needs, with a look at what it has done. */
function host(async = false) {
  const entries = new Map<string, string>()
  const lines: string[] = []
  const seen = { entries, lines, disposed: 0 }
  const later = <T>(value: T): T | Promise<T> =>
    async ? new Promise((resolve) => setTimeout(() => resolve(value), 1)) : value
  class Cursor implements Disposable {
    static readonly open = new Set<Cursor>()
    static openCount(): number {
      return Cursor.open.size
    }
    #left: number
    constructor(from: number) {
      this.#left = from
      Cursor.open.add(this)
    }
    nextValue(): number | undefined | Promise<number | undefined> {
      return later(this.#left > 0 ? this.#left-- : undefined)
    }
    [Symbol.dispose](): void {
      Cursor.open.delete(this)
      seen.disposed += 1
    }
  }
  const store = {
    get: (key: string) => later(entries.get(key)),
    putAll(pairs: [string, string][]) {
      for (const [key, value] of pairs) entries.set(key, value)
      return later(pairs.length)
    },
    Cursor,
  }
  return {
    ...seen,
    seen,
    Cursor,
    imports: { 'my:pkg/store': store, logLine: (line: string) => void lines.push(line) },
  }
}

for (const async of [false, true]) {
  test(`a component calls functions of its host, ${async ? 'async' : 'sync'}`, async (t) => {
    const { imports, entries, lines, seen, Cursor } = host(async)
    await using instance = await (await wat('store-component')).instantiate<Store>({ imports })
    const { exports } = instance
    t.is(await exports.lookup('a'), undefined)
    t.is(
      await exports.save([
        ['a', 'Grüße'],
        ['b', ''],
      ]),
      2,
    )
    t.deepEqual(
      [...entries],
      [
        ['a', 'Grüße'],
        ['b', ''],
      ],
    )
    t.is(await exports.lookup('a'), 'Grüße')
    t.is(await exports.lookup('b'), '')
    await exports.say('one')
    t.deepEqual(lines, ['one'])
    t.is(await exports.sum(4), 10)
    t.is(seen.disposed, 1)
    const cursor = await exports.make(3)
    t.true(cursor instanceof Cursor)
    t.is(await exports.openCount(), 1)
    // The guest takes it over, and drops it.
    t.is(await exports.drain(cursor), 6)
    t.is(seen.disposed, 2)
    t.is(await exports.openCount(), 0)
  })
}

test('a run of a component has functions of its host', async (t) => {
  const { imports, lines } = host()
  const program = await wat('store-component')
  t.is(ending(await program.run({ imports })), 'exit 0')
  t.is(ending(program.runSync({ imports })), 'exit 0')
  t.deepEqual(lines, ['hello from run', 'hello from run'])
  const batch = program.batch([{}, {}, {}], { defaults: { imports } })
  for await (const { outcome } of batch) t.is(outcome?.ok, true)
  t.is(lines.length, 5)
})

test('a thread that waits for a component calls the functions straight', async (t) => {
  const { imports, entries } = host()
  await using instance = await (await wat('store-component')).instantiate<Store>({ imports })
  const saved = instance.callSync('save', [['k', 'v']])
  t.is(callEnding(saved), 'returned')
  t.is(entries.get('k'), 'v')
  // More than the words that are shared with the core.
  const value = 'x'.repeat(100_000)
  const large = instance.callSync('save', [['large', value]])
  t.is(callEnding(large), 'returned')
  t.is(entries.get('large'), value)
  const found = instance.callSync('lookup', 'large')
  t.is(found.kind === 'returned' && found.values[0], value)
})

test('large values cross in both directions', async (t) => {
  const { imports, entries } = host()
  await using instance = await (await wat('store-component')).instantiate<Store>({ imports })
  const value = 'ü'.repeat(500_000)
  t.is(await instance.exports.save([['large', value]]), 1)
  t.is(entries.get('large'), value)
  t.is(await instance.exports.lookup('large'), value)
})

test('a host function that throws ends the call', async (t) => {
  const { imports } = host()
  const error = new Error('broken')
  const thrower = {
    ...imports,
    'my:pkg/store': {
      ...imports['my:pkg/store'],
      get: () => {
        throw error
      },
    },
  }
  const program = await wat('store-component')
  for (const sync of [false, true]) {
    await using instance = await program.instantiate<Store>({ imports: thrower })
    const outcome = sync ? instance.callSync('lookup', 'a') : await instance.call('lookup', 'a')
    t.is(outcome.kind === 'host-error' && outcome.error, error)
    t.is(
      ((await thrown(() => instance.exports.say('a'))) as WasiexecError).code,
      'ERR_INSTANCE_OVER',
    )
  }
})

test('a tuple of a wrong length is refused with both lengths', async (t) => {
  const { imports, entries } = host()
  await using instance = await (await wat('store-component')).instantiate<Store>({ imports })
  const error = await thrown(() =>
    instance.exports.save([['a', 'b'], ['c'] as unknown as [string, string]]),
  )
  const { code, message } = error as WasiexecError
  t.is(code, 'ERR_INVALID_CALL')
  t.is(
    message,
    '"save": pairs[1]: expected an array of 2 (tuple<string, string>), got an array of 1',
  )
  t.is(entries.size, 0)
})

test('a host function that returns a wrong value ends the call, with its place', async (t) => {
  const { imports } = host()
  const wrong = { ...imports, 'my:pkg/store': { ...imports['my:pkg/store'], get: () => 5 } }
  await using instance = await (await wat('store-component')).instantiate<Store>({ imports: wrong })
  const outcome = await instance.call('lookup', 'a')
  const error = outcome.kind === 'host-error' ? (outcome.error as WasiexecError) : undefined
  t.is(error?.code, 'ERR_HOST_FUNCTION')
  t.is(
    error?.message,
    'the host function my:pkg/store@1.2.3#get returned a wrong value: result: expected a string, got 5',
  )
})

test('versions match as semver says', async (t) => {
  const program = await wat('store-component')
  const { imports } = host()
  const { 'my:pkg/store': store, logLine } = imports
  for (const version of ['1.2.3', '1.0.0', '1.9.9']) {
    const given = { [`my:pkg/store@${version}`]: store, logLine }
    await using instance = await program.instantiate<Store>({ imports: given })
    t.is(await instance.exports.save([['a', 'b']]), 1, version)
  }
  for (const version of ['2.0.0', '0.1.0', '1.2.3-rc.1']) {
    const given = { [`my:pkg/store@${version}`]: store, logLine }
    const error = (await thrown(() => program.instantiate({ imports: given }))) as WasiexecError
    t.is(error.code, 'ERR_UNRESOLVED_IMPORT', version)
    t.true(error.message.includes(`), given is another version: my:pkg/store@${version}`))
  }
})

test('what is imported under its own name is not meant for another', async (t) => {
  const source = `(component
    (import "my:pkg/table" (instance (export "get" (func)) (export "get-row" (func))))
    (import "my:pkg/tables" (instance (export "get" (func)))))`
  const program = await load(Buffer.from(source), { cache: false })
  const get = (): void => {}
  const check = (imports: Imports): void => program.check({ imports })
  t.throws(() => check({ 'my:pkg/table': { get }, 'my:pkg/tables': { get } }), {
    code: 'ERR_UNRESOLVED_IMPORT',
    message: /: my:pkg\/table#get-row, given are get$/,
  })
  t.throws(() => check({ 'my:pkg/table': { get, getRows: get }, 'my:pkg/tables': { get } }), {
    message: /: my:pkg\/table#get-row, `getRows` was given: did you mean `getRow`\?$/,
  })
  t.throws(() => check({ 'my:pkg/table': { get, getRow: get } }), {
    message: /: my:pkg\/tables \(get\), given are my:pkg\/table$/,
  })
})

test('of several versions the exact one is taken, then the newest, then the one without a version', async (t) => {
  const program = await wat('store-component')
  const { imports } = host()
  const { 'my:pkg/store': store, logLine } = imports
  const answering = (keys: readonly string[]) =>
    Object.fromEntries(keys.map((key) => [key, { ...store, get: () => key }]))
  for (const [taken, ...others] of [
    ['my:pkg/store@1.2.3', 'my:pkg/store@1.9.0', 'my:pkg/store'],
    ['my:pkg/store@1.10.0', 'my:pkg/store@1.9.0', 'my:pkg/store', 'my:pkg/store@2.0.0'],
    ['my:pkg/store', 'my:pkg/store@2.0.0', 'my:pkg/store@0.9.0'],
  ] as const) {
    for (const keys of [
      [taken, ...others],
      [...others, taken],
    ]) {
      await using instance = await program.instantiate<Store>({
        imports: { ...answering(keys), logLine },
      })
      t.is(await instance.exports.lookup('any'), taken)
    }
  }
  // An older version need not have what a newer one has.
  const older = { 'my:pkg/store@1.0.0': { get: store.get }, 'my:pkg/store@1.5.0': store, logLine }
  await using instance = await program.instantiate<Store>({ imports: older })
  t.is(await instance.exports.save([['a', 'b']]), 1)
})

test('what is missing is named before anything starts', async (t) => {
  const program = await wat('store-component')
  const { imports } = host()
  const messageOf = async (given: object): Promise<string> => {
    const error = (await thrown(() =>
      program.instantiate({ imports: given as never }),
    )) as WasiexecError
    t.is(error.code, 'ERR_UNRESOLVED_IMPORT')
    return error.message
  }
  const { 'my:pkg/store': store, logLine } = imports
  const { get: _, ...withoutGet } = store
  t.regex(await messageOf({ logLine, 'my:pkg/store': withoutGet }), /my:pkg\/store@1\.2\.3#get/)
  t.regex(
    await messageOf({ logLine, 'my:pkg/store': { ...withoutGet, gett: store.get } }),
    /#get, `gett` was given: did you mean `get`\?/,
  )
  t.regex(
    await messageOf({ logLine, 'my:pkg/store': { a: store.get, b: store.get } }),
    /#get, given are a, b;/,
  )
  class Methods {
    get(): void {}
  }
  t.regex(
    await messageOf({ logLine, 'my:pkg/store': new Methods() }),
    /`imports\['my:pkg\/store'\]` is a Methods without functions of its own, and methods of a class are not taken/,
  )
  t.regex(
    await messageOf({ logLine, store, env: store }),
    /: my:pkg\/store@1\.2\.3 \(get, putAll, Cursor\), given are store, env$/,
  )
  t.regex(
    await messageOf({ logLine, 'my:pkg/stor@9.0.0': store }),
    /\(get, putAll, Cursor\), `imports\['my:pkg\/stor@9\.0\.0'\]` was given: did you mean `imports\['my:pkg\/store'\]`\?/,
  )
  t.regex(await messageOf({ logLine }), /: my:pkg\/store@1\.2\.3 \(get, putAll, Cursor\)$/)
  t.regex(await messageOf({ 'my:pkg/store': store }), /log-line/)
  t.regex(
    await messageOf({ logLine, 'my:pkg/stor': store }),
    /\(get, putAll, Cursor\), `imports\['my:pkg\/stor'\]` was given: did you mean `imports\['my:pkg\/store'\]`\?/,
  )
  t.regex(
    await messageOf({ logLine, 'my:pkg/store': { ...store, Cursor: undefined } }),
    /a class `Cursor`/,
  )
  t.regex(
    await messageOf({ logLine, 'my:pkg/store': { ...store, Cursor: Date } }),
    /a method `nextValue` of the class `Cursor`/,
  )
  const none = (await thrown(() => program.run())) as WasiexecError
  t.is(none.code, 'ERR_UNRESOLVED_IMPORT')
  const wrong = (await thrown(() =>
    program.instantiate({ imports: { 'my:pkg/store': 5 } as never }),
  )) as WasiexecError
  t.is(wrong.code, 'ERR_INVALID_OPTION')
})

test('an object that lacks a method of its resource is refused before the component has it', async (t) => {
  const { imports } = host()
  const { 'my:pkg/store': store } = imports
  const program = await wat('store-component')
  const lacking = 'expected an object (Cursor) with a method `nextValue`, got an object'
  for (const lacks of [{}, { nextValue: 1 }]) {
    // Given to the component as an argument.
    await using instance = await program.instantiate<Store>({ imports })
    const refused = (await thrown(() => instance.exports.drain(lacks))) as WasiexecError
    t.is(refused.code, 'ERR_INVALID_CALL')
    t.is(refused.message, `"drain": cursor: ${lacking}`)
    t.is(await instance.exports.drain({ nextValue: () => undefined }), 0)
    // Returned to it.
    function Cursor(): object {
      return lacks
    }
    Cursor.prototype = store.Cursor.prototype as object
    Cursor.openCount = () => 0
    const given = { ...imports, 'my:pkg/store': { ...store, Cursor } } as never
    await using other = await program.instantiate<Store>({ imports: given })
    const outcome = other.callSync('sum', 4)
    const error = outcome.kind === 'host-error' ? (outcome.error as WasiexecError) : undefined
    t.is(error?.code, 'ERR_HOST_FUNCTION')
    t.true(error?.message.endsWith(`returned a wrong value: result: ${lacking}`), error?.message)
  }
})
