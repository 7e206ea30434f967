import type { AsyncResource } from 'node:async_hooks'
import { isNativeError } from 'node:util/types'
import { checkOptionsObject, invalid } from '../check.ts'
import type { Delivery } from '../port/records.ts'
import { Encoder, OPTIONS_BYTES } from '../encoder.ts'
import {
  encodeInput,
  encodeRunOptions,
  encodeShared,
  type LocalOptions,
  type SharedLocal,
} from '../port/encode-options.ts'
import { runs } from '../diagnostics.ts'
import { WasiexecError } from '../errors.ts'
import { bindImports, type BoundFunction } from '../imports.ts'
import { neverStarted, type AnyOutcome } from '../outcome.ts'
import { StdinReader } from '../port/stdin.ts'
import { HostCalls } from '../port/host-calls.ts'
import type { Port } from '../port/port.ts'
import type { AnyRunOptions } from '../port/prepared.ts'
import type { RunOwner, RunTarget } from '../port/run-target.ts'
import { PoolStarter, type PoolInstanceOptions } from '../instance/pool-starter.ts'
import { Calls, CALL_SLOTS } from './calls.ts'
import { LazyResult, type PendingResult } from './lazy-result.ts'
import type { CallJob, Job } from './options.ts'
import { Slots } from './slots.ts'

/** Where a batch runs, and what its jobs may run. */
export interface BatchPlace {
  readonly port: Port
  readonly owner: RunOwner
  /** The context in which the batch was made, and not that of a job that has ended. */
  readonly context: AsyncResource
  /** @throws {WasiexecError} when it is not a program, or one of another runtime. */
  ownerOf(program: unknown): RunOwner
}

/** What {@link Jobs} asks of its batch, and reports to it. */
export interface JobEvents {
  /** The reason with which the batch aborted its runs, once it has. */
  aborted(): { reason: unknown } | undefined
  ended(result: PendingResult): void
  /** The batch's own program or its runtime was closed. */
  closed(reason: WasiexecError): void
}

/** The jobs of a batch that are in the core. */
export class Jobs {
  readonly #place: BatchPlace
  readonly #events: JobEvents
  readonly #shared: Encoder = new Encoder(OPTIONS_BYTES)
  readonly #sharedLocal: SharedLocal
  readonly #scratch: Encoder = new Encoder(OPTIONS_BYTES)
  readonly #slots = new Slots()
  /** The host functions that all jobs share, for each program. */
  readonly #functions = new Map<RunOwner, readonly BoundFunction[]>()
  /** The calls of host functions of jobs that have made any. */
  readonly #hostCalls = new Map<number, HostCalls>()
  readonly #defaults: AnyRunOptions
  readonly #fresh: boolean
  #calls: Calls | undefined
  #concurrency = 1
  #number = 0
  #special = 0
  /** Bytes of stdin and of files that these jobs hold. */
  inputBytes = 0

  /** @throws {WasiexecError} `ERR_INVALID_OPTION`. */
  constructor(place: BatchPlace, defaults: AnyRunOptions, fresh: boolean, events: JobEvents) {
    this.#place = place
    this.#events = events
    this.#defaults = defaults
    this.#fresh = fresh
    const { input, stdout, stderr, imports } = encodeRunOptions(defaults, this.#shared, 'defaults')
    if (input !== undefined) encodeInput(input, this.#shared)
    this.#sharedLocal = { stdout, stderr, imports }
  }

  get count(): number {
    return this.#slots.count + this.#special + (this.#calls?.count ?? 0)
  }

  open(concurrency: number): void {
    const { port } = this.#place
    this.#concurrency = concurrency
    this.#number = port.openBatch(this, concurrency, this.#shared)
  }

  close(): void {
    this.#place.port.closeBatch(this.#number)
    this.#calls?.close()
  }

  abort(reason: unknown): void {
    this.#place.port.abortBatch(this.#number)
    this.#calls?.abort(reason)
  }

  /** Reports that this many bytes of output have been read. */
  outputRead(bytes: number): void {
    this.#place.port.batchRead(this.#number, bytes)
  }

  /** Why the batch's own program can no longer be run; undefined while it can. */
  get closeReason(): WasiexecError | undefined {
    return this.#place.owner.closeReason ?? this.#place.port.closeReason
  }

  /** Submits a job; its result may arrive before this returns. */
  submit(index: number, job: unknown): void {
    let id: unknown
    try {
      id = (job as Job | null | undefined)?.id
      this.#submit(index, id, job)
    } catch (error) {
      this.#events.ended({ index, id, error: toWasiexecError(error) })
    }
  }

  /** The run in a slot has ended; called by the port. */
  ended(slot: number, delivery: Delivery): void {
    if (slot >= CALL_SLOTS) {
      this.#calls?.ended(slot - CALL_SLOTS, delivery)
      if (this.#slots.count + this.#special > 0) this.#calls?.makeRoom()
      return
    }
    const owner = this.#slots.owner(slot)
    if (owner === undefined) return
    const index = this.#slots.index(slot)
    const id = this.#slots.id(slot)
    this.inputBytes -= this.#slots.inputBytes(slot)
    this.#slots.release(slot)
    const failure = this.#endCalls(slot)
    // With files it is read at once: how much it holds is counted by these.
    if (delivery.isExit && !delivery.hasSections) {
      this.#events.ended(new LazyResult(index, id, delivery))
      return
    }
    this.#events.ended(
      delivery.isFault
        ? { index, id, error: delivery.fault }
        : {
            index,
            id,
            outcome: delivery.outcome(
              delivery.isAbort ? this.#reason(owner) : undefined,
              false,
              failure,
            ),
          },
    )
  }

  /** The calls of host functions that the job in a slot makes; called by the port. */
  hostCalls(slot: number, id: number): HostCalls | undefined {
    const known = this.#hostCalls.get(slot)
    if (known !== undefined) return known
    const owner = this.#slots.owner(slot)
    const functions = owner && this.#functions.get(owner)
    if (functions === undefined) return undefined
    const { port, context } = this.#place
    const calls = new HostCalls(port, id, functions, false, context)
    this.#hostCalls.set(slot, calls)
    return calls
  }

  #endCalls(slot: number): HostCalls['failure'] {
    if (this.#hostCalls.size === 0) return undefined
    const calls = this.#hostCalls.get(slot)
    calls?.end()
    this.#hostCalls.delete(slot)
    return calls?.failure
  }

  /** A program or a runtime was closed; called by the port. */
  closed(): void {
    const reason = this.closeReason
    if (reason !== undefined) this.#events.closed(reason)
  }

  #submit(index: number, id: unknown, job: unknown): void {
    checkJob(job)
    const { error, program } = job
    if (error !== undefined) throw jobError(error)
    if ((job as Partial<CallJob>).call !== undefined) {
      this.#callsOf().submit(index, id, job)
      return
    }
    const { port } = this.#place
    const owner = program === undefined ? this.#place.owner : this.#place.ownerOf(program)
    const encoded = this.#scratch
    encoded.clear()
    const shared = this.#sharedLocal
    encodeShared(shared, encoded)
    const local = encodeRunOptions(job, encoded, 'job', shared)
    // Checked only now: getters of the job may have closed or aborted something.
    const closed = owner.closeReason ?? port.closeReason
    if (closed !== undefined) throw closed
    const aborted = this.#events.aborted()
    if (aborted !== undefined) {
      this.#events.ended({ index, id, outcome: neverStarted(aborted.reason, local.collects) })
      return
    }
    const { input, imports } = local
    const hasOwnImports = imports !== shared.imports
    if ((local.signal ?? local.stdin ?? local.stdout ?? local.stderr) || hasOwnImports) {
      this.#start(index, id, owner, local)
      return
    }
    const isHosted = imports !== undefined
    if (isHosted && !this.#functions.has(owner)) {
      this.#functions.set(owner, bindImports(imports, owner.imports))
    }
    port.submitJob(this.#number, this.#slots.next, owner.handle, encoded, input, isHosted)
    // Only after the submission, which throws for input that is too large.
    const inputBytes = (input?.length ?? 0) + local.filesBytes
    this.#slots.take(index, id, owner, inputBytes)
    this.inputBytes += inputBytes
    this.#calls?.makeRoom()
  }

  /** Starts a job that has a signal or streams of its own as an ordinary run. */
  #start(index: number, id: unknown, owner: RunOwner, local: LocalOptions): void {
    const encoded = new Encoder(this.#scratch.length)
    encoded.append(this.#scratch)
    const source = local.stdin && new StdinReader(local.stdin)
    const inputBytes = (local.input?.length ?? 0) + local.filesBytes
    const ended = (end: { outcome: AnyOutcome } | { error: WasiexecError }): void => {
      this.#special -= 1
      this.inputBytes -= inputBytes
      this.#events.ended({ index, id, ...end })
    }
    const { handle, imports } = owner
    const reason = (): unknown => this.#reason(owner)
    const target: RunTarget = {
      handle,
      imports,
      get closeReason() {
        return reason()
      },
    }
    const { port, context } = this.#place
    const start = (): Promise<AnyOutcome> =>
      port.start(target, { encoded, local, source }, this.#number)
    // A job that is observed starts in a context of its own.
    const run = runs.isObserved ? start() : context.runInAsyncScope(start)
    this.#special += 1
    this.inputBytes += inputBytes
    this.#calls?.makeRoom()
    run.then(
      (outcome) => ended({ outcome }),
      (error: WasiexecError) => ended({ error }),
    )
  }

  /** The instances of the batch, which are made for its first call. */
  #callsOf(): Calls {
    if (this.#calls !== undefined) return this.#calls
    const { port, owner, context } = this.#place
    const { aborted, ended } = this.#events
    // A slot is left for what else is run.
    const most = Math.max(1, port.stats().maxConcurrentRuns - 1)
    const options = this.#defaults as PoolInstanceOptions
    this.#calls = new Calls({
      port,
      owner,
      context,
      starter: new PoolStarter(port, owner, options, 'batch', context),
      instances: Math.min(this.#concurrency, most),
      fresh: this.#fresh,
      batch: this.#number,
      aborted,
      ended: (index, id, end) => {
        if ('outcome' in end) ended({ index, id, outcome: end.outcome })
        else ended({ index, id, error: toWasiexecError(end.error) })
      },
    })
    return this.#calls
  }

  #reason(owner: RunOwner): unknown {
    const aborted = this.#events.aborted()
    return aborted === undefined
      ? (owner.closeReason ?? this.#place.port.closeReason)
      : aborted.reason
  }
}

function checkJob(job: unknown): asserts job is Job {
  // A promise, or what is like one, would look like a job without options.
  if (typeof (job as Partial<Promise<unknown>> | null)?.then === 'function') {
    throw invalid('job', 'an object (await it first, or use an async iterable)', job)
  }
  checkOptionsObject('job', job)
}

/** The error in the result of a job that came with one. */
function jobError(error: unknown): WasiexecError {
  if (error instanceof WasiexecError) return error
  // Jest runs code in a realm of its own, where errors of Node are not instances of `Error`.
  if (!(error instanceof Error || isNativeError(error))) return invalid('error', 'an Error', error)
  return new WasiexecError('ERR_JOB', `the job could not be made: ${error.message}`, {
    cause: error,
  })
}

/** A getter of the job may throw anything. */
function toWasiexecError(error: unknown): WasiexecError {
  if (error instanceof WasiexecError) return error
  const reason = error instanceof Error ? error.message : 'it threw something that is not an Error'
  const message = `a job could not be read: ${reason}`
  return new WasiexecError('ERR_INVALID_OPTION', message, { cause: error })
}
