import { Buffer } from 'node:buffer'
import { ofCore, WasiexecError } from '../errors.ts'
import * as outcomes from '../outcome.ts'
import type {
  CallValues,
  HostError,
  Limit,
  Outcome,
  Printed,
  Returned,
  TrapInfo,
  Usage,
} from '../outcome.ts'
import {
  ABORT,
  LIMIT,
  OUTCOME_FLAG,
  RECORD,
  RECORD_FIELD,
  SECTION,
  SECTION_LAYOUT,
  type CoreErrorCode,
} from '../protocol.ts'
import { readNumbers, type NumberType } from './numbers.ts'

const FIELD = RECORD_FIELD
/** Numbers in a record. */
export const RECORD_FIELDS: number = Object.keys(FIELD).length

/** Output up to here is copied, so that it does not hold the memory of all that came with it. */
const COPY_BYTES = 4096

/** `Buffer.copy` makes a view first: for so few bytes, one more object for the garbage collector. */
const LOOP_BYTES = 64

/** Of the 64 bits of a length, those that a number of JavaScript holds and a buffer may have. */
const LENGTH_BYTES = 6

/** What arrived from the core, one record after the other. */
export class Delivery {
  #records: Float64Array
  #bytes: Buffer
  /** Numbers in all records. */
  readonly #length: number
  /** Whether the arrays are used again after it was read. */
  readonly #isLent: boolean
  #empty: Buffer | undefined
  #place = -RECORD_FIELDS
  /** Where the bytes of the record begin and end. */
  #start = 0
  #end = 0

  /** @param length How many numbers belong to it, if the arrays are used again after it was read. */
  constructor(records: Float64Array, bytes: Uint8Array, length?: number) {
    this.#records = records
    this.#length = length ?? records.length
    this.#isLent = length !== undefined
    this.#bytes =
      bytes instanceof Buffer
        ? bytes
        : Buffer.from(bytes.buffer as ArrayBuffer, bytes.byteOffset, bytes.byteLength)
  }

  /** Goes to the next record; false when there is none. */
  next(): boolean {
    this.#place += RECORD_FIELDS
    if (this.#place >= this.#length) return false
    this.#start = this.#end
    this.#end += this.outputBytesAt(this.#place) + this.#get(FIELD.sections)
    return true
  }

  /** Keeps it for those who read it later. */
  keep(): void {
    if (!this.#isLent) return
    this.#records = this.#records.slice(0, this.#length)
    this.#bytes = Buffer.from(this.#bytes)
  }

  /** Where the record stands, for those who read it later. */
  get place(): number {
    return this.#place
  }

  /** Where its bytes begin. */
  get start(): number {
    return this.#start
  }

  get kind(): number {
    return this.#get(FIELD.kind)
  }

  get id(): number {
    return this.#get(FIELD.id)
  }

  get code(): number {
    return this.#get(FIELD.code)
  }

  /**
   * The content of its section of this kind. Shares its memory with the whole delivery.
   *
   * @throws {WasiexecError} `ERR_INTERNAL`, when the record has none.
   */
  section(kind: number): Buffer {
    const found = this.#findSection(kind, this.#end - this.#get(FIELD.sections), this.#end)
    if (found !== undefined) return this.#bytes.subarray(...found)
    const what = `a record of kind ${this.kind} without a section of kind ${kind}`
    throw new WasiexecError('ERR_INTERNAL', `the core sent ${what} (this is a bug in wasiexec)`)
  }

  /** Where the content of a section among these begins and ends. */
  #findSection(kind: number, start: number, end: number): [start: number, end: number] | undefined {
    const bytes = this.#bytes
    for (let at = start; at < end;) {
      const content = at + SECTION_LAYOUT.content
      const next = content + bytes.readUIntLE(at + SECTION_LAYOUT.length, LENGTH_BYTES)
      if (bytes.readUInt32LE(at + SECTION_LAYOUT.kind) === kind) return [content, next]
      at = next
    }
    return undefined
  }

  /** What its section of this kind contains, to be kept. */
  kept(kind: number): Buffer {
    const content = this.section(kind)
    return this.#isMuch(content.length) ? content : Buffer.from(content)
  }

  /** The content of a section, parsed. */
  json(kind: number): unknown {
    return JSON.parse(this.section(kind).toString('utf8'))
  }

  get isExit(): boolean {
    return this.kind === RECORD.exit
  }

  get hasSections(): boolean {
    return this.#get(FIELD.sections) > 0
  }

  get isAbort(): boolean {
    return this.kind === RECORD.abort
  }

  get isFault(): boolean {
    return this.kind === RECORD.fault
  }

  get fault(): WasiexecError {
    const { code, message } = this.json(SECTION.error) as { code: CoreErrorCode; message: string }
    return ofCore(code, message)
  }

  /**
   * The record as an outcome, with this reason if it is an abort, and this failure of a host function. With files if they
   * were asked for.
   */
  outcome(
    abortReason: unknown,
    collects = false,
    failure?: { readonly error: unknown },
  ): Outcome | HostError {
    if (this.isExit) return this.exitAt(this.#place, this.#start)
    const printed = this.#printedAt(this.#place, this.#start)
    // That of a run that never started has none.
    if (collects) printed.files ??= new Map()
    switch (this.kind) {
      case RECORD.trap:
        return outcomes.trap(trapOf(this.json(SECTION.trap) as SentTrap), printed)
      case RECORD.limit:
        return outcomes.limit(limitOf(this.code), printed)
      case RECORD.abort:
        return outcomes.abort(this.code === ABORT.brokenPipe ? brokenPipe() : abortReason, printed)
      case RECORD.hostError:
        return outcomes.hostError(failure?.error, printed)
      default:
        throw unknownNumber('record', this.kind)
    }
  }

  get memoryPeak(): number {
    return this.#get(FIELD.memoryPeak)
  }

  /** What an instance has printed and used while it was made. */
  get initialization(): Returned {
    return outcomes.returned([], this.#printedAt(this.#place, this.#start))
  }

  /** A call that has returned values of these types. */
  returned(types: readonly NumberType[]): Returned {
    const printed = this.#printedAt(this.#place, this.#start)
    // Its only section.
    const at = this.#end - this.#get(FIELD.sections) + SECTION_LAYOUT.content
    return outcomes.returned(readNumbers(types, this.#bytes, at), printed)
  }

  /** A call that has returned what `read` makes of its bytes, whose memory may be shared if it is told so. */
  returnedAs(read: (bytes: Buffer, shares: boolean) => CallValues): Returned {
    const printed = this.#printedAt(this.#place, this.#start)
    const bytes = this.section(SECTION.values)
    return outcomes.returned(read(bytes, this.#isMuch(bytes.length)), printed)
  }

  /** Whether a call has begun. */
  get hasStarted(): boolean {
    return !this.isFault && (this.isInstanceOver || !this.isAbort)
  }

  get isReturned(): boolean {
    return this.kind === RECORD.callReturned
  }

  /** Whether the instance has ended with the call. */
  get isInstanceOver(): boolean {
    return !this.isAbort || (this.#get(FIELD.flags) & OUTCOME_FLAG.neverStarted) === 0
  }

  /** The exit whose record stands there. */
  exitAt(place: number, start: number): Outcome {
    return outcomes.exit(this.codeAt(place), this.#printedAt(place, start))
  }

  codeAt(place: number): number {
    return this.#get(FIELD.code, place)
  }

  wallMsAt(place: number): number {
    return this.#get(FIELD.wallMs, place)
  }

  cpuMsAt(place: number): number {
    return this.#get(FIELD.cpuMs, place)
  }

  outputBytesAt(place: number): number {
    return this.#get(FIELD.stdout, place) + this.#get(FIELD.stderr, place)
  }

  #printedAt(place: number, start: number): { -readonly [K in keyof Printed]: Printed[K] } {
    const stderr = start + this.#get(FIELD.stdout, place)
    const end = stderr + this.#get(FIELD.stderr, place)
    const printed: { -readonly [K in keyof Printed]: Printed[K] } = {
      stdout: this.#slice(start, stderr),
      stderr: this.#slice(stderr, end),
      usage: this.#usageAt(place),
    }
    const sections = this.#get(FIELD.sections, place)
    if (sections === 0) return printed
    const files = this.#findSection(SECTION.files, end, end + sections)
    const network = this.#findSection(SECTION.network, end, end + sections)
    if (network !== undefined) printed.usage = { ...printed.usage, ...this.#networkAt(network[0]) }
    return files === undefined ? printed : { ...printed, files: this.#filesAt(...files) }
  }

  /** What the sockets of the run have moved. */
  #networkAt(start: number): Pick<Usage, 'networkReceivedBytes' | 'networkSentBytes'> {
    return {
      networkReceivedBytes: Number(this.#bytes.readBigUInt64LE(start)),
      networkSentBytes: Number(this.#bytes.readBigUInt64LE(start + 8)),
    }
  }

  /** The files of a section, by path. */
  #filesAt(start: number, end: number): Map<string, Buffer> {
    const bytes = this.#bytes
    const index: [path: string, start: number, length: number][] = []
    let at = start + 4
    for (let left = bytes.readUInt32LE(start); left > 0; left -= 1) {
      const path = at + 4
      at = path + bytes.readUInt32LE(at)
      const name = bytes.toString('utf8', path, at)
      index.push([name, bytes.readUIntLE(at, LENGTH_BYTES), bytes.readUIntLE(at + 8, LENGTH_BYTES)])
      at += 16
    }
    // Names of one file have one buffer: as many copies as names could be more than there is memory.
    const known = new Map<string, Buffer>()
    const files = new Map<string, Buffer>()
    for (const [path, offset, length] of index) {
      const key = `${offset} ${length}`
      let file = length === 0 ? outcomes.noBytes() : known.get(key)
      if (file === undefined) {
        file = this.#slice(at + offset, Math.min(at + offset + length, end))
        known.set(key, file)
      }
      files.set(path, file)
    }
    return files
  }

  #usageAt(place: number): Usage {
    const flags = this.#get(FIELD.flags, place)
    const usage = {
      wallMs: this.wallMsAt(place),
      cpuMs: this.cpuMsAt(place),
      memoryPeakBytes: this.#get(FIELD.memoryPeak, place),
      memoryDenied: (flags & OUTCOME_FLAG.memoryDenied) !== 0,
      outputTruncated: (flags & OUTCOME_FLAG.outputTruncated) !== 0,
    }
    const fuelHigh = this.#get(FIELD.fuelHigh, place)
    if (fuelHigh < 0) return usage
    return { ...usage, fuel: (BigInt(fuelHigh) << 32n) | BigInt(this.#get(FIELD.fuelLow, place)) }
  }

  #slice(start: number, end: number): Buffer {
    // One for all: making a Buffer costs as much as all the rest of an outcome.
    if (start === end) return (this.#empty ??= outcomes.noBytes())
    const length = end - start
    if (this.#isMuch(length)) return this.#bytes.subarray(start, end)
    const copy = Buffer.allocUnsafe(length)
    if (length > LOOP_BYTES) this.#bytes.copy(copy, 0, start, end)
    else for (let at = 0; at < length; at += 1) copy[at] = this.#bytes[start + at] as number
    return copy
  }

  /** Whether so many bytes are so much of what came that a view of them holds little else. */
  #isMuch(length: number): boolean {
    return length > COPY_BYTES && length * 4 > this.#bytes.length
  }

  /** Within bounds by construction: the core writes whole records. */
  #get(field: number, place = this.#place): number {
    return this.#records[place + field] as number
  }
}

/** What the core says of a trap: the location is the number of a frame. */
type SentTrap = Omit<TrapInfo, 'location'> & { readonly location?: number }

function trapOf({ location, ...trap }: SentTrap): TrapInfo {
  const frame = location === undefined ? undefined : trap.frames[location]
  return frame === undefined ? trap : { ...trap, location: frame }
}

const LIMITS = Object.entries(LIMIT) as [Limit['limit'], number][]

function limitOf(number: number): Limit['limit'] {
  const limit = LIMITS.find((entry) => entry[1] === number)
  if (limit === undefined) throw unknownNumber('limit', number)
  return limit[0]
}

function unknownNumber(what: string, number: number): WasiexecError {
  const message = `the core sent an unknown ${what}, ${number} (this is a bug in wasiexec)`
  return new WasiexecError('ERR_INTERNAL', message)
}

function brokenPipe(): WasiexecError {
  return new WasiexecError('ERR_BROKEN_PIPE', 'nobody reads its output any more')
}
