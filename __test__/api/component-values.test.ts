// Run once more with each compiler.
import test from 'ava'
import fc from 'fast-check'
import { load } from '../support/package.ts'
import { echoComponent, fitsFlat, type WitType } from '../support/wit-echo.ts'
import { valuesOf, witTypes } from '../support/wit-values.ts'

/** How many types are tried, each with some values. */
const TYPES = Number(process.env['WASIEXEC_TEST_TYPES'] ?? 60)
const VALUES = Number(process.env['WASIEXEC_TEST_VALUES'] ?? 12)

interface Echo {
  echo: { echo(...args: unknown[]): unknown }
}

const PAD = Array.from({ length: 17 }, (_, index) => index)

async function comesBack(type: WitType, values: readonly unknown[]): Promise<unknown[][]> {
  const wrong: unknown[][] = []
  for (const way of fitsFlat(type) ? (['flat', 'memory'] as const) : (['memory'] as const)) {
    const text = echoComponent(type, way)
    const program = await load(Buffer.from(text), { cache: false })
    await using instance = await program.instantiate<Echo>()
    for (const value of values) {
      const args = way === 'flat' ? [value] : [PAD, value]
      const outcome = await instance.call('echo#echo', ...args)
      const back = outcome.kind === 'returned' ? outcome.values[0] : outcome
      if (!isSame(back, value)) wrong.push([way, value, back])
    }
    program[Symbol.dispose]()
  }
  return wrong
}

/** As `deepEqual`, and bit by bit where that is possible: -0 is not 0. */
function isSame(a: unknown, b: unknown): boolean {
  return fc.stringify(a) === fc.stringify(b)
}

test('values of every type come back, as core values and through memory', async (t) => {
  const cases = witTypes.chain((type) =>
    fc.tuple(fc.constant(type), fc.array(valuesOf(type), { minLength: VALUES, maxLength: VALUES })),
  )
  await fc.assert(
    fc.asyncProperty(cases, async ([type, values]) => {
      t.deepEqual(await comesBack(type, values), [])
    }),
    { numRuns: TYPES },
  )
})

test('maps come back', async (t) => {
  const text = `(component
    (core module $m
      (memory (export "memory") 4)
      (global $next (mut i32) (i32.const 1024))
      (func (export "realloc") (param i32 i32 i32 i32) (result i32)
        (local $at i32)
        (local.set $at (i32.and (i32.add (global.get $next) (i32.const 7)) (i32.const -8)))
        (global.set $next (i32.add (local.get $at) (local.get 3)))
        (local.get $at))
      (func (export "echo") (param i32 i32) (result i32)
        (i32.store (i32.const 16) (local.get 0))
        (i32.store (i32.const 20) (local.get 1))
        (i32.const 16)))
    (core instance $i (instantiate $m))
    (func (export "echo") (param "value" (map string (list u16))) (result (map string (list u16)))
      (canon lift (core func $i "echo") (memory (core memory $i "memory")) (realloc (core func $i "realloc")))))`
  const program = await load(Buffer.from(text), { cache: false })
  interface Maps {
    echo(value: Map<string, Uint16Array>): Promise<Map<string, Uint16Array>>
  }
  await using instance = await program.instantiate<Maps>()
  for (const value of [
    new Map<string, Uint16Array>(),
    new Map([
      ['one', Uint16Array.of(1)],
      ['', new Uint16Array()],
      ['ü', Uint16Array.of(2, 65_535)],
    ]),
  ])
    t.deepEqual(await instance.exports.echo(value), value)
  const wrong = new Map([['one', ['1']]]) as unknown as Map<string, Uint16Array>
  await t.throwsAsync(instance.exports.echo(wrong), {
    message: /^"echo": value\.values\(\)\[0\]\[0\]: expected an integer from 0 to 65535, got "1"$/,
  })
  t.regex(await program.types(), /echo\(value: Map<string, Uint16Array \| Array<number>>\)/)
})

test('the widest types come back', async (t) => {
  const names = Array.from({ length: 300 }, (_, index) => `n${index}`)
  const number: WitType = { kind: 'u64' }
  const types: [WitType, unknown][] = [
    [{ kind: 'enum', names }, 'n299'],
    [
      { kind: 'variant', cases: names.map((name) => [name, number]) },
      { tag: 'n256', val: 7n },
    ],
    [
      { kind: 'flags', names: names.slice(0, 32) },
      Object.fromEntries(names.slice(0, 32).map((name, index) => [name, index % 3 === 0])),
    ],
    [
      { kind: 'record', fields: names.map((name) => [name, number]) },
      Object.fromEntries(names.map((name, index) => [name, BigInt(index)])),
    ],
    [
      { kind: 'option', some: { kind: 'option', some: { kind: 'bool' } } },
      { tag: 'some', val: undefined },
    ],
    [
      {
        kind: 'variant',
        cases: [
          ['a', { kind: 'f32' }],
          ['b', { kind: 'u64' }],
          ['c', { kind: 'f64' }],
          ['d', { kind: 'string' }],
        ],
      },
      { tag: 'c', val: -0.5 },
    ],
  ]
  for (const [type, value] of types) t.deepEqual(await comesBack(type, [value]), [])
})
