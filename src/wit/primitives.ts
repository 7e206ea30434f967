import type { Codec } from './codec.ts'
import type { WitPrimitive } from './interface.ts'
import { Mismatch } from './mismatch.ts'
import type { ValueReader } from './value-reader.ts'
import type { ValueWriter } from './value-writer.ts'

/** The types without parts. */
export const PRIMITIVES: Readonly<Record<WitPrimitive, Codec>> = {
  bool: primitive('bool', {
    expected: 'a boolean',
    is: (value) => typeof value === 'boolean',
    write: (value, to) => to.byte(Number(value)),
    read: (from) => from.uint8() !== 0,
  }),
  s8: integer('s8', -(2 ** 7), 2 ** 7 - 1, {
    write: (value, to) => to.int8(value),
    read: (from) => from.int8(),
  }),
  u8: integer('u8', 0, 2 ** 8 - 1, {
    write: (value, to) => to.byte(value),
    read: (from) => from.uint8(),
  }),
  s16: integer('s16', -(2 ** 15), 2 ** 15 - 1, {
    write: (value, to) => to.uint16(value & 0xffff),
    read: (from) => from.int16(),
  }),
  u16: integer('u16', 0, 2 ** 16 - 1, {
    write: (value, to) => to.uint16(value),
    read: (from) => from.uint16(),
  }),
  s32: integer('s32', -(2 ** 31), 2 ** 31 - 1, {
    write: (value, to) => to.int32(value),
    read: (from) => from.int32(),
  }),
  u32: integer('u32', 0, 2 ** 32 - 1, {
    write: (value, to) => to.uint32(value),
    read: (from) => from.uint32(),
  }),
  s64: bigInteger('s64', -(2n ** 63n), 2n ** 63n - 1n, {
    write: (value, to) => to.int64(value),
    read: (from) => from.int64(),
  }),
  u64: bigInteger('u64', 0n, 2n ** 64n - 1n, {
    write: (value, to) => to.uint64(value),
    read: (from) => from.uint64(),
  }),
  f32: primitive('f32', {
    expected: 'a number',
    is: (value) => typeof value === 'number',
    write: (value, to) => to.float32(value as number),
    read: (from) => from.float32(),
  }),
  f64: primitive('f64', {
    expected: 'a number',
    is: (value) => typeof value === 'number',
    write: (value, to) => to.float64(value as number),
    read: (from) => from.float64(),
  }),
  char: primitive('char', {
    expected: 'a string of one Unicode character',
    is: isChar,
    write: (value, to) => to.uint32((value as string).codePointAt(0)!),
    read: (from) => String.fromCodePoint(from.uint32()),
  }),
  string: primitive('string', {
    expected: 'a string',
    is: (value) => typeof value === 'string',
    write: (value, to) => to.string(value as string),
    read: (from) => from.string(),
  }),
}

interface Primitive<Value> {
  write(value: Value, to: ValueWriter): void
  read(from: ValueReader): unknown
}

function primitive(
  type: WitPrimitive,
  {
    expected,
    is,
    write,
    read,
  }: Primitive<unknown> & { expected: string; is(value: unknown): boolean },
): Codec {
  return {
    type,
    hasUndefined: false,
    write(value, to) {
      if (!is(value)) throw new Mismatch(expected, value)
      write(value, to)
    },
    read,
  }
}

function integer(
  type: WitPrimitive,
  least: number,
  most: number,
  { write, read }: Primitive<number>,
): Codec {
  return {
    type,
    hasUndefined: false,
    write(value, to) {
      if (!Number.isInteger(value) || (value as number) < least || (value as number) > most) {
        throw new Mismatch(`an integer from ${least} to ${most}`, value)
      }
      write(value as number, to)
    },
    read,
  }
}

function bigInteger(
  type: WitPrimitive,
  least: bigint,
  most: bigint,
  { write, read }: Primitive<bigint>,
): Codec {
  return {
    type,
    hasUndefined: false,
    write(value, to) {
      if (typeof value !== 'bigint' || value < least || value > most) {
        throw new Mismatch(`a bigint from ${least} to ${most}`, value)
      }
      write(value, to)
    },
    read,
  }
}

/** A Unicode scalar value: one code point, and not half of a surrogate pair. */
function isChar(value: unknown): boolean {
  if (typeof value !== 'string' || value === '' || !value.isWellFormed()) return false
  return value.length === (value.codePointAt(0)! > 0xffff ? 2 : 1)
}
