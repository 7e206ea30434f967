/** What the core tells of the functions of a component. */
export interface InterfaceTypes {
  readonly types: readonly ValueType[]
  readonly resources: readonly ResourceType[]
  readonly functions: readonly FunctionType[]
}

/** A function, with the places of its types among the types. */
export interface FunctionType {
  /** The instance that it belongs to, such as `my:pkg/calc@1.0.0`; absent for a function of the component itself. */
  readonly interface?: string
  /** As in WIT: `add-two`, `[constructor]cursor`, `[method]cursor.next`, `[static]cursor.of`. */
  readonly name: string
  readonly parameters: readonly (readonly [name: string, type: number])[]
  readonly result?: number
  readonly isAsync: boolean
}

/** A function as `call` takes it: `my:pkg/calc@1.0.0#add-two`, or `add-two` for one of the component itself. */
export function fullName({
  interface: owner,
  name,
}: Pick<FunctionType, 'interface' | 'name'>): string {
  return owner === undefined ? name : `${owner}#${name}`
}

/** A resource type. */
export interface ResourceType {
  readonly interface?: string
  readonly name?: string
  /** Who has it: the component, its host, or what wasiexec provides of WASI. */
  readonly owner: 'guest' | 'host' | 'wasi'
}

/**
 * The types of WIT that have no parts.
 *
 * @example
 * const wide: readonly WitPrimitive[] = ['u64', 's64'] // bigints in JavaScript
 */
export type WitPrimitive =
  | 'bool'
  | 's8'
  | 'u8'
  | 's16'
  | 'u16'
  | 's32'
  | 'u32'
  | 's64'
  | 'u64'
  | 'f32'
  | 'f64'
  | 'char'
  | 'string'

/** A type. Numbers are places among the types; of `own` and `borrow`, among the resources. */
export type ValueType =
  | { readonly kind: WitPrimitive | 'error-context' }
  | { readonly kind: 'list'; readonly element: number }
  | { readonly kind: 'fixed-list'; readonly element: number; readonly length: number }
  | { readonly kind: 'map'; readonly key: number; readonly value: number }
  | { readonly kind: 'record'; readonly fields: readonly (readonly [string, number])[] }
  | { readonly kind: 'tuple'; readonly types: readonly number[] }
  | { readonly kind: 'variant'; readonly cases: readonly (readonly [string, number | null])[] }
  | { readonly kind: 'enum' | 'flags'; readonly names: readonly string[] }
  | { readonly kind: 'option'; readonly some: number }
  | { readonly kind: 'result'; readonly ok: number | null; readonly err: number | null }
  | { readonly kind: 'own' | 'borrow'; readonly resource: number }
  | { readonly kind: 'stream' | 'future'; readonly element: number | null }

/** Whether streams or futures are among the values of a function. */
export function hasFlows(types: InterfaceTypes, { parameters, result }: FunctionType): boolean {
  const seen = new Set<number>()
  const left = parameters.map(([, type]) => type)
  if (result !== undefined) left.push(result)
  for (let next = left.pop(); next !== undefined; next = left.pop()) {
    if (seen.has(next)) continue
    seen.add(next)
    const type = types.types[next]!
    if (type.kind === 'stream' || type.kind === 'future') return true
    left.push(...partsOf(type))
  }
  return false
}

function partsOf(type: ValueType): number[] {
  switch (type.kind) {
    case 'list':
    case 'fixed-list':
      return [type.element]
    case 'map':
      return [type.key, type.value]
    case 'record':
      return type.fields.map(([, field]) => field)
    case 'tuple':
      return [...type.types]
    case 'variant':
      return type.cases.flatMap(([, payload]) => payload ?? [])
    case 'option':
      return [type.some]
    case 'result':
      return [type.ok, type.err].filter((part) => part !== null)
    default:
      return []
  }
}
