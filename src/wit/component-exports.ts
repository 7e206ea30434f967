import { Codecs } from './codecs.ts'
import { ComponentFunction } from './function.ts'
import { handle } from './handle-codec.ts'
import type { InterfaceTypes } from './interface.ts'
import { camelCase, compareVersions, pascalCase, shortName, splitInterface } from './names.ts'
import type { Resources } from './resources.ts'

/** What an instance of a component offers. */
export class ComponentExports {
  readonly types: InterfaceTypes
  /** All of them, each once. */
  readonly list: readonly ComponentFunction[]
  /** By every name under which a call may ask for them. */
  readonly functions: ReadonlyMap<string, ComponentFunction>
  /** The names of interfaces by each name that they go by, full names first. */
  readonly #interfaces = new Map<string, string>()

  constructor(types: unknown) {
    this.types = types as InterfaceTypes
    const { functions, resources } = this.types
    const codecs = new Codecs(this.types, (kind, resource) =>
      handle(kind, resource, resources[resource]!),
    )
    this.list = functions.map(
      (type, number) => new ComponentFunction(type, number, codecs, this.types),
    )
    for (const name of this.#interfaceNames()) this.#interfaces.set(name, name)
    // The newest version has the name without one.
    const names = [...this.#interfaces.keys()].toSorted((a, b) =>
      compareVersions(splitInterface(b).version, splitInterface(a).version),
    )
    for (const short of [(name: string) => splitInterface(name).path, shortName]) {
      for (const name of names) this.#name(short(name), name)
    }
    this.functions = this.#named()
  }

  /** What callers have as `exports`. `invoke` calls a function. */
  expose(
    resources: Resources,
    invoke: (called: ComponentFunction, args: readonly unknown[]) => Promise<unknown>,
  ): object {
    const interfaces = new Map<string, Record<string, unknown>>()
    const root = Object.create(null) as Record<string, unknown>
    const ofInterface = (name: string | undefined): Record<string, unknown> => {
      if (name === undefined) return root
      let members = interfaces.get(name)
      if (members === undefined) {
        members = Object.create(null) as Record<string, unknown>
        interfaces.set(name, members)
      }
      return members
    }
    for (const [number, resource] of this.types.resources.entries()) {
      const { name } = resource
      if (name === undefined || resource.owner !== 'guest') continue
      ofInterface(resource.interface)[pascalCase(name)] = resources.classOf(number)
    }
    for (const called of this.list) {
      if (called.of.kind !== 'function') continue
      ofInterface(called.interface)[camelCase(called.of.name)] = (...args: unknown[]) =>
        invoke(called, args)
    }
    for (const [alias, name] of this.#interfaces) {
      const members = interfaces.get(name)
      if (members === undefined || Object.hasOwn(root, alias)) continue
      const value = Object.freeze(members)
      Object.defineProperty(root, alias, { value, enumerable: alias === name })
    }
    return Object.freeze(root)
  }

  #interfaceNames(): Set<string> {
    const { functions, resources } = this.types
    const exported = resources.filter(({ owner }) => owner === 'guest')
    const names = [...functions, ...exported].map((it) => it.interface)
    return new Set(names.filter((name) => name !== undefined))
  }

  #name(alias: string, name: string): void {
    if (!this.#interfaces.has(alias)) this.#interfaces.set(alias, name)
  }

  #named(): Map<string, ComponentFunction> {
    const named = new Map<string, ComponentFunction>()
    const add = (name: string, called: ComponentFunction): void => {
      if (!named.has(name)) named.set(name, called)
    }
    for (const called of this.list) add(called.name, called)
    for (const called of this.list) {
      const { interface: owner, of } = called
      const own = called.name.slice(called.name.indexOf('#') + 1)
      const names = of.kind === 'function' ? [own, camelCase(own)] : [own]
      if (owner === undefined) for (const name of names) add(name, called)
      for (const [alias, target] of this.#interfaces) {
        if (target !== owner) continue
        for (const name of names) add(`${alias}#${name}`, called)
      }
    }
    return named
  }
}
