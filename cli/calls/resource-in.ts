import type { WitType } from '../../src/index.ts'

/** The name of a resource that values of these types contain, if there is one. */
export function resourceIn(types: readonly WitType[]): string | undefined {
  // Types share parts: each is looked at once.
  const seen = new Set<WitType>(types)
  for (const type of seen) {
    if (type.kind === 'own' || type.kind === 'borrow') return type.resource.name
    for (const part of partsOf(type)) if (part !== undefined) seen.add(part)
  }
  return undefined
}

function partsOf(type: WitType): readonly (WitType | undefined)[] {
  switch (type.kind) {
    case 'list':
    case 'stream':
    case 'future':
      return [type.element]
    case 'map':
      return [type.key, type.value]
    case 'record':
      return type.fields.map((field) => field.type)
    case 'tuple':
      return type.types
    case 'variant':
      return type.cases.map((one) => one.type)
    case 'option':
      return [type.some]
    case 'result':
      return [type.ok, type.err]
    default:
      return []
  }
}
