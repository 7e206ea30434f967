import { WasiexecError } from './errors.ts'
import { LIMITS, RUN_OPTIONS } from './option-names.ts'
import { nearest } from './words.ts'

/** An error that names the option, what it must be and what it is. */
export function invalid(
  option: string,
  expected: string,
  value: unknown,
  shown: string = show(value),
): WasiexecError {
  const message = `\`${option}\` must be ${expected}, got ${shown}`
  return new WasiexecError('ERR_INVALID_OPTION', message)
}

/** An error for a call that cannot be made. */
export function invalidCall(message: string): WasiexecError {
  return new WasiexecError('ERR_INVALID_CALL', message)
}

/** Options that have options. */
const NESTED = { limits: LIMITS, defaults: RUN_OPTIONS }

/** An error for an option that does not exist, with the nearest that does. */
export function unknown(option: string, name: string, known: readonly string[]): WasiexecError {
  const near = nearestOption(name, known)
  const hint =
    near === undefined ? `known options: ${known.join(', ')}` : `did you mean \`${near}\`?`
  return new WasiexecError('ERR_INVALID_OPTION', `unknown option \`${option}\`; ${hint}`)
}

/** Of the known options or of those within them, such as `defaults.limits.timeoutMs`. */
function nearestOption(name: string, known: readonly string[]): string | undefined {
  const near = nearest(name, known)
  if (near !== undefined) return near
  for (const [within, names] of Object.entries(NESTED)) {
    const inner = known.includes(within) ? nearestOption(name, names) : undefined
    if (inner !== undefined) return `${within}.${inner}`
  }
  return undefined
}

/** Throws unless `value` is an object that can have names as keys. */
function checkObject(
  option: string,
  value: unknown,
  expected = 'an object',
): asserts value is object {
  if (typeof value !== 'object' || value === null) throw invalid(option, expected, value)
  // A Map, or a promise of options, would seem empty: limits in it would not be there.
  if (Symbol.iterator in value) throw invalid(option, expected, value)
  if (value instanceof Promise) throw invalid(option, `${expected} (await it first)`, value)
}

/** Throws unless `value` is an object whose enumerable properties are options, its own or inherited ones. */
export function checkOptionsObject(
  option: string,
  value: unknown,
  expected?: string,
): asserts value is object {
  checkObject(option, value, expected)
  if (isPlain(value)) return
  for (const _ in value) return
  // A Date would seem empty, and so would an object whose class has getters for options.
  throw invalid(option, `${expected ?? 'an object'} with enumerable properties`, value)
}

/** Whether it is an object without a class, of this or another realm. */
export function isPlain(value: object): boolean {
  const prototype: unknown = Object.getPrototypeOf(value)
  return (
    prototype === Object.prototype ||
    prototype === null ||
    Object.getPrototypeOf(prototype) === null
  )
}

/** Throws unless `options` is an object, all of whose keys are among these. */
export function checkOptions(
  options: unknown,
  known: readonly string[],
): asserts options is object {
  checkOptionsObject('options', options)
  for (const key in options) if (!known.includes(key)) throw unknown(key, key, known)
}

/** The options without some of them. What an options object inherits counts, as wherever options are read. */
export function omit<Options extends object, Name extends string>(
  options: Options,
  names: readonly Name[],
): Options extends unknown ? Omit<Options, Name> : never {
  // Without a prototype, so that `__proto__` is a name like others.
  const rest = Object.create(null) as Record<string, unknown>
  const omitted: readonly string[] = names
  for (const name in options) if (!omitted.includes(name)) rest[name] = options[name]
  return rest as never
}

/** Throws unless `value` maps names to values; a Map would seem empty. */
export function checkRecord(option: string, value: unknown): asserts value is object {
  const isOther = typeof value === 'object' && value !== null && !Array.isArray(value)
  checkObject(option, value, isOther ? 'an object with names as keys' : undefined)
}

/** Throws unless `value` is text that WASI can carry: no NUL, no half of a surrogate pair. */
export function checkString(option: string, value: unknown): asserts value is string {
  if (typeof value !== 'string') throw invalid(option, 'a string', value)
  if (value.includes('\0')) throw invalid(option, 'a string without NUL characters', value)
  if (!value.isWellFormed()) throw invalid(option, 'well-formed Unicode', value)
}

export function checkOneOf(option: string, value: unknown, choices: readonly string[]): void {
  if (!choices.includes(value as string)) {
    const list = choices.map((choice) => `'${choice}'`).join(' or ')
    throw invalid(option, list, value)
  }
}

export function checkBoolean(option: string, value: unknown): asserts value is boolean {
  if (typeof value !== 'boolean') throw invalid(option, 'a boolean', value)
}

export function checkInteger(option: string, value: unknown, least: number): number {
  if (!Number.isSafeInteger(value) || (value as number) < least) {
    const isLarge = typeof value === 'number' && value > Number.MAX_SAFE_INTEGER && value < Infinity
    const most = isLarge ? ' and at most 2^53 - 1' : ''
    const expected = least === 0 ? 'an integer of at least 0' : 'a positive integer'
    throw invalid(option, expected + most, value)
  }
  return value as number
}

export function checkPositive(option: string, value: unknown): number {
  if (typeof value !== 'number' || !(value > 0 && value < Infinity)) {
    throw invalid(option, 'a positive number', value)
  }
  return value
}

/** Throws unless `value` is an unsigned 64-bit integer, as a number or a bigint. */
export function checkUint64(option: string, value: unknown): bigint {
  const isInteger = typeof value === 'bigint' || Number.isSafeInteger(value)
  const integer = isInteger ? BigInt(value as bigint | number) : -1n
  if (integer < 0n || integer >= 1n << 64n) {
    const error = invalid(option, 'an integer from 0 to 2^64 - 1', value)
    // Numbers from 2^53 on do not hold every integer.
    if (typeof value === 'number' && value >= 2 ** 53 && value < 2 ** 64)
      error.message += '; give integers from 2^53 on as bigints'
    throw error
  }
  return integer
}

/** The beginning of a text that may be long. */
export function shorten(text: string): string {
  return text.length > 80 ? `${text.slice(0, 80)}…` : text
}

/** A name as messages show it. */
export function quote(name: string): string {
  return JSON.stringify(shorten(name))
}

/** A value as messages show it. */
export function show(value: unknown): string {
  if (typeof value === 'string') return JSON.stringify(shorten(value))
  if (typeof value === 'bigint') return `${value}n`
  if (typeof value === 'function') return 'a function'
  if (typeof value !== 'object' || value === null) return String(value)
  if (Array.isArray(value)) return 'an array'
  if (value instanceof Date)
    return Number.isNaN(value.getTime()) ? 'an invalid Date' : `the Date ${value.toISOString()}`
  const name = (value as { constructor?: { name?: unknown } }).constructor?.name
  if (typeof name !== 'string' || name === '' || name === 'Object') return 'an object'
  // As it is spoken: an AbortController, a Uint8Array.
  return `${/^[AEIO]/.test(name) ? 'an' : 'a'} ${name}`
}

/** As {@link show}, where the length of an array is what is wrong. */
export function showLength(value: unknown): string {
  return Array.isArray(value) ? `an array of ${value.length}` : show(value)
}
