import {
  WasiexecError,
  type CallOutcome,
  type Outcome,
  type Program,
  type RunOptions,
} from '../src/index.ts'
import { CliError } from './status.ts'

/** What a function is given and returns, as text on a command line. */
export interface Invocation {
  readonly name: string
  readonly args: readonly string[]
}

type Types = readonly string[]

/**
 * Instantiates a program and calls one of its functions. Returns how the call ended, and what the function returned as
 * lines.
 *
 * @throws {CliError} for a function that is not exported, and arguments that it does not take.
 */
export async function invoke(
  program: Program,
  { name, args }: Invocation,
  options: RunOptions,
): Promise<[outcome: CallOutcome, values: string[]]> {
  const [parameters, results] = await typesOf(program, name)
  if (args.length !== parameters.length) {
    const needs = `${parameters.length} argument${parameters.length === 1 ? '' : 's'}`
    throw new CliError(`${name} (${parameters.join(', ')}) needs ${needs}, got ${args.length}`)
  }
  const given = parameters.map((type, index) => parse(name, type, args[index] as string))
  let instance
  try {
    instance = await program.instantiate({ ...options, args })
  } catch (error) {
    if (error instanceof WasiexecError && error.code === 'ERR_INSTANTIATE') {
      return [error.outcome as Outcome, []]
    }
    throw error
  }
  const outcome = await instance.call(name, ...given)
  await instance[Symbol.asyncDispose]()
  const values = outcome.kind === 'returned' ? outcome.values : []
  return [outcome, values.map((value, index) => show(results[index], value))]
}

/** The types of the parameters and results of an exported function. */
async function typesOf(program: Program, name: string): Promise<[Types, Types]> {
  const { exports } = await program.inspect()
  const found = exports.find((item) => item.name === name && item.kind === 'function')
  const [, parameters, results] = /^\((.*?)\)(?: -> \(?(.*?)\)?)?$/.exec(found?.type ?? '') ?? []
  const types = (text: string | undefined): Types => (text ? text.split(', ') : [])
  // Otherwise the call names what is wrong.
  if (parameters !== undefined) return [types(parameters), types(results)]
  const functions = exports.filter(({ kind }) => kind === 'function').map((item) => item.name)
  const known = functions.length === 0 ? 'no functions' : functions.slice(0, 20).join(', ')
  throw new CliError(
    `--invoke: the program exports no function ${JSON.stringify(name)}; it exports ${known}`,
  )
}

const INTEGER = /^[-+]?(?:\d+|0x[\da-f]+)$/i
const NUMBER = /^[-+]?(?:\d+\.?\d*|\.\d+)(?:e[-+]?\d+)?$/i
const SPECIAL: Readonly<Record<string, number>> = {
  inf: Infinity,
  infinity: Infinity,
  nan: NaN,
}

/** Whether a value is in the range of an integer of this many bits, signed or not. */
function fits(value: bigint, bits: bigint): boolean {
  return value >= -(1n << (bits - 1n)) && value < 1n << bits
}

function parse(name: string, type: string, text: string): number | bigint {
  const wrong = (expected: string): CliError =>
    new CliError(
      `${name}: ${JSON.stringify(text)} is not ${expected}, which a parameter of type ${type} takes`,
    )
  switch (type) {
    case 'i32':
    case 'i64': {
      const bits = type === 'i32' ? 32n : 64n
      const sign = text.startsWith('-') ? -1n : 1n
      const value = INTEGER.test(text) ? sign * BigInt(text.replace(/^[-+]/, '')) : undefined
      if (value === undefined || !fits(value, bits)) {
        throw wrong(`an integer from -2^${bits - 1n} to 2^${bits} - 1`)
      }
      return type === 'i32' ? Number(value) : value
    }
    case 'f32':
    case 'f64': {
      const special = SPECIAL[text.replace(/^[-+]/, '').toLowerCase()]
      if (special !== undefined) return text.startsWith('-') ? -special : special
      if (!NUMBER.test(text)) throw wrong('a number')
      return Number(text)
    }
    default:
      throw new CliError(
        `${name} cannot be called: only numbers (i32, i64, f32, f64) can be given, not ${type}`,
      )
  }
}

/** A value that was returned, as few digits as it takes to read it back. */
function show(type: string | undefined, value: number | bigint): string {
  if (type !== 'f32' || typeof value !== 'number') return String(value)
  for (let digits = 1; digits < 10; digits += 1) {
    const short = Number(value.toPrecision(digits))
    if (Math.fround(short) === value) return String(short)
  }
  return String(value)
}
