import type { WitResource, WitType } from '../../src/index.ts'
import { WaveError } from './error.ts'
import type { Scanner } from './scanner.ts'
import { readCharacter, readString } from './strings.ts'
import { expectation, RANGES, typeText } from './types.ts'

/** Resources by the names that stand for them. */
export interface HandleNames {
  /** What a name such as `$1` stands for. */
  get(name: string): { readonly value: object; readonly resource: WitResource } | undefined
}

/** Those of 64 bits have at most 20 digits. */
const INTEGER = /^-?\d{1,20}$/

type Of<Kind extends WitType['kind']> = Extract<WitType, { kind: Kind }>

/** Reads values in WAVE, the WebAssembly Value Encoding, as the library takes them. */
export class WaveParser {
  readonly scan: Scanner
  readonly #handles: HandleNames | undefined
  /** The names of the resources that go over to the function. */
  readonly given: Set<string> = new Set()

  constructor(scan: Scanner, handles?: HandleNames) {
    this.scan = scan
    this.#handles = handles
  }

  /** @throws {WaveError} for what is not a value of the type. */
  value(type: WitType): unknown {
    this.scan.skip()
    switch (type.kind) {
      case 'bool':
        return this.#bool(type)
      case 'f32':
      case 'f64':
        return this.#float(type)
      case 'char':
        return readCharacter(this.scan) ?? this.#fail(type)
      case 'string':
        return readString(this.scan) ?? this.#fail(type)
      case 'list':
        return this.#list(type)
      case 'map':
        return this.#map(type)
      case 'record':
        return this.#record(type)
      case 'tuple':
        return this.#tuple(type)
      case 'flags':
        return this.#flags(type)
      case 'enum':
        return this.#case(type, type.names)
      case 'variant':
        return this.#variant(type)
      case 'option':
        return this.#option(type)
      case 'result':
        return this.#result(type)
      case 'own':
      case 'borrow':
        return this.#handle(type)
      case 'stream':
      case 'future':
      case 'error-context':
        return this.#fail(type)
      default:
        return this.#integer(type)
    }
  }

  /** @throws {WaveError} if there is more than blanks. */
  end(expected: string = 'the end'): void {
    this.scan.skip()
    if (!this.scan.isAtEnd) throw this.scan.error(expected)
  }

  #fail(type: WitType, at?: number): never {
    throw this.scan.error(expectation(type), at)
  }

  #bool(type: WitType): boolean {
    const { at } = this.scan
    const word = this.scan.label()
    return word === 'true' || (word === 'false' ? false : this.#fail(type, at))
  }

  #integer(type: WitType): number | bigint {
    const { at } = this.scan
    const text = this.scan.number() ?? ''
    const [least, most] = RANGES[type.kind]!
    const value = INTEGER.test(text) ? BigInt(text) : most + 1n
    if (value < least || value > most) this.#fail(type, at)
    return type.kind === 'u64' || type.kind === 's64' ? value : Number(value)
  }

  #float(type: WitType): number {
    const { at } = this.scan
    const text = this.scan.number() ?? this.scan.label()
    if (text === 'nan') return Number.NaN
    if (text === 'inf') return Infinity
    if (text === '-inf') return -Infinity
    const value = text === undefined ? Number.NaN : Number(text)
    if (Number.isNaN(value)) this.#fail(type, at)
    return type.kind === 'f32' ? Math.fround(value) : value
  }

  /** Values between commas up to a closing mark, which may have a comma before it. */
  #until(close: string, read: (index: number) => void): void {
    for (let index = 0; !this.scan.take(close); index += 1) {
      if (index > 0) {
        this.scan.expect(',', `, or ${close}`)
        if (this.scan.take(close)) return
      }
      this.scan.skip()
      read(index)
    }
  }

  #list(type: Of<'list'>): unknown[] {
    const { at } = this.scan
    if (!this.scan.take('[')) this.#fail(type)
    const values: unknown[] = []
    this.#until(']', () => values.push(this.value(type.element)))
    if (type.length !== undefined && values.length !== type.length) this.#fail(type, at)
    return values
  }

  #tuple(type: Of<'tuple'>): unknown[] {
    const { at } = this.scan
    if (!this.scan.take('(')) this.#fail(type)
    const values: unknown[] = []
    this.#until(')', (index) => {
      const part = type.types[index]
      if (part === undefined) this.#fail(type, at)
      values.push(this.value(part))
    })
    if (values.length !== type.types.length) this.#fail(type, at)
    return values
  }

  #map(type: Of<'map'>): Map<unknown, unknown> {
    if (!this.scan.take('{')) this.#fail(type)
    const entries = new Map<unknown, unknown>()
    if (this.#isEmpty()) return entries
    this.#until('}', () => {
      const { at } = this.scan
      const key = this.value(type.key)
      if (entries.has(key)) throw this.scan.error('each key once', at)
      this.scan.expect(':')
      entries.set(key, this.value(type.value))
    })
    return entries
  }

  /** `:}`, the rest of braces with nothing in them. */
  #isEmpty(): boolean {
    if (!this.scan.take(':')) return false
    this.scan.expect('}')
    return true
  }

  #record(type: Of<'record'>): object {
    const { at } = this.scan
    if (!this.scan.take('{')) this.#fail(type)
    const given = new Map<string, unknown>()
    if (!this.#isEmpty()) {
      this.#until('}', () => {
        const start = this.scan.at
        const name = this.scan.label()?.replace('%', '')
        const field = type.fields.find((one) => one.name === name)
        if (field === undefined) this.#fail(type, start)
        if (given.has(field.name)) throw this.scan.error('each field once', start)
        this.scan.expect(':')
        given.set(field.name, this.value(field.type))
      })
    }
    const entries = type.fields.map((field): [string, unknown] => {
      if (given.has(field.name)) return [field.key, given.get(field.name)]
      if (field.type.kind !== 'option') {
        const expected = `the field ${field.name} of ${typeText(type)}`
        throw this.scan.error(`${expected}: ${typeText(field.type)}`, at)
      }
      return [field.key, none(field.type)]
    })
    return Object.fromEntries(entries)
  }

  #flags(type: Of<'flags'>): object {
    if (!this.scan.take('{')) this.#fail(type)
    const set = new Set<string>()
    this.#until('}', () => {
      const { at } = this.scan
      const name = this.scan.label()?.replace('%', '')
      if (name === undefined || !type.flags.some((flag) => flag.name === name)) this.#fail(type, at)
      if (set.has(name)) throw this.scan.error('each flag once', at)
      set.add(name)
    })
    return Object.fromEntries(type.flags.map(({ name, key }) => [key, set.has(name)]))
  }

  /** The name of a case. */
  #case(type: WitType, names: readonly string[]): string {
    const { at } = this.scan
    const name = this.scan.label()?.replace('%', '')
    if (name === undefined || !names.includes(name)) this.#fail(type, at)
    return name
  }

  #payload(type: WitType): unknown {
    this.scan.expect('(', `( and ${typeText(type)}`)
    const value = this.value(type)
    this.scan.expect(')')
    return value
  }

  #variant(type: Of<'variant'>): object {
    const names = type.cases.map(({ name }) => name)
    const tag = this.#case(type, names)
    const part = type.cases[names.indexOf(tag)]!.type
    return part === undefined ? { tag } : { tag, val: this.#payload(part) }
  }

  #option(type: Of<'option'>): unknown {
    const word = this.scan.peekLabel()
    if (word === 'none') {
      this.scan.label()
      return none(type)
    }
    if (word !== 'some') return this.#flat(type, type.some)
    this.scan.label()
    const val = this.#payload(type.some)
    return type.isTagged ? { tag: 'some', val } : val
  }

  #result(type: Of<'result'>): object {
    const word = this.scan.peekLabel()
    if (word !== 'ok' && word !== 'err') {
      return { tag: 'ok', val: this.#flat(type, type.ok) }
    }
    this.scan.label()
    const part = type[word]
    return { tag: word, val: part === undefined ? undefined : this.#payload(part) }
  }

  /** The value of `some` or `ok` alone, which may stand for the whole unless it is such a value itself. */
  #flat(type: WitType, part: WitType | undefined): unknown {
    if (part === undefined || part.kind === 'option' || part.kind === 'result') this.#fail(type)
    const { at } = this.scan
    try {
      return this.value(part)
    } catch (error) {
      if (error instanceof WaveError && error.at === at) this.#fail(type, at)
      throw error
    }
  }

  #handle(type: Of<'own' | 'borrow'>): object {
    const { at } = this.scan
    const name = this.scan.handle()
    const held = name === undefined ? undefined : this.#handles?.get(name)
    const { resource } = type
    const isRight =
      held?.resource.name === resource.name && held.resource.interface === resource.interface
    if (name === undefined || !isRight) this.#fail(type, at)
    if (this.given.has(name)) throw this.scan.error('a resource that is not given away', at)
    if (type.kind === 'own') this.given.add(name)
    return held.value
  }
}

function none({ isTagged }: Of<'option'>): unknown {
  return isTagged ? { tag: 'none' } : undefined
}
