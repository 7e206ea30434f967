/**
 * A value that a function returned, as JSON: booleans, text and finite numbers as they are; an integer that a number
 * cannot hold, `NaN` and the infinities as text; `undefined` as null; a `Uint8Array` as base64, other lists and tuples as
 * arrays; records, flags, variants and results as objects; a `Map` as an array of pairs; a resource as its name in
 * brackets, `[counter]`.
 *
 * @example
 * const values: readonly JsonValue[] = [true, 1, '18446744073709551615', { tag: 'ok', val: null }]
 */
export type JsonValue =
  boolean | number | string | null | readonly JsonValue[] | { readonly [key: string]: JsonValue }

/** The names of resources, by the objects that stand for them. These may be any objects of the host's. */
const resources = new WeakMap<object, string>()

/** Lets JSON have a name for an object that stands for a resource. */
export function nameResource(object: object, name: string): void {
  resources.set(object, name)
}

/** {@link JsonValue} of whatever a function can return. */
export function valueToJson(value: unknown): JsonValue {
  switch (typeof value) {
    case 'boolean':
    case 'string':
      return value
    case 'number':
      return Number.isFinite(value) ? value : String(value)
    case 'bigint':
      return integerToJson(value)
    case 'object':
    case 'function':
      return value === null ? null : objectToJson(value)
    default:
      return null
  }
}

/** A number, or text where it would be another number. */
export function integerToJson(value: bigint): number | string {
  const isSafe = value <= Number.MAX_SAFE_INTEGER && value >= Number.MIN_SAFE_INTEGER
  return isSafe ? Number(value) : value.toString()
}

function objectToJson(value: object): JsonValue {
  const name = resources.get(value)
  if (name !== undefined) return `[${name}]`
  if (value instanceof Uint8Array) {
    return Buffer.from(value.buffer, value.byteOffset, value.byteLength).toString('base64')
  }
  if (Array.isArray(value) || ArrayBuffer.isView(value) || value instanceof Map) {
    return Array.from(value as Iterable<unknown>, valueToJson)
  }
  return Object.fromEntries(Object.entries(value).map(([key, part]) => [key, valueToJson(part)]))
}
