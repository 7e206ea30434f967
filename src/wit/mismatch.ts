import { show } from '../check.ts'

/** A value that is not one of its type, and where it is inside of the value that was given. */
export class Mismatch extends Error {
  readonly #expected: string
  readonly #path: string[] = []

  constructor(expected: string, value: unknown, shown: string = show(value)) {
    super()
    this.#expected = `expected ${expected}, got ${shown}`
  }

  /** Unlike `instanceof`, this runs no code of what was thrown, which may be a revoked proxy. */
  static is(thrown: unknown): thrown is Mismatch {
    return typeof thrown === 'object' && thrown !== null && #expected in thrown
  }

  /** Adds the part of a value that it is in. */
  in(part: string): this {
    this.#path.unshift(part)
    return this
  }

  /** `config.items[3].name: expected a string, got 5`. */
  get text(): string {
    return `${this.#path.join('').replace(/^\./, '')}: ${this.#expected}`
  }
}

/** What was thrown while a part of a value was written, with that part if it is a {@link Mismatch}. */
export function within(error: unknown, part: string): unknown {
  return Mismatch.is(error) ? error.in(part) : error
}
