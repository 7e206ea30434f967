import type { InterfaceTypes } from './interface.ts'
import { functionName, memberName } from './names.ts'

/** The methods that the objects of resources need, by the places of these; none for a resource of the component. */
export type ResourceMethods = ReadonlyMap<number, readonly string[]>

/** Returns the methods that a component imports. */
export function importedMethods({ types, functions }: InterfaceTypes): ResourceMethods {
  const methods = new Map<number, string[]>()
  for (const { name, parameters } of functions) {
    const { kind, name: method } = functionName(name)
    const [self] = parameters
    if (kind !== 'method' || self === undefined) continue
    const type = types[self[1]]!
    if (type.kind !== 'borrow') continue
    const known = methods.get(type.resource)
    if (known === undefined) methods.set(type.resource, [memberName(method)])
    else known.push(memberName(method))
  }
  return methods
}
