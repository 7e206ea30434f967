import { Buffer } from 'node:buffer'
import { toJson } from './outcome/json.ts'
import { thrownToJson } from './outcome/thrown-json.ts'
import { valueToJson } from './outcome/value-json.ts'
import type {
  Abort,
  CallValues,
  Exit,
  HostError,
  Limit,
  Outcome,
  Printed,
  Returned,
  Trap,
  TrapInfo,
  Usage,
} from './outcome/types.ts'

export { describeOutcome } from './outcome/describe.ts'
export type {
  JsonAbort,
  JsonEnding,
  JsonExit,
  JsonHostError,
  JsonLimit,
  JsonOutcome,
  JsonReturned,
  JsonTrap,
  JsonUsage,
} from './outcome/json.ts'
export type { JsonValue } from './outcome/value-json.ts'
export type * from './outcome/types.ts'

/**
 * All properties are own properties, so that spreading and `structuredClone` copy them; they are in the
 * order in which people read them. `toJSON` is for `JSON.stringify`.
 */
abstract class Base {
  declare readonly stdout: Buffer
  declare readonly stderr: Buffer
  declare readonly files?: ReadonlyMap<string, Buffer>
  declare readonly usage: Usage

  /** Output as text, and as base64 where it is not UTF-8; fuel as a number where one can hold it. */
  toJSON(): Record<string, unknown> {
    return toJson(this)
  }

  protected print({ stdout, stderr, files, usage }: Printed): void {
    const self = this as { -readonly [K in keyof Printed]: Printed[K] }
    self.stdout = stdout
    self.stderr = stderr
    if (files !== undefined) self.files = files
    self.usage = usage
  }
}

/** Whether it is an outcome that came from the core. */
export function isOutcome(value: unknown): value is Outcome | HostError {
  return value instanceof Base
}

class ExitOutcome extends Base implements Exit {
  readonly kind = 'exit'
  readonly ok: boolean
  readonly code: number

  constructor(code: number, printed: Printed) {
    super()
    this.ok = code === 0
    this.code = code
    this.print(printed)
  }
}

class TrapOutcome extends Base implements Trap {
  readonly kind = 'trap'
  readonly ok = false
  readonly trap: TrapInfo

  constructor(trap: TrapInfo, printed: Printed) {
    super()
    this.trap = trap
    this.print(printed)
  }
}

class LimitOutcome extends Base implements Limit {
  readonly kind = 'limit'
  readonly ok = false
  readonly limit: Limit['limit']

  constructor(limit: Limit['limit'], printed: Printed) {
    super()
    this.limit = limit
    this.print(printed)
  }
}

class AbortOutcome extends Base implements Abort {
  readonly kind = 'abort'
  readonly ok = false
  readonly reason: unknown

  constructor(reason: unknown, printed: Printed) {
    super()
    this.reason = reason
    this.print(printed)
  }

  override toJSON(): Record<string, unknown> {
    const json = super.toJSON()
    json['reason'] = thrownToJson(this.reason)
    return json
  }
}

class HostErrorOutcome extends Base implements HostError {
  readonly kind = 'host-error'
  readonly ok = false
  readonly error: unknown

  constructor(error: unknown, printed: Printed) {
    super()
    this.error = error
    this.print(printed)
  }

  override toJSON(): Record<string, unknown> {
    const json = super.toJSON()
    json['error'] = thrownToJson(this.error)
    return json
  }
}

class ReturnedOutcome extends Base implements Returned {
  readonly kind = 'returned'
  readonly ok = true
  readonly values: CallValues

  constructor(values: CallValues, printed: Printed) {
    super()
    this.values = values
    this.print(printed)
  }

  override toJSON(): Record<string, unknown> {
    return { ...super.toJSON(), values: this.values.map(valueToJson) }
  }
}

for (const [constructor, name] of [
  [ExitOutcome, 'Exit'],
  [TrapOutcome, 'Trap'],
  [LimitOutcome, 'Limit'],
  [AbortOutcome, 'Abort'],
  [HostErrorOutcome, 'HostError'],
  [ReturnedOutcome, 'Returned'],
] as const) {
  // What `console.log` shows.
  Object.defineProperty(constructor, 'name', { value: name })
}

export function exit(code: number, printed: Printed): Exit {
  return new ExitOutcome(code, printed)
}

export function trap(info: TrapInfo, printed: Printed): Trap {
  return new TrapOutcome(info, printed)
}

export function limit(kind: Limit['limit'], printed: Printed): Limit {
  return new LimitOutcome(kind, printed)
}

export function abort(reason: unknown, printed: Printed): Abort {
  return new AbortOutcome(reason, printed)
}

export function hostError(error: unknown, printed: Printed): HostError {
  return new HostErrorOutcome(error, printed)
}

export function returned(values: CallValues, printed: Printed): Returned {
  return new ReturnedOutcome(values, printed)
}

/** Of Node's pool, as the other small buffers of outcomes: nobody can transfer its memory. */
const POOLED = Buffer.allocUnsafe(1)

/** A buffer without bytes. Memory of its own would take longer to make than the rest of an outcome. */
export const noBytes = (): Buffer => Buffer.from(POOLED.buffer, 0, 0)

/** The outcome of a run that was aborted before it was submitted. */
export function neverStarted(reason: unknown, collects = false): Abort {
  const usage = {
    wallMs: 0,
    cpuMs: 0,
    memoryPeakBytes: 0,
    memoryDenied: false,
    outputTruncated: false,
  }
  const printed = { stdout: noBytes(), stderr: noBytes(), usage }
  return abort(reason, collects ? { ...printed, files: new Map() } : printed)
}
