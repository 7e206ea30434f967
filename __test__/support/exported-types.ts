// Types of the tests' own components as the library tells of them.
import type { WitPart, WitType as Told } from './package.ts'
import type { WitType } from './wit-echo.ts'
import { camel, hasUndefined } from './wit-values.ts'

/** Without the names that types have in WIT. */
export function told(type: WitType): Told {
  const part = <Key extends string>(
    key: Key,
    inner: WitType | undefined,
  ): Partial<Record<Key, Told>> =>
    inner === undefined ? {} : ({ [key]: told(inner) } as Record<Key, Told>)
  switch (type.kind) {
    case 'list':
      return { kind: 'list', element: told(type.element) }
    case 'record':
      return {
        kind: 'record',
        fields: type.fields.map(([name, inner]): WitPart => ({
          name,
          key: camel(name),
          type: told(inner),
        })),
      }
    case 'tuple':
      return { kind: 'tuple', types: type.types.map(told) }
    case 'variant':
      return {
        kind: 'variant',
        cases: type.cases.map(([name, inner]) => ({ name, ...part('type', inner) })),
      }
    case 'enum':
      return { kind: 'enum', names: type.names }
    case 'flags':
      return { kind: 'flags', flags: type.names.map((name) => ({ name, key: camel(name) })) }
    case 'option':
      return { kind: 'option', some: told(type.some), isTagged: hasUndefined(type.some) }
    case 'result':
      return { kind: 'result', ...part('ok', type.ok), ...part('err', type.err) }
    default:
      return { kind: type.kind }
  }
}
