import fc from 'fast-check'
import type { WitType } from './wit-echo.ts'

const SCALARS = [
  'bool',
  's8',
  'u8',
  's16',
  'u16',
  's32',
  'u32',
  's64',
  'u64',
  'f32',
  'f64',
  'char',
  'string',
] as const

/** Names of WIT, some of which are words of JavaScript. */
const NAMES = [
  'a',
  'long-name',
  'HTTP-name',
  'is-OK',
  'default',
  'constructor',
  'to-string',
  'x1',
  'then',
  'b',
  'c9',
] as const

/** A type has no more. */
const MAX_FLAGS = 32

/** Types of WIT, a few levels deep. */
export const witTypes: fc.Arbitrary<WitType> = fc.letrec<{ type: WitType }>((tie) => {
  const part = tie('type')
  const some = fc.option(part, { nil: undefined })
  const names = fc.uniqueArray(fc.constantFrom(...NAMES), { minLength: 1, maxLength: 5 })
  const named = <T>(value: fc.Arbitrary<T>): fc.Arbitrary<[string, T][]> =>
    fc
      .tuple(names, fc.array(value, { minLength: 5, maxLength: 5 }))
      .map(([keys, values]) => keys.map((key, index): [string, T] => [key, values[index]!]))
  const many = fc
    .integer({ min: 1, max: 70 })
    .map((count) => Array.from({ length: count }, (_, index) => `n${index}`))
  return {
    type: fc.oneof(
      { maxDepth: 3, depthSize: 'small', withCrossShrink: true },
      fc.constantFrom(...SCALARS).map((kind): WitType => ({ kind })),
      part.map((element): WitType => ({ kind: 'list', element })),
      named(part).map((fields): WitType => ({ kind: 'record', fields })),
      fc
        .array(part, { minLength: 1, maxLength: 4 })
        .map((types): WitType => ({ kind: 'tuple', types })),
      named(some).map((cases): WitType => ({ kind: 'variant', cases })),
      fc.oneof(names, many).map((list): WitType => ({ kind: 'enum', names: [...list] })),
      fc
        .oneof(names, many)
        .map((list): WitType => ({ kind: 'flags', names: list.slice(0, MAX_FLAGS) })),
      part.map((inner): WitType => ({ kind: 'option', some: inner })),
      fc.tuple(some, some).map(([ok, err]): WitType => ({ kind: 'result', ok, err })),
    ),
  }
}).type

const TYPED: Readonly<Record<string, (values: never[]) => unknown>> = {
  u8: (values) => Uint8Array.from(values),
  s8: (values) => Int8Array.from(values),
  u16: (values) => Uint16Array.from(values),
  s16: (values) => Int16Array.from(values),
  u32: (values) => Uint32Array.from(values),
  s32: (values) => Int32Array.from(values),
  u64: (values) => BigUint64Array.from(values),
  s64: (values) => BigInt64Array.from(values),
  f32: (values) => Float32Array.from(values),
  f64: (values) => Float64Array.from(values),
}

/** Values of a type, as they come back. */
export function valuesOf(type: WitType): fc.Arbitrary<unknown> {
  switch (type.kind) {
    case 'bool':
      return fc.boolean()
    case 's8':
      return fc.integer({ min: -128, max: 127 })
    case 'u8':
      return fc.integer({ min: 0, max: 255 })
    case 's16':
      return fc.integer({ min: -32_768, max: 32_767 })
    case 'u16':
      return fc.integer({ min: 0, max: 65_535 })
    case 's32':
      return fc.integer()
    case 'u32':
      return fc.integer({ min: 0, max: 2 ** 32 - 1 })
    case 's64':
      return fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n })
    case 'u64':
      return fc.bigInt({ min: 0n, max: 2n ** 64n - 1n })
    case 'f32':
      return fc.float()
    case 'f64':
      return fc.double()
    case 'char':
      return fc
        .string({ unit: 'binary', minLength: 1, maxLength: 1 })
        .map((text) => String.fromCodePoint(text.codePointAt(0)!))
    case 'string':
      return fc.string({ unit: 'binary' })
    case 'list': {
      const typed = TYPED[type.element.kind]
      const list = fc.array(valuesOf(type.element), { maxLength: 9 })
      return typed === undefined ? list : list.map((values) => typed(values as never[]))
    }
    case 'record':
      return objects(type.fields.map(([name, part]) => [camel(name), valuesOf(part)]))
    case 'tuple':
      return fc.tuple(...type.types.map((part) => valuesOf(part)))
    case 'variant':
      return fc.oneof(
        ...type.cases.map(([tag, part]) =>
          part === undefined ? fc.constant({ tag }) : valuesOf(part).map((val) => ({ tag, val })),
        ),
      )
    case 'enum':
      return fc.constantFrom(...type.names)
    case 'flags':
      return objects(type.names.map((name) => [camel(name), fc.boolean()]))
    case 'option':
      return type.some.kind === 'option' && hasUndefined(type.some)
        ? fc.oneof(
            fc.constant({ tag: 'none' }),
            valuesOf(type.some).map((val) => ({ tag: 'some', val })),
          )
        : fc.oneof(fc.constant(undefined), valuesOf(type.some))
    default:
      return fc.oneof(
        ...(['ok', 'err'] as const).map((tag) => {
          const part = type[tag]
          const val = part === undefined ? fc.constant(undefined) : valuesOf(part)
          return val.map((value) => ({ tag, val: value }))
        }),
      )
  }
}

/** Whether undefined is a value of an option. */
export function hasUndefined(type: WitType): boolean {
  return type.kind === 'option' && !hasUndefined(type.some)
}

function objects(entries: [string, fc.Arbitrary<unknown>][]): fc.Arbitrary<unknown> {
  return fc
    .tuple(...entries.map(([, value]) => value))
    .map((values) => Object.fromEntries(entries.map(([key], index) => [key, values[index]])))
}

export function camel(name: string): string {
  return name.toLowerCase().replace(/-(.)/g, (_, letter: string) => letter.toUpperCase())
}
