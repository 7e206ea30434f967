import type { WitPrimitive } from './interface.ts'

/**
 * A function that a component exports, with the types of its values.
 *
 * @example
 * for (const { name, parameters } of await program.functions()) console.log(name, parameters.length)
 */
export interface ExportedFunction {
  /** As `call` takes it: `my:pkg/calc@1.0.0#add-two`, or `add-two` for a function of the component itself. */
  readonly name: string
  /** The other names under which `call` takes it. */
  readonly aliases: readonly string[]
  /** Whether it is an async function of WASI 0.3, which is called like any other. */
  readonly isAsync: boolean
  /** What it is called with; of a method, the resource comes first. */
  readonly parameters: readonly WitPart[]
  /** Absent where it returns nothing. */
  readonly result?: WitType
}

/**
 * A field of a record, a flag, or a parameter.
 *
 * @example
 * const shown = ({ name, type }: WitPart) => `${name}: ${type.kind}`
 */
export interface WitPart {
  /** As in WIT: `unit-price`. */
  readonly name: string
  /** The name of the property in JavaScript: `unitPrice`. */
  readonly key: string
  readonly type: WitType
}

/**
 * A case of a variant.
 *
 * @example
 * const tags = (cases: readonly WitCase[]) => cases.map(({ name }) => name)
 */
export interface WitCase {
  /** As in WIT, and the `tag` in JavaScript. */
  readonly name: string
  /** Absent where the case has no value. */
  readonly type?: WitType
}

/**
 * A type of WIT. What is shared by several types is one object, so types that are large when they are written out take
 * little memory.
 *
 * @example
 * const isNumber = ({ kind }: WitType) => kind === 'u32' || kind === 'f64'
 */
export type WitType = {
  /** The name that WIT gives it; absent for one that is written where it is used. */
  readonly name?: string
} & (
  | { readonly kind: WitPrimitive | 'error-context' }
  | {
      readonly kind: 'list'
      readonly element: WitType
      /** Where every value has so many elements. */
      readonly length?: number
    }
  | { readonly kind: 'map'; readonly key: WitType; readonly value: WitType }
  | { readonly kind: 'record'; readonly fields: readonly WitPart[] }
  | { readonly kind: 'flags'; readonly flags: readonly Omit<WitPart, 'type'>[] }
  | { readonly kind: 'tuple'; readonly types: readonly WitType[] }
  | { readonly kind: 'variant'; readonly cases: readonly WitCase[] }
  | { readonly kind: 'enum'; readonly names: readonly string[] }
  | {
      readonly kind: 'option'
      readonly some: WitType
      /** Whether its values are `{ tag, val }`, because undefined is a value of `some`. */
      readonly isTagged: boolean
    }
  | { readonly kind: 'result'; readonly ok?: WitType; readonly err?: WitType }
  | { readonly kind: 'own' | 'borrow'; readonly resource: WitResource }
  | { readonly kind: 'stream' | 'future'; readonly element?: WitType }
)

/**
 * A resource type.
 *
 * @example
 * const shown = ({ interface: owner, name }: WitResource) => `${owner}#${name}`
 */
export interface WitResource {
  /** Absent for a resource of the component itself. */
  readonly interface?: string
  readonly name: string
}
