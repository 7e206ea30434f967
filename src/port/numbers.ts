import type { Buffer } from 'node:buffer'

/** The types of numbers that cross. */
export type NumberType = 'i32' | 'i64' | 'f32' | 'f64'

/** Bytes that a number takes, whatever its type. */
export const NUMBER_BYTES = 8

/** What the numbers of a type are in JavaScript, for messages. */
export const EXPECTED: Readonly<Record<NumberType, string>> = {
  i32: 'an integer from -2^31 to 2^32 - 1',
  i64: 'a bigint from -2^63 to 2^64 - 1',
  f32: 'a number',
  f64: 'a number',
}

/** Writes a number; returns false, and writes nothing, if `value` is not one of this type. */
export function writeNumber(type: NumberType, value: unknown, to: Buffer, at: number): boolean {
  switch (type) {
    case 'i32':
      if (!Number.isInteger(value)) return false
      if ((value as number) < -0x8000_0000 || (value as number) > 0xffff_ffff) return false
      to.writeInt32LE((value as number) | 0, at)
      return true
    case 'i64':
      if (typeof value !== 'bigint') return false
      if (value < -(1n << 63n) || value >= 1n << 64n) return false
      to.writeBigInt64LE(BigInt.asIntN(64, value), at)
      return true
    case 'f32':
      if (typeof value !== 'number') return false
      to.writeFloatLE(value, at)
      return true
    case 'f64':
      if (typeof value !== 'number') return false
      to.writeDoubleLE(value, at)
      return true
    default:
      return type satisfies never
  }
}

/** Reads a number of this type. */
export function readNumber(type: NumberType, from: Buffer, at: number): number | bigint {
  switch (type) {
    case 'i32':
      return from.readInt32LE(at)
    case 'i64':
      return from.readBigInt64LE(at)
    case 'f32':
      return from.readFloatLE(at)
    case 'f64':
      return from.readDoubleLE(at)
    default:
      return type satisfies never
  }
}

/** Reads numbers of these types, which follow each other. */
export function readNumbers(
  types: readonly NumberType[],
  from: Buffer,
  at: number,
): (number | bigint)[] {
  const { length } = types
  if (length === 0) return []
  const first = readNumber(types[0]!, from, at)
  if (length === 1) return [first]
  const numbers = [first]
  for (let index = 1; index < length; index += 1) {
    numbers.push(readNumber(types[index]!, from, at + index * NUMBER_BYTES))
  }
  return numbers
}
