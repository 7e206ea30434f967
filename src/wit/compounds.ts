import { shorten, showLength } from '../check.ts'
import { listed, nearest } from '../words.ts'
import type { Codec } from './codec.ts'
import { writePart } from './lists.ts'
import { Mismatch, within } from './mismatch.ts'
import { camelCase } from './names.ts'
import type { ValueReader } from './value-reader.ts'
import type { ValueWriter } from './value-writer.ts'

/** A named part or case, if it has a type. */
type Named = readonly [name: string, codec: Codec | undefined]

/** `record`: an object. */
export function record(fields: readonly (readonly [name: string, codec: Codec])[]): Codec {
  const parts = fields.map(([name, codec]) => ({ key: camelCase(name), codec }))
  return {
    type: 'record',
    hasUndefined: false,
    write(value, to) {
      const given = objectOf(value, 'an object (record)')
      let index = 0
      try {
        for (; index < parts.length; index += 1) {
          const { key, codec } = parts[index]!
          codec.write(partOf(given, key), to)
        }
      } catch (error) {
        throw within(error, `.${parts[index]!.key}`)
      }
    },
    read(from) {
      const value: Record<string, unknown> = {}
      for (const { key, codec } of parts) value[key] = codec.read(from)
      return value
    },
  }
}

/** `tuple`: an array. */
export function tuple(parts: readonly Codec[]): Codec {
  const type = `tuple<${parts.map((part) => part.type).join(', ')}>`
  return {
    type,
    hasUndefined: false,
    write(value, to) {
      if (!Array.isArray(value) || value.length !== parts.length) {
        throw new Mismatch(`an array of ${parts.length} (${type})`, value, showLength(value))
      }
      for (const [index, part] of parts.entries()) writePart(part, value[index], to, `[${index}]`)
    },
    read: (from) => parts.map((part) => part.read(from)),
  }
}

/** `variant`: `{ tag, val }`. */
export function variant(cases: readonly Named[]): Codec {
  const names = cases.map(([name]) => name)
  const numbers = new Map(names.map((name, number) => [name, number]))
  const width = widthOf(cases.length)
  return {
    type: 'variant',
    hasUndefined: false,
    write(value, to) {
      const given = objectOf(value, 'an object { tag, val } (variant)')
      const { tag, val } = given
      const number = numbers.get(tag as string)
      if (number === undefined) throw notAmong(names, tag).in('.tag')
      writeCase(number, width, to)
      writePayload(cases[number]![1], val, to)
    },
    read(from) {
      const [tag, codec] = cases[readCase(width, from)]!
      return codec === undefined ? { tag } : { tag, val: codec.read(from) }
    },
  }
}

/** `enum`: a string. */
export function enumeration(names: readonly string[]): Codec {
  const numbers = new Map(names.map((name, number) => [name, number]))
  const width = widthOf(names.length)
  return {
    type: 'enum',
    hasUndefined: false,
    write(value, to) {
      const number = numbers.get(value as string)
      if (number === undefined) throw notAmong(names, value)
      writeCase(number, width, to)
    },
    read: (from) => names[readCase(width, from)],
  }
}

/** `option`: the value or undefined; `{ tag: 'some', val }` or `{ tag: 'none' }` where undefined is a value, too. */
export function option(some: Codec): Codec {
  const type = `option<${some.type}>`
  if (some.hasUndefined)
    return {
      ...variant([
        ['none', undefined],
        ['some', some],
      ]),
      type,
    }
  return {
    type,
    hasUndefined: true,
    write(value, to) {
      const isSome = value !== undefined && value !== null
      to.byte(Number(isSome))
      if (isSome) some.write(value, to)
    },
    read: (from) => (from.uint8() === 0 ? undefined : some.read(from)),
  }
}

/** `result`: `{ tag: 'ok', val }` or `{ tag: 'err', val }`. */
export function result(ok: Codec | undefined, err: Codec | undefined): Codec {
  const shown = [ok?.type ?? '_', err?.type].filter((type) => type !== undefined)
  return {
    type: ok === undefined && err === undefined ? 'result' : `result<${shown.join(', ')}>`,
    hasUndefined: false,
    write(value, to) {
      const { tag, val } = objectOf(value, "an object { tag: 'ok' | 'err', val } (result)")
      if (tag !== 'ok' && tag !== 'err') throw notAmong(['ok', 'err'], tag).in('.tag')
      to.byte(tag === 'ok' ? 0 : 1)
      writePayload(tag === 'ok' ? ok : err, val, to)
    },
    read(from) {
      const isOk = from.uint8() === 0
      return { tag: isOk ? 'ok' : 'err', val: (isOk ? ok : err)?.read(from) }
    },
  }
}

/** `flags`: an object of booleans; those that are not given are false. */
export function flags(names: readonly string[]): Codec {
  const keys = names.map(camelCase)
  const bytes = flagBytes(names.length)
  return {
    type: 'flags',
    hasUndefined: false,
    write(value, to) {
      const given = objectOf(value, 'an object of booleans (flags)')
      const unknown = Object.keys(given).find((key) => !keys.includes(key))
      if (unknown !== undefined) throw notAmong(keys, unknown)
      const bits = new Uint8Array(bytes)
      for (const [index, key] of keys.entries()) {
        const flag = partOf(given, key) ?? false
        if (typeof flag !== 'boolean') throw new Mismatch('a boolean', flag).in(`.${key}`)
        if (flag) bits[index >> 3]! |= 1 << (index & 7)
      }
      to.raw(bits)
    },
    read(from) {
      const bits = from.bytes(bytes)
      const value: Record<string, boolean> = {}
      for (const [index, key] of keys.entries()) {
        value[key] = (bits[index >> 3]! & (1 << (index & 7))) !== 0
      }
      return value
    },
  }
}

function objectOf(value: unknown, expected: string): Record<string, unknown> {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) {
    return value as Record<string, unknown>
  }
  throw new Mismatch(expected, value)
}

/** A part that was given: methods, such as the `toString` of all objects, are none. */
function partOf(given: Record<string, unknown>, key: string): unknown {
  const value = given[key]
  return typeof value === 'function' && !Object.hasOwn(given, key) ? undefined : value
}

function writePayload(codec: Codec | undefined, value: unknown, to: ValueWriter): void {
  if (codec !== undefined) writePart(codec, value, to, '.val')
  else if (value !== undefined) throw new Mismatch('nothing', value).in('.val')
}

function notAmong(names: readonly string[], value: unknown): Mismatch {
  const near = typeof value === 'string' ? nearest(value, names) : undefined
  const list = listed(names.map((name) => `'${shorten(name)}'`))
  const hint = near === undefined ? '' : ` (did you mean '${shorten(near)}'?)`
  return new Mismatch(`one of ${list}${hint}`, value)
}

/** Bytes of the number of one of so many cases. */
function widthOf(cases: number): 1 | 2 | 4 {
  if (cases <= 0x100) return 1
  return cases <= 0x1_0000 ? 2 : 4
}

function writeCase(number: number, width: 1 | 2 | 4, to: ValueWriter): void {
  if (width === 1) to.byte(number)
  else if (width === 2) to.uint16(number)
  else to.uint32(number)
}

function readCase(width: 1 | 2 | 4, from: ValueReader): number {
  if (width === 1) return from.uint8()
  return width === 2 ? from.uint16() : from.uint32()
}

/** Bytes of so many flags, of which a type has at most 32. */
function flagBytes(count: number): number {
  if (count <= 8) return 1
  return count <= 16 ? 2 : 4
}
