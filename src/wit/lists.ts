import { types } from 'node:util'
import type { Codec } from './codec.ts'
import type { WitPrimitive } from './interface.ts'
import { Mismatch, within } from './mismatch.ts'
import { PRIMITIVES } from './primitives.ts'
import type { ValueReader } from './value-reader.ts'
import type { ValueWriter } from './value-writer.ts'

/** Arrays of numbers as JavaScript has them, by the type of their elements. */
const TYPED = {
  u8: Uint8Array,
  s8: Int8Array,
  u16: Uint16Array,
  s16: Int16Array,
  u32: Uint32Array,
  s32: Int32Array,
  u64: BigUint64Array,
  s64: BigInt64Array,
  f32: Float32Array,
  f64: Float64Array,
} as const

/** To pass so much beside other values takes less time than a copy. */
const BESIDE_BYTES = 32 * 1024

type TypedKind = keyof typeof TYPED
type TypedArray = InstanceType<(typeof TYPED)[TypedKind]>

/** `list<T>`, or `list<T, length>`: an array, or a typed array where there is one for `T`. */
export function list(element: Codec, length?: number): Codec {
  const type = length === undefined ? `list<${element.type}>` : `list<${element.type}, ${length}>`
  const kind = kindOf(element)
  return kind === undefined
    ? plainList(type, element, length)
    : typedList(type, element, kind, length)
}

/** `map<K, V>`: a Map. */
export function map(key: Codec, value: Codec): Codec {
  return {
    type: `map<${key.type}, ${value.type}>`,
    hasUndefined: false,
    write(given, to) {
      if (!(given instanceof Map)) throw new Mismatch('a Map', given)
      const entries = [...(given as Map<unknown, unknown>)]
      to.uint32(entries.length)
      for (const [index, entry] of entries.entries()) {
        writePart(key, entry[0], to, `.keys()[${index}]`)
        writePart(value, entry[1], to, `.values()[${index}]`)
      }
    },
    read(from) {
      const entries = new Map<unknown, unknown>()
      for (let left = from.uint32(); left > 0; left -= 1) {
        const name = key.read(from)
        entries.set(name, value.read(from))
      }
      return entries
    },
  }
}

function kindOf(element: Codec): TypedKind | undefined {
  const kind = element.type as WitPrimitive
  return Object.hasOwn(TYPED, kind) && PRIMITIVES[kind] === element
    ? (kind as TypedKind)
    : undefined
}

function plainList(type: string, element: Codec, length: number | undefined): Codec {
  return {
    type,
    hasUndefined: false,
    write(value, to) {
      if (!Array.isArray(value)) throw new Mismatch(`an array (${type})`, value)
      checkLength(value, length)
      writeElements(value, element, to, length === undefined)
    },
    read(from) {
      const values: unknown[] = []
      for (let left = length ?? from.uint32(); left > 0; left -= 1) values.push(element.read(from))
      return values
    },
  }
}

function typedList(
  type: string,
  element: Codec,
  kind: TypedKind,
  length: number | undefined,
): Codec {
  const Typed = TYPED[kind]
  const write = (value: unknown, to: ValueWriter, isLast: boolean): void => {
    const isTyped = value instanceof Typed || (kind === 'u8' && value instanceof Uint8ClampedArray)
    // A proxy of one is an instance of its class as well.
    if (isTyped && ArrayBuffer.isView(value)) {
      const bytes = bytesOf(value)
      // Of the bytes: a class of the caller's may have a length of its own.
      const count = bytes.length / Typed.BYTES_PER_ELEMENT
      if (length === undefined) to.uint32(count)
      else if (count !== length) throw new Mismatch(`${length} elements`, count)
      if (isLast && bytes.length >= BESIDE_BYTES && isUnshared(bytes)) to.beside = bytes
      else to.raw(bytes)
      return
    }
    if (!Array.isArray(value)) {
      throw new Mismatch(`a ${Typed.name} or an array (${type})`, value)
    }
    checkLength(value, length)
    writeElements(value, element, to, length === undefined)
  }
  return {
    type,
    hasUndefined: false,
    write: (value, to) => write(value, to, false),
    writeLast: (value, to) => write(value, to, to.takesBeside && length === undefined),
    read: (from) => readTyped(from, Typed, length ?? from.uint32()),
  }
}

/** Whether no other thread can change them. */
const isUnshared = ({ buffer }: Uint8Array): boolean => !types.isSharedArrayBuffer(buffer)

/** One whose memory went to another thread has no bytes, and none can be seen in its memory. */
function bytesOf({ buffer, byteOffset, byteLength }: ArrayBufferView): Uint8Array {
  return byteLength === 0 ? new Uint8Array() : new Uint8Array(buffer, byteOffset, byteLength)
}

function readTyped(
  from: ValueReader,
  Typed: (typeof TYPED)[TypedKind],
  length: number,
): TypedArray {
  const bytes = from.bytes(length * Typed.BYTES_PER_ELEMENT)
  const { buffer, byteOffset } = bytes
  const isAligned = byteOffset % Typed.BYTES_PER_ELEMENT === 0
  return isAligned
    ? new Typed(buffer, byteOffset, length)
    : new Typed(bytes.slice().buffer, 0, length)
}

function writeElements(
  values: readonly unknown[],
  element: Codec,
  to: ValueWriter,
  counted: boolean,
): void {
  // Getters may change the array while it is written.
  const { length } = values
  if (counted) to.uint32(length)
  let index = 0
  try {
    for (; index < length; index += 1) element.write(values[index], to)
  } catch (error) {
    throw within(error, `[${index}]`)
  }
}

function checkLength(value: ArrayLike<unknown>, length: number | undefined): void {
  if (length === undefined || value.length === length) return
  throw new Mismatch(`${length} elements`, value.length)
}

/** Writes a part of a value. */
export function writePart(part: Codec, value: unknown, to: ValueWriter, name: string): void {
  try {
    part.write(value, to)
  } catch (error) {
    throw within(error, name)
  }
}
