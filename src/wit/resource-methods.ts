import type { InterfaceTypes } from './interface.ts'
import { functionName, memberName } from './names.ts'

/** The methods that the objects of resources need, by the places of these; none for a resource of the component. */
export type ResourceMethods = ReadonlyMap<number, readonly string[]>

const known = new WeakMap<InterfaceTypes, ResourceMethods>()

/** Returns the methods that a component imports. Each run with imports asks for them. */
export function importedMethods(imports: InterfaceTypes): ResourceMethods {
  let methods = known.get(imports)
  if (methods === undefined) {
    methods = methodsOf(imports)
    known.set(imports, methods)
  }
  return methods
}

function methodsOf({ types, functions }: InterfaceTypes): ResourceMethods {
  const methods = new Map<number, string[]>()
  for (const { name, parameters } of functions) {
    const { kind, name: method } = functionName(name)
    const [self] = parameters
    if (kind !== 'method' || self === undefined) continue
    const type = types[self[1]]!
    if (type.kind !== 'borrow') continue
    const others = methods.get(type.resource)
    if (others === undefined) methods.set(type.resource, [memberName(method)])
    else others.push(memberName(method))
  }
  return methods
}
