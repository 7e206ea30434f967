import { load, WasiexecError, type LoadOptions, type Program, type Runtime } from 'wasiexec'
import { invalid } from './faults.ts'
import type { ProgramRef } from './jobs.ts'
import { digestOf, type ProgramStore } from './store.ts'

/** How a worker loads programs. */
export type ProgramOptions = Pick<LoadOptions, 'cache' | 'compiler'>

/**
 * Programs by digest and name. A program is fetched once, checked against its digest, and compiled; compiled code is kept
 * on disk as by `load`. The programs that were used last stay loaded.
 */
export class Programs {
  readonly #store: ProgramStore
  readonly #options: LoadOptions
  readonly #most: number
  /** The first was used the longest ago. */
  readonly #loaded = new Map<string, Promise<Program>>()
  #loads = 0

  constructor(store: ProgramStore, runtime: Runtime, options: ProgramOptions, most: number) {
    this.#store = store
    this.#options = { ...options, runtime }
    this.#most = most
  }

  /** Programs that are loaded. */
  get count(): number {
    return this.#loaded.size
  }

  /** Programs that were fetched and compiled. */
  get loads(): number {
    return this.#loads
  }

  /**
   * Returns a program. The caller may use it until it ends its work: a program that was dropped meanwhile is freed when
   * nothing refers to it any more.
   *
   * @throws {WasiexecError} as `load`; for a binary that is not there, or not the one of the digest, `ERR_READ_FAILED`.
   */
  get(ref: ProgramRef): Promise<Program> {
    const key = `${ref.digest} ${ref.name}`
    const known = this.#loaded.get(key)
    this.#loaded.delete(key)
    const program = known ?? this.#load(ref)
    this.#loaded.set(key, program)
    // A failure is not kept: the store may have the program the next time.
    program.catch(() => this.#loaded.delete(key))
    for (const oldest of this.#loaded.keys()) {
      if (this.#loaded.size <= this.#most) break
      this.#loaded.delete(oldest)
    }
    return program
  }

  async #load({ digest, name }: ProgramRef): Promise<Program> {
    const binary = await this.#store.get(digest)
    if (binary === undefined) {
      const advice =
        'add it with `queue.addProgram()`, and name one store for producers and workers'
      throw new WasiexecError(
        'ERR_READ_FAILED',
        `the store has no program ${digest} (${name}): ${advice}`,
      )
    }
    const found = digestOf(binary)
    if (found !== digest)
      throw new WasiexecError(
        'ERR_READ_FAILED',
        `the store has a damaged program ${digest} (${name}): its digest is ${found}`,
      )
    this.#loads += 1
    return load(binary, { ...this.#options, name })
  }
}

/** @throws {WasiexecError} `ERR_INVALID_OPTION`. */
export function checkCount(option: string, value: unknown, least = 1): number {
  if (typeof value !== 'number' || !Number.isSafeInteger(value) || value < least)
    throw invalid(option, `a whole number from ${least} on`, value)
  return value
}
