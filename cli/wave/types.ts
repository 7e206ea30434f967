import type { WitType } from '../../src/index.ts'
import { counted } from '../batch/words.ts'

/** The integers of the types that have no fractions. */
export const RANGES: Readonly<Record<string, readonly [least: bigint, most: bigint]>> = {
  u8: [0n, 0xffn],
  u16: [0n, 0xffffn],
  u32: [0n, 0xffff_ffffn],
  u64: [0n, 2n ** 64n - 1n],
  s8: [-0x80n, 0x7fn],
  s16: [-0x8000n, 0x7fffn],
  s32: [-0x8000_0000n, 0x7fff_ffffn],
  s64: [-(2n ** 63n), 2n ** 63n - 1n],
}

/** Words that are no names of cases unless a `%` is before them. */
export const KEYWORDS: ReadonlySet<string> = new Set(
  'true false inf nan some none ok err'.split(' '),
)

/** A type in the notation of WIT, cut where it is long; one with a name is that name. */
export function typeText(type: WitType): string {
  return cut(type.name ?? structure(type), MAX_TYPE)
}

function structure(type: WitType): string {
  const list = (types: readonly string[]): string => types.join(', ')
  const of = (word: string, types: readonly (WitType | undefined)[]): string => {
    const parts = types.map((part) => (part === undefined ? '_' : typeText(part)))
    return parts.length === 0 ? word : `${word}<${list(parts)}>`
  }
  switch (type.kind) {
    case 'list': {
      const { element, length } = type
      const size = length === undefined ? '' : `, ${length}`
      return `list<${typeText(element)}${size}>`
    }
    case 'map':
      return of('map', [type.key, type.value])
    case 'record':
      return `record {${list(type.fields.map((field) => `${field.name}: ${typeText(field.type)}`))}}`
    case 'flags':
      return `flags {${list(type.flags.map(({ name }) => name))}}`
    case 'tuple':
      return of('tuple', type.types)
    case 'variant':
      return `variant {${list(type.cases.map((one) => (one.type === undefined ? one.name : `${one.name}(${typeText(one.type)})`)))}}`
    case 'enum':
      return `enum {${list(type.names)}}`
    case 'option':
      return of('option', [type.some])
    case 'result': {
      const { ok, err } = type
      if (err !== undefined) return of('result', [ok, err])
      return of('result', ok === undefined ? [] : [ok])
    }
    case 'own':
      return type.resource.name
    case 'borrow':
      return `borrow<${type.resource.name}>`
    case 'stream':
    case 'future':
      return of(type.kind, type.element === undefined ? [] : [type.element])
    default:
      return type.kind
  }
}

/** What a value of a type looks like, for messages. */
export function expectation(type: WitType): string {
  return `${typeText(type)} (${look(type)})`
}

const MAX_TYPE = 400
const MAX_LOOK = 160

function look(type: WitType): string {
  const range = RANGES[type.kind]
  if (range !== undefined) return `an integer from ${range[0]} to ${range[1]}`
  switch (type.kind) {
    case 'bool':
      return 'true or false'
    case 'f32':
    case 'f64':
      return 'a number, inf, -inf or nan'
    case 'char':
      return "one character, as in 'a'"
    case 'string':
      return 'text, as in "a"'
    case 'list':
      return type.length === undefined
        ? 'values in [ and ]'
        : `${counted(type.length, 'value')} in [ and ]`
    case 'map':
      return 'pairs key: value in { and }'
    case 'tuple':
      return `${counted(type.types.length, 'value')} in ( and )`
    case 'record':
      return cut(
        `{${type.fields.map((field) => `${field.name}: ${typeText(field.type)}`).join(', ')}}`,
      )
    case 'flags':
      return cut(`some of {${type.flags.map(({ name }) => name).join(', ')}}`)
    case 'variant':
      return cut(
        `one of ${type.cases.map((one) => (one.type === undefined ? one.name : `${one.name}(…)`)).join(', ')}`,
      )
    case 'enum':
      return cut(`one of ${type.names.join(', ')}`)
    case 'option':
      return 'none or some(…)'
    case 'result':
      return `ok${type.ok === undefined ? '' : '(…)'} or err${type.err === undefined ? '' : '(…)'}`
    case 'own':
    case 'borrow':
      return 'a resource such as $1, of those that .resources lists'
    default:
      return 'which has no notation'
  }
}

function cut(text: string, most = MAX_LOOK): string {
  return text.length > most ? `${text.slice(0, most)}…` : text
}
