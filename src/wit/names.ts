/** `add-two` as `addTwo`; words in capitals are like others: `HTTP-get` is `httpGet`. */
export function camelCase(name: string): string {
  return name.toLowerCase().replace(/-(.)/g, (_, letter: string) => letter.toUpperCase())
}

/** `add-two` as `AddTwo`. */
export function pascalCase(name: string): string {
  const camel = camelCase(name)
  return camel.charAt(0).toUpperCase() + camel.slice(1)
}

/** The parts of `my:pkg/calc@1.0.0`. */
export function splitInterface(name: string): { path: string; version: string | undefined } {
  const at = name.indexOf('@')
  return at < 0
    ? { path: name, version: undefined }
    : { path: name.slice(0, at), version: name.slice(at + 1) }
}

/** The last part of `my:pkg/calc@1.0.0`, as an identifier: `calc`. */
export function shortName(name: string): string {
  const { path } = splitInterface(name)
  return camelCase(path.slice(path.lastIndexOf('/') + 1))
}

/** Orders versions as semver does; a name without a version comes first. */
export function compareVersions(a: string | undefined, b: string | undefined): number {
  if (a === undefined || b === undefined) return Number(a !== undefined) - Number(b !== undefined)
  const [coreA, draftA] = partsOf(a)
  const [coreB, draftB] = partsOf(b)
  const order = compareLists(coreA, coreB)
  if (order !== 0) return order
  // A draft comes before its release.
  if (draftA.length === 0 || draftB.length === 0) {
    return Number(draftA.length === 0) - Number(draftB.length === 0)
  }
  return compareLists(draftA, draftB)
}

function partsOf(version: string): [core: string[], draft: string[]] {
  const [release = ''] = version.split('+')
  const dash = release.indexOf('-')
  return dash < 0
    ? [release.split('.'), []]
    : [release.slice(0, dash).split('.'), release.slice(dash + 1).split('.')]
}

function compareLists(a: readonly string[], b: readonly string[]): number {
  for (const [index, left] of a.entries()) {
    const right = b[index]
    if (right === undefined) return 1
    const order = compareParts(left, right)
    if (order !== 0) return order
  }
  return a.length - b.length
}

function compareParts(a: string, b: string): number {
  const isNumber = /^\d+$/
  const [left, right] = [isNumber.test(a), isNumber.test(b)]
  if (left && right) return Number(BigInt(a) - BigInt(b) > 0n) - Number(BigInt(a) < BigInt(b))
  // Numbers come before words.
  if (left !== right) return left ? -1 : 1
  return a < b ? -1 : Number(a > b)
}

/** What the name of a function says of it. */
export interface FunctionName {
  readonly kind: 'function' | 'constructor' | 'method' | 'static'
  /** The resource that it belongs to. */
  readonly resource: string | undefined
  readonly name: string
}

/** Takes the name of a function apart. */
export function functionName(name: string): FunctionName {
  const match = /^\[(?<kind>constructor|method|static)\](?<resource>[^.]+)(?:\.(?<name>.*))?$/.exec(
    name,
  )
  const groups = match?.groups
  if (groups === undefined) return { kind: 'function', resource: undefined, name }
  return {
    kind: groups['kind'] as FunctionName['kind'],
    resource: groups['resource'],
    name: groups['name'] ?? '',
  }
}

/** Members that classes and promises have already: an object with a `then` would be taken for a promise. */
const TAKEN = new Set(['then', 'constructor', 'prototype'])

/** A function in `exports`: an object with a `then` could not be awaited, nor returned by an async function. */
export function exportedName(name: string): string {
  return name === 'then' ? 'then_' : name
}

/** A member of a class. */
export function memberName(name: string): string {
  const key = camelCase(name)
  return TAKEN.has(key) ? `${key}_` : key
}

/** Whether an interface of the name `given`, with or without a version, can stand for `wanted`. */
export function canStandFor(given: string, wanted: string): boolean {
  const [left, right] = [splitInterface(given), splitInterface(wanted)]
  return left.path === right.path && isCompatible(left.version, right.version)
}

/** Whether an interface of version `given` can stand for one of version `wanted`, as semver says. */
function isCompatible(given: string | undefined, wanted: string | undefined): boolean {
  if (given === undefined || wanted === undefined) return true
  const [left, right] = [given, wanted].map((version) => partsOf(version))
  // A draft stands for itself alone.
  if (left![1].length > 0 || right![1].length > 0) return given === wanted
  const [core, other] = [left![0], right![0]]
  const significant = core.findIndex((part) => part !== '0')
  const upTo = significant < 0 ? core.length : significant + 1
  return core.slice(0, upTo).join('.') === other.slice(0, upTo).join('.')
}
