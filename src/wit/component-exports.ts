import { Codecs } from './codecs.ts'
import { functionNames, interfaceNames } from './export-names.ts'
import { ComponentFunction } from './function.ts'
import { handle } from './handle-codec.ts'
import type { InterfaceTypes } from './interface.ts'
import { camelCase, exportedName, pascalCase } from './names.ts'
import { importedMethods } from './resource-methods.ts'
import type { Resources } from './resources.ts'

/** What an instance of a component offers. */
export class ComponentExports {
  readonly types: InterfaceTypes
  /** All of them, each once. */
  readonly list: readonly ComponentFunction[]
  /** By every name under which a call may ask for them. */
  readonly functions: ReadonlyMap<string, ComponentFunction>
  /** The names of interfaces by each name that they go by, full names first. */
  readonly #interfaces: ReadonlyMap<string, string>

  /** @param imports What the component imports: the places of its resources are the same. */
  constructor(types: unknown, imports: InterfaceTypes | undefined) {
    this.types = types as InterfaceTypes
    const { functions, resources } = this.types
    const methods = imports === undefined ? undefined : importedMethods(imports)
    const codecs = new Codecs(this.types, (kind, resource) =>
      handle(kind, resource, resources[resource]!, methods?.get(resource)),
    )
    this.list = functions.map(
      (type, number) => new ComponentFunction(type, number, codecs, this.types),
    )
    this.#interfaces = interfaceNames(this.#interfaceNames())
    this.functions = functionNames(this.list, this.#interfaces)
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
      const name = exportedName(camelCase(called.of.name))
      ofInterface(called.interface)[name] = (...args: unknown[]) => invoke(called, args)
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
}
