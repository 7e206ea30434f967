import { checkRecord, invalid, isPlain, show } from './check.ts'
import { WasiexecError } from './errors.ts'
import type { BoundFunction } from './imports/binding.ts'
import { bindInterfaces } from './imports/components.ts'
import { misspelt, notOwn } from './imports/hints.ts'
import { NumberFunction } from './imports/numbers.ts'
import type { HostClass, HostFunction, NumberType } from './imports/types.ts'
import type { ExternInfo } from './inspection.ts'
import type { InterfaceTypes } from './wit/interface.ts'
import { canStandFor } from './wit/names.ts'
import { nearest, printable } from './words.ts'

export type { BoundFunction, CallContext, CallWords } from './imports/binding.ts'
export type {
  CallerMemory,
  CallingGuest,
  HostClass,
  HostFunction,
  NumberType,
} from './imports/types.ts'

/**
 * Functions by the modules and names under which programs import them.
 *
 * @example
 * const imports: Imports = {
 *   env: { log: (pointer, length, { memory }) => console.log(memory.readString(pointer, length)) },
 * }
 */
export type Imports = Readonly<
  Record<
    string,
    Readonly<Record<string, HostFunction | HostClass | undefined>> | HostFunction | undefined
  >
>

/** An import that WASI does not have, as the core describes it. */
export interface HostImport {
  readonly module: string
  readonly name: string
  readonly kind: ExternInfo['kind']
  readonly type: string
  /** Both are there if a host function can stand for it. */
  readonly params?: readonly NumberType[]
  readonly results?: readonly NumberType[]
}

/** What a program imports. */
export interface ProgramImports {
  readonly name: string
  readonly kind: 'module' | 'component'
  readonly all: readonly ExternInfo[]
  /** Those that WASI does not have: the core numbers them in this order. */
  readonly fromHost: readonly HostImport[]
  /** The same of a component. */
  readonly ofComponent: InterfaceTypes | undefined
}

type Functions = ReadonlyMap<string, HostFunction>

/** What was given as `imports`: maps, because guests choose the names that are looked up. */
export interface GivenImports {
  /** By module or interface, and name. */
  readonly modules: ReadonlyMap<string, Functions>
  /** Without a module: for functions that a component itself imports. */
  readonly root: Functions
  /** Modules without functions that are objects of a class, as messages show these. */
  readonly instances: ReadonlyMap<string, string>
}

/** The most imports that a message lists. */
const MAX_LISTED = 20

/**
 * Reads the option, each property once.
 *
 * @throws {WasiexecError} `ERR_INVALID_OPTION`.
 */
export function readImports(value: unknown): GivenImports {
  checkRecord('imports', value)
  const modules = new Map<string, Functions>()
  const root = new Map<string, HostFunction>()
  const instances = new Map<string, string>()
  for (const [module, functions] of Object.entries(value) as [string, unknown][]) {
    if (functions === undefined) continue
    const option = `imports.${module}`
    if (typeof functions === 'function') {
      root.set(module, functions as HostFunction)
      continue
    }
    checkRecord(option, functions)
    const named = new Map<string, HostFunction>()
    for (const [name, call] of Object.entries(functions) as [string, unknown][]) {
      if (call === undefined) continue
      if (typeof call !== 'function') throw invalid(`${option}.${name}`, 'a function', call)
      named.set(name, call as HostFunction)
    }
    if (named.size === 0 && !isPlain(functions)) instances.set(module, show(functions))
    modules.set(module, named)
  }
  return { modules, root, instances }
}

/**
 * Returns the functions for what a program imports, in the core's order. Functions that it does not import are left
 * out.
 *
 * @throws {WasiexecError} `ERR_UNRESOLVED_IMPORT`, `ERR_INVALID_OPTION`.
 */
export function bindImports(given: GivenImports, program: ProgramImports): BoundFunction[] {
  const missing: string[] = []
  const bound =
    program.kind === 'component'
      ? bindComponent(given, program, missing)
      : bindModule(given, program, missing)
  if (missing.length === 0) return bound
  const more = missing.length - MAX_LISTED
  const list = missing.slice(0, MAX_LISTED).join('; ') + (more > 0 ? `; and ${more} more` : '')
  throw new WasiexecError(
    'ERR_UNRESOLVED_IMPORT',
    printable(`\`imports\` lacks what ${JSON.stringify(program.name)} imports: ${list}`),
  )
}

function bindComponent(
  { modules, root, instances }: GivenImports,
  { all, ofComponent }: ProgramImports,
  missing: string[],
): BoundFunction[] {
  const wanted = new Set(ofComponent?.functions.map((type) => type.interface))
  for (const module of modules.keys()) {
    // Limits and endings depend on what WASI has.
    if (wanted.has(module) || !module.startsWith('wasi:')) continue
    if (!all.some(({ name }) => !wanted.has(name) && canStandFor(module, name))) continue
    throw new WasiexecError(
      'ERR_INVALID_OPTION',
      `\`imports['${module}']\` must be absent: wasiexec provides this interface of WASI itself`,
    )
  }
  return ofComponent === undefined
    ? []
    : bindInterfaces(ofComponent, { interfaces: modules, root, instances }, missing)
}

function bindModule(
  { modules, root, instances }: GivenImports,
  program: ProgramImports,
  missing: string[],
): BoundFunction[] {
  for (const [name, call] of root) throw invalid(`imports.${name}`, 'an object', call)
  refuseProvided(modules, program)
  const bound: BoundFunction[] = []
  let others: GivenImports['modules'] | undefined
  for (const wanted of program.fromHost) {
    const { params, results, type, module, name } = wanted
    const call = modules.get(module)?.get(name)
    if (params === undefined || results === undefined)
      missing.push(`${shown(wanted)}, which only a guest can have`)
    else if (call === undefined) {
      others ??= withoutImported(modules, program)
      const instance = instances.get(module)
      const why =
        instance === undefined ? hint(modules, others, wanted) : notOwn(`.${module}`, instance)
      missing.push(`${shown(wanted)}${why}`)
    } else bound.push(new NumberFunction(`${module}.${name}`, call, { params, results, type }))
  }
  return bound
}

/** What WASI has for each program, by module. */
const provided = new WeakMap<ProgramImports, Map<string, Set<string>>>()

function providedTo(program: ProgramImports): Map<string, Set<string>> {
  const known = provided.get(program)
  if (known !== undefined) return known
  const names = new Map<string, Set<string>>()
  for (const { module = '', name } of program.all) {
    const others = names.get(module)
    if (others === undefined) names.set(module, new Set([name]))
    else others.add(name)
  }
  for (const { module, name } of program.fromHost) names.get(module)?.delete(name)
  provided.set(program, names)
  return names
}

/** What WASI has cannot be replaced: limits and endings depend on it. */
function refuseProvided(given: GivenImports['modules'], program: ProgramImports): void {
  const names = providedTo(program)
  for (const [module, functions] of given) {
    const of = names.get(module)
    if (of === undefined || of.size === 0) continue
    const name = [...functions.keys()].find((name) => of.has(name))
    if (name === undefined) continue
    const message = `\`imports.${module}.${name}\` must be absent: wasiexec provides this function of WASI itself`
    throw new WasiexecError('ERR_INVALID_OPTION', message)
  }
}

/** `env.log (function (i32, i32))`. */
function shown({ module, name, kind, type }: HostImport): string {
  return `${module}.${name} (${type === '' ? kind : `${kind} ${type}`})`
}

/** What was given under names that the program does not import: only such a name can be meant for another. */
function withoutImported(
  given: GivenImports['modules'],
  { all }: ProgramImports,
): GivenImports['modules'] {
  const imported = new Set(all.map(({ module, name }) => JSON.stringify([module, name])))
  const isOther = (module: string, name: string): boolean =>
    !imported.has(JSON.stringify([module, name]))
  return new Map(
    [...given].map(([module, functions]) => [
      module,
      new Map([...functions].filter(([name]) => isOther(module, name))),
    ]),
  )
}

/** @param others What was given under names that the program does not import. */
function hint(
  given: GivenImports['modules'],
  others: GivenImports['modules'],
  { module, name }: HostImport,
): string {
  const names = [...(given.get(module)?.keys() ?? [])]
  const wanted = `imports.${module}.${name}`
  const near = nearest(name, [...(others.get(module)?.keys() ?? [])])
  if (near !== undefined) return misspelt(`imports.${module}.${near}`, wanted)
  const elsewhere = [...others].find(([, functions]) => functions.has(name))
  if (elsewhere !== undefined) return misspelt(`imports.${elsewhere[0]}.${name}`, wanted)
  const unused = [...others].filter(
    ([module, functions]) => functions.size === given.get(module)!.size,
  )
  const similar = nearest(
    module,
    unused.map(([module]) => module),
  )
  if (!given.has(module) && similar !== undefined)
    return misspelt(`imports.${similar}`, `imports.${module}`)
  return names.length === 0 ? '' : `, given are ${names.slice(0, MAX_LISTED).join(', ')}`
}
