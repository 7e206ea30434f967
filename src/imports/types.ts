import type { Buffer } from 'node:buffer'

/**
 * A function of the host that guests call. It gets the guest's arguments, an `i64` as a bigint and all else as numbers,
 * and after them a {@link CallingGuest}. It returns a value of its type, an array of values if there are several, or a
 * promise of these; what a function without results returns is ignored.
 *
 * @example
 * const add: HostFunction = (a: number, b: number) => a + b
 * const outcome = await program.run({ imports: { env: { add } } })
 */
// The types of the parameters are those of the program, which the compiler does not know.
// eslint-disable-next-line typescript/no-explicit-any
export type HostFunction = (...args: any[]) => unknown

/** A class of the host whose objects a component has as resources. */
// eslint-disable-next-line typescript/no-explicit-any
export type HostClass = abstract new (...args: any[]) => object

/**
 * What a host function gets after its arguments: the guest that called it, for as long as the call lasts.
 *
 * @example
 * const log = (pointer: number, length: number, { memory }: CallingGuest) =>
 *   console.log(memory.readString(pointer, length))
 */
export interface CallingGuest {
  /** The memory that the guest exports under the name `memory`. */
  readonly memory: CallerMemory
}

/**
 * The memory of a guest that waits for a host function. It can be used until the function returns, or its promise
 * settles, or the run ends; after that everything here throws `ERR_CALL_ENDED`. A range outside of the memory throws
 * `ERR_OUT_OF_BOUNDS`. A pointer may be given as it came: an `i32` that is negative stands for an address from 2^31 on.
 *
 * @example
 * const clear = (memory: CallerMemory, pointer: number, length: number) =>
 *   memory.write(pointer, new Uint8Array(length))
 */
export interface CallerMemory {
  /** Its size in bytes. */
  readonly byteLength: number
  /**
   * Returns a copy of bytes.
   *
   * @example
   * const bytes = caller.memory.read(pointer, length)
   */
  read(pointer: number | bigint, length: number): Buffer
  /**
   * Returns UTF-8 text; what is not UTF-8 is U+FFFD.
   *
   * @example
   * const text = caller.memory.readString(pointer, length)
   */
  readString(pointer: number | bigint, length: number): string
  /**
   * Writes bytes.
   *
   * @example
   * caller.memory.write(pointer, Uint8Array.of(1, 2, 3))
   */
  write(pointer: number | bigint, bytes: Uint8Array): void
}

/** The types of numbers. */
export type NumberType = 'i32' | 'i64' | 'f32' | 'f64'
