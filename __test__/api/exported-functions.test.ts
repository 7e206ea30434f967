// What `program.functions()` tells of the functions that a component exports.
import test from 'ava'
import fc from 'fast-check'
import { told } from '../support/exported-types.ts'
import { real, thrown, wat } from '../support/guest.ts'
import { load, type WasiexecError, type WitType } from '../support/package.ts'
import { echoComponent } from '../support/wit-echo.ts'
import { witTypes } from '../support/wit-values.ts'

/** As a tree without the names of types. */
function unnamed(type: WitType): unknown {
  return JSON.parse(
    JSON.stringify(type, (_, part: unknown) => {
      if (typeof part !== 'object' || part === null || !('kind' in part)) return part
      return { ...part, name: undefined }
    }),
  )
}

test('types of every kind', async (t) => {
  for (const type of fc.sample(witTypes, 60)) {
    const program = await load(Buffer.from(echoComponent(type, 'memory')), { cache: false })
    const [echo] = (await program.functions()).filter(({ name }) => name === 'test:echo/echo#echo')
    const expected = unnamed(told(type))
    t.deepEqual(unnamed(echo!.result!), expected)
    t.deepEqual(unnamed(echo!.parameters.at(-1)!.type), expected)
    program[Symbol.dispose]()
  }
})

test('types have the names of WIT, and parts those of JavaScript too', async (t) => {
  const functions = await (await real('tour-rust')).functions()
  const find = (name: string) => functions.find((called) => called.name.endsWith(`#${name}`))!
  const point = {
    kind: 'record',
    name: 'point',
    fields: [
      { name: 'x', key: 'x', type: { kind: 's32' } },
      { name: 'y', key: 'y', type: { kind: 's32' } },
    ],
  }
  t.deepEqual(find('move').parameters, [
    { name: 'start', key: 'start', type: point },
    { name: 'by', key: 'by', type: { kind: 'tuple', types: [{ kind: 's32' }, { kind: 's32' }] } },
  ] as never)
  t.deepEqual(find('move').result, point as never)
  t.false('result' in find('nothing'))
  const [list] = find('items').parameters
  t.like(list!.type, { kind: 'list', element: { name: 'item', kind: 'record' } })
  const { fields } = (list!.type as unknown as { element: { fields: { key: string }[] } }).element
  t.deepEqual(
    fields.map(({ key }) => key),
    ['name', 'unitPrice', 'sizes', 'colour', 'permissions', 'origin'],
  )
  // A resource that another interface defines.
  t.deepEqual(find('drain').parameters[0]!.type, {
    kind: 'own',
    resource: { name: 'cursor', interface: 'test:tour/store@1.0.0' },
  })
  const counter = { name: 'counter', interface: 'test:tour/counters@1.0.0' }
  t.deepEqual(find('[static]counter.merge').parameters, [
    { name: 'taken', key: 'taken', type: { kind: 'own', resource: counter } },
    { name: 'seen', key: 'seen', type: { kind: 'borrow', resource: counter } },
  ] as never)
})

for (const guest of ['calc-component', 'odd-names-component', 'values-component']) {
  test(`${guest}: all names are those that a call takes, and the function is the same`, async (t) => {
    const program = await wat(guest)
    const functions = await program.functions()
    await using instance = await program.instantiate()
    for (const { name, aliases, parameters } of functions) {
      const excess = Array.from({ length: parameters.length + 1 }, () => 0)
      for (const each of [name, ...aliases]) {
        const error = (await thrown(() => instance.call(each, ...excess))) as WasiexecError
        t.true(error.message.startsWith(`"${name}" takes ${parameters.length} argument`), each)
      }
    }
    const all = functions.flatMap(({ name, aliases }) => [name, ...aliases])
    t.is(new Set(all).size, all.length)
  })
}

test('short names are those of the newest version', async (t) => {
  const functions = await (await wat('calc-component')).functions()
  const names = functions.filter(({ name }) => name.endsWith('#subtract-numbers'))
  t.deepEqual(
    names.map(({ name, aliases }) => [name, aliases.includes('math#subtract-numbers')]),
    [
      ['my:pkg/math@1.10.0#subtract-numbers', true],
      ['my:pkg/math@1.9.0#subtract-numbers', false],
    ],
  )
})

test('a core module has none, and is refused', async (t) => {
  const error = (await thrown(async () => (await wat('exports')).functions())) as WasiexecError
  t.is(error.code, 'ERR_UNSUPPORTED_WASM')
})

test('exports with a function called `then` are no promise', async (t) => {
  const module = '(module (func (export "then") (param i32) (result i32) local.get 0))'
  const component = `(component
    (core module $m (func (export "then") (param i32) (result i32) local.get 0))
    (core instance $i (instantiate $m))
    (func $then (param "x" s32) (result s32) (canon lift (core func $i "then")))
    (export "then" (func $then)))`
  for (const text of [module, component]) {
    const program = await load(Buffer.from(text), { cache: false })
    await using instance = await program.instantiate()
    const exports = (await instance.exports) as Record<string, (value: number) => Promise<unknown>>
    t.deepEqual(Object.keys(exports), ['then_'])
    t.is(await exports['then_']!(5), 5)
    for (const name of ['then', 'then_']) {
      const outcome = await instance.call(name, 6)
      t.deepEqual(outcome.kind === 'returned' && outcome.values, [6], name)
    }
    t.regex(await program.types(), /^ {2}then_\(/m)
  }
  const both =
    '(module (func (export "then") (result i32) i32.const 1) (func (export "then_") (result i32) i32.const 2))'
  const program = await load(Buffer.from(both), { cache: false })
  await using instance = await program.instantiate()
  t.deepEqual(Object.keys(instance.exports), ['then_'])
  t.is(await (instance.exports as Record<string, () => Promise<unknown>>)['then_']!(), 2)
  t.is((await program.types()).match(/then_/g)!.length, 1)
})
