import { Buffer } from 'node:buffer'
import { Delivery, RECORD_FIELDS } from './records.ts'
import { encodeInput, encodeRunOptions, type LocalOptions } from './encode-options.ts'
import { Encoder, OPTIONS_BYTES } from './encoder.ts'
import { fromNative, type WasiexecError } from '../errors.ts'
import { endOf, Instances, type PortCall, type PortInstance } from './instances.ts'
import { native, type LoadRequest, type NativePort, type PortOptions } from './native.ts'
import type { RunOptions } from '../options.ts'
import { isOutcome, neverStarted, type CallOutcome, type Outcome } from '../outcome.ts'
import { OPERATION, RECORD, RUN_FLAG, SECTION } from '../protocol.ts'
import type { RuntimeStats } from '../stats.ts'
import type { RunTarget } from './run-target.ts'
import { ShortWait } from './short-wait.ts'
import { Signals } from './signals.ts'
import { NUMBER_BYTES } from './numbers.ts'
import { StdinReader } from './stdin.ts'
import { Pipes, type PipeEvents } from './pipes.ts'
import { Submission } from './operations.ts'

/** Buffers of the first size that wait for the next runs, so that not each run makes one. */
const spare: Encoder[] = []
const MAX_SPARE = 64

/** How long `runSync` stays in the core at a time. */
const TURN_MS = 50

/** Output of `runSync` up to this size comes in one buffer that is used again, and is copied. */
const OUTPUT_BYTES = 4096
/** How long one call is waited for before the event loop goes on. */
const SHORT_WAIT_US = 20

/** A function has at most 1,000 parameters. */
const ARGUMENTS_BYTES = 1000 * NUMBER_BYTES + OPTIONS_BYTES
const NO_OPTIONS = { buffer: new Uint8Array(), length: 0 }

/** A program, for its runs. */
export interface RunOwner extends RunTarget {
  readonly closeReason: WasiexecError | undefined
}

/** A run's options, checked and encoded. */
export interface Prepared {
  readonly encoded: Encoder
  readonly local: LocalOptions
  readonly source: StdinReader | undefined
}

/**
 * Checks and encodes the options of a run, in a buffer of their own: a getter of the caller's may start
 * another run, which writes to the submission.
 *
 * @throws {WasiexecError} `ERR_INVALID_OPTION`.
 */
export function prepareRun(options: RunOptions): Prepared {
  const encoded = spare.pop() ?? new Encoder(OPTIONS_BYTES)
  const local = encodeRunOptions(options, encoded, 'run')
  return { encoded, local, source: local.stdin && new StdinReader(local.stdin) }
}

/** The same for `runSync`. */
function encodeSync(options: RunOptions): Encoder {
  const encoded = spare.pop() ?? new Encoder(OPTIONS_BYTES)
  const { input } = encodeRunOptions(options, encoded, 'sync')
  if (input !== undefined) encodeInput(input, encoded)
  return encoded
}

/**
 * Checks the options of a run. Neither reads from a stream nor listens to it.
 *
 * @throws {WasiexecError} `ERR_INVALID_OPTION`.
 */
export function checkRun(options: RunOptions): void {
  const encoded = spare.pop() ?? new Encoder(OPTIONS_BYTES)
  encodeRunOptions(options, encoded, 'run')
  giveBack(encoded)
}

function hasStreams({ stdin, stdout, stderr }: LocalOptions): boolean {
  return (stdin ?? stdout ?? stderr) !== undefined
}

function giveBack(encoded: Encoder): void {
  if (encoded.capacity !== OPTIONS_BYTES || spare.length === MAX_SPARE) return
  encoded.clear()
  spare.push(encoded)
}

/** What waits for a record. */
interface Waiting {
  resolve(value: unknown): void
  reject(error: unknown): void
  /** Keeps the program's code while it runs. */
  target: RunTarget | undefined
  signal: AbortSignal | undefined
  /** Whether the signal was the first to abort it. */
  isSignals?: boolean
  streams: Pipes | undefined
  /** Makes what it resolves to of a record of a call. */
  read?: (delivery: Delivery, abortReason: unknown) => unknown
}

/** Who hears of the jobs of a batch. */
interface BatchJobs {
  ended(slot: number, delivery: Delivery): void
  /** A program or the runtime was closed. */
  closed(): void
}

/** Ids from here on are those of batches' jobs: the batch's number times this, plus the slot. */
const BATCH_IDS = 2 ** 32

/** Ports with records to come; others may be garbage-collected, once their programs are. */
const busy = new Set<Port>()

/**
 * One connection to the core. What is asked for in one turn of the event loop crosses in one call, and what has
 * ended since the last delivery comes back in one.
 */
export class Port implements PipeEvents {
  readonly #native: NativePort
  readonly #waiting = new Map<number, Waiting>()
  readonly #submission = new Submission()
  readonly #signals = new Signals((runs) => {
    for (const id of runs) {
      this.#add(OPERATION.abort, id)
      const waiting = this.#waiting.get(id)
      if (waiting !== undefined) waiting.isSignals = this.#closeReason(waiting.target) === undefined
      this.#instances.signalled(id)
    }
    this.#flush()
  })
  readonly #instances = new Instances()
  /** By their numbers; there is no batch 0. */
  readonly #batches: (BatchJobs | undefined)[] = []
  /** Where the core writes how a {@link runSync} ended. */
  readonly #record = new Float64Array(RECORD_FIELDS)
  readonly #output = Buffer.allocUnsafeSlow(OUTPUT_BYTES)
  /** Where the core reads what a {@link callSync} passes. */
  readonly passed: Buffer = Buffer.allocUnsafeSlow(ARGUMENTS_BYTES)
  /** The snapshots that are being taken, and of which programs. */
  readonly #snapshots = new Map<number, RunOwner>()
  /** Records that are waited for. */
  #awaited = 0
  #lastId = 0
  #flushing = false
  readonly #shortWait = new ShortWait()
  /** Why runs are aborted, once the runtime is closed. */
  closeReason: WasiexecError | undefined

  /** Without options: the connection to the process's shared runtime. */
  constructor(options: PortOptions | undefined) {
    // Weakly: the core holds the function for as long as the port lives.
    const self = new WeakRef(this)
    const receive = (records: Float64Array, bytes: Uint8Array): void => {
      const port = self.deref()
      if (port !== undefined) port.#receive(records, bytes)
    }
    try {
      const { BindingPort } = native
      this.#native = new BindingPort(options, receive, this.#record, this.#output, this.passed)
    } catch (error) {
      throw fromNative(error)
    }
  }

  run(owner: RunOwner, options: RunOptions | undefined): Promise<Outcome> {
    try {
      return this.start(owner, options === undefined ? undefined : prepareRun(options))
    } catch (error) {
      return Promise.reject(error)
    }
  }

  /** @param batch The number of the batch that it belongs to. */
  start(target: RunTarget, prepared: Prepared | undefined, batch = 0): Promise<Outcome> {
    const local = prepared?.local
    const signal = local?.signal
    const id = this.#nextId()
    // Before the run is queued: it may throw.
    const streams =
      local && hasStreams(local) ? new Pipes(this, id, local, prepared?.source) : undefined
    if (signal?.aborted === true) {
      streams?.end()
      return Promise.resolve(neverStarted(signal.reason))
    }
    const flags = (signal ? RUN_FLAG.abortable : 0) | (streams ? RUN_FLAG.piped : 0)
    this.#addPrepared(OPERATION.run, id, target.handle, prepared, flags, batch)
    if (signal !== undefined) this.#signals.add(signal, id)
    return new Promise<Outcome>((resolve, reject) => {
      this.#wait(id, { resolve: resolve as Waiting['resolve'], reject, target, signal, streams })
    })
  }

  /** Begins to make an instance of a program; returns its number. */
  instantiate(instance: PortInstance, prepared: Prepared): number {
    const { local, source } = prepared
    const number = this.#nextId()
    // Before it is queued: it may throw.
    const streams = hasStreams(local) ? new Pipes(this, number, local, source) : undefined
    const { signal, handle } = instance
    const flags = (signal ? RUN_FLAG.abortable : 0) | (streams ? RUN_FLAG.piped : 0)
    this.#addPrepared(OPERATION.instantiate, number, handle, prepared, flags)
    if (signal !== undefined) this.#signals.add(signal, number)
    this.#instances.add(number, instance, streams)
    this.#await()
    return number
  }

  /** Aborts an instance; {@link PortInstance.ended} is called later. */
  closeInstance(number: number): void {
    if (!this.#instances.has(number)) return
    this.#add(OPERATION.closeInstance, number)
    this.#flush()
    if (this.#instances.awaitEnd(number)) this.#await()
  }

  /** Queues a call behind the calls of its instance. */
  call(number: number, call: PortCall): Promise<CallOutcome> {
    const { payload, signal } = call
    const id = this.#nextId()
    const { bytes } = this.#submission
    const start = bytes.length
    bytes.append(payload)
    const flags = signal ? RUN_FLAG.abortable : 0
    this.#add(OPERATION.call, id, number, start, payload.length, flags, call.function)
    if (signal !== undefined) this.#signals.add(signal, id)
    return new Promise<CallOutcome>((resolve, reject) => {
      this.#wait(id, {
        resolve: resolve as Waiting['resolve'],
        reject,
        target: call.instance,
        signal,
        streams: undefined,
        read: call.read,
      })
    })
  }

  /**
   * Calls a function with what the first bytes of {@link passed} are; what is returned is to be read before anything else is
   * done.
   */
  callSync(instance: number, called: number, length: number): Delivery {
    this.#flush()
    try {
      return this.#waitSync(this.#native.callSync(instance, called, length, TURN_MS))
    } catch (error) {
      throw fromNative(error)
    }
  }

  /** Reads or writes memory or globals of an instance. */
  access<T>(use: (port: NativePort) => T): T {
    this.#flush()
    try {
      return use(this.#native)
    } catch (error) {
      throw fromNative(error)
    }
  }

  /** Returns the number of a new batch, whose jobs have these options unless they give others. */
  openBatch(jobs: BatchJobs, concurrency: number, options: Encoder): number {
    let number = 1
    while (this.#batches[number] !== undefined) number += 1
    this.#batches[number] = jobs
    const { bytes } = this.#submission
    const start = bytes.length
    bytes.append(options)
    this.#add(OPERATION.openBatch, number, concurrency, start, options.length)
    return number
  }

  submitJob(
    batch: number,
    slot: number,
    handle: number,
    options: Encoder,
    input: string | Uint8Array | undefined,
  ): void {
    const { bytes } = this.#submission
    const start = bytes.length
    bytes.append(options)
    if (input !== undefined) encodeInput(input, bytes)
    const id = batch * BATCH_IDS + slot
    this.#add(OPERATION.run, id, handle, start, bytes.length - start, 0, batch)
    this.#await()
  }

  submitCall(
    batch: number,
    slot: number,
    instance: number,
    called: number,
    payload: Encoder,
  ): void {
    const { bytes } = this.#submission
    const start = bytes.length
    bytes.append(payload)
    const id = batch * BATCH_IDS + slot
    this.#add(OPERATION.call, id, instance, start, payload.length, 0, called)
    this.#await()
  }

  /** Reports that this many bytes of the output of its jobs have been read. */
  batchRead(batch: number, bytes: number): void {
    this.#add(OPERATION.batchRead, batch, bytes)
  }

  abortBatch(batch: number): void {
    this.#add(OPERATION.abortBatch, batch)
    this.#flush()
  }

  /** To be called when all jobs of the batch have ended. */
  closeBatch(batch: number): void {
    this.#batches[batch] = undefined
    this.#add(OPERATION.closeBatch, batch)
  }

  runSync(owner: RunOwner, options: RunOptions | undefined): Outcome {
    const encoded = options === undefined ? undefined : encodeSync(options)
    this.#flush()
    const { buffer, length: used } = encoded ?? NO_OPTIONS
    try {
      const delivery = this.#waitSync(this.#native.runSync(owner.handle, buffer, used, TURN_MS))
      if (delivery.isFault) throw delivery.fault
      return delivery.outcome(this.#closeReason(owner))
    } catch (error) {
      throw fromNative(error)
    } finally {
      if (encoded !== undefined) giveBack(encoded)
    }
  }

  /** Waits for the record of what was begun, whose first turn returned `length`. */
  #waitSync(length: number): Delivery {
    const port = this.#native
    let bytes = length
    // In turns, because a thread can be terminated only between two calls.
    while (bytes < 0) bytes = port.waitSync(TURN_MS)
    const delivery = new Delivery(
      this.#record,
      bytes > OUTPUT_BYTES ? port.takeSync() : this.#output,
    )
    delivery.next()
    return delivery
  }

  /** Returns the program's handle and its description. */
  async load(request: LoadRequest): Promise<[number, unknown]> {
    const id = this.#nextId()
    const loaded = this.#answer(id)
    this.#native.load(id, request)
    return [id, await loaded]
  }

  loadSync(request: LoadRequest): [number, unknown] {
    const id = this.#nextId()
    try {
      return [id, JSON.parse(this.#native.loadSync(id, request))]
    } catch (error) {
      throw fromNative(error)
    }
  }

  /**
   * Takes a snapshot. Returns the handle of the program that it is and its description, or how the program ended
   * before.
   */
  async snapshot(
    owner: RunOwner,
    { encoded, local }: Prepared,
    call: string | undefined,
    load: LoadRequest['options'],
  ): Promise<[number, unknown] | Outcome> {
    const id = this.#nextId()
    const { signal } = local
    const options = encoded.buffer.subarray(0, encoded.length)
    const taken = new Promise<unknown>((resolve, reject) => {
      this.#wait(id, { resolve, reject, target: owner, signal: undefined, streams: undefined })
    })
    let abort = (): void => {}
    const givenUp = new Promise<never>((_, reject) => {
      abort = () => {
        this.#native.abortSnapshot(id)
        reject(signal?.reason)
        // What comes too late is not wanted.
        taken.then(
          (result) => isOutcome(result) || this.dispose(id),
          () => {},
        )
      }
    })
    this.#native.snapshot(id, owner.handle, options, call ?? null, load)
    giveBack(encoded)
    this.#snapshots.set(id, owner)
    signal?.addEventListener('abort', abort)
    try {
      const result = await Promise.race([taken, givenUp])
      return isOutcome(result) ? result : [id, result]
    } finally {
      signal?.removeEventListener('abort', abort)
      this.#snapshots.delete(id)
    }
  }

  /** Returns a program's binary. */
  async wasm(handle: number): Promise<Buffer> {
    const id = this.#nextId()
    const copied = this.#answer(id)
    this.#native.wasm(id, handle)
    return (await copied) as Buffer
  }

  /** Returns what the core can tell of a program. */
  async inspect(handle: number): Promise<unknown> {
    const id = this.#nextId()
    const inspected = this.#answer(id)
    this.#native.inspect(id, handle)
    return inspected
  }

  /** Returns a program with its code, as a file. */
  async serialize(handle: number): Promise<Buffer> {
    const id = this.#nextId()
    const serialized = this.#answer(id)
    this.#native.serialize(id, handle)
    return (await serialized) as Buffer
  }

  /** The program was garbage-collected. */
  release(handle: number): void {
    this.#add(OPERATION.release, handle)
  }

  /** The program was disposed of: its runs are aborted now. */
  dispose(handle: number): void {
    this.#add(OPERATION.dispose, handle)
    this.#flush()
    this.#abortSnapshots((owner) => owner.handle === handle)
    for (const batch of this.#batches) batch?.closed()
  }

  pushStdin(id: number, chunk: Uint8Array): void {
    const { bytes } = this.#submission
    const start = bytes.length
    bytes.raw(chunk)
    this.#add(OPERATION.stdinChunk, id, 0, start, chunk.length)
  }

  endStdin(id: number): void {
    this.#add(OPERATION.stdinEnd, id)
  }

  outputTaken(id: number, stream: number, bytes: number): void {
    this.#add(OPERATION.outputTaken, id, stream, bytes)
  }

  outputClosed(id: number, stream: number): void {
    this.#add(OPERATION.outputClosed, id, stream)
  }

  stats(): RuntimeStats {
    this.#flush()
    return this.#native.stats() as RuntimeStats
  }

  async close(reason: WasiexecError): Promise<void> {
    this.closeReason = reason
    this.#flush()
    this.#abortSnapshots(() => true)
    const id = this.#nextId()
    const closed = this.#answer(id)
    this.#native.close(id)
    for (const batch of this.#batches) batch?.closed()
    await closed
  }

  #abortSnapshots(which: (owner: RunOwner) => boolean): void {
    for (const [id, owner] of this.#snapshots) if (which(owner)) this.#native.abortSnapshot(id)
  }

  #nextId(): number {
    return (this.#lastId += 1)
  }

  #answer(id: number): Promise<unknown> {
    return new Promise((resolve, reject) => {
      this.#wait(id, { resolve, reject, target: undefined, signal: undefined, streams: undefined })
    })
  }

  #wait(id: number, waiting: Waiting): void {
    this.#waiting.set(id, waiting)
    this.#await()
  }

  /** Keeps the process alive until the record has come. */
  #await(): void {
    this.#awaited += 1
    if (this.#awaited > 1) return
    busy.add(this)
    this.#native.hold(true)
  }

  #arrived(): void {
    this.#awaited -= 1
    if (this.#awaited > 0) return
    this.#native.hold(false)
    busy.delete(this)
  }

  #settle(id: number): Waiting | undefined {
    const waiting = this.#waiting.get(id)
    if (waiting === undefined) return undefined
    this.#waiting.delete(id)
    this.#arrived()
    if (waiting.signal !== undefined) this.#signals.delete(waiting.signal, id)
    return waiting
  }

  /** Adds an operation with the options of a run. */
  #addPrepared(
    kind: number,
    id: number,
    handle: number,
    prepared: Prepared | undefined,
    flags: number,
    batch = 0,
  ): void {
    const { bytes } = this.#submission
    const start = bytes.length
    if (prepared !== undefined) {
      bytes.append(prepared.encoded)
      giveBack(prepared.encoded)
      const { input } = prepared.local
      if (input !== undefined) encodeInput(input, bytes)
    }
    this.#add(kind, id, handle, start, bytes.length - start, flags, batch)
  }

  #add(kind: number, id: number, argument = 0, offset = 0, length = 0, flags = 0, batch = 0): void {
    this.#submission.add(kind, id, argument, offset, length, flags, batch)
    if (this.#flushing) return
    this.#flushing = true
    // After all promise reactions of this turn: the widest batch without waiting for anything.
    process.nextTick(this.#flushTurn)
  }

  readonly #flush = (): void => {
    this.#flushing = false
    if (!this.#submission.isEmpty) this.#submission.sendTo(this.#native)
  }

  /** The same at the end of a turn of the event loop. */
  readonly #flushTurn = (): void => {
    // If nothing else can arrive, and the call is likely to be short, it is not slept for.
    const isAlone = this.#awaited === 1 && this.#submission.isOnly(OPERATION.call)
    if (!isAlone || !this.#shortWait.pays()) {
      this.#flush()
      return
    }
    this.#flushing = false
    const length = this.#submission.sendCallTo(this.#native, SHORT_WAIT_US)
    this.#shortWait.waited(length >= 0)
    if (length >= 0) this.#receive(this.#record, this.#output)
  }

  #receive(records: Float64Array, bytes: Uint8Array): void {
    const delivery = new Delivery(records, bytes)
    while (delivery.next()) this.#accept(delivery)
  }

  #accept(delivery: Delivery): void {
    const { id } = delivery
    switch (delivery.kind) {
      case RECORD.ask:
        this.#streams(id)?.ask()
        return
      case RECORD.output:
        this.#streams(id)?.write(delivery.code, delivery.section(SECTION.bytes))
        return
      case RECORD.loaded:
        this.#settle(id)?.resolve(delivery.json(SECTION.program))
        return
      case RECORD.bytes:
        this.#settle(id)?.resolve(delivery.section(SECTION.bytes))
        return
      case RECORD.instantiated:
        if (this.#instances.made(id, delivery)) this.#arrived()
        return
      case RECORD.closed:
        this.#settle(id)?.resolve(undefined)
        return
      default:
        this.#end(delivery)
    }
  }

  /** A run has ended, or what else was waited for. */
  #end(delivery: Delivery): void {
    const { id } = delivery
    if (id >= BATCH_IDS) {
      this.#arrived()
      this.#batches[Math.floor(id / BATCH_IDS)]?.ended(id % BATCH_IDS, delivery)
      return
    }
    if (this.#endInstance(id, delivery)) return
    const waiting = this.#settle(id)
    if (waiting === undefined) return
    const { target, signal, streams } = waiting
    try {
      const reason = waiting.isSignals ? signal?.reason : this.#closeReason(target)
      if (waiting.read !== undefined) {
        waiting.resolve(waiting.read(delivery, reason))
        return
      }
      const failure = streams?.end()
      if (delivery.kind === RECORD.fault) throw delivery.fault
      if (failure !== undefined) throw failure
      waiting.resolve(delivery.outcome(reason))
    } catch (error) {
      // Pipes and reasons are code of the caller's; the other records must arrive all the same.
      waiting.reject(error)
    }
  }

  /** If the record is the end of an instance: tells the instance. */
  #endInstance(id: number, delivery: Delivery): boolean {
    const known = this.#instances.remove(id)
    if (known === undefined) return false
    const { instance, awaited } = known
    if (awaited) this.#arrived()
    if (instance.signal !== undefined) this.#signals.delete(instance.signal, id)
    try {
      instance.ended(endOf(known, delivery, this.#closeReason(instance)))
    } catch (error) {
      // Pipes and reasons are code of the caller's, as for runs.
      instance.ended({ error })
    }
    return true
  }

  #streams(id: number): Pipes | undefined {
    return this.#waiting.get(id)?.streams ?? this.#instances.streams(id)
  }

  #closeReason(target: RunTarget | undefined): unknown {
    const reason = target?.closeReason
    return reason === undefined ? this.closeReason : reason
  }
}
