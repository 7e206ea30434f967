import type { HostImport } from '../imports.ts'
import type { InspectedExport } from '../inspection.ts'
import { exportedName } from '../wit/names.ts'
import { isIdentifier, Lines, propertyName, quoted } from './source.ts'

const TYPES: Readonly<Record<string, string>> = {
  i32: 'number',
  i64: 'bigint',
  f32: 'number',
  f64: 'number',
}

/** TypeScript declarations of what a core module offers and needs. */
export function declareModule(
  exports: readonly InspectedExport[],
  imports: readonly HostImport[],
): string {
  const out = new Lines()
  if (imports.length > 0) {
    out.line("import type { CallingGuest } from 'wasiexec'")
    out.line('')
  }
  out.docs('The functions that an instance of the module offers.')
  out.open('export interface Exports {')
  for (const { name, kind, type } of exports) {
    if (kind !== 'function') continue
    const signature = parse(type)
    if (signature === undefined) out.line(`// ${quoted(name)} cannot be called: ${type}`)
    else {
      const key = exportedName(name)
      // As at run time.
      if (key !== name && exports.some((other) => other.name === key)) continue
      out.line(member(key, signature.parameters, resultOf(signature.results), []))
    }
  }
  out.close('}')
  if (imports.length === 0) return out.text
  out.line('')
  out.docs('The functions that the module needs.')
  // Not an interface: those fit no index signature, and so not the option `imports`.
  out.open('export type Imports = {')
  for (const module of new Set(imports.map((wanted) => wanted.module))) {
    out.open(`${propertyName(module)}: {`)
    for (const { module: owner, name, kind, type, params, results } of imports) {
      if (owner !== module) continue
      if (params === undefined || results === undefined) {
        out.line(`// ${quoted(name)} cannot be given: ${kind} ${type}`)
        continue
      }
      const result = resultOf(results)
      const returned = `${result} | Promise<${result}>`
      out.line(member(name, params, returned, ['guest: CallingGuest']))
    }
    out.close('}')
  }
  out.close('}')
  return out.text
}

function member(
  name: string,
  parameters: readonly string[],
  result: string,
  more: readonly string[],
): string {
  const written = parameters.map((type, index) => `p${index}: ${TYPES[type]}`)
  const key = isIdentifier(name) ? name : propertyName(name)
  return `${key}(${[...written, ...more].join(', ')}): ${result}`
}

function resultOf(results: readonly string[]): string {
  const types = results.map((type) => TYPES[type])
  if (types.length === 0) return 'void'
  return types.length === 1 ? types[0]! : `[${types.join(', ')}]`
}

/** The types of a function whose values are numbers. */
function parse(text: string): { parameters: string[]; results: string[] } | undefined {
  const [, parameters, results] = /^\(([^()]*)\)(?: -> \(?([^()]*)\)?)?$/.exec(text) ?? []
  if (parameters === undefined) return undefined
  const [taken, returned] = [parameters, results].map((list) => (list ? list.split(', ') : []))
  const isNumbers = [...taken!, ...returned!].every((type) => Object.hasOwn(TYPES, type))
  return isNumbers ? { parameters: taken!, results: returned! } : undefined
}
