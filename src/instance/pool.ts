import { calls, withOutcome } from '../diagnostics.ts'
import { WasiexecError } from '../errors.ts'
import { neverStarted, type AnyCallOutcome, type HostError } from '../outcome.ts'
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
import {
  checkPoolOptions,
  type HostedPoolOptions,
  type PoolOptions,
  type PoolStats,
} from './pool-options.ts'
import { PoolStarter } from './pool-starter.ts'
import { WaitingCalls, type WaitingCall } from './waiting-calls.ts'

/**
 * Instances of one program that share the calls. Made by {@link Program.pool}.
 *
 * A call goes to an instance that is free. If none is, and the pool has not as many as it may have, it makes one; otherwise
 * the call waits, in order. An instance that ends with a call is replaced. State stays in the instances, so two calls
 * may see different state; with `state: 'fresh'`, each call has an instance that no other call has used. `Failure` is
 * {@link HostError} if the pool has `imports`.
 *
 * @example
 * await using pool = program.pool<Functions>({ instances: 4 })
 * const sums = await Promise.all(numbers.map((n) => pool.value('add', n, 1)))
 */
export class Pool<Functions = AnyFunctions, Failure extends HostError = never> {
  readonly #program: string
  readonly #starter: PoolStarter
  readonly #size: number
  /** Whether each call has an instance of its own. */
  readonly #isFresh: boolean
  readonly #free: InstanceLink[] = []
  readonly #busy = new Set<InstanceLink>()
  /** Instances whose call has ended, and which end. */
  readonly #leaving = new Set<InstanceLink>()
  readonly #waiting = new WaitingCalls(() => this.#dispatch())
  /** Is called when no call is left. */
  readonly #drained: (() => void)[] = []
  #starting = 0
  #finished = 0
  #replaced = 0
  /** Why it takes no more calls. */
  #closed: WasiexecError | undefined
  /** Why its calls were aborted. */
  #disposed: WasiexecError | undefined

  /** @internal */
  constructor(port: Port, owner: RunOwner, options: PoolOptions | HostedPoolOptions) {
    const { instances, isFresh, each } = checkPoolOptions(options, port.stats().threads)
    this.#size = instances
    this.#isFresh = isFresh
    this.#program = owner.imports.name
    this.#starter = new PoolStarter(port, owner, each, 'pool')
  }

  /**
   * Calls a function of a free instance. Whatever the program does is an outcome.
   *
   * @throws {WasiexecError} (rejects) as {@link Instance.call}, and as {@link Program.instantiate} where no instance can be
   * made; `ERR_INSTANCE_CLOSED` once the pool is drained or disposed of; `ERR_INSTANCE_BUSY` in a host function, when all
   * instances wait for host functions that call the pool.
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
   * Takes no more calls, lets those that it has end, those that wait as well, and ends its instances. Resolves when they
   * have ended. There is no limit on the time but those of the calls; disposing of the pool aborts the calls that are
   * left. A host function that awaits this waits for its own call.
   *
   * @example
   * const calls = inputs.map((input) => pool.call('add', input, 1))
   * await pool.drain() // each of the calls has ended
   */
  async drain(): Promise<void> {
    const message = 'the pool takes no more calls: `drain` was called'
    this.#closed ??= new WasiexecError('ERR_INSTANCE_CLOSED', message)
    await new Promise<void>((resolve) => {
      this.#drained.push(resolve)
      this.#dispatch()
    })
    await Promise.all(this.#close())
  }

  /**
   * Aborts the calls of the pool and ends its instances. {@link drain} lets the calls end.
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
    const callers = this.#callers()
    if (callers.length > 0 && this.#isStuck(callers)) return Promise.reject(stuck(this.#size))
    return new Promise((resolve, reject) => {
      this.#waiting.add({ name, args, options, callers, resolve, reject })
      this.#dispatch()
    })
  }

  /** The instances in whose host functions the code is that runs now. */
  #callers(): readonly InstanceLink[] {
    let callers: InstanceLink[] | undefined
    for (const link of this.#busy) {
      if (link.state.hostCalls?.isInside === true) (callers ??= []).push(link)
    }
    return callers ?? NO_CALLERS
  }

  /** Whether all instances would wait for calls that have no instance, if host functions of these make one more. */
  #isStuck(callers: readonly InstanceLink[]): boolean {
    if (this.#busy.size < this.#size) return false
    const waits = (link: InstanceLink): boolean => callers.includes(link) || this.#waiting.has(link)
    return [...this.#busy].every(waits)
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
    if (this.#waiting.size + this.#busy.size > 0) return
    for (const resolve of this.#drained.splice(0)) resolve()
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
    let isUsed = true
    try {
      resolve(await startNamedCall(link, options, name, args))
    } catch (error) {
      isUsed = !isRefused(error)
      reject(error)
    }
    this.#finished += 1
    this.#busy.delete(link)
    if (this.#isFresh && isUsed) this.#retire(link)
    if (!link.state.isOver) this.#free.push(link)
    else if (this.#disposed === undefined) {
      this.#replaced += 1
      // The next call finds one.
      if (this.#closed === undefined) void this.#start()
    }
    this.#dispatch()
  }

  #retire(link: InstanceLink): void {
    if (link.state.isOver) return
    link.dispose()
    this.#leaving.add(link)
    void link.state.ending.then(() => this.#leaving.delete(link))
  }

  async #start(): Promise<void> {
    this.#starting += 1
    try {
      const { link } = await this.#starter.start()
      if (this.#disposed === undefined) this.#free.push(link)
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
    this.#disposed ??= new WasiexecError('ERR_INSTANCE_CLOSED', 'the pool was disposed of')
    this.#closed ??= this.#disposed
    while (this.#waiting.size > 0) this.#waiting.take()!.resolve(neverStarted(this.#disposed))
    const links = [...this.#free.splice(0), ...this.#busy]
    for (const link of links) link.dispose()
    const ending = [...links, ...this.#leaving].map((link) => link.state.ending)
    return [...ending, ...this.#starter.abort()]
  }
}

const NO_CALLERS: readonly InstanceLink[] = []

/** The error for a call that would never have an instance. */
function stuck(size: number): WasiexecError {
  const all = size === 1 ? 'its instance waits' : `each of its ${size} instances waits`
  const message = `a host function cannot call its own pool when ${all} for such a function; give the pool more \`instances\``
  return new WasiexecError('ERR_INSTANCE_BUSY', message)
}

/** Whether a call was not made because of its name or its arguments. */
function isRefused(error: unknown): boolean {
  return error instanceof WasiexecError && error.code === 'ERR_INVALID_CALL'
}
