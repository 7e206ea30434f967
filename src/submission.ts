import { Encoder } from './encoder.ts'
import type { Port } from './native.ts'

/** The kinds of operation; numbers and fields are those of the core's `transport/operation.rs`. */
export const OPERATION = {
  run: 1,
  abort: 2,
  release: 3,
  dispose: 4,
  stdinChunk: 5,
  stdinEnd: 6,
  outputTaken: 7,
  outputClosed: 8,
  openBatch: 9,
  abortBatch: 10,
  closeBatch: 11,
  batchRead: 12,
} as const

/** Flags of a run. */
export const FLAG = { abortable: 1, piped: 2 } as const

const FIELDS = 7

/** Where the buffers begin; they grow as needed. */
const FIRST_OPERATIONS = 64
const FIRST_BYTES = 64 * 1024

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
    operations[at] = kind
    operations[at + 1] = id
    operations[at + 2] = argument
    operations[at + 3] = offset
    operations[at + 4] = length
    operations[at + 5] = flags
    operations[at + 6] = batch
    this.#length = at + FIELDS
  }

  /** Hands everything over and begins anew. */
  sendTo(port: Port): void {
    const operations = this.#operations.subarray(0, this.#length)
    this.#length = 0
    port.submit(operations, this.bytes.bytes)
    this.bytes.clear()
  }
}
