import { AsyncResource } from 'node:async_hooks'
import { invalid, omit } from '../check.ts'
import { instantiations, limitsOf, type InstantiateMessage } from '../diagnostics.ts'
import type { Imports } from '../imports.ts'
import {
  encodeInput,
  encodeRunOptions,
  encodeShared,
  type LocalOptions,
} from '../port/encode-options.ts'
import { Encoder, OPTIONS_BYTES } from '../encoder.ts'
import type { Port } from '../port/port.ts'
import type { RunOwner } from '../port/run-target.ts'
import type { InstantiateOptions } from './instance.ts'
import { checkCollectsNothing, start, type Started } from './start.ts'
import type { InstanceState } from './state.ts'

/**
 * The options of each instance of a pool. Stdin cannot be a stream, which is read once.
 *
 * @example
 * const options: PoolInstanceOptions = { env: { TZ: 'UTC' }, limits: { timeoutMs: 1000 } }
 * const pool = program.pool({ ...options, instances: 4 })
 */
export interface PoolInstanceOptions extends Omit<InstantiateOptions, 'stdin'> {
  stdin?: string | Uint8Array | 'inherit' | 'empty' | undefined
}

/** The options of each instance of a pool that provides functions which the program imports. */
export interface HostedPoolInstanceOptions extends Omit<PoolInstanceOptions, 'imports'> {
  /** As for a run. The functions are called during all calls of all instances. */
  imports: Imports
}

/** Makes instances with the same options, which are read once. */
export class PoolStarter {
  readonly #port: Port
  readonly #owner: RunOwner
  readonly #encoded = new Encoder(OPTIONS_BYTES)
  readonly #local: LocalOptions
  readonly #making = new Set<InstanceState>()
  /** Host functions are called in it: an instance has calls of many callers. */
  readonly #context: AsyncResource
  /** What subscribers are told of each instance. */
  readonly #message: InstantiateMessage

  /** @throws {WasiexecError} `ERR_INVALID_OPTION`. */
  constructor(
    port: Port,
    owner: RunOwner,
    given: PoolInstanceOptions | HostedPoolInstanceOptions,
    method: 'pool' | 'batch',
    context: AsyncResource = new AsyncResource('wasiexec:pool'),
  ) {
    this.#context = context
    this.#port = port
    this.#owner = owner
    const { signal } = given
    const options = omit(given, ['signal'])
    if (signal !== undefined && !(signal instanceof AbortSignal)) {
      throw invalid('signal', 'an AbortSignal', signal)
    }
    const local = encodeRunOptions(options, this.#encoded, 'defaults')
    checkCollectsNothing(local, options)
    encodeShared(local, this.#encoded)
    if (local.input !== undefined) encodeInput(local.input, this.#encoded)
    this.#local = { ...local, signal, input: undefined }
    this.#message = { program: owner.imports.name, method, limits: limitsOf(options) }
  }

  start(): Promise<Started> {
    if (!instantiations.isObserved) return this.#start()
    return instantiations.until(
      { ...this.#message },
      () => this.#start(),
      ({ initialization }) => ({ outcome: initialization }),
    )
  }

  #start(): Promise<Started> {
    const encoded = new Encoder(this.#encoded.length)
    encoded.append(this.#encoded)
    const closed = this.#owner.closeReason ?? this.#port.closeReason
    if (closed !== undefined) return Promise.reject(closed)
    const prepared = { encoded, local: this.#local, source: undefined }
    return this.#context.runInAsyncScope(() =>
      start(this.#port, this.#owner, prepared, this.#making),
    )
  }

  /** Ends the instances that are being made; {@link start} rejects for them. Returns when each of them has ended. */
  abort(): Promise<void>[] {
    return [...this.#making].map((state) => {
      state.dispose()
      return state.ending
    })
  }
}
