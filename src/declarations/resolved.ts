import { splitInterface } from '../wit/names.ts'

/** The WIT of a component, as the core tells of it. Numbers are places in the lists. */
export interface Resolved {
  readonly worlds: readonly World[]
  readonly interfaces: readonly Interface[]
  readonly types: readonly NamedType[]
  readonly packages: readonly { readonly name: string }[]
}

export interface Documented {
  readonly docs?: { readonly contents: string | null }
}

export interface World extends Documented {
  readonly name: string
  readonly imports: Readonly<Record<string, WorldItem>>
  readonly exports: Readonly<Record<string, WorldItem>>
}

export type WorldItem =
  | { readonly interface: { readonly id: number } }
  | { readonly function: Function }
  | { readonly type: number | { readonly id: number } }

export interface Interface extends Documented {
  /** Null for one that is written inside of a world. */
  readonly name: string | null
  readonly types: Readonly<Record<string, number>>
  readonly functions: Readonly<Record<string, Function>>
  readonly package: number | null
}

export interface Function extends Documented {
  readonly name: string
  /** `freestanding`, `{ method: … }` and the like; with `async-` before it for an async function. */
  readonly kind: string | Readonly<Record<string, number>>
  readonly params: readonly { readonly name: string; readonly type: Type }[]
  readonly result?: Type | null
}

/** The name of a primitive, or the place of a type. */
export type Type = string | number

export interface NamedType extends Documented {
  readonly name: string | null
  readonly kind: TypeKind
  readonly owner: { readonly interface: number } | { readonly world: number } | null
}

/** A part of a type. */
export interface Part extends Documented {
  readonly name: string
  readonly type?: Type | null
}

export type TypeKind =
  | 'resource'
  | { readonly record: { readonly fields: readonly Part[] } }
  | { readonly flags: { readonly flags: readonly Part[] } }
  | { readonly tuple: { readonly types: readonly Type[] } }
  | { readonly variant: { readonly cases: readonly Part[] } }
  | { readonly enum: { readonly cases: readonly Part[] } }
  | { readonly option: Type }
  | { readonly result: { readonly ok: Type | null; readonly err: Type | null } }
  | { readonly list: Type }
  | { readonly map: readonly [Type, Type] }
  | { readonly 'fixed-length-list': readonly [Type, number] }
  | { readonly handle: { readonly own: number } | { readonly borrow: number } }
  | { readonly stream: Type | null }
  | { readonly future: Type | null }
  | { readonly type: Type }

/** `my:pkg/calc@1.0.0`, or the key of an interface that is written inside of the world. */
export function interfaceName(wit: Resolved, id: number, key: string): string {
  const { name, package: owner } = wit.interfaces[id]!
  if (name === null || owner === null) return key
  const { path, version } = splitInterface(wit.packages[owner]!.name)
  return version === undefined ? `${path}/${name}` : `${path}/${name}@${version}`
}
