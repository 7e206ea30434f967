import type { Imports } from '../imports.ts'
import type { HostError, Returned } from '../outcome.ts'
import type { RunOptions } from '../options.ts'
import type { Port } from '../port/port.ts'
import type { Prepared } from '../port/prepared.ts'
import type { RunOwner } from '../port/run-target.ts'
import { Caller } from './caller.ts'
import type { AnyFunctions } from './functions.ts'
import { GuestGlobals } from './globals.ts'
import type { InstanceLink } from './link.ts'
import { GuestMemory } from './memory.ts'
import { ALL, checkCallOptions, type CallOptions } from './options.ts'
import { start } from './start.ts'

/**
 * How an instance is made.
 *
 * @example
 * const instance = await program.instantiate({ env: { TZ: 'UTC' }, limits: { timeoutMs: 1000 } })
 */
export interface InstantiateOptions extends Omit<RunOptions, 'collect' | 'limits' | 'signal'> {
  /**
   * `memoryBytes` and `onMemory` are for the instance as long as it lives. The other caps are for its making and for each
   * of its calls, unless the call gives its own.
   */
  limits?: RunOptions['limits']
  /** Ends the instance: aborts its making, or the call in progress and those that wait. */
  signal?: AbortSignal | undefined
}

/**
 * How an instance is made that provides functions which the program imports.
 *
 * @example
 * const instance = await program.instantiate({ imports })
 */
export interface HostedInstantiateOptions extends Omit<InstantiateOptions, 'imports'> {
  /** As for a run. The functions are called during all calls of the instance. */
  imports: Imports
}

/**
 * A program in memory whose functions are called one by one. Made by {@link Program.instantiate}.
 *
 * It takes one slot of the runtime until it ends: with a call that does not return, by `using`, or when nothing refers to
 * it any more. While no call is in progress it has no thread, and it does not keep the process alive.
 *
 * @example
 * await using instance = await program.instantiate<Functions>()
 * const sum = await instance.exports.add(1, 2)
 */
export class Instance<Functions = AnyFunctions, Failure extends HostError = never> extends Caller<
  Functions,
  Failure
> {
  /** What was printed and used while the instance was made. */
  readonly initialization: Returned<readonly []>
  /** The memories that the program exports, by name. */
  readonly memories: Readonly<Record<string, GuestMemory>>
  /** The globals that the program exports. */
  readonly globals: GuestGlobals
  readonly #link: InstanceLink

  /** @internal */
  constructor(link: InstanceLink, initialization: Returned<readonly []>) {
    super(link, ALL)
    this.#link = link
    this.initialization = initialization
    const memories = Object.create(null) as Record<string, GuestMemory>
    for (const memory of link.exports.memories.values()) {
      memories[memory.name] = new GuestMemory(link, memory)
    }
    this.memories = Object.freeze(memories)
    this.globals = new GuestGlobals(link)
  }

  /**
   * The memory that is exported as "memory", as all compilers do.
   *
   * @throws {WasiexecError} `ERR_INVALID_CALL` if there is none.
   * @example
   * const text = instance.memory.readString(1024)
   */
  get memory(): GuestMemory {
    return (
      this.memories['memory'] ?? new GuestMemory(this.#link, this.#link.exports.memory('memory'))
    )
  }

  /**
   * Returns what calls the functions of this instance with these options.
   *
   * @throws {WasiexecError} `ERR_INVALID_OPTION`.
   * @example
   * await instance.with({ limits: { timeoutMs: 50 } }).call('run')
   */
  with(options: CallOptions): Caller<Functions, Failure> {
    return new Caller(this.#link, checkCallOptions(options))
  }

  /**
   * Aborts the calls of the instance and frees its slot.
   *
   * @example
   * using instance = await program.instantiate()
   */
  [Symbol.dispose](): void {
    this.#link.dispose()
  }

  /**
   * The same, and resolves when the instance has ended.
   *
   * @example
   * await using instance = await program.instantiate()
   */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#link.dispose()
    await this.#link.state.ending
  }
}

/** Makes an instance with options that were checked. */
export async function startInstance<Functions>(
  port: Port,
  owner: RunOwner,
  prepared: Prepared,
): Promise<Instance<Functions, HostError>> {
  const { link, initialization } = await start(port, owner, prepared)
  return new Instance<Functions, HostError>(link, initialization)
}
