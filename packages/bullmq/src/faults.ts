import { WasiexecError, type WasiexecErrorCode } from 'wasiexec'
import { LIMITS } from '../../../src/option-names.ts'
import { nearest } from '../../../src/words.ts'

/** An error in data: whether it is a WasiexecError, its code or name, its message, and its cause. */
type PackedFault = readonly [
  code: string | null,
  name: string,
  message: string,
  cause?: PackedFault,
]

/** The error of an option, as the main package has it: what was expected, what came. */
export function invalid(option: string, expected: string, given: unknown): WasiexecError {
  return new WasiexecError(
    'ERR_INVALID_OPTION',
    `\`${option}\` must be ${expected}, got ${shown(given)}`,
  )
}

/** @throws {WasiexecError} `ERR_INVALID_OPTION`. */
export function checkSignal(value: unknown): void {
  if (value !== undefined && !(value instanceof AbortSignal))
    throw invalid('signal', 'an AbortSignal', value)
}

/** The error of an option that there is not, with the nearest that there is. */
export function unknownOption(name: string, known: readonly string[]): WasiexecError {
  const near = nearest(name, known) ?? nearestLimit(name, known)
  const hint =
    near === undefined ? `known options: ${known.join(', ')}` : `did you mean \`${near}\`?`
  return new WasiexecError('ERR_INVALID_OPTION', `unknown option \`${name}\`; ${hint}`)
}

function nearestLimit(name: string, known: readonly string[]): string | undefined {
  const near = known.includes('limits') ? nearest(name, LIMITS) : undefined
  return near === undefined ? undefined : `limits.${near}`
}

/** Refuses what is not an object, and options that there are not. */
export function checkOptions(given: unknown, known: readonly string[]): void {
  if (typeof given !== 'object' || given === null || Array.isArray(given))
    throw invalid('options', 'an object', given)
  for (const name in given) if (!known.includes(name)) throw unknownOption(name, known)
}

function shown(value: unknown): string {
  if (typeof value === 'string') return JSON.stringify(value.slice(0, 100))
  if (typeof value === 'function') return 'a function'
  if (Array.isArray(value)) return 'an array'
  if (typeof value !== 'object' || value === null) return String(value)
  const name = value.constructor?.name ?? 'Object'
  return name === 'Object' ? 'an object' : `${/^[AEIO]/.test(name) ? 'an' : 'a'} ${name}`
}

/** What was thrown, as an Error. */
export function toError(thrown: unknown): Error {
  return thrown instanceof Error ? thrown : new Error(String(thrown))
}

/** The reason of an abort, or what a host function threw. What is not an Error becomes one. */
export function packFault(thrown: unknown, depth = 0): PackedFault {
  const error = toError(thrown)
  const code = error instanceof WasiexecError ? error.code : null
  const cause = depth < 4 && error.cause instanceof Error ? packFault(error.cause, depth + 1) : null
  const fault = [code, error.name, error.message] as const
  return cause === null ? fault : [...fault, cause]
}

/** Reads what {@link packFault} made; a name or a code that it does not know is still an error. */
export function unpackFault(data: unknown): Error {
  const [code, name, message, cause] = Array.isArray(data) ? (data as unknown[]) : []
  const options = Array.isArray(cause) ? { cause: unpackFault(cause) } : undefined
  if (typeof code === 'string' && /^ERR_[A-Z_]{1,60}$/.test(code))
    return new WasiexecError(code as WasiexecErrorCode, String(message), options)
  const error = new Error(String(message), options)
  if (typeof name === 'string' && name !== 'Error')
    Object.defineProperty(error, 'name', { value: name, configurable: true, writable: true })
  return error
}
