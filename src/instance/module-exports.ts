import type { Buffer } from 'node:buffer'
import { invalidCall, quote, show } from '../check.ts'
import { listed, nearest, plural } from '../words.ts'
import type { WasiexecError } from '../errors.ts'
import type { Returned } from '../outcome.ts'
import { EXPECTED, NUMBER_BYTES, writeNumber, type NumberType } from '../port/numbers.ts'
import type { Delivery } from '../port/records.ts'
import { exportedName } from '../wit/names.ts'
import type { ValueWriter } from '../wit/value-writer.ts'
import type {
  Callee,
  CallExport,
  ExportedGlobal,
  ExportedMemory,
  Exports,
  InstanceLink,
} from './link.ts'

/** What the core tells of the exports of a program. */
interface ExportTypes {
  functions: { name: string; parameters: string[]; results: string[] }[]
  memories: { name: string; is64: boolean }[]
  globals: { name: string; type: string; mutable: boolean }[]
}

/** An exported function. */
export class ModuleFunction implements Callee {
  readonly name: string
  readonly number: number
  readonly parameters: readonly NumberType[]
  readonly results: readonly NumberType[]
  /** A type of the function that does not cross; undefined if it can be called. */
  readonly foreign: string | undefined
  /** The types as text. */
  readonly type: string

  constructor({ name, parameters, results }: ExportTypes['functions'][number], number: number) {
    const returned = results.length === 1 ? results[0] : `(${results.join(', ')})`
    this.name = name
    this.number = number
    this.parameters = parameters as NumberType[]
    this.results = results as NumberType[]
    this.foreign = [...parameters, ...results].find((type) => !isNumberType(type))
    this.type = `(${parameters.join(', ')})${results.length === 0 ? '' : ` -> ${returned}`}`
  }

  write(args: readonly unknown[], to: ValueWriter): void {
    const at = to.room(this.parameters.length * NUMBER_BYTES)
    writeArguments(this, args, to.buffer, at)
  }

  read(delivery: Delivery): Returned {
    return delivery.returned(this.results)
  }
}

/** What an instance of a module offers, by name. */
export class ModuleExports implements Exports {
  readonly functions: ReadonlyMap<string, ModuleFunction>
  readonly memories: ReadonlyMap<string, ExportedMemory>
  readonly globals: ReadonlyMap<string, ExportedGlobal>

  constructor(types: unknown) {
    const { functions, memories, globals } = types as ExportTypes
    this.functions = new Map(
      functions.map((it, number) => [it.name, new ModuleFunction(it, number)]),
    )
    this.memories = new Map(memories.map((it, number) => [it.name, { ...it, number }]))
    this.globals = new Map(globals.map((it, number) => [it.name, { ...it, number }]))
  }

  /** @throws {WasiexecError} `ERR_INVALID_CALL`, unless it is a function whose parameters and results are numbers. */
  function(name: string): ModuleFunction {
    const found = this.functions.get(name) ?? this.#exposed(name)
    if (found === undefined) throw this.#missing('function', name, this.functions)
    if (found.foreign === undefined) return found
    throw invalidCall(
      `${quote(name)} cannot be called, because of its type ${found.type}: only numbers (i32, i64, f32, f64) cross, ` +
        `and not ${found.foreign}`,
    )
  }

  /** @throws {WasiexecError} `ERR_INVALID_CALL`. */
  memory(name: string): ExportedMemory {
    const found = this.memories.get(name)
    if (found === undefined) throw this.#missing('memory', name, this.memories)
    return found
  }

  /** @throws {WasiexecError} `ERR_INVALID_CALL`, unless it is a number. */
  global(name: string): ExportedGlobal & { type: NumberType } {
    const found = this.globals.get(name)
    if (found === undefined) throw this.#missing('global', name, this.globals)
    const { type } = found
    if (!isNumberType(type)) {
      throw invalidCall(
        `the global ${quote(name)} is not a number (i32, i64, f32, f64) but ${type}`,
      )
    }
    return { ...found, type }
  }

  /** Modules have no resources. */
  waitForCollected(): void {}

  expose(_: InstanceLink, call: CallExport): object {
    const functions = Object.create(null) as Record<string, unknown>
    for (const name of this.functions.keys()) {
      const exposed = exportedName(name)
      // A function that is called so itself comes first.
      if (exposed !== name && this.functions.has(exposed)) continue
      functions[exposed] = async (...args: unknown[]) => call(this.function(name), args)
    }
    return Object.freeze(functions)
  }

  /** A function by its name in `exports`. */
  #exposed(name: string): ModuleFunction | undefined {
    return name === exportedName('then') ? this.functions.get('then') : undefined
  }

  #missing(kind: string, name: unknown, known: ReadonlyMap<string, unknown>): WasiexecError {
    if (typeof name !== 'string') {
      return invalidCall(`the name of a ${kind} must be a string, got ${show(name)}`)
    }
    for (const [other, map] of [
      ['function', this.functions],
      ['memory', this.memories],
      ['global', this.globals],
    ] as const) {
      if (map.has(name)) return invalidCall(`${quote(name)} is a ${other}, not a ${kind}`)
    }
    const near = nearest(name, [...known.keys()])
    const hint =
      near === undefined
        ? `it exports ${listed([...known.keys()].map(quote))}`
        : `did you mean ${quote(near)}?`
    return invalidCall(`the program exports no ${kind} ${quote(name)}; ${hint}`)
  }
}

/**
 * Checks the arguments of a call and writes them where there is room for them; returns how many bytes they take.
 *
 * @throws {WasiexecError} `ERR_INVALID_CALL`.
 */
export function writeArguments(
  called: ModuleFunction,
  given: readonly unknown[],
  to: Buffer,
  at: number,
): number {
  const { parameters } = called
  const { length } = parameters
  if (given.length !== length) {
    const needs = `${length} ${plural('argument', length)}`
    throw invalidCall(`${describe(called)} needs ${needs}, got ${given.length}`)
  }
  for (let index = 0; index < length; index += 1) {
    const type = parameters[index] as NumberType
    if (writeNumber(type, given[index], to, at + index * NUMBER_BYTES)) continue
    const which = `argument ${index + 1} of ${describe(called)}`
    throw invalidCall(`${which} must be ${EXPECTED[type]}, got ${show(given[index])}`)
  }
  return length * NUMBER_BYTES
}

function describe({ name, type }: ModuleFunction): string {
  return `${quote(name)} ${type}`
}

function isNumberType(type: string): type is NumberType {
  return Object.hasOwn(EXPECTED, type)
}
