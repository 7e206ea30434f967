import type { ExportedFunction } from '../../src/index.ts'
import { typeText } from '../wave/types.ts'

/** The name of a function taken apart. */
export interface WitName {
  /** `my:pkg/counters@1.0.0`; undefined for a function of the component itself. */
  readonly interface: string | undefined
  readonly kind: 'function' | 'constructor' | 'method' | 'static'
  readonly resource: string | undefined
  /** As it is typed without an interface: `add`, `counter.next-value`; of a constructor, the resource. */
  readonly own: string
}

/** Takes apart what `call` takes: `my:pkg/counters#[method]counter.next-value`. */
export function splitName(name: string): WitName {
  const hash = name.indexOf('#')
  const owner = hash < 0 ? undefined : name.slice(0, hash)
  const own = name.slice(hash + 1)
  const [, kind, resource, member] =
    /^\[(constructor|method|static)\]([^.]+)(?:\.(.*))?$/.exec(own) ?? []
  if (kind === undefined) return { interface: owner, kind: 'function', resource: undefined, own }
  return {
    interface: owner,
    kind: kind as WitName['kind'],
    resource,
    own: member === undefined ? resource! : `${resource}.${member}`,
  }
}

/** A name without the word in brackets: `my:pkg/counters#counter.next-value`. */
export function typedName(name: string): string {
  const { interface: owner, own } = splitName(name)
  return owner === undefined ? own : `${owner}#${own}`
}

/** A name as in the calls of WAVE: `my:pkg/counters.counter.next-value@1.0.0`. */
export function dottedName(name: string): string {
  const { interface: owner, own } = splitName(name)
  if (owner === undefined) return own
  const [path, version] = owner.split('@')
  return `${path}.${own}${version === undefined ? '' : `@${version}`}`
}

const MAX_SIGNATURE = 400

/** A function as WIT declares it: `func(a: u32) -> u32`, `constructor(start: u32)`. */
export function signatureText({ name, parameters, result, isAsync }: ExportedFunction): string {
  const { kind } = splitName(name)
  // The resource of a method goes without saying.
  const shown = kind === 'method' ? parameters.slice(1) : parameters
  const list = shown.map((part) => `${part.name}: ${typeText(part.type)}`).join(', ')
  const word = `${kind === 'static' ? 'static ' : ''}${isAsync ? 'async ' : ''}func`
  const text =
    kind === 'constructor'
      ? `constructor(${list})`
      : `${word}(${list})${result === undefined ? '' : ` -> ${typeText(result)}`}`
  return text.length > MAX_SIGNATURE ? `${text.slice(0, MAX_SIGNATURE)}…` : text
}
