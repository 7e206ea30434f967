import type { WitCase, WitResource, WitType } from '../../src/index.ts'
import { show } from '../signature.ts'
import { KEYWORDS, typeText } from './types.ts'

/** Names a resource that a function has returned. */
export type NameHandle = (value: object, resource: WitResource) => string

/** So many elements or characters are one piece of text. */
const PIECE = 4096

/** A value as text in WAVE, in pieces: the whole may be longer than a string can be. */
export function* waveText(
  type: WitType,
  value: unknown,
  nameHandle?: NameHandle,
): Generator<string, void> {
  yield* new Printer(nameHandle).value(type, value)
}

/** Text as a string of WAVE. */
export function quoted(text: string): string {
  return `"${escaped(text, '"')}"`
}

class Printer {
  readonly #nameHandle: NameHandle | undefined

  constructor(nameHandle: NameHandle | undefined) {
    this.#nameHandle = nameHandle
  }

  *value(type: WitType, value: unknown): Generator<string, void> {
    switch (type.kind) {
      case 'f32':
      case 'f64':
        yield float(type.kind, value as number)
        break
      case 'char':
        yield `'${escaped(value as string, "'")}'`
        break
      case 'string':
        yield* string(value as string)
        break
      case 'list':
        yield* this.#list(type.element, value as ArrayLike<unknown>)
        break
      case 'map':
        yield* this.#between('{', '}', value as Map<unknown, unknown>, ([key, part]) =>
          this.#pair(this.value(type.key, key), type.value, part),
        )
        break
      case 'record':
        yield* this.#between('{', '}', type.fields, (field) =>
          this.#pair([field.name], field.type, (value as Record<string, unknown>)[field.key]),
        )
        break
      case 'tuple':
        yield* this.#between('(', ')', type.types.entries(), ([index, part]) =>
          this.value(part, (value as unknown[])[index]),
        )
        break
      case 'flags': {
        const set = type.flags.filter(({ key }) => (value as Record<string, boolean>)[key])
        yield `{${set.map(({ name }) => name).join(', ')}}`
        break
      }
      case 'enum':
        yield label(value as string)
        break
      case 'variant':
        yield* this.#case(type.cases, value as Tagged, label)
        break
      case 'option':
        yield* this.#option(type, value)
        break
      case 'result':
        yield* this.#case(
          [
            { name: 'ok', ...(type.ok === undefined ? {} : { type: type.ok }) },
            { name: 'err', ...(type.err === undefined ? {} : { type: type.err }) },
          ],
          value as Tagged,
          String,
        )
        break
      case 'own':
      case 'borrow':
        yield this.#nameHandle?.(value as object, type.resource) ?? typeText(type)
        break
      default:
        yield String(value)
    }
  }

  *#option(type: Extract<WitType, { kind: 'option' }>, value: unknown): Generator<string, void> {
    const isNone = type.isTagged ? (value as Tagged).tag === 'none' : value === undefined
    if (isNone) yield 'none'
    else yield* this.#wrapped('some', type.some, type.isTagged ? (value as Tagged).val : value)
  }

  *#case(
    cases: readonly WitCase[],
    { tag, val }: Tagged,
    show: (name: string) => string,
  ): Generator<string, void> {
    const part = cases.find(({ name }) => name === tag)?.type
    if (part === undefined) yield show(tag)
    else yield* this.#wrapped(show(tag), part, val)
  }

  *#wrapped(word: string, type: WitType, value: unknown): Generator<string, void> {
    yield `${word}(`
    yield* this.value(type, value)
    yield ')'
  }

  *#pair(key: Iterable<string>, type: WitType, value: unknown): Generator<string, void> {
    yield* key
    yield ': '
    yield* this.value(type, value)
  }

  *#between<T>(
    open: string,
    close: string,
    values: Iterable<T>,
    print: (value: T) => Iterable<string>,
  ): Generator<string, void> {
    let mark = open
    for (const value of values) {
      yield mark
      yield* print(value)
      mark = ', '
    }
    yield mark === open ? open + close : close
  }

  *#list(element: WitType, values: ArrayLike<unknown>): Generator<string, void> {
    if (!ArrayBuffer.isView(values)) {
      yield* this.#between('[', ']', values as unknown[], (value) => this.value(element, value))
      return
    }
    // A typed array can have more numbers than a generator should be asked for.
    const numbers = values as unknown as Float64Array
    const { kind } = element
    let mark = '['
    for (let at = 0; at < numbers.length; at += PIECE) {
      const piece = numbers.subarray(at, at + PIECE)
      const isFloat = kind === 'f32' || kind === 'f64'
      yield mark
      yield (isFloat ? Array.from(piece, (value) => float(kind, value)) : piece).join(', ')
      mark = ', '
    }
    yield mark === '[' ? '[]' : ']'
  }
}

interface Tagged {
  readonly tag: string
  readonly val?: unknown
}

function label(name: string): string {
  return KEYWORDS.has(name) ? `%${name}` : name
}

function float(kind: 'f32' | 'f64', value: number): string {
  if (Number.isNaN(value)) return 'nan'
  if (Math.abs(value) === Infinity) return value < 0 ? '-inf' : 'inf'
  return show(kind, value)
}

function* string(text: string): Generator<string, void> {
  yield '"'
  for (let at = 0; at < text.length;) {
    // Both halves of a pair belong to one piece.
    const isSplit = /[\uD800-\uDBFF]/.test(text.charAt(at + PIECE - 1))
    const end = at + PIECE + Number(isSplit)
    yield escaped(text.slice(at, end), '"')
    at = end
  }
  yield '"'
}

const SHORT: Readonly<Record<string, string>> = { '\t': '\\t', '\n': '\\n', '\r': '\\r' }

/** With everything escaped that ends the text, or that a terminal would obey. */
function escaped(text: string, quote: string): string {
  return text.replaceAll(/["'\\\p{Cc}\p{Bidi_Control}\p{Zl}\p{Zp}]/gu, (character) => {
    if (character === '\\' || character === quote) return `\\${character}`
    if (character === '"' || character === "'") return character
    return SHORT[character] ?? `\\u{${character.codePointAt(0)!.toString(16)}}`
  })
}
