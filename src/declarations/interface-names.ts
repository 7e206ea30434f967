// The names under which a world has its interfaces.
import { compareVersions, splitInterface } from '../wit/names.ts'

/** An interface, by one of its names and its number. */
export type NamedInterface = readonly [name: string, id: number]

export function newestFirst(interfaces: readonly NamedInterface[]): readonly NamedInterface[] {
  return interfaces.toSorted(([a], [b]) =>
    compareVersions(splitInterface(b).version, splitInterface(a).version),
  )
}

/** The names without versions, by the full names. Of several versions, only the newest can do without. */
export function withoutVersions(
  interfaces: readonly NamedInterface[],
): ReadonlyMap<string, string> {
  const full = interfaces.map(([name]) => name)
  const owners = new Map(full.map((name) => [name, name]))
  for (const [name] of newestFirst(interfaces)) {
    if (!owners.has(pathOf(name))) owners.set(pathOf(name), name)
  }
  return new Map(
    full.map((name) => [name, owners.get(pathOf(name)) === name ? pathOf(name) : name]),
  )
}

/** The name without a version. */
export function pathOf(name: string): string {
  return splitInterface(name).path
}
