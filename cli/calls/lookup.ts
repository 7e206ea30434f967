import type { ExportedFunction } from '../../src/index.ts'
import { CliError } from '../status.ts'
import { dottedName, splitName, typedName } from './wit-names.ts'

/** Finds functions of a component by their names, short ones too. */
export class Lookup {
  readonly #functions: readonly ExportedFunction[]
  /** By the names that the library takes, also without the words in brackets, and with dots as in WAVE. */
  readonly #exact = new Map<string, ExportedFunction>()
  /** By names that several functions may have. */
  readonly #short = new Map<string, Set<ExportedFunction>>()

  constructor(functions: readonly ExportedFunction[]) {
    this.#functions = functions
    const namesOf = ({ name, aliases }: ExportedFunction): string[] => [name, ...aliases]
    for (const change of [String, typedName, dottedName]) {
      for (const called of functions) {
        for (const name of namesOf(called).map(change)) {
          if (!this.#exact.has(name)) this.#exact.set(name, called)
        }
      }
    }
    for (const called of functions) for (const name of shortNames(called)) this.#add(name, called)
  }

  /** @throws {CliError} if several functions have this name. */
  find(name: string): ExportedFunction | undefined {
    const exact = this.#exact.get(name)
    if (exact !== undefined) return exact
    const [found, ...others] = this.#short.get(name) ?? []
    if (found === undefined || others.length === 0) return found
    const list = [found, ...others].map((one) => typedName(one.name)).join(', ')
    throw new CliError(`several functions are called ${JSON.stringify(name)}: ${list}`)
  }

  /** The shortest name by which this function is found. */
  shortest(called: ExportedFunction): string {
    const names = [...shortNames(called), ...called.aliases.map(typedName)].toSorted(
      (a, b) => a.length - b.length,
    )
    return names.find((name) => this.#isOnly(name, called)) ?? typedName(called.name)
  }

  /** The method of a resource. */
  method(owner: string | undefined, resource: string, name: string): ExportedFunction | undefined {
    const full = `[method]${resource}.${name}`
    return this.#exact.get(owner === undefined ? full : `${owner}#${full}`)
  }

  /** The methods of a resource, by their names. */
  methods(owner: string | undefined, resource: string): string[] {
    return this.#functions.flatMap((called) => {
      const name = splitName(called.name)
      const isOwn = name.interface === owner && name.resource === resource
      return isOwn && name.kind === 'method' ? [name.own.slice(resource.length + 1)] : []
    })
  }

  #isOnly(name: string, called: ExportedFunction): boolean {
    const exact = this.#exact.get(name)
    if (exact !== undefined) return exact === called
    const found = this.#short.get(name)
    return found?.size === 1 && found.has(called)
  }

  #add(name: string, called: ExportedFunction): void {
    const known = this.#short.get(name)
    if (known === undefined) this.#short.set(name, new Set([called]))
    else known.add(called)
  }
}

/** `add` and `calc#add` for `my:pkg/calc@1.0.0#add`. */
function shortNames({ name }: ExportedFunction): string[] {
  const { interface: owner, own } = splitName(name)
  const raw = name.slice(name.indexOf('#') + 1)
  if (owner === undefined) return [own, raw]
  const path = owner.replace(/@.*$/, '')
  const last = path.slice(path.lastIndexOf('/') + 1)
  return [own, raw, `${last}#${own}`, `${last}#${raw}`]
}
