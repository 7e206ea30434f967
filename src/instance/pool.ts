import { checkInteger, checkOptions, invalid } from '../check.ts'
import { calls, withOutcome } from '../diagnostics.ts'
import { WasiexecError } from '../errors.ts'
import type { Imports } from '../imports.ts'
import { neverStarted, type AnyCallOutcome, type HostError } from '../outcome.ts'
import { RUN_OPTIONS } from '../port/encode-options.ts'
import type { Port } from '../port/port.ts'
import type { RunOwner } from '../port/run-target.ts'
import { callMessage, startNamedCall, valueOf } from './call.ts'
import type {
  AnyFunctions,
  CallArguments,
  CallEnd,
  FunctionName,
  FunctionOf,
  ResultOf,
} from './functions.ts'
import type { InstanceLink } from './link.ts'
import { ALL, checkCallOptions, type CallOptions, type CheckedCallOptions } from './options.ts'
import { PoolStarter, type PoolInstanceOptions } from './pool-starter.ts'
import { WaitingCalls, type WaitingCall } from './waiting-calls.ts'

/**
 * How a pool is set up: the options of its instances, and how many there may be.
 *
 * @example
 * const pool = program.pool({ instances: 4, limits: { timeoutMs: 1000 } })
 */
export interface PoolOptions extends PoolInstanceOptions {
  /** The most instances at a time. Each takes a slot of the runtime. Default: the threads of the runtime. */
  instances?: number | undefined
}

/**
 * How a pool is set up that provides functions which the program imports.
 *
 * @example
 * const pool = program.pool({ imports, instances: 4 })
 */
export interface HostedPoolOptions extends Omit<PoolOptions, 'imports'> {
  /** As for a run. The functions are called during all calls of all instances. */
  imports: Imports
}

/**
 * What a pool has and does.
 *
 * @example
 * const { busy, waiting } = pool.stats()
 */
export interface PoolStats {
  /** Instances that can be called. */
  readonly instances: number
  /** Those of them that carry out a call. */
  readonly busy: number
  /** Instances that are being made. */
  readonly starting: number
  /** Calls that wait for an instance. */
  readonly waiting: number
  /** Calls that have ended. */
  readonly finished: number
  /** Instances that have ended with a call. */
  readonly replaced: number
}

/** More is a mistake: a runtime has no more slots. */
const MAX_INSTANCES = 4096

/**
 * Instances of one program that share the calls. Made by {@link Program.pool}.
 *
 * A call goes to an instance that is free. If none is, and the pool has not as many as it may have, it makes one; otherwise
 * the call waits, in order. An instance that ends with a call is replaced. State stays in the instances, so two calls
 * may see different state. `Failure` is {@link HostError} if the pool has `imports`.
 *
 * @example
 * await using pool = program.pool<Functions>({ instances: 4 })
 * const sums = await Promise.all(numbers.map((n) => pool.value('add', n, 1)))
 */
export class Pool<Functions = AnyFunctions, Failure extends HostError = never> {
  readonly #program: string
  readonly #starter: PoolStarter
  readonly #size: number
  readonly #free: InstanceLink[] = []
  readonly #busy = new Set<InstanceLink>()
  readonly #waiting = new WaitingCalls()
  #starting = 0
  #finished = 0
  #replaced = 0
  #closed: WasiexecError | undefined

  /** @internal */
  constructor(port: Port, owner: RunOwner, options: PoolOptions | HostedPoolOptions) {
    checkOptions(options, POOL_OPTIONS)
    const { instances, ...rest } = options
    this.#size =
      instances === undefined ? port.stats().threads : checkInteger('instances', instances, 1)
    if (this.#size > MAX_INSTANCES)
      throw invalid('instances', `at most ${MAX_INSTANCES}`, instances)
    this.#program = owner.imports.name
    this.#starter = new PoolStarter(port, owner, rest, 'pool')
  }

  /**
   * Calls a function of a free instance. Whatever the program does is an outcome.
   *
   * @throws {WasiexecError} (rejects) as {@link Instance.call}, and as {@link Program.instantiate} where no instance can be
   * made; `ERR_INSTANCE_CLOSED` after the end of the pool.
   * @example
   * await using pool = program.pool({ instances: 4 })
   * const outcomes = await Promise.all(inputs.map((input) => pool.call('score', input)))
   */
  call<Name extends FunctionName<Functions>>(
    name: Name,
    ...args: CallArguments<Functions, Name>
  ): Promise<CallEnd<Functions, Name, Failure>> {
    return this.#call(name, args, ALL) as Promise<CallEnd<Functions, Name, Failure>>
  }

  /**
   * The same, and returns the value alone, as {@link Instance.exports} do.
   *
   * @throws {ProgramError} (rejects) if the call ends in any other way than by a return.
   * @example
   * const sum = await pool.value('add', 1, 2) // 3
   */
  value<Name extends FunctionName<Functions>>(
    name: Name,
    ...args: CallArguments<Functions, Name>
  ): Promise<ResultOf<FunctionOf<Functions, Name>>> {
    return this.#value(name, args, ALL) as Promise<ResultOf<FunctionOf<Functions, Name>>>
  }

  /**
   * Returns what calls functions of this pool with these options.
   *
   * @throws {WasiexecError} `ERR_INVALID_OPTION`.
   * @example
   * const outcome = await pool.with({ limits: { timeoutMs: 50 } }).call('add', 1, 2)
   */
  with(options: CallOptions): Pick<Pool<Functions, Failure>, 'call' | 'value'> {
    const checked = checkCallOptions(options)
    return {
      call: (name, ...args) => this.#call(name, args, checked) as never,
      value: (name, ...args) => this.#value(name, args, checked) as never,
    }
  }

  /**
   * What the pool has and does right now.
   *
   * @example
   * console.log(pool.stats().waiting)
   */
  stats(): PoolStats {
    return {
      instances: this.#free.length + this.#busy.size,
      busy: this.#busy.size,
      starting: this.#starting,
      waiting: this.#waiting.size,
      finished: this.#finished,
      replaced: this.#replaced,
    }
  }

  /**
   * Aborts the calls of the pool and ends its instances.
   *
   * @example
   * using pool = program.pool()
   */
  [Symbol.dispose](): void {
    this.#close()
  }

  /**
   * The same, and resolves when the instances have ended.
   *
   * @example
   * await using pool = program.pool()
   */
  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.#close())
  }

  async #value(
    name: string,
    args: readonly unknown[],
    options: CheckedCallOptions,
  ): Promise<unknown> {
    return valueOf(await this.#call(name, args, options))
  }

  #call(
    name: string,
    args: readonly unknown[],
    options: CheckedCallOptions,
  ): Promise<AnyCallOutcome> {
    if (!calls.isObserved) return this.#queue(name, args, options)
    const message = callMessage(this.#program, 'pool', name, options)
    return calls.until(message, () => this.#queue(name, args, options), withOutcome)
  }

  #queue(
    name: string,
    args: readonly unknown[],
    options: CheckedCallOptions,
  ): Promise<AnyCallOutcome> {
    if (this.#closed !== undefined) return Promise.reject(this.#closed)
    const { signal } = options
    if (signal?.aborted === true) return Promise.resolve(neverStarted(signal.reason))
    return new Promise((resolve, reject) => {
      this.#waiting.add({ name, args, options, resolve, reject })
      this.#dispatch()
    })
  }

  /** Gives calls that wait to free instances, and makes instances for the others. */
  #dispatch(): void {
    while (this.#waiting.size > 0) {
      const link = this.#takeFree()
      if (link === undefined) break
      void this.#carryOut(link, this.#waiting.take()!)
    }
    const needed = Math.min(this.#waiting.size, this.#size - this.#busy.size - this.#free.length)
    while (this.#starting < needed) void this.#start()
  }

  /** A free instance that has not ended meanwhile. */
  #takeFree(): InstanceLink | undefined {
    for (;;) {
      const link = this.#free.pop()
      if (link === undefined || !link.state.isOver) return link
    }
  }

  async #carryOut(
    link: InstanceLink,
    { name, args, options, resolve, reject }: WaitingCall,
  ): Promise<void> {
    this.#busy.add(link)
    try {
      resolve(await startNamedCall(link, options, name, args))
    } catch (error) {
      reject(error)
    }
    this.#finished += 1
    this.#busy.delete(link)
    if (!link.state.isOver) this.#free.push(link)
    else if (this.#closed === undefined) {
      this.#replaced += 1
      void this.#start()
    }
    this.#dispatch()
  }

  async #start(): Promise<void> {
    this.#starting += 1
    try {
      const { link } = await this.#starter.start()
      if (this.#closed === undefined) this.#free.push(link)
      else link.dispose()
    } catch (error) {
      // Without a call that waits, the next one finds out.
      this.#waiting.take()?.reject(error)
    }
    this.#starting -= 1
    this.#dispatch()
  }

  /** Returns when each of its instances has ended, those that are being made as well. */
  #close(): Promise<void>[] {
    this.#closed ??= new WasiexecError('ERR_INSTANCE_CLOSED', 'the pool was disposed of')
    while (this.#waiting.size > 0) this.#waiting.take()!.resolve(neverStarted(this.#closed))
    const links = [...this.#free.splice(0), ...this.#busy]
    for (const link of links) link.dispose()
    return [...links.map((link) => link.state.ending), ...this.#starter.abort()]
  }
}

/** Files are collected at the end of a run, which an instance has not. */
const POOL_OPTIONS = ['instances', ...RUN_OPTIONS.filter((name) => name !== 'collect')] as const
