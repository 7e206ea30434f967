import type { Buffer } from 'node:buffer'
import { shorten, show } from '../check.ts'
import { listed, nearest } from '../words.ts'
import { WasiexecError } from '../errors.ts'
import type { Codec } from '../wit/codec.ts'
import { Codecs, Foreign } from '../wit/codecs.ts'
import { handle } from '../wit/handle-codec.ts'
import { fullName, type FunctionType, type InterfaceTypes } from '../wit/interface.ts'
import { Mismatch } from '../wit/mismatch.ts'
import { importedMethods } from '../wit/resource-methods.ts'
import {
  camelCase,
  canStandFor,
  compareVersions,
  functionName,
  memberName,
  pascalCase,
  splitInterface,
} from '../wit/names.ts'
import { ValueReader } from '../wit/value-reader.ts'
import { ValueWriter } from '../wit/value-writer.ts'
import type { BoundFunction, CallContext, CallWords } from './binding.ts'
import { misspelt, notOwn } from './hints.ts'

/** What callers may give for a name: a function, a class, or something else that is refused. */
type Given = ReadonlyMap<string, (...args: never[]) => unknown>

/** What was given for the imports of a component. */
export interface GivenInterfaces {
  /** By the names of interfaces. */
  readonly interfaces: ReadonlyMap<string, Given>
  /** For the component itself. */
  readonly root: Given
  /** Those of `interfaces` that are objects of a class without functions of their own, as messages show these. */
  readonly instances: ReadonlyMap<string, string>
}

/**
 * Returns the functions for what a component imports, in the core's order, and after them the one that is called when the
 * component drops a resource. What is missing is described in `missing`.
 */
export function bindInterfaces(
  types: InterfaceTypes,
  given: GivenInterfaces,
  missing: string[],
): BoundFunction[] {
  const methods = importedMethods(types)
  const codecs = new Codecs(types, (kind, resource) => {
    const type = types.resources[resource]!
    if (type.owner !== 'host') throw new Foreign(`resource of WASI (${type.name ?? 'unnamed'})`)
    return handle(kind, resource, type, methods.get(resource))
  })
  const imported = new Imported(types)
  const absent = new Set<string>()
  const instances = new Map(given.instances)
  const bound: BoundFunction[] = []
  for (const type of types.functions) {
    const name = fullName(type)
    const members = givenFor(type.interface, given)
    if (members === undefined) {
      absent.add(type.interface!)
      continue
    }
    try {
      const target = targetOf(type, members, imported)
      bound.push(new ComponentFunction(name, target, signatureOf(type, codecs)))
    } catch (error) {
      if (error instanceof Foreign)
        missing.push(`${name}, which has a ${error.kind}: it does not cross`)
      else if (error instanceof Missing) {
        const key = keyFor(type.interface, given)
        missing.push(`${name}${error.hint}${takeInstance(instances, key)}`)
      } else throw error
    }
  }
  for (const name of absent) {
    const members = listed([...imported.members(name)].map(shorten))
    missing.push(`${name} (${members})${hintFor(name, given, imported)}`)
  }
  return [...bound, new DropFunction()]
}

class Missing extends Error {
  readonly hint: string

  constructor(hint: string) {
    super()
    this.hint = hint
  }
}

/** How a function is called with its arguments. */
type Target = (args: unknown[]) => unknown

interface Signature {
  readonly parameters: readonly Codec[]
  readonly result: Codec | undefined
}

function signatureOf({ parameters, result }: FunctionType, codecs: Codecs): Signature {
  return {
    parameters: parameters.map(([, type]) => codecs.of(type)),
    result: result === undefined ? undefined : codecs.of(result),
  }
}

/** The functions that were given for an interface, or for the component itself. */
function givenFor(name: string | undefined, given: GivenInterfaces): Given | undefined {
  if (name === undefined) return given.root
  const key = keyFor(name, given)
  return key === undefined ? undefined : given.interfaces.get(key)
}

/** The name under which an interface was given: its own, that of the newest version that can stand for its, or without a version. */
function keyFor(name: string | undefined, { interfaces }: GivenInterfaces): string | undefined {
  if (name === undefined || interfaces.has(name)) return name
  const versionOf = (key: string): string | undefined => splitInterface(key).version
  return [...interfaces.keys()]
    .filter((key) => canStandFor(key, name))
    .toSorted((a, b) => compareVersions(versionOf(b), versionOf(a)))[0]
}

/** What is said of an object of a class, with the first function that it lacks. */
function takeInstance(instances: Map<string, string>, key: string | undefined): string {
  const instance = key === undefined ? undefined : instances.get(key)
  if (instance === undefined) return ''
  instances.delete(key!)
  return notOwn(`['${key}']`, instance)
}

function targetOf(type: FunctionType, members: Given, imported: Imported): Target {
  const { kind, resource, name } = functionName(type.name)
  if (kind === 'function') return plainTarget(camelCase(name), members, type.interface, imported)
  const className = pascalCase(resource!)
  const Class = members.get(className) as (abstract new (...args: never[]) => object) | undefined
  const member = memberName(name)
  if (kind === 'method') {
    const methods = Class?.prototype as Record<string, unknown> | undefined
    if (methods !== undefined && typeof methods[member] !== 'function') {
      throw new Missing(`, a method \`${member}\` of the class \`${className}\``)
    }
    return ([self, ...args]) => callMethod(self as object, className, member, args)
  }
  if (typeof Class !== 'function') throw new Missing(`, a class \`${className}\``)
  if (kind === 'constructor') {
    if (!isConstructor(Class))
      throw new Missing(`, a class \`${className}\` that can be constructed`)
    return (args) => Reflect.construct(Class, args) as unknown
  }
  const own = (Class as unknown as Record<string, unknown>)[member]
  if (typeof own !== 'function') {
    throw new Missing(`, a static method \`${member}\` of the class \`${className}\``)
  }
  return (args) => Reflect.apply(own, Class, args) as unknown
}

/** The names that a component imports: what is given under one of them is not meant for another. */
class Imported {
  readonly #types: InterfaceTypes
  #members: Map<string | undefined, Set<string>> | undefined
  #paths: ReadonlySet<string> | undefined

  constructor(types: InterfaceTypes) {
    this.#types = types
  }

  /** The paths of interfaces. */
  get paths(): ReadonlySet<string> {
    const names = [...this.#byInterface.keys()]
    return (this.#paths ??= new Set(names.map((name = '') => splitInterface(name).path)))
  }

  /** The names under which the functions and classes of an interface are given. */
  members(name: string | undefined): ReadonlySet<string> {
    return this.#byInterface.get(name)!
  }

  get #byInterface(): ReadonlyMap<string | undefined, Set<string>> {
    if (this.#members !== undefined) return this.#members
    this.#members = new Map()
    for (const type of this.#types.functions) {
      const names = this.#members.get(type.interface) ?? new Set()
      this.#members.set(type.interface, names)
      const { resource, name } = functionName(type.name)
      names.add(resource === undefined ? camelCase(name) : pascalCase(resource))
    }
    return this.#members
  }
}

/** What was given that is not the interface of this name. */
function hintFor(name: string, { interfaces }: GivenInterfaces, { paths }: Imported): string {
  const given = [...interfaces.keys()]
  const pathOf = (key: string): string => splitInterface(key).path
  const path = pathOf(name)
  const other = given.find((key) => pathOf(key) === path)
  if (other !== undefined) return `, given is another version: ${shorten(other)}`
  const others = given.map(pathOf).filter((other) => !paths.has(other))
  const near = nearest(path, others)
  const key = given.find((key) => pathOf(key) === near)
  if (key !== undefined)
    return misspelt(`imports['${shorten(key)}']`, `imports['${shorten(path)}']`)
  return givenAre(given)
}

function givenAre(names: readonly string[]): string {
  return names.length === 0 ? '' : `, given are ${shorten(listed(names))}`
}

/** Whether `new` can be used: arrow functions and methods are not constructors. */
function isConstructor(value: abstract new (...args: never[]) => object): boolean {
  try {
    // Does not call it.
    Reflect.construct(Object, [], value)
    return true
  } catch {
    return false
  }
}

function plainTarget(
  name: string,
  members: Given,
  within: string | undefined,
  imported: Imported,
): Target {
  const call = members.get(name)
  if (call !== undefined) return (args) => Reflect.apply(call, undefined, args)
  const given = [...members.keys()]
  const known = imported.members(within)
  const others = given.filter((other) => !known.has(other))
  const near = nearest(name, others)
  throw new Missing(near === undefined ? givenAre(given) : misspelt(near, name))
}

function callMethod(self: object, name: string, member: string, args: unknown[]): unknown {
  const method = (self as Record<string, unknown>)[member]
  if (typeof method === 'function') return Reflect.apply(method, self, args) as unknown
  const message = `an object that stands for a ${name} must have a method \`${member}\`, got ${show(method)}`
  throw new WasiexecError('ERR_HOST_FUNCTION', message)
}

/** A function for an import of a component. */
class ComponentFunction implements BoundFunction {
  readonly name: string
  readonly #target: Target
  readonly #signature: Signature

  constructor(name: string, target: Target, signature: Signature) {
    this.name = name
    this.#target = target
    this.#signature = signature
  }

  apply(words: CallWords, { objects, flows }: CallContext): unknown {
    const handles = { guests: NONE, hosts: objects, flows }
    const reader = new ValueReader(words.takeValues(), false, handles)
    return this.#target(this.#signature.parameters.map((codec) => codec.read(reader)))
  }

  put(words: CallWords, value: unknown, { objects, flows }: CallContext): number {
    const writer = new ValueWriter()
    const { result } = this.#signature
    writer.handles = { guests: NONE, hosts: objects, flows }
    try {
      result?.write(value, writer)
    } catch (error) {
      writer.takeBack()
      if (!Mismatch.is(error)) throw error
      const message = `the host function ${this.name} returned a wrong value: ${error.in('result').text}`
      throw new WasiexecError('ERR_HOST_FUNCTION', message)
    }
    return words.putValues(writer)
  }

  letGo(written: Buffer, { objects, flows }: CallContext): void {
    const handles = { guests: NONE, hosts: objects, flows, letGo: disposeAlone }
    this.#signature.result?.read(new ValueReader(written, false, handles))
  }
}

/** The component drops a resource: its object is disposed of, if it can be. */
class DropFunction implements BoundFunction {
  readonly name = '[resource-drop]'

  apply(words: CallWords, { objects }: CallContext): unknown {
    const object = objects.take(words.takeValues().readUInt32LE(0))
    return object === undefined ? undefined : dispose(object)
  }

  put(words: CallWords): number {
    return words.putValues(new ValueWriter())
  }
}

/** What has no method for it is left as it is. */
function dispose(object: Partial<Disposable>): unknown {
  return object[Symbol.dispose]?.()
}

/** The same where nobody waits: what it throws is an uncaught exception. */
function disposeAlone(object: object): void {
  try {
    dispose(object)
  } catch (error) {
    process.nextTick(() => {
      throw error
    })
  }
}

/** A host function has no resources of the component: its imports cannot name them. */
const NONE = {
  numberOf: () => undefined,
  wrap: () => ({}),
  give: () => undefined,
}
