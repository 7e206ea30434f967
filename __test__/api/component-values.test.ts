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
