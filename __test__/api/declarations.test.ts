import test from 'ava'
import fc from 'fast-check'
import { load, type WasiexecError } from '../support/package.ts'
import { folder, real, thrown, wat } from '../support/guest.ts'
import { compile, versionOf } from '../support/typescript.ts'
import { echoComponent } from '../support/wit-echo.ts'
import { witTypes } from '../support/wit-values.ts'

test('declarations of a component compile, and fit its instances', async (t) => {
  const program = await wat('calc-component')
  const use = `
import { load, type Instance, type Program } from 'wasiexec'
import type { Counters, Exports } from './calc.d.ts'
const program = await load('calc.wasm')
const calc: Instance<Exports> = await program.instantiate<Exports>()
export const sum: number = await calc.exports.add(1, 2)
export const bytes: Uint8Array = await calc.exports.echoBytes(new Uint8Array())
const division = await calc.exports.math.divide(7, 0)
export const shown: string | number = division.tag === 'ok' ? division.val : division.val.toUpperCase()
const counter: Counters.Counter = await calc.exports['my:pkg/counters'].Counter.create(5)
export const next: number = await counter.nextValue()
counter[Symbol.dispose]()
const typed = program.as<Exports>()
const instance: Instance<Exports> = await typed.instantiate()
export const total: number = await instance.exports.add(1, 2)
const called = await typed.pool().call('add', 1, 2)
if (called.kind === 'returned') called.values[0].toFixed()
export const any: Program = typed
export const from: Program<Exports> = typed
// @ts-expect-error
await instance.exports.add('1', 2)
const outcome = await calc.call('my:pkg/math#divide', 7, 2)
if (outcome.kind === 'returned') outcome.values[0].tag
const added = calc.callSync('add', 1, 2)
if (added.kind === 'returned') added.values[0].toFixed()
// @ts-expect-error
await calc.exports.add('1', 2)
// @ts-expect-error
await calc.call('my:pkg/math#nothing', 7, 2)
`
  const files = { 'calc.d.ts': await program.types(), 'use.ts': use }
  t.deepEqual(await compile(await folder(t), files), [])
})

test('declarations of imports fit the option', async (t) => {
  const program = await wat('store-component')
  const use = `
import { load } from 'wasiexec'
import type { Exports, Imports, Store } from './store.d.ts'
class Cursor implements Store.Cursor {
  static openCount = (): number => 0
  constructor(readonly from: number) {}
  nextValue(): number | undefined {
    return this.from
  }
}
const store: Store.Needs = { get: (key) => key, putAll: async (pairs) => pairs.length, Cursor }
const imports: Imports = { logLine: (line) => console.log(line), 'my:pkg/store': store }
const program = await load('store.wasm')
const instance = await program.instantiate<Exports>({ imports })
export const found: string | undefined = await instance.exports.lookup('a')
await program.run({ imports })
`
  const files = { 'store.d.ts': await program.types(), 'use.ts': use }
  t.deepEqual(await compile(await folder(t), files), [])
})

test('what is given may be all that is accepted', async (t) => {
  const program = await real('flows')
  const use = `
import { load } from 'wasiexec'
import type { Exports, Imports } from './flows.d.ts'
const imports: Imports = {
  'test:flows/host': {
    wait: (key) => key,
    transform: (lines) => [\`\${lines}\`],
    next: (number) => number,
  },
}
const program = await load('flows.wasm')
const { exports } = await program.instantiate<Exports>({ imports })
const { sinks, pipes } = exports
function* bytes() { yield 1; yield new Uint8Array(2) }
export const sum: bigint = await sinks.sum([1, 2, 3])
export const taken: BigUint64Array = await sinks.take([1n], 1)
export const text: string = await sinks.settle('now')
export const later: string = await sinks.settle(Promise.resolve('later'))
await sinks.length(new Uint8Array(2))
await sinks.length(bytes())
await sinks.describe([[1, 'one'], [2, undefined]])
for await (const line of await pipes.upper(['one'])) line.toUpperCase()
for await (const piece of await pipes.copy([new Uint8Array(2)])) piece.subarray(1)
// @ts-expect-error
await sinks.sum(['1'])
// @ts-expect-error
await sinks.settle(1)
`
  const lists = await load(
    Buffer.from(`(component
      (import "host" (func (result (list s64))))
      (core module $m
        (memory (export "memory") 1)
        (func (export "realloc") (param i32 i32 i32 i32) (result i32) (i32.const 8))
        (func (export "f") (param i32 i32 i32 i32 i32 i32)))
      (core instance $i (instantiate $m))
      (func (export "f") (param "a" (list u8)) (param "b" (list f64)) (param "c" (list (list u64)))
        (canon lift (core func $i "f") (memory (core memory $i "memory")) (realloc (core func $i "realloc")))))`),
    { cache: false },
  )
  const useLists = `
import type { Instance } from 'wasiexec'
import type { Exports, Imports } from './lists.d.ts'
declare const lists: Instance<Exports>
const { exports } = lists
export const hosts: Imports[] = [{ host: () => [1n] }, { host: async () => new BigInt64Array(1) }]
await exports.f([1, 2], [1.5], [[1n], new BigUint64Array(1)])
await exports.f(Buffer.from('a'), new Float64Array(1), [])
// @ts-expect-error
await exports.f([1n], [], [])
`
  const files = {
    'flows.d.ts': await program.types(),
    'lists.d.ts': await lists.types(),
    'use.ts': use,
    'use-lists.ts': useLists,
  }
  t.deepEqual(await compile(await folder(t), files), [])
})

/** What a component with these imports needs: functions `f` of interfaces, or functions of the component itself. */
async function needs(names: readonly string[]): Promise<string> {
  const [takes, gives] = ['(param "a" u32)', '(result u32)']
  const imports = names.map((name) =>
    name.includes('/')
      ? `(import "${name}" (instance (export "f" (func ${takes} ${gives}))))`
      : `(import "${name}" (func ${takes} ${gives}))`,
  )
  const program = await load(Buffer.from(`(component ${imports.join('\n')})`), { cache: false })
  return program.types()
}

const f = '{ f: (a: number) => a }'
const asImports = (names: readonly string[]): string =>
  `{ ${names.map((name) => (name.includes('/') ? `'${name}': ${f}` : `${name}: (a: number) => a`)).join(', ')} }`

/** What a component imports, with what may be given for these, and what is not enough. */
const NEEDED: readonly [imports: string[], given: string[][], refused: string[][]][] = [
  [['a:b/c'], [['a:b/c']], [[]]],
  [['a:b/c@1.2.0'], [['a:b/c@1.2.0'], ['a:b/c'], ['a:b/c', 'a:b/c@1.2.0']], [[], ['a:b/d']]],
  [
    ['a:b/c@1.0.0', 'a:b/c@2.0.0'],
    [
      ['a:b/c@1.0.0', 'a:b/c@2.0.0'],
      ['a:b/c@1.0.0', 'a:b/c'],
    ],
    [[], ['a:b/c'], ['a:b/c@1.0.0'], ['a:b/c@2.0.0'], ['a:b/c@2.0.0', 'a:b/c']],
  ],
  [
    ['own', 'a:b/c@0.1.0', 'a:b/d@0.1.0', 'a:b/e'],
    [
      ['own', 'a:b/c@0.1.0', 'a:b/d@0.1.0', 'a:b/e'],
      ['own', 'a:b/c', 'a:b/d', 'a:b/e'],
    ],
    [
      ['a:b/c', 'a:b/d', 'a:b/e'],
      ['own', 'a:b/c', 'a:b/d'],
      ['own', 'a:b/c', 'a:b/e'],
      ['own', 'a:b/e'],
    ],
  ],
  [['a:b/c', 'a:b/c@1.0.0'], [['a:b/c', 'a:b/c@1.0.0']], [['a:b/c'], ['a:b/c@1.0.0']]],
  // However many there are.
  [
    Array.from({ length: 60 }, (_, n) => `a:b/i${n}@0.1.0`),
    ['@0.1.0', ''].map((version) => Array.from({ length: 60 }, (_, n) => `a:b/i${n}${version}`)),
    ['@0.1.0', ''].map((version) => Array.from({ length: 59 }, (_, n) => `a:b/i${n}${version}`)),
  ],
]

test('declarations require each interface under one of its names', async (t) => {
  const files: Record<string, string> = {}
  const lines = ["import type { Imports as Any } from 'wasiexec'"]
  for (const [index, [imports, given, refused]] of NEEDED.entries()) {
    files[`n${index}.d.ts`] = await needs(imports)
    lines.push(`import type { Imports as N${index} } from './n${index}.d.ts'`)
    given.forEach((names, at) => {
      lines.push(`const given${index}_${at}: N${index} = ${asImports(names)}`)
      lines.push(`export const any${index}_${at}: Any = given${index}_${at}`)
    })
    refused.forEach((names, at) => {
      lines.push('// @ts-expect-error')
      lines.push(`export const refused${index}_${at}: N${index} = ${asImports(names)}`)
    })
  }
  // Of a host that gives several versions of what it has to plugins of each.
  files['v1.d.ts'] = await needs(['a:b/host@1.0.0'])
  files['v2.d.ts'] = await needs(['a:b/host@2.0.0'])
  lines.push("import type * as V1 from './v1.d.ts'", "import type * as V2 from './v2.d.ts'")
  const both = ['a:b/host@1.0.0', 'a:b/host@2.0.0']
  lines.push(`export const both: V1.Imports & V2.Imports = ${asImports(both)}`)
  lines.push('// @ts-expect-error')
  lines.push(`export const one: V1.Imports & V2.Imports = ${asImports(both.slice(1))}`)
  files['use.ts'] = lines.join('\n')
  t.deepEqual(await compile(await folder(t), files), [])
})

test('declarations of a module compile, and fit its instances', async (t) => {
  const use = `
import { load } from 'wasiexec'
import type { Exports } from './exports.d.ts'
const program = await load('exports.wasm')
const instance = await program.instantiate<Exports>()
export const sum: number = await instance.exports.add(1, 2)
export const wide: bigint = await instance.exports.add64(1n, 2n)
`
  const declared = await (await wat('exports')).types()
  t.regex(declared, /\/\/ 'takes_v128' cannot be called: \(v128\)/)
  const odd = await load(
    Buffer.from(`(module
      (import "a-b" "c d" (func (param i32 i64) (result f64)))
      (import "env" "table" (table 1 funcref))
      (func (export "it's*/\\e2\\80\\a8 \\22odd\\22"))
      (func (export "class") (result i32 f32) (unreachable))
      (memory (export "memory") 1))`),
    { cache: false },
  )
  const files = { 'exports.d.ts': declared, 'use.ts': use, 'odd.d.ts': await odd.types() }
  t.deepEqual(await compile(await folder(t), files), [])
  t.regex(
    files['odd.d.ts'],
    /'c d'\(p0: number, p1: bigint, guest: CallingGuest\): number \| Promise<number>/,
  )
})

test('declarations of what a module imports fit the option', async (t) => {
  const program = await load(
    Buffer.from(`(module
      (import "env" "log" (func (param i32 i32)))
      (import "env" "fetchRow" (func (param i32) (result i32)))
      (import "other module" "wide" (func (result i64)))
      (func (export "one") (result i32) (i32.const 1)))`),
    { cache: false },
  )
  const use = `
import { load } from 'wasiexec'
import type { Exports, Imports } from './module.d.ts'
const imports: Imports = {
  env: {
    log: (pointer, length, { memory }) => console.log(memory.readString(pointer, length)),
    fetchRow: async (id) => id,
  },
  'other module': { wide: () => 1n },
}
const program = await load('module.wasm')
const instance = await program.instantiate<Exports>({ imports })
await program.run({ imports })
program.spawn({ imports })
program.pool<Exports>({ imports })
program.check({ imports })
program.batch([], { defaults: { imports } })
export const one: number = await instance.exports.one()
// @ts-expect-error
const wrong: Imports = { env: { log: () => {}, fetchRow: () => '1' }, 'other module': { wide: () => 1n } }
// @ts-expect-error
const missing: Imports = { env: { log: () => {} }, 'other module': { wide: () => 1n } }
export const all = [wrong, missing]
`
  const files = { 'module.d.ts': await program.types(), 'use.ts': use }
  t.deepEqual(await compile(await folder(t), files), [])
})

test('declarations of made-up types compile', async (t) => {
  const files: Record<string, string> = {}
  for (const [index, type] of fc.sample(witTypes, 40).entries()) {
    const program = await load(Buffer.from(echoComponent(type, 'memory')), { cache: false })
    files[`t${index}.d.ts`] = await program.types()
  }
  t.deepEqual(await compile(await folder(t), files), [])
})

test('interfaces that have types alone need not be given', async (t) => {
  const program = await load(
    Buffer.from(`(component
      (import "a:b/types" (instance $types (type $r (record (field "HTTP-port" u32))) (export "r" (type $s (eq $r)))))
      (alias export $types "r" (type $s))
      (import "a:b/c" (instance (alias outer 1 $s (type $r)) (export "s" (type $s (eq $r))) (export "f" (func (param "r" $s))))))`),
    { cache: false },
  )
  const use = `
import type { Imports, Types } from './needs.d.ts'
export const imports: Imports = { 'a:b/c': { f: ({ httpPort }: Types.R) => void httpPort } }
`
  t.deepEqual(
    await compile(await folder(t), { 'needs.d.ts': await program.types(), 'use.ts': use }),
    [],
  )
  await program.instantiate({ imports: { 'a:b/c': { f: () => {} } } })
})

test('declarations are compiled by the versions of TypeScript that are promised', async (t) => {
  t.regex(await versionOf('typescript-5.4'), /^5\.4\./)
  t.regex(await versionOf('typescript-6'), /^6\./)
  t.regex(await versionOf('typescript'), /^7\./)
})

test('only components have WIT', async (t) => {
  t.regex(
    await (await wat('calc-component')).wit(),
    /divide: func\(a: s32, b: s32\) -> result<s32, problem>;/,
  )
  const error = (await thrown(async () => (await wat('exports')).wit())) as WasiexecError
  t.is(error.code, 'ERR_UNSUPPORTED_WASM')
})

test('names that are those of other things as well do not hide these', async (t) => {
  const program = await wat('odd-names-component')
  const use = `
import type { Instance } from 'wasiexec'
import type { Exports, Exports_ } from './odd.d.ts'
declare const odd: Instance<Exports>
const { Foo, makeFoo, then_ } = odd.exports['my:odd/exports']
const foo: Exports_.Foo = await makeFoo()
export const numbers: number[] = [
  await then_(1), await Foo.create(), await Foo.name(), await Foo.prototype_(),
  await foo.constructor_(), await foo.then_(), await foo.toString(),
  await odd.exports.delete(), await odd.exports.httpGet(),
]
export const parts: [Exports_.Promise_, Exports_.Members_, Exports_.Needs_, Exports_.FooClass_] =
  [{ then: 1 }, { then: 1 }, { then: 1 }, { then: 1 }]
export const map: Exports_.Map_ = { tag: 'promise', val: { then: 1 } }
`
  t.deepEqual(
    await compile(await folder(t), { 'odd.d.ts': await program.types(), 'use.ts': use }),
    [],
  )
})

test('functions with such names can be called', async (t) => {
  type Odd = Record<string, (...args: unknown[]) => Promise<unknown>>
  await using instance = await (
    await wat('odd-names-component')
  ).instantiate<Odd & { 'my:odd/exports': Odd }>()
  const { then_, makeFoo, Foo } = instance.exports['my:odd/exports'] as Odd
  const statics = Foo as unknown as Odd
  t.is(await then_!(5), 5)
  for (const name of ['name', 'prototype_', 'create']) t.is(await statics[name]!(), 1, name)
  const foo = (await makeFoo!()) as Odd
  for (const name of ['constructor_', 'then_', 'toString']) t.is(await foo[name]!(), 7, name)
  for (const name of ['delete', 'constructor', 'httpGet'] as const) {
    t.is(await instance.exports[name]!(), 1, name)
  }
})
