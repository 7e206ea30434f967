import type { RunOwner } from '../port/run-target.ts'

/**
 * The jobs that are in the core, by their slots. A column for each field: thousands of objects that live
 * for milliseconds would be copied by each collection of the young generation.
 */
export class Slots {
  readonly #indexes: number[] = []
  readonly #ids: unknown[] = []
  readonly #owners: (RunOwner | undefined)[] = []
  readonly #inputBytes: number[] = []
  readonly #free: number[] = []

  /** Slots that are taken. */
  get count(): number {
    return this.#owners.length - this.#free.length
  }

  /** The slot that {@link take} takes next. */
  get next(): number {
    return this.#free.at(-1) ?? this.#owners.length
  }

  take(index: number, id: unknown, owner: RunOwner, inputBytes: number): void {
    const slot = this.#free.pop() ?? this.#owners.length
    this.#indexes[slot] = index
    this.#ids[slot] = id
    this.#owners[slot] = owner
    this.#inputBytes[slot] = inputBytes
  }

  /** Undefined for a slot that is free. */
  owner(slot: number): RunOwner | undefined {
    return this.#owners[slot]
  }

  index(slot: number): number {
    return this.#indexes[slot] as number
  }

  id(slot: number): unknown {
    return this.#ids[slot]
  }

  inputBytes(slot: number): number {
    return this.#inputBytes[slot] as number
  }

  release(slot: number): void {
    this.#ids[slot] = undefined
    this.#owners[slot] = undefined
    this.#free.push(slot)
  }
}
