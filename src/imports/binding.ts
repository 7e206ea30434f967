import type { Buffer } from 'node:buffer'
import type { Flows } from '../wit/flows.ts'
import type { HostObjects } from '../wit/host-objects.ts'
import type { ValueWriter } from '../wit/value-writer.ts'
import type { CallingGuest, NumberType } from './types.ts'

/** What a guest gives a host function and gets from it, on its way. */
export interface CallWords {
  /** The argument at this place, of this type. */
  argument(index: number, type: NumberType): unknown
  /** Writes a result of this type at this place, which it fits. */
  putNumber(index: number, type: NumberType, value: number | bigint): void
  /** The arguments of a component; valid until the next call. */
  takeValues(): Buffer
  /** Writes the result for a component; returns how many words it takes. */
  putValues(values: ValueWriter): number
}

/** What a host function needs besides its arguments. */
export interface CallContext {
  /** The guest that calls. */
  readonly caller: CallingGuest
  /** The objects that the guest has as resources. */
  readonly objects: HostObjects
  /** The streams and futures between the guest and its host. */
  readonly flows: Flows
}

/** A function for an import. */
export interface BoundFunction {
  /** As messages name it. */
  readonly name: string
  /** Calls it with what the words hold. */
  apply(words: CallWords, context: CallContext): unknown
  /**
   * Writes what it has returned; returns how many words that takes.
   *
   * @throws {WasiexecError} `ERR_HOST_FUNCTION`; or what an iterator or getter of the function's throws.
   */
  put(words: CallWords, value: unknown, context: CallContext): number
  /** Lets go of what `put` has written: the guest did not want it any more. */
  letGo?(written: Buffer, context: CallContext): void
}
