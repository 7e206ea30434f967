import type { InspectedExport } from '../src/index.ts'
import { counted } from './batch/words.ts'
import { CliError } from './status.ts'

/** The types of an exported function. */
export interface Signature {
  readonly name: string
  readonly parameters: readonly string[]
  readonly results: readonly string[]
}

/** Returns `undefined` unless the program exports a function of this name. */
export function signatureOf(
  exports: readonly InspectedExport[],
  name: string,
): Signature | undefined {
  const found = exports.find((item) => item.name === name && item.kind === 'function')
  const [, parameters, results] = /^\((.*?)\)(?: -> \(?(.*?)\)?)?$/.exec(found?.type ?? '') ?? []
  if (parameters === undefined) return undefined
  const types = (text: string | undefined): string[] => (text ? text.split(', ') : [])
  return { name, parameters: types(parameters), results: types(results) }
}

/**
 * Words of a command line as the arguments of a function.
 *
 * @throws {CliError} for arguments that the function does not take.
 */
export function toArguments(
  { name, parameters }: Signature,
  words: readonly string[],
): (number | bigint)[] {
  if (words.length !== parameters.length) {
    const needs = counted(parameters.length, 'argument')
    throw new CliError(`${name} (${parameters.join(', ')}) needs ${needs}, got ${words.length}`)
  }
  return parameters.map((type, index) => parse(name, type, words[index] as string))
}

/** What a function returned, one text per value. */
export function toWords({ results }: Signature, values: readonly (number | bigint)[]): string[] {
  return values.map((value, index) => show(results[index], value))
}

const INTEGER = /^[-+]?(?:\d+|0x[\da-f]+)$/i
const NUMBER = /^[-+]?(?:\d+\.?\d*|\.\d+)(?:e[-+]?\d+)?$/i
const SPECIAL: Readonly<Record<string, number>> = {
  inf: Infinity,
  infinity: Infinity,
  nan: NaN,
}

/** An integer, decimal or hexadecimal; `undefined` for other text. */
export function toInteger(text: string): bigint | undefined {
  if (!INTEGER.test(text)) return undefined
  const value = BigInt(text.replace(/^[-+]/, ''))
  return text.startsWith('-') ? -value : value
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
      const value = toInteger(text)
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
export function show(type: string | undefined, value: number | bigint): string {
  if (Object.is(value, -0)) return '-0'
  if (type !== 'f32' || typeof value !== 'number') return String(value)
  for (let digits = 1; digits < 10; digits += 1) {
    const short = Number(value.toPrecision(digits))
    if (Math.fround(short) === value) return String(short)
  }
  return String(value)
}
