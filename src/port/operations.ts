import { Encoder } from '../encoder.ts'
import { OPERATION, OPERATION_FIELD, RUN_FLAG } from '../protocol.ts'
import type { NativePort } from './native.ts'

const FIELD = OPERATION_FIELD
const FIELDS = Object.keys(FIELD).length

/** The first sizes of the buffers, which grow as needed. */
const FIRST_OPERATIONS = 64
const FIRST_BYTES = 64 * 1024

/** Who writes more at a time has more to write, and waits for no answer. */
const LINE_BYTES = 4096

/** What is asked of the core in one turn of the event loop. */
export class Submission {
  /** What the operations refer to by offset and length. */
  readonly bytes: Encoder = new Encoder(FIRST_BYTES)
  #operations = new Float64Array(FIELDS * FIRST_OPERATIONS)
  #length = 0

  get isEmpty(): boolean {
    return this.#length === 0
  }

  add(kind: number, id: number, argument = 0, offset = 0, length = 0, flags = 0, batch = 0): void {
    const at = this.#length
    if (at === this.#operations.length) {
      const larger = new Float64Array(at * 2)
      larger.set(this.#operations)
      this.#operations = larger
    }
    const operations = this.#operations
    operations[at + FIELD.kind] = kind
    operations[at + FIELD.id] = id
    operations[at + FIELD.argument] = argument
    operations[at + FIELD.offset] = offset
    operations[at + FIELD.length] = length
    operations[at + FIELD.flags] = flags
    operations[at + FIELD.batch] = batch
    this.#length = at + FIELDS
  }

  /** Whether there is one operation, of this kind. */
  isOnly(kind: number): boolean {
    return this.#length === FIELDS && this.#operations[FIELD.kind] === kind
  }

  /** Whether it is one run that has nothing to say to this thread before its end. */
  get isLoneRun(): boolean {
    const flags = this.#operations[FIELD.flags]!
    return this.isOnly(OPERATION.run) && (flags & RUN_FLAG.piped) === 0
  }

  /** Whether it gives programs a little to read, and besides only takes what they printed. */
  get isLine(): boolean {
    if (this.bytes.length > LINE_BYTES) return false
    let gives = false
    for (let at = 0; at < this.#length; at += FIELDS) {
      const kind = this.#operations[at + FIELD.kind]
      if (kind === OPERATION.stdinChunk) gives = true
      else if (kind !== OPERATION.outputTaken) return false
    }
    return gives
  }

  /** Submits everything and starts over. */
  sendTo(port: NativePort): void {
    this.#send((operations, numbers, bytes, length) =>
      port.submit(operations, numbers, bytes, length),
    )
  }

  /** The same where one record is waited for; returns what `submitCall` returns. */
  sendCallTo(port: NativePort, microseconds: number): number {
    return this.#send((operations, numbers, bytes, length) =>
      port.submitCall(operations, numbers, bytes, length, microseconds),
    )
  }

  #send<T>(
    send: (operations: Float64Array, numbers: number, bytes: Uint8Array, length: number) => T,
  ): T {
    const { bytes } = this
    const length = this.#length
    this.#length = 0
    const sent = send(this.#operations, length, bytes.buffer, bytes.length)
    bytes.clear()
    return sent
  }
}
