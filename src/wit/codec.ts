import type { ValueReader } from './value-reader.ts'
import type { ValueWriter } from './value-writer.ts'

/** Writes and reads the values of one type. */
export interface Codec {
  /** The type as WIT writes it. */
  readonly type: string
  /** Whether undefined is a value of it. */
  readonly hasUndefined: boolean
  /** @throws {Mismatch} for what is not a value of the type. */
  write(value: unknown, to: ValueWriter): void
  /** The same for the last argument of a function, if that can be written in another way: see {@link ValueWriter.beside}. */
  writeLast?(value: unknown, to: ValueWriter): void
  read(from: ValueReader): unknown
}
