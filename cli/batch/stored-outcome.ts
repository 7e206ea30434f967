import type { Frame, JsonAbort, JsonOutcome, JsonUsage, Limit } from '../../src/index.ts'

/** An outcome in a results file: an abort is not a result. */
export type StoredOutcome = Exclude<JsonOutcome, JsonAbort>

type Fields = Readonly<Record<string, unknown>>

const LIMITS: Readonly<Record<Limit['limit'], true>> = {
  timeout: true,
  cpu: true,
  fuel: true,
  memory: true,
  output: true,
  network: true,
  request: true,
  response: true,
}

type FieldType = 'boolean' | 'number' | 'string'

const FRAME: Readonly<Record<keyof Frame, FieldType>> = {
  functionIndex: 'number',
  function: 'string',
  inlined: 'boolean',
  library: 'boolean',
  module: 'string',
  offset: 'number',
  file: 'string',
  line: 'number',
  column: 'number',
}

/** A year, in milliseconds: no run takes as long. */
const MAX_MS = 366 * 24 * 3_600_000

/**
 * Whether a parsed line says what an outcome says: somebody may have edited the file. A trap may have a
 * code that only another version knows.
 */
export function isStoredOutcome(value: unknown): value is StoredOutcome {
  if (!isObject(value) || !isUsage(value['usage'])) return false
  const { kind, ok, stdout, stdoutBase64, stderr, stderrBase64 } = value
  if (typeof ok !== 'boolean' || typeof stdout !== 'string' || typeof stderr !== 'string') {
    return false
  }
  if (!isOptional(stdoutBase64, 'string') || !isOptional(stderrBase64, 'string')) return false
  switch (kind) {
    case 'exit':
      return typeof value['code'] === 'number'
    case 'trap':
      return isTrap(value['trap'])
    case 'limit':
      return typeof value['limit'] === 'string' && Object.hasOwn(LIMITS, value['limit'])
    default:
      return false
  }
}

export function isObject(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function isUsage(value: unknown): value is JsonUsage {
  if (!isObject(value)) return false
  const { wallMs, cpuMs, fuel, memoryPeakBytes, memoryDenied, outputTruncated } = value
  return (
    isTime(wallMs) &&
    isTime(cpuMs) &&
    (isOptional(fuel, 'number') || typeof fuel === 'string') &&
    typeof memoryPeakBytes === 'number' &&
    typeof memoryDenied === 'boolean' &&
    typeof outputTruncated === 'boolean'
  )
}

function isTrap(value: unknown): boolean {
  if (!isObject(value)) return false
  const { code, message, frames, location } = value
  return (
    typeof code === 'string' &&
    typeof message === 'string' &&
    Array.isArray(frames) &&
    frames.every(isFrame) &&
    (location === undefined || isFrame(location))
  )
}

function isFrame(value: unknown): value is Frame {
  if (!isObject(value) || value['functionIndex'] === undefined) return false
  return Object.entries(FRAME).every(([name, type]) => isOptional(value[name], type))
}

function isOptional(value: unknown, type: FieldType): boolean {
  return value === undefined || typeof value === type
}

function isTime(value: unknown): boolean {
  return typeof value === 'number' && value >= 0 && value < MAX_MS
}
