import { functionNames, interfaceNames, type Named } from '../wit/export-names.ts'
import type { ExportedFunction, WitResource, WitType } from '../wit/exported-function.ts'
import { fullName, type WitPrimitive } from '../wit/interface.ts'
import { camelCase, functionName } from '../wit/names.ts'
import {
  interfaceName,
  type Function,
  type Part,
  type Resolved,
  type Type,
  type TypeKind,
  type World,
  type WorldItem,
} from './resolved.ts'

/** What a component exports that can be called, in the order of its WIT. */
export function functionsOf(wit: Resolved, world: number): readonly ExportedFunction[] {
  return new Exported(wit, wit.worlds[world]!).functions
}

/** A function before its other names are known. */
type Described = Omit<ExportedFunction, 'aliases'> & Named

class Exported {
  readonly #wit: Resolved
  readonly #world: World
  readonly #types = new Map<number, WitType>()
  /** The names of the world's interfaces, by number: those that are written inside of it have them from it alone. */
  readonly #names = new Map<number, string>()

  constructor(wit: Resolved, world: World) {
    this.#wit = wit
    this.#world = world
    for (const [key, item] of [world.imports, world.exports].flatMap(Object.entries<WorldItem>)) {
      if (!('interface' in item)) continue
      this.#names.set(item.interface.id, interfaceName(wit, item.interface.id, key))
    }
  }

  get functions(): readonly ExportedFunction[] {
    const all: Described[] = []
    const interfaces: string[] = []
    for (const item of Object.values(this.#world.exports)) {
      if ('function' in item) all.push(this.#function(undefined, item.function))
      else if ('interface' in item) {
        const { functions, types } = this.#wit.interfaces[item.interface.id]!
        const owner = this.#names.get(item.interface.id)!
        // Those that have types alone have no names, as at run time.
        const hasResources = Object.values(types).some(
          (type) => this.#wit.types[type]!.kind === 'resource',
        )
        const own = Object.values(functions)
        if (own.length > 0 || hasResources) interfaces.push(owner)
        all.push(...own.map((called) => this.#function(owner, called)))
      }
    }
    const aliases = new Map(all.map(({ name }) => [name, [] as string[]]))
    for (const [alias, { name }] of functionNames(all, interfaceNames(interfaces))) {
      if (alias !== name) aliases.get(name)!.push(alias)
    }
    return all.map(({ name, parameters, result, isAsync }) => ({
      name,
      aliases: aliases.get(name)!,
      isAsync,
      parameters,
      ...(result === undefined ? {} : { result }),
    }))
  }

  #interfaceName(id: number): string {
    return this.#names.get(id) ?? interfaceName(this.#wit, id, '')
  }

  #function(owner: string | undefined, { name, kind, params, result }: Function): Described {
    return {
      name: fullName({ ...(owner === undefined ? {} : { interface: owner }), name }),
      interface: owner,
      of: functionName(name),
      isAsync: (typeof kind === 'string' ? kind : Object.keys(kind).join()).startsWith('async'),
      parameters: params.map((part) => this.#part(part)),
      ...this.#optional('result', result),
    }
  }

  #part({ name, type }: Part): { name: string; key: string; type: WitType } {
    return { name, key: camelCase(name), type: this.#type(type!) }
  }

  /** A type that may be missing. */
  #optional<Key extends string>(
    key: Key,
    type: Type | null | undefined,
  ): Partial<Record<Key, WitType>> {
    if (type === undefined || type === null) return {}
    return { [key]: this.#type(type) } as Record<Key, WitType>
  }

  #type(type: Type): WitType {
    if (typeof type === 'string') return { kind: type as WitPrimitive }
    let known = this.#types.get(type)
    if (known === undefined) {
      const { name, kind } = this.#wit.types[type]!
      known = this.#kind(kind)
      if (name !== null) known = { ...known, name }
      this.#types.set(type, known)
    }
    return known
  }

  #kind(kind: TypeKind): WitType {
    // A resource is a type of values only within a handle.
    if (kind === 'resource') throw new TypeError('a resource is not the type of a value')
    if ('type' in kind) return this.#type(kind.type)
    if ('list' in kind) return { kind: 'list', element: this.#type(kind.list) }
    if ('fixed-length-list' in kind) {
      const [element, length] = kind['fixed-length-list']
      return { kind: 'list', element: this.#type(element), length }
    }
    if ('map' in kind) {
      return { kind: 'map', key: this.#type(kind.map[0]), value: this.#type(kind.map[1]) }
    }
    if ('record' in kind) {
      return { kind: 'record', fields: kind.record.fields.map((part) => this.#part(part)) }
    }
    if ('flags' in kind) {
      const flags = kind.flags.flags.map(({ name }) => ({ name, key: camelCase(name) }))
      return { kind: 'flags', flags }
    }
    if ('tuple' in kind) {
      return { kind: 'tuple', types: kind.tuple.types.map((part) => this.#type(part)) }
    }
    if ('enum' in kind) return { kind: 'enum', names: kind.enum.cases.map(({ name }) => name) }
    if ('variant' in kind) {
      const cases = kind.variant.cases.map(({ name, type }) => ({
        name,
        ...this.#optional('type', type),
      }))
      return { kind: 'variant', cases }
    }
    if ('option' in kind) {
      const some = this.#type(kind.option)
      return { kind: 'option', some, isTagged: some.kind === 'option' && !some.isTagged }
    }
    if ('result' in kind) {
      const { ok, err } = kind.result
      return { kind: 'result', ...this.#optional('ok', ok), ...this.#optional('err', err) }
    }
    if ('handle' in kind) {
      return 'own' in kind.handle
        ? { kind: 'own', resource: this.#resource(kind.handle.own) }
        : { kind: 'borrow', resource: this.#resource(kind.handle.borrow) }
    }
    return 'stream' in kind
      ? { kind: 'stream', ...this.#optional('element', kind.stream) }
      : { kind: 'future', ...this.#optional('element', kind.future) }
  }

  /** A resource, where it is defined. */
  #resource(type: number): WitResource {
    const { name, kind, owner } = this.#wit.types[type]!
    if (kind !== 'resource' && 'type' in kind) return this.#resource(kind.type as number)
    return {
      name: name ?? '',
      ...(owner !== null && 'interface' in owner
        ? { interface: this.#interfaceName(owner.interface) }
        : {}),
    }
  }
}
