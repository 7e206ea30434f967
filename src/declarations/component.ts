import {
  camelCase,
  functionName,
  exportedName,
  memberName,
  pascalCase,
  shortName,
  splitInterface,
} from '../wit/names.ts'
import { newestFirst, pathOf, withoutVersions, type NamedInterface } from './interface-names.ts'
import { Lines, isIdentifier, propertyName, typeName } from './source.ts'
import {
  interfaceName,
  type Documented,
  type Function,
  type Part,
  type Resolved,
  type Type,
  type TypeKind,
  type WorldItem,
} from './resolved.ts'

const PRIMITIVES: Readonly<Record<string, string>> = {
  bool: 'boolean',
  s8: 'number',
  u8: 'number',
  s16: 'number',
  u16: 'number',
  s32: 'number',
  u32: 'number',
  s64: 'bigint',
  u64: 'bigint',
  f32: 'number',
  f64: 'number',
  char: 'string',
  string: 'string',
}

const TYPED_ARRAYS: Readonly<Record<string, string>> = {
  u8: 'Uint8Array',
  s8: 'Int8Array',
  u16: 'Uint16Array',
  s16: 'Int16Array',
  u32: 'Uint32Array',
  s32: 'Int32Array',
  u64: 'BigUint64Array',
  s64: 'BigInt64Array',
  f32: 'Float32Array',
  f64: 'Float64Array',
}

/** The elements of these. */
const elementOf = (kind: string): string =>
  kind.endsWith('64') && kind !== 'f64' ? 'bigint' : 'number'

/** Whether a value comes from the component or is given to it, where more is accepted. */
type Way = 'from' | 'to'

/** Which side of a component an interface is on. */
type Side = 'exports' | 'imports'

type WorldEntry = readonly [key: string, item: WorldItem]

/** How the members of an interface are written. */
interface Style {
  readonly side: Side
  /** The type of the members, in the namespace of the interface. */
  readonly members: string
  /** What opens a type that has members. */
  open(name: string): string
  /** What functions return. */
  result(type: string): string
  /** Which way arguments go. */
  readonly arguments: Way
  /** Which way results go. */
  readonly results: Way
}

const STYLES: Readonly<Record<Side, Style>> = {
  exports: {
    side: 'exports',
    members: 'Members',
    open: (name) => `interface ${name} {`,
    result: (type) => `Promise<${type}>`,
    arguments: 'to',
    results: 'from',
  },
  imports: {
    side: 'imports',
    members: 'Needs',
    // What is given as `imports` has to have an index, which interfaces have not.
    open: (name) => `type ${name} = {`,
    // A host function may return a promise or the value itself.
    result: (type) => `${type} | Promise<${type}>`,
    arguments: 'from',
    results: 'to',
  },
}

/** Writes the declarations of one component. */
class Declarations {
  readonly #wit: Resolved
  readonly #out = new Lines()
  /** The namespaces of interfaces, by number. */
  readonly #namespaces = new Map<number, string>()
  readonly #taken = new Set(['Exports', 'Imports'])
  /** The sides on which the members of interfaces are. */
  readonly #sides = new Map<number, Set<Side>>()

  constructor(wit: Resolved) {
    this.#wit = wit
  }

  write(world: number): string {
    const { exports, imports } = this.#wit.worlds[world]!
    const given = Object.entries(imports).filter(
      ([, item]) => !this.#isWasi(item) && !this.#isTypesAlone(item),
    )
    this.#exportsOf(Object.entries(exports))
    if (given.some(([, item]) => !('type' in item))) this.#importsOf(given)
    this.#ownTypes(world)
    // A namespace may refer to more of them.
    for (const [id, name] of this.#namespaces) this.#namespace(id, name)
    return this.#out.text
  }

  #isWasi(item: WorldItem): boolean {
    return 'interface' in item && this.#packageOf(item.interface.id).startsWith('wasi:')
  }

  /** Whether an interface has nothing that could be given. */
  #isTypesAlone(item: WorldItem): boolean {
    if (!('interface' in item)) return false
    const { functions, types } = this.#wit.interfaces[item.interface.id]!
    const isResource = (type: number): boolean => this.#wit.types[type]!.kind === 'resource'
    return Object.keys(functions).length === 0 && !Object.values(types).some(isResource)
  }

  #packageOf(id: number): string {
    const owner = this.#wit.interfaces[id]?.package
    return owner === null || owner === undefined ? '' : (this.#wit.packages[owner]?.name ?? '')
  }

  /** The namespace of an interface, which is written later. */
  #namespaceOf(id: number, key = ''): string {
    const known = this.#namespaces.get(id)
    if (known !== undefined) return known
    const full = interfaceName(this.#wit, id, key)
    const short = typeName(pascalCase(shortName(full)))
    const long = pascalCase(splitInterface(full).path.replace(/[^A-Za-z0-9]+/g, '-'))
    let name = this.#taken.has(short) ? long : short
    for (let number = 2; this.#taken.has(name); number += 1) name = `${long}${number}`
    this.#taken.add(name)
    this.#namespaces.set(id, name)
    return name
  }

  #exportsOf(items: readonly WorldEntry[]): void {
    const out = this.#out
    const style = STYLES.exports
    out.docs('What an instance of the component offers.')
    out.open(`export ${style.open('Exports')}`)
    const taken = this.#ownFunctions(items, style)
    const interfaces = this.#interfacesOf(items, style)
    const names = new Map(interfaces)
    // The newest version has the name without one, as at run time.
    for (const short of [pathOf, shortName]) {
      for (const [full, id] of newestFirst(interfaces)) {
        if (!names.has(short(full)) && !taken.has(short(full))) names.set(short(full), id)
      }
    }
    this.#interfaces([...names], style)
    this.#ownClasses(items)
    out.close('}')
  }

  #importsOf(items: readonly WorldEntry[]): void {
    const out = this.#out
    const style = STYLES.imports
    const interfaces = this.#interfacesOf(items, style)
    const short = withoutVersions(interfaces)
    const hasOne = ([full]: NamedInterface): boolean => short.get(full) === full
    const chosen = interfaces.filter((named) => !hasOne(named))
    out.docs('What the component needs.')
    out.open(`export ${style.open('Imports')}`)
    const isChoiceAlone = chosen.length === items.length
    if (!isChoiceAlone) {
      this.#ownFunctions(items, style)
      this.#interfaces(interfaces.filter(hasOne), style)
      this.#ownClasses(items)
    }
    if (chosen.length > 0) {
      if (!isChoiceAlone) out.between('} & ({')
      // One choice for all interfaces: TypeScript multiplies choices, up to a number of them.
      out.line('// Either the names with their versions,')
      this.#interfaces(chosen, style)
      out.between('} | {')
      out.line('// or those without.')
      this.#interfaces(
        chosen.map(([full, id]) => [short.get(full)!, id]),
        style,
      )
    }
    out.close(chosen.length > 0 && !isChoiceAlone ? '})' : '}')
  }

  /** Writes the functions of the world itself; returns their names. */
  #ownFunctions(items: readonly WorldEntry[], style: Style): Set<string> {
    const names = new Set<string>()
    for (const [, item] of items) {
      if (!('function' in item)) continue
      this.#function(item.function, style)
      names.add(camelCase(item.function.name))
    }
    return names
  }

  /** Writes the classes of the world itself. */
  #ownClasses(items: readonly WorldEntry[]): void {
    for (const [, item] of items) {
      if (!('type' in item)) continue
      const id = typeof item.type === 'number' ? item.type : item.type.id
      const type = this.#wit.types[id]!
      if (type.kind === 'resource') this.#classMember(pascalCase(type.name ?? ''))
    }
  }

  /** The interfaces of the world by their full names; their namespaces are written later. */
  #interfacesOf(items: readonly WorldEntry[], { side }: Style): NamedInterface[] {
    return items.flatMap(([key, item]) => {
      if (!('interface' in item)) return []
      const { id } = item.interface
      this.#namespaceOf(id, key)
      this.#sides.set(id, (this.#sides.get(id) ?? new Set()).add(side))
      return [[interfaceName(this.#wit, id, key), id]]
    })
  }

  #interfaces(named: readonly NamedInterface[], style: Style): void {
    for (const [name, id] of named) {
      this.#out.line(`readonly ${propertyName(name)}: ${this.#namespaceOf(id)}.${style.members}`)
    }
  }

  /** The types that belong to the world itself. */
  #ownTypes(world: number): void {
    for (const [id, type] of this.#wit.types.entries()) {
      if (type.owner === null || !('world' in type.owner) || type.owner.world !== world) continue
      this.#type(id, functionsOf(this.#wit.worlds[world]!.exports), STYLES.exports)
    }
  }

  #namespace(id: number, name: string): void {
    const out = this.#out
    const owner = this.#wit.interfaces[id]!
    const functions = Object.values(owner.functions)
    const sides = this.#sides.get(id) ?? new Set<Side>()
    this.#docs(owner)
    out.open(`export declare namespace ${name} {`)
    for (const side of sides) {
      const style = STYLES[side]
      out.open(style.open(style.members))
      for (const called of functions) {
        if (functionName(called.name).kind === 'function') this.#function(called, style)
      }
      for (const type of Object.values(owner.types)) {
        const { kind, name: resource } = this.#wit.types[type]!
        if (kind === 'resource') this.#classMember(pascalCase(resource ?? ''))
      }
      out.close('}')
    }
    const style = STYLES[sides.has('exports') ? 'exports' : 'imports']
    for (const type of Object.values(owner.types)) this.#type(type, functions, style)
    out.close('}')
  }

  #classMember(name: string): void {
    this.#out.line(`readonly ${name}: ${typeName(name)}Class`)
  }

  #type(id: number, functions: readonly Function[], style: Style): void {
    const { name, kind } = this.#wit.types[id]!
    if (name === null) return
    const own = this.#typeName(id)
    if (kind === 'resource') {
      this.#resource(id, own, functions, style)
      return
    }
    const out = this.#out
    this.#docs(this.#wit.types[id]!)
    if ('record' in kind) this.#object(own, kind.record.fields, (part) => this.#field(part))
    else if ('flags' in kind) {
      this.#object(
        own,
        kind.flags.flags,
        ({ name }) => `${propertyName(camelCase(name))}?: boolean`,
      )
    } else out.line(`type ${own} = ${this.#kind(kind)}`)
  }

  /** The name of a type, which is not that of the class of a resource beside it. */
  #typeName(id: number): string {
    const { name, owner } = this.#wit.types[id]!
    const own = typeName(pascalCase(name ?? ''))
    if (!own.endsWith('Class')) return own
    const isTaken = this.#wit.types.some(
      (other) =>
        other.kind === 'resource' &&
        JSON.stringify(other.owner) === JSON.stringify(owner) &&
        `${pascalCase(other.name ?? '')}Class` === own,
    )
    return isTaken ? `${own}_` : own
  }

  #object(name: string, parts: readonly Part[], write: (part: Part) => string): void {
    const out = this.#out
    out.open(`interface ${name} {`)
    for (const part of parts) {
      this.#docs(part)
      out.line(write(part))
    }
    out.close('}')
  }

  #field({ name, type }: Part, way: Way = 'from'): string {
    const key = propertyName(camelCase(name))
    const mark = this.#hasUndefined(type ?? null) ? '?' : ''
    return `${key}${mark}: ${this.#of(type ?? null, way)}`
  }

  #resource(id: number, name: string, functions: readonly Function[], style: Style): void {
    const out = this.#out
    const own = this.#wit.types[id]!.name
    const members = functions.filter(({ name }) => functionName(name).resource === own)
    this.#docs(this.#wit.types[id]!)
    const base = style.side === 'exports' ? ' extends Disposable, AsyncDisposable' : ''
    out.open(`interface ${name}${base} {`)
    for (const member of members) {
      if (functionName(member.name).kind === 'method') this.#function(member, style, 1)
    }
    out.close('}')
    out.open(`interface ${name}Class {`)
    const isExported = style.side === 'exports'
    // As at run time.
    const hasCreate = members.some(({ name: it }) => it === `[static]${own}.create`)
    for (const member of members) {
      const { kind } = functionName(member.name)
      if (kind === 'static') this.#function(member, style)
      if (kind !== 'constructor' || (isExported && hasCreate)) continue
      this.#docs(member)
      const parameters = this.#parameters(member, style, 0)
      out.line(
        isExported
          ? `create(${parameters}): ${style.result(name)}`
          : `new (${parameters}): ${name}`,
      )
    }
    out.line(`readonly prototype: ${name}`)
    out.close('}')
  }

  /** A member that is a function; the first `skipped` parameters are not the caller's. */
  #function(called: Function, style: Style, skipped = 0): void {
    this.#docs(called)
    const { kind, name } = functionName(called.name)
    const { result } = called
    const isNothing = result === undefined || result === null
    const returned = isNothing ? 'void' : this.#of(result, style.results)
    const isExported = style.side === 'exports'
    const own = isExported ? exportedName(camelCase(name)) : camelCase(name)
    const key = propertyName(kind === 'function' ? own : memberName(name))
    this.#out.line(`${key}(${this.#parameters(called, style, skipped)}): ${style.result(returned)}`)
  }

  #parameters({ params }: Function, style: Style, skipped: number): string {
    const shown = params.slice(skipped)
    // Options at the end may be left out.
    const needed = shown.findLastIndex(({ type }) => !this.#hasUndefined(type)) + 1
    const written = shown.map(({ name, type }, index) => {
      const key = camelCase(name)
      const mark = index < needed ? '' : '?'
      return `${isIdentifier(key) ? key : `${key}_`}${mark}: ${this.#of(type, style.arguments)}`
    })
    return written.join(', ')
  }

  #hasUndefined(type: Type | null): boolean {
    if (typeof type !== 'number') return false
    const { kind } = this.#wit.types[type]!
    if (kind === 'resource') return false
    if ('type' in kind) return this.#hasUndefined(kind.type)
    return 'option' in kind && !this.#hasUndefined(kind.option)
  }

  /** A type without a name is written for its way; one with a name is the same for both. */
  #of(type: Type | null, way: Way = 'from'): string {
    if (type === null) return 'undefined'
    if (typeof type === 'string') return PRIMITIVES[type] ?? 'never'
    const { name, owner, kind } = this.#wit.types[type]!
    if (name === null) return this.#kind(kind, way)
    const own = this.#typeName(type)
    if (owner === null || 'world' in owner) return own
    return `${this.#namespaceOf(owner.interface)}.${own}`
  }

  #kind(kind: TypeKind, way: Way = 'from'): string {
    const of = (type: Type | null): string => this.#of(type, way)
    if (kind === 'resource') return 'object'
    if ('type' in kind) return of(kind.type)
    if ('list' in kind) return this.#list(kind.list, way)
    if ('fixed-length-list' in kind) return this.#list(kind['fixed-length-list'][0], way)
    if ('map' in kind) return `Map<${of(kind.map[0])}, ${of(kind.map[1])}>`
    if ('tuple' in kind) return `[${kind.tuple.types.map((type) => of(type)).join(', ')}]`
    if ('option' in kind) return this.#option(kind.option, way)
    if ('result' in kind) {
      const { ok, err } = kind.result
      return `{ tag: 'ok', val: ${of(ok)} } | { tag: 'err', val: ${of(err)} }`
    }
    if ('enum' in kind) return kind.enum.cases.map(({ name }) => `'${name}'`).join(' | ')
    if ('variant' in kind)
      return kind.variant.cases.map((part) => this.#case(part, way)).join(' | ')
    if ('handle' in kind) {
      return of('own' in kind.handle ? kind.handle.own : kind.handle.borrow)
    }
    if ('record' in kind) {
      return `{ ${kind.record.fields.map((part) => this.#field(part, way)).join(', ')} }`
    }
    if ('stream' in kind) {
      const isBytes = kind.stream !== null && this.#aliased(kind.stream) === 'u8'
      if (way === 'from') return `AsyncIterable<${isBytes ? 'Uint8Array' : of(kind.stream)}>`
      const yielded = isBytes ? 'Uint8Array | number' : of(kind.stream)
      return `AsyncIterable<${yielded}> | Iterable<${yielded}>`
    }
    if ('future' in kind) {
      const value = of(kind.future)
      return way === 'from' ? `Promise<${value}>` : `PromiseLike<${value}> | ${value}`
    }
    // Flags have names.
    return 'never'
  }

  /** What a type is another name of. */
  #aliased(type: Type): Type {
    let plain = type
    while (typeof plain === 'number') {
      const { kind } = this.#wit.types[plain]!
      if (kind === 'resource' || !('type' in kind)) break
      plain = kind.type
    }
    return plain
  }

  #case({ name, type }: Part, way: Way): string {
    return type === undefined || type === null
      ? `{ tag: '${name}' }`
      : `{ tag: '${name}', val: ${this.#of(type, way)} }`
  }

  #list(element: Type, way: Way): string {
    const plain = this.#aliased(element)
    const typed = typeof plain === 'string' ? TYPED_ARRAYS[plain] : undefined
    if (typed === undefined) return `Array<${this.#of(element, way)}>`
    return way === 'from' ? typed : `${typed} | Array<${elementOf(plain as string)}>`
  }

  #option(some: Type, way: Way): string {
    const type = this.#of(some, way)
    return this.#hasUndefined(some)
      ? `{ tag: 'none' } | { tag: 'some', val: ${type} }`
      : `${type} | undefined`
  }

  #docs({ docs }: Documented): void {
    if (docs?.contents) this.#out.docs(docs.contents)
  }
}

function functionsOf(items: Readonly<Record<string, WorldItem>>): Function[] {
  return Object.values(items).flatMap((item) => ('function' in item ? [item.function] : []))
}

/** TypeScript declarations of what a component offers and needs. */
export function declareComponent(wit: { world: number; resolve: Resolved }): string {
  return new Declarations(wit.resolve).write(wit.world)
}
