import {
  camelCase,
  compareVersions,
  exportedName,
  shortName,
  splitInterface,
  type FunctionName,
} from './names.ts'

/** A function that a component exports, as far as its names go. */
export interface Named {
  /** As `call` takes it: `my:pkg/calc@1.0.0#add-two`, or `add-two` for a function of the component itself. */
  readonly name: string
  readonly interface?: string | undefined
  readonly of: FunctionName
}

/** The names of interfaces by each name that they go by, full names first. */
export function interfaceNames(full: Iterable<string>): Map<string, string> {
  const named = new Map([...full].map((name) => [name, name]))
  // The newest version has the name without one.
  const names = [...named.keys()].toSorted((a, b) =>
    compareVersions(splitInterface(b).version, splitInterface(a).version),
  )
  for (const short of [(name: string) => splitInterface(name).path, shortName]) {
    for (const name of names) if (!named.has(short(name))) named.set(short(name), name)
  }
  return named
}

/** Functions by every name under which a call may ask for them. */
export function functionNames<F extends Named>(
  functions: readonly F[],
  interfaces: ReadonlyMap<string, string>,
): Map<string, F> {
  const named = new Map<string, F>()
  const add = (name: string, called: F): void => {
    if (!named.has(name)) named.set(name, called)
  }
  for (const called of functions) add(called.name, called)
  for (const called of functions) {
    const { interface: owner, of } = called
    const own = called.name.slice(called.name.indexOf('#') + 1)
    const names = of.kind === 'function' ? [own, camelCase(own), exportedName(own)] : [own]
    if (owner === undefined) for (const name of names) add(name, called)
    for (const [alias, target] of interfaces) {
      if (target !== owner) continue
      for (const name of names) add(`${alias}#${name}`, called)
    }
  }
  return named
}
