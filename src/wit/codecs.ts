import type { Codec } from './codec.ts'
import { enumeration, flags, option, record, result, tuple, variant } from './compounds.ts'
import { future, stream } from './flow-codec.ts'
import type { InterfaceTypes, WitPrimitive, ValueType } from './interface.ts'
import { list, map } from './lists.ts'
import { PRIMITIVES } from './primitives.ts'

/** Makes the codec of a handle; undefined where a resource does not cross. */
export type HandleCodec = (kind: 'own' | 'borrow', resource: number) => Codec

/** The codecs of the types of a component, each made when it is first asked for. */
export class Codecs {
  readonly #interface: InterfaceTypes
  readonly #handle: HandleCodec
  readonly #known: (Codec | undefined)[] = []

  constructor(types: InterfaceTypes, handle: HandleCodec) {
    this.#interface = types
    this.#handle = handle
  }

  /** @throws {Foreign} for a type that does not cross. */
  of(type: number): Codec {
    return (this.#known[type] ??= this.#make(this.#interface.types[type]!))
  }

  #make(type: ValueType): Codec {
    switch (type.kind) {
      case 'list':
        return list(this.of(type.element))
      case 'fixed-list':
        return list(this.of(type.element), type.length)
      case 'map':
        return map(this.of(type.key), this.of(type.value))
      case 'record':
        return record(type.fields.map(([name, field]) => [name, this.of(field)]))
      case 'tuple':
        return tuple(type.types.map((part) => this.of(part)))
      case 'variant':
        return variant(type.cases.map(([name, payload]) => [name, this.#optional(payload)]))
      case 'enum':
        return enumeration(type.names)
      case 'flags':
        return flags(type.names)
      case 'option':
        return option(this.of(type.some))
      case 'result':
        return result(this.#optional(type.ok), this.#optional(type.err))
      case 'own':
      case 'borrow':
        return this.#handle(type.kind, type.resource)
      case 'stream':
        return stream(this.#optional(type.element))
      case 'future':
        return future(this.#optional(type.element))
      case 'error-context':
        throw new Foreign(type.kind)
      default:
        return PRIMITIVES[type.kind satisfies WitPrimitive]
    }
  }

  #optional(type: number | null): Codec | undefined {
    return type === null ? undefined : this.of(type)
  }
}

/** A type whose values do not cross. */
export class Foreign extends Error {
  readonly kind: string

  constructor(kind: string) {
    super()
    this.kind = kind
  }
}
