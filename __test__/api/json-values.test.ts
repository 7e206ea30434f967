// What JSON.stringify writes of the values that functions return.
import test from 'ava'
import fc from 'fast-check'
import { describeOutcome, type JsonReturned } from '../support/package.ts'
import { returned } from '../../src/outcome.ts'
import { wat } from '../support/guest.ts'
import type { WitType } from '../support/wit-echo.ts'
import { camel, hasUndefined, valuesOf, witTypes } from '../support/wit-values.ts'

const PRINTED = {
  stdout: Buffer.of(),
  stderr: Buffer.of(),
  usage: {
    wallMs: 1,
    cpuMs: 1,
    memoryPeakBytes: 0,
    memoryDenied: false,
    outputTruncated: false,
  },
}

function written(outcome: object): JsonReturned {
  return JSON.parse(JSON.stringify(outcome)) as JsonReturned
}

/** The value of a type that JSON stands for, as arrays where it is a list. */
function read(type: WitType, json: unknown): unknown {
  switch (type.kind) {
    case 's64':
    case 'u64':
      return BigInt(json as number | string)
    case 'f32':
    case 'f64':
      return Number(json)
    case 'list':
      return type.element.kind === 'u8'
        ? [...Buffer.from(json as string, 'base64')]
        : (json as unknown[]).map((element) => read(type.element, element))
    case 'tuple':
      return (json as unknown[]).map((part, index) => read(type.types[index]!, part))
    case 'record':
      return Object.fromEntries(
        type.fields.map(([name, part]) => [
          camel(name),
          read(part, (json as Record<string, unknown>)[camel(name)]),
        ]),
      )
    case 'option':
      if (hasUndefined(type)) return json === null ? undefined : read(type.some, json)
      return readCase(json, (tag) => (tag === 'some' ? type.some : undefined))
    case 'variant':
      return readCase(json, (tag) => type.cases.find(([name]) => name === tag)![1])
    case 'result':
      return readCase(json, (tag) => type[tag as 'ok' | 'err'])
    default:
      return json
  }
}

function readCase(json: unknown, typeOf: (tag: string) => WitType | undefined): unknown {
  const given = json as { tag: string; val?: unknown }
  if (!('val' in given)) return given
  const type = typeOf(given.tag)
  return { tag: given.tag, val: type === undefined ? undefined : read(type, given.val) }
}

/** With arrays where there are lists, and zero where it is negative. */
function plain(value: unknown): unknown {
  if (typeof value === 'number') return value === 0 ? 0 : value
  if (typeof value !== 'object' || value === null) return value
  if (Array.isArray(value) || ArrayBuffer.isView(value)) {
    return Array.from(value as unknown as Iterable<unknown>, plain)
  }
  return Object.fromEntries(Object.entries(value).map(([key, part]) => [key, plain(part)]))
}

test('JSON loses nothing of a value, whatever its type', (t) => {
  const typed = witTypes.chain((type) => fc.tuple(fc.constant(type), valuesOf(type)))
  fc.assert(
    fc.property(typed, ([type, value]) => {
      const { values, kind, ok } = written(returned([value] as never, PRINTED))
      t.is(kind, 'returned')
      t.true(ok)
      t.deepEqual(plain(read(type, values[0])), plain(value))
    }),
    { numRuns: 500 },
  )
})

const VALUES: readonly [value: unknown, json: unknown][] = [
  [true, true],
  ['text', 'text'],
  [1.5, 1.5],
  [NaN, 'NaN'],
  [-Infinity, '-Infinity'],
  [5n, 5],
  [2n ** 53n, '9007199254740992'],
  [-(2n ** 63n), '-9223372036854775808'],
  [undefined, null],
  [Uint8Array.of(0, 255), 'AP8='],
  [Uint8Array.of(1, 2, 3).subarray(1, 2), 'Ag=='],
  [Float32Array.of(0.5, Infinity), [0.5, 'Infinity']],
  [BigUint64Array.of(1n, 2n ** 64n - 1n), [1, '18446744073709551615']],
  [
    { tag: 'some', val: undefined },
    { tag: 'some', val: null },
  ],
  [
    new Map([
      ['a', [1n]],
      ['b', []],
    ]),
    [
      ['a', [1]],
      ['b', []],
    ],
  ],
]

test('each kind of value has its JSON', (t) => {
  const { values } = written(returned(VALUES.map(([value]) => value) as never, PRINTED))
  t.deepEqual(
    values as unknown[],
    VALUES.map(([, json]) => json),
  )
})

test('outcomes of functions that return resources are JSON, whatever their objects are', async (t) => {
  const calc = await (await wat('calc-component')).instantiate()
  const made = written(await calc.call('my:pkg/counters#[constructor]counter', 5))
  t.deepEqual([made.values, describeOutcome(made)], [['[counter]'], 'the function returned'])

  const cyclic: Record<string, unknown> = { big: 1n, nextValue: () => 1 }
  cyclic['self'] = cyclic
  const bare = Object.assign(Object.create(null) as object, { nextValue: () => 1 })
  const objects = [cyclic, Object.assign(() => 1, { nextValue: () => 1 }), bare]
  for (const object of objects) {
    class Cursor {
      static openCount = (): number => 0
      constructor() {
        // oxlint-disable-next-line no-constructor-return
        return object as Cursor
      }
      nextValue(): number {
        return 1
      }
    }
    const store = { get: () => undefined, putAll: () => 0, Cursor }
    const imports = { logLine: () => {}, 'my:pkg/store': store }
    await using instance = await (await wat('store-component')).instantiate({ imports })
    t.deepEqual(written(await instance.call('make', 1)).values, ['[cursor]'])
  }
})
