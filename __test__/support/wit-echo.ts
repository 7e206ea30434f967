// Components whose function `echo` returns what it is given, of any type: by hand, because compilers make no such for types
// that are made up. See the Component Model's CanonicalABI.md for how values lie in memory.

/** A type of WIT. */
export type WitType =
  | { kind: 'bool' | 's8' | 'u8' | 's16' | 'u16' | 's32' | 'u32' | 's64' | 'u64' }
  | { kind: 'f32' | 'f64' | 'char' | 'string' }
  | { kind: 'list'; element: WitType }
  | { kind: 'record'; fields: [string, WitType][] }
  | { kind: 'tuple'; types: WitType[] }
  | { kind: 'variant'; cases: [string, WitType | undefined][] }
  | { kind: 'enum' | 'flags'; names: string[] }
  | { kind: 'option'; some: WitType }
  | { kind: 'result'; ok: WitType | undefined; err: WitType | undefined }

type Flat = 'i32' | 'i64' | 'f32' | 'f64'

interface Layout {
  size: number
  align: number
  flat: Flat[]
}

/** How a value comes to the function and goes back: as core values, or through memory. */
export type Way = 'flat' | 'memory'

/** The most core values that arguments come as. */
const MAX_FLAT = 16

const SCALARS: Readonly<Record<string, [bytes: number, flat: Flat, store: string, load: string]>> =
  {
    bool: [1, 'i32', 'i32.store8', 'i32.load8_u'],
    s8: [1, 'i32', 'i32.store8', 'i32.load8_s'],
    u8: [1, 'i32', 'i32.store8', 'i32.load8_u'],
    s16: [2, 'i32', 'i32.store16', 'i32.load16_s'],
    u16: [2, 'i32', 'i32.store16', 'i32.load16_u'],
    s32: [4, 'i32', 'i32.store', 'i32.load'],
    u32: [4, 'i32', 'i32.store', 'i32.load'],
    s64: [8, 'i64', 'i64.store', 'i64.load'],
    u64: [8, 'i64', 'i64.store', 'i64.load'],
    f32: [4, 'f32', 'f32.store', 'f32.load'],
    f64: [8, 'f64', 'f64.store', 'f64.load'],
    char: [4, 'i32', 'i32.store', 'i32.load'],
  }

/** Whether values of the type come as core values alone. */
export function fitsFlat(type: WitType): boolean {
  return layoutOf(type).flat.length <= MAX_FLAT
}

/** The text of a component that exports `echo`, which takes a value of the type and returns it. */
export function echoComponent(type: WitType, way: Way): string {
  const { flat, size, align } = layoutOf(type)
  const names = new Names()
  const reference = names.reference(type)
  // With so many arguments before it, the value comes through memory.
  const pads = way === 'memory' ? 17 : 0
  const pad = pads === 0 ? '' : `(param "pad" (tuple ${'u32 '.repeat(pads)}))`
  const parameters =
    way === 'memory' ? '(param i32)' : flat.map((core) => `(param ${core})`).join(' ')
  const returned = flat.length === 0 ? '' : `(result ${flat.length === 1 ? flat[0] : 'i32'})`
  return `(component
  (core module $m
    (memory (export "memory") 1)
    (global $next (mut i32) (i32.const 64))
    (func $alloc (param $align i32) (param $size i32) (result i32)
      (local $at i32)
      (local.set $at (i32.and
        (i32.add (global.get $next) (i32.sub (local.get $align) (i32.const 1)))
        (i32.sub (i32.const 0) (local.get $align))))
      (global.set $next (i32.add (local.get $at) (local.get $size)))
      (if (i32.gt_u (global.get $next) (i32.mul (memory.size) (i32.const 65536)))
        (then (drop (memory.grow (i32.add (i32.const 1) (i32.shr_u (local.get $size) (i32.const 16)))))))
      (local.get $at))
    (func (export "realloc") (param i32 i32 i32 i32) (result i32)
      (call $alloc (local.get 2) (local.get 3)))
    (func (export "reset") ${returned.replace('result', 'param')} (global.set $next (i32.const 64)))
    (func (export "echo") ${parameters} ${returned}
      (local $at i32)
      ${way === 'memory' ? fromMemory(type, alignTo(pads * 4, align)) : fromFlat(type, size, align)}))
  (core instance $i (instantiate $m))
  ${names.types.map((text, number) => `(type $t${number} ${text('$t')})`).join('\n  ')}
  (func $echo ${pad} (param "value" ${reference('$t')}) (result ${reference('$t')})
    (canon lift (core func $i "echo") (memory $i "memory") (realloc (func $i "realloc"))
      (post-return (func $i "reset"))))
  (component $named
    ${names.types
      .map(
        (text, number) =>
          `(type $own${number} ${text('$in')}) (import "in${number}" (type $in${number} (eq $own${number})))`,
      )
      .join('\n    ')}
    (import "echo" (func $echo ${pad} (param "value" ${reference('$in')}) (result ${reference('$in')})))
    ${names.types
      .map(
        (text, number) =>
          `(type $re${number} ${text('$out')}) (export $out${number} "t${number}" (type $re${number}))`,
      )
      .join('\n    ')}
    (export "echo" (func $echo) (func ${pad} (param "value" ${reference('$out')}) (result ${reference('$out')}))))
  (instance $named (instantiate $named (with "echo" (func $echo))
    ${names.types.map((_, number) => `(with "in${number}" (type $t${number}))`).join(' ')}))
  (export "test:echo/echo" (instance $named)))`
}

function fromMemory(type: WitType, offset: number): string {
  const { flat } = layoutOf(type)
  if (flat.length !== 1) return `(i32.add (local.get 0) (i32.const ${offset}))`
  return loadOne(type, offset)
}

/** Loads a value that is one core value. */
function loadOne(type: WitType, offset: number): string {
  const scalar = SCALARS[type.kind]
  if (scalar !== undefined) return `(${scalar[3]} offset=${offset} (local.get 0))`
  if (type.kind === 'record') return loadOne(type.fields[0]![1], offset)
  if (type.kind === 'tuple') return loadOne(type.types[0]!, offset)
  const { size } = layoutOf(type)
  const load = type.kind === 'flags' ? size : caseBytes(casesOf(type)!.length)
  return `(${loadOf(load)} offset=${offset} (local.get 0))`
}

function fromFlat(type: WitType, size: number, align: number): string {
  const { flat } = layoutOf(type)
  const locals = flat.map((core, index): Value => [core, `(local.get ${index})`])
  if (flat.length <= 1) return locals.map(([, text]) => text).join('')
  const stores = store(type, 0, locals)
  return `(local.set $at (call $alloc (i32.const ${align}) (i32.const ${size})))
      ${stores.join('\n      ')}
      (local.get $at)`
}

/** A core value: its type and its text. */
type Value = [Flat, string]

/** Instructions that store a value, which comes as these core values, and uses them up. */
function store(type: WitType, offset: number, values: Value[]): string[] {
  const put = (instruction: string, at: number, wanted: Flat): string =>
    `(${instruction} offset=${at} (local.get $at) ${convert(values.shift()!, wanted)})`
  const scalar = SCALARS[type.kind]
  if (scalar !== undefined) return [put(scalar[2], offset, scalar[1])]
  if (type.kind === 'string' || type.kind === 'list') {
    return [put('i32.store', offset, 'i32'), put('i32.store', offset + 4, 'i32')]
  }
  if (type.kind === 'flags') {
    return [put(storeOf(layoutOf(type).size), offset, 'i32')]
  }
  if (type.kind === 'record' || type.kind === 'tuple') {
    const parts = type.kind === 'record' ? type.fields.map(([, part]) => part) : type.types
    let at = offset
    return parts.flatMap((part) => {
      const { size, align } = layoutOf(part)
      const place = alignTo(at, align)
      at = place + size
      return store(part, place, values)
    })
  }
  const cases = casesOf(type)!
  const { flat } = layoutOf(type)
  const own = values.splice(0, flat.length)
  const number = convert(own.shift()!, 'i32')
  const payload = offset + payloadOffset(cases)
  return [
    `(${storeOf(caseBytes(cases.length))} offset=${offset} (local.get $at) ${number})`,
    ...cases.flatMap((part, index) => {
      if (part === undefined) return []
      const stores = store(part, payload, [...own])
      return [`(if (i32.eq ${number} (i32.const ${index})) (then ${stores.join(' ')}))`]
    }),
  ]
}

/** A core value as one of another type: cases share the core values of their variant. */
function convert([from, text]: Value, to: Flat): string {
  if (from === to) return text
  const way = `${from} ${to}`
  switch (way) {
    case 'i32 f32':
      return `(f32.reinterpret_i32 ${text})`
    case 'i64 i32':
      return `(i32.wrap_i64 ${text})`
    case 'i64 f32':
      return `(f32.reinterpret_i32 (i32.wrap_i64 ${text}))`
    case 'i64 f64':
      return `(f64.reinterpret_i64 ${text})`
    default:
      throw new Error(`no way from ${way}`)
  }
}

function casesOf(type: WitType): (WitType | undefined)[] | undefined {
  switch (type.kind) {
    case 'variant':
      return type.cases.map(([, payload]) => payload)
    case 'enum':
      return type.names.map(() => undefined)
    case 'option':
      return [undefined, type.some]
    case 'result':
      return [type.ok, type.err]
    default:
      return undefined
  }
}

function layoutOf(type: WitType): Layout {
  const scalar = SCALARS[type.kind]
  if (scalar !== undefined) return { size: scalar[0], align: scalar[0], flat: [scalar[1]] }
  switch (type.kind) {
    case 'string':
    case 'list':
      return { size: 8, align: 4, flat: ['i32', 'i32'] }
    case 'record':
      return together(type.fields.map(([, part]) => part))
    case 'tuple':
      return together(type.types)
    case 'flags': {
      const { length } = type.names
      const size = length <= 8 ? 1 : length <= 16 ? 2 : 4
      return { size, align: size, flat: ['i32'] }
    }
    default: {
      const cases = casesOf(type)!
      const layouts = cases.map((part) => (part === undefined ? undefined : layoutOf(part)))
      const width = caseBytes(cases.length)
      const align = Math.max(width, ...layouts.map((part) => part?.align ?? 1))
      const most = Math.max(0, ...layouts.map((part) => part?.size ?? 0))
      const flat: Flat[] = []
      for (const part of layouts) {
        for (const [index, core] of (part?.flat ?? []).entries()) {
          flat[index] = join(flat[index], core)
        }
      }
      return { size: alignTo(payloadOffset(cases) + most, align), align, flat: ['i32', ...flat] }
    }
  }
}

function together(parts: WitType[]): Layout {
  const layouts = parts.map((part) => layoutOf(part))
  let size = 0
  for (const part of layouts) size = alignTo(size, part.align) + part.size
  const align = Math.max(1, ...layouts.map((part) => part.align))
  return { size: alignTo(size, align), align, flat: layouts.flatMap((part) => part.flat) }
}

function join(a: Flat | undefined, b: Flat): Flat {
  if (a === undefined || a === b) return b
  return [a, b].every((core) => core === 'i32' || core === 'f32') ? 'i32' : 'i64'
}

function payloadOffset(cases: (WitType | undefined)[]): number {
  const aligns = cases.map((part) => (part === undefined ? 1 : layoutOf(part).align))
  return alignTo(caseBytes(cases.length), Math.max(...aligns))
}

function caseBytes(count: number): number {
  return count <= 256 ? 1 : count <= 65_536 ? 2 : 4
}

function storeOf(bytes: number): string {
  return bytes === 4 ? 'i32.store' : `i32.store${bytes * 8}`
}

function loadOf(bytes: number): string {
  return bytes === 4 ? 'i32.load' : `i32.load${bytes * 8}_u`
}

function alignTo(offset: number, align: number): number {
  return Math.ceil(offset / align) * align
}

/** The text of a type; types with names have this prefix. */
type Text = (prefix: string) => string

/** The types of a component that have to have names. */
class Names {
  readonly types: Text[] = []

  /** How the type is written where it is used. */
  reference(type: WitType): Text {
    switch (type.kind) {
      case 'list': {
        const element = this.reference(type.element)
        return (prefix) => `(list ${element(prefix)})`
      }
      case 'tuple': {
        const parts = type.types.map((part) => this.reference(part))
        return (prefix) => `(tuple ${parts.map((part) => part(prefix)).join(' ')})`
      }
      case 'option': {
        const some = this.reference(type.some)
        return (prefix) => `(option ${some(prefix)})`
      }
      case 'result': {
        const ok = type.ok === undefined ? undefined : this.reference(type.ok)
        const err = type.err === undefined ? undefined : this.reference(type.err)
        return (prefix) =>
          `(result ${ok?.(prefix) ?? ''} ${err === undefined ? '' : `(error ${err(prefix)})`})`
      }
      case 'record': {
        const fields = type.fields.map(([name, part]) => [name, this.reference(part)] as const)
        return this.#name(
          (prefix) =>
            `(record ${fields.map(([name, part]) => `(field "${name}" ${part(prefix)})`).join(' ')})`,
        )
      }
      case 'variant': {
        const cases = type.cases.map(
          ([name, part]) => [name, part === undefined ? undefined : this.reference(part)] as const,
        )
        return this.#name(
          (prefix) =>
            `(variant ${cases.map(([name, part]) => `(case "${name}" ${part?.(prefix) ?? ''})`).join(' ')})`,
        )
      }
      case 'enum':
      case 'flags': {
        const { kind, names } = type
        return this.#name(() => `(${kind} ${names.map((name) => `"${name}"`).join(' ')})`)
      }
      default:
        return () => type.kind
    }
  }

  #name(text: Text): Text {
    const number = this.types.length
    this.types.push(text)
    return (prefix) => `${prefix}${number}`
  }
}
