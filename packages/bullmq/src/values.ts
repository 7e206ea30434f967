import { Buffer } from 'node:buffer'
import { invalid } from './faults.ts'

/** The key of a value that MessagePack has no form for. */
const TAG = '\0'

/** What goes as bytes, by its number in a tag. The order is part of the format. */
const BYTES = [
  Buffer,
  Int8Array,
  Int16Array,
  Uint16Array,
  Int32Array,
  Uint32Array,
  BigInt64Array,
  BigUint64Array,
  Float32Array,
  Float64Array,
] as const

/** Other tags. */
const UNDEFINED = -1
const MINUS_ZERO = -2
const OBJECT = -3

const EXPECTED =
  'plain data: text, numbers, bigints, booleans, null, undefined, bytes, typed arrays, lists and objects of these'

/**
 * Makes a value ready for `pack`, so that {@link unpackValue} returns one like it: also typed arrays, `undefined` and -0.
 *
 * @param name what the value is, for the error
 * @throws {WasiexecError} `ERR_INVALID_OPTION` for what is not plain data.
 */
export function packValue(value: unknown, name: string, most = 32, depth = 0): unknown {
  if (depth > most) throw invalid(name, `nested at most ${most} deep`, value)
  switch (typeof value) {
    case 'undefined':
      return { [TAG]: [UNDEFINED] }
    case 'number':
      return Object.is(value, -0) ? { [TAG]: [MINUS_ZERO] } : value
    case 'bigint':
      if (BigInt.asIntN(64, value) !== value && BigInt.asUintN(64, value) !== value)
        throw invalid(name, 'a bigint of at most 64 bits', value)
      return value
    case 'function':
    case 'symbol':
      throw invalid(name, EXPECTED, value)
    case 'object':
      return value === null ? value : packObject(value, name, most, depth)
    default:
      return value
  }
}

function packObject(value: object, name: string, most: number, depth: number): unknown {
  const isTagged = Object.hasOwn(value, TAG)
  // A tag takes a few levels itself.
  const packEach = (each: unknown): unknown =>
    packValue(each, name, most, depth + (isTagged ? 4 : 1))
  if (Array.isArray(value)) return Array.from(value, packEach)
  const prototype: unknown = Object.getPrototypeOf(value)
  if (ArrayBuffer.isView(value)) {
    if (prototype === Uint8Array.prototype) return value
    const kind = BYTES.findIndex((known) => known.prototype === prototype)
    if (kind < 0) throw invalid(name, EXPECTED, value)
    return { [TAG]: [kind, new Uint8Array(value.buffer, value.byteOffset, value.byteLength)] }
  }
  if (prototype !== Object.prototype && prototype !== null) throw invalid(name, EXPECTED, value)
  if (Object.hasOwn(value, '__proto__')) throw invalid(name, 'without a key `__proto__`', value)
  const packed = Object.fromEntries(Object.entries(value).map(([key, at]) => [key, packEach(at)]))
  return isTagged ? { [TAG]: [OBJECT, Object.entries(packed)] } : packed
}

/** Reads what {@link packValue} made. Bytes are copies. Throws for a tag that there is not. */
export function unpackValue(packed: unknown): unknown {
  if (typeof packed !== 'object' || packed === null) return packed
  if (packed instanceof Uint8Array) return new Uint8Array(packed)
  if (Array.isArray(packed)) return packed.map(unpackValue)
  if (Object.hasOwn(packed, TAG)) return unpackTagged((packed as Record<string, unknown>)[TAG])
  return unpackEntries(Object.entries(packed))
}

function unpackTagged(tagged: unknown): unknown {
  const [kind, what] = Array.isArray(tagged) ? (tagged as unknown[]) : []
  if (kind === UNDEFINED) return undefined
  if (kind === MINUS_ZERO) return -0
  if (kind === OBJECT && Array.isArray(what) && what.every(isEntry)) return unpackEntries(what)
  const type = typeof kind === 'number' ? BYTES[kind] : undefined
  if (type === undefined || !(what instanceof Uint8Array))
    throw new Error('expected a value with a known tag')
  const bytes = new Uint8Array(what)
  if (type === Buffer) return Buffer.from(bytes.buffer)
  const { BYTES_PER_ELEMENT: size } = type as Uint16ArrayConstructor
  if (bytes.length % size !== 0)
    throw new Error(`expected elements of ${size} bytes, got ${bytes.length} bytes`)
  return new (type as Uint16ArrayConstructor)(bytes.buffer)
}

function isEntry(entry: unknown): entry is [string, unknown] {
  return Array.isArray(entry) && typeof entry[0] === 'string' && entry[0] !== '__proto__'
}

function unpackEntries(entries: readonly [string, unknown][]): object {
  return Object.fromEntries(entries.map(([key, at]) => [key, unpackValue(at)]))
}
