import { Encoder, OPTIONS_BYTES } from '../encoder.ts'
import type { AllHandles, Given } from './handles.ts'

/** Values on their way to the core. */
export class ValueWriter extends Encoder {
  /** The resources of both sides. */
  handles: AllHandles | undefined
  /** Resources that the call takes over. */
  readonly given: Given[] = []
  /** Whether the elements of the last value may be {@link beside} the others: these are read before any other code runs. */
  takesBeside = false
  /** Elements of a list of numbers, which is the last value. */
  beside: Uint8Array | undefined

  constructor() {
    super(OPTIONS_BYTES)
  }

  override clear(): void {
    super.clear()
    this.given.length = 0
    this.handles = undefined
    this.takesBeside = false
    this.beside = undefined
  }

  /** Gives back what the call would have taken over. */
  takeBack(): void {
    for (const given of this.given.splice(0)) given.takeBack()
  }

  /** What is to be settled when the call has ended. */
  takeGiven(): Given[] | undefined {
    return this.given.length === 0 ? undefined : this.given.splice(0)
  }

  int8(value: number): void {
    this.byte(value & 0xff)
  }

  int32(value: number): void {
    const at = this.room(4)
    this.buffer.writeInt32LE(value, at)
  }

  int64(value: bigint): void {
    const at = this.room(8)
    this.buffer.writeBigInt64LE(value, at)
  }

  float32(value: number): void {
    const at = this.room(4)
    this.buffer.writeFloatLE(value, at)
  }
}
