import { nameResource } from '../outcome/value-json.ts'
import type { Codec } from './codec.ts'
import { isObject } from './handles.ts'
import type { ResourceType } from './interface.ts'
import { Mismatch } from './mismatch.ts'
import { pascalCase } from './names.ts'

/**
 * `own<R>` and `borrow<R>`: an object of the class of the resource. Who gets an `own` has it from then on.
 *
 * @param methods Those that the component calls, if the resource is the host's.
 */
export function handle(
  kind: 'own' | 'borrow',
  resource: number,
  type: ResourceType,
  methods: readonly string[] = [],
): Codec {
  const name = pascalCase(type.name ?? 'resource')
  const isHosts = type.owner === 'host'
  const owned = kind === 'own'
  const expected = isHosts
    ? `an object (${name})`
    : `a ${name} of this instance that was neither given away nor disposed of`
  return {
    type: `${kind}<${type.name ?? 'resource'}>`,
    hasUndefined: false,
    write(value, to) {
      const { guests, hosts } = to.handles!
      const handles = isHosts ? hosts : guests
      const lacked = isObject(value) ? methods.find((name) => !hasMethod(value, name)) : undefined
      if (lacked !== undefined) throw new Mismatch(`${expected} with a method \`${lacked}\``, value)
      const number = handles.numberOf(value, resource)
      if (number === undefined) throw new Mismatch(expected, value)
      const given = handles.give(value as object, number, owned)
      if (given !== undefined) to.given.push(given)
      to.uint32(number)
      // The place of its type, which the core does not know from the number.
      if (isHosts) to.uint32(resource)
    },
    read(from) {
      const { guests, hosts, letGo } = from.handles
      const object = (isHosts ? hosts : guests).wrap(from.uint32(), resource, owned)
      if (letGo !== undefined) {
        // The place of its type.
        from.uint32()
        letGo(object)
      }
      nameResource(object, type.name ?? 'resource')
      return object
    },
  }
}

function hasMethod(value: object, name: string): boolean {
  return typeof (value as Record<string, unknown>)[name] === 'function'
}
