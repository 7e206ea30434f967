import type { Buffer } from 'node:buffer'
import { checkRecord, invalid, nearest } from './check.ts'
import { WasiexecError } from './errors.ts'
import type { ExternInfo } from './inspection.ts'

/**
 * A function of the host that guests call. It gets the guest's arguments, an `i64` as a bigint and all else as numbers,
 * and after them a {@link CallingGuest}. It returns a value of its type, an array of values if there are several, or a
 * promise of these; what a function without results returns is ignored.
 */
// The types of the parameters are those of the program, which the compiler does not know.
// eslint-disable-next-line typescript/no-explicit-any
export type HostFunction = (...args: any[]) => unknown

/**
 * Functions by the modules and names under which programs import them.
 *
 * @example
 * const imports = { env: { log: (pointer, length, { memory }) => console.log(memory.readString(pointer, length)) } }
 */
export type Imports = Readonly<
  Record<string, Readonly<Record<string, HostFunction | undefined>> | undefined>
>

/** What a host function gets after its arguments: the guest that called it, for as long as the call lasts. */
export interface CallingGuest {
  /** The memory that the guest exports under the name `memory`. */
  readonly memory: CallerMemory
}

/**
 * The memory of a guest that waits for a host function. It can be used until the function returns, or its promise
 * settles, or the run ends; after that everything here throws `ERR_CALL_ENDED`. A range outside of the memory throws
 * `ERR_OUT_OF_BOUNDS`. A pointer may be given as it came: an `i32` that is negative stands for an address from 2^31 on.
 */
export interface CallerMemory {
  /** Its size in bytes. */
  readonly byteLength: number
  /** Returns a copy of bytes. */
  read(pointer: number | bigint, length: number): Buffer
  /** Returns UTF-8 text; what is not UTF-8 is U+FFFD. */
  readString(pointer: number | bigint, length: number): string
  /** Writes bytes. */
  write(pointer: number | bigint, bytes: Uint8Array): void
}

/** The types of numbers. */
export type NumberType = 'i32' | 'i64' | 'f32' | 'f64'

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
}

/** Functions that were given, by module and name: maps, because guests choose the names that are looked up. */
export type GivenImports = ReadonlyMap<string, ReadonlyMap<string, HostFunction>>

/** A function for an import. */
export interface BoundFunction {
  readonly call: HostFunction
  readonly params: readonly NumberType[]
  readonly results: readonly NumberType[]
  /** Module and name. */
  readonly name: string
  readonly type: string
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
  const given = new Map<string, ReadonlyMap<string, HostFunction>>()
  for (const [module, functions] of Object.entries(value) as [string, unknown][]) {
    if (functions === undefined) continue
    const option = `imports.${module}`
    checkRecord(option, functions)
    const named = new Map<string, HostFunction>()
    for (const [name, call] of Object.entries(functions) as [string, unknown][]) {
      if (call === undefined) continue
      if (typeof call !== 'function') throw invalid(`${option}.${name}`, 'a function', call)
      named.set(name, call as HostFunction)
    }
    given.set(module, named)
  }
  return given
}

/**
 * Returns the functions for what a program imports, in the core's order. Functions that it does not import are left
 * out.
 *
 * @throws {WasiexecError} `ERR_UNRESOLVED_IMPORT`, `ERR_INVALID_OPTION`.
 */
export function bindImports(given: GivenImports, program: ProgramImports): BoundFunction[] {
  const { kind, name, fromHost } = program
  if (kind === 'component') {
    const expected = `absent for the component ${JSON.stringify(name)}: host functions are for core modules`
    throw invalid('imports', expected, Object.fromEntries(given))
  }
  refuseProvided(given, program)
  const bound: BoundFunction[] = []
  const missing: string[] = []
  for (const wanted of fromHost) {
    const { params, results, type } = wanted
    const call = given.get(wanted.module)?.get(wanted.name)
    if (params === undefined || results === undefined)
      missing.push(`${shown(wanted)}, which only a guest can have`)
    else if (call === undefined) missing.push(`${shown(wanted)}${hint(given, wanted)}`)
    else bound.push({ call, params, results, name: `${wanted.module}.${wanted.name}`, type })
  }
  if (missing.length === 0) return bound
  const more = missing.length - MAX_LISTED
  const list = missing.slice(0, MAX_LISTED).join('; ') + (more > 0 ? `; and ${more} more` : '')
  throw new WasiexecError(
    'ERR_UNRESOLVED_IMPORT',
    `\`imports\` lacks what ${JSON.stringify(name)} imports: ${list}`,
  )
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
function refuseProvided(given: GivenImports, program: ProgramImports): void {
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

function hint(given: GivenImports, { module, name }: HostImport): string {
  const names = [...(given.get(module)?.keys() ?? [])]
  const near = nearest(name, names)
  if (near !== undefined) return `, did you mean \`imports.${module}.${near}\`?`
  const elsewhere = [...given].find(([, functions]) => functions.has(name))
  if (elsewhere !== undefined) return `, did you mean \`imports.${elsewhere[0]}.${name}\`?`
  const similar = nearest(module, [...given.keys()])
  if (!given.has(module) && similar !== undefined) return `, did you mean \`imports.${similar}\`?`
  return names.length === 0 ? '' : `, given are ${names.slice(0, MAX_LISTED).join(', ')}`
}
