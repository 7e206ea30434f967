import { Buffer } from 'node:buffer'
import { CallerWait, OUTPUT_BYTES } from './caller-wait.ts'
import { encodeInput } from './encode-options.ts'
import { OPTIONS_BYTES, type Encoder } from '../encoder.ts'
import { fromNative, WasiexecError } from '../errors.ts'
import {
  bindImports,
  type BoundFunction,
  type GivenImports,
  type ProgramImports,
} from '../imports.ts'
import { HostCalls, type HostCallPort } from './host-calls.ts'
import { endOf, Instances, type PortCall, type PortInstance } from './instances.ts'
import { native, type NativePort, type PortOptions } from './native.ts'
import { NUMBER_BYTES } from './numbers.ts'
import { Submission } from './operations.ts'
import { neverStarted, type AnyCallOutcome, type AnyOutcome } from '../outcome.ts'
import { Pipes, type LiveStreams, type PipeEvents } from './pipes.ts'
import {
  giveBack,
  hasStreams,
  prepareRun,
  prepareSync,
  type AnyRunOptions,
  type Prepared,
} from './prepared.ts'
import { OPERATION, OPTION, RECORD, RUN_FLAG, SECTION } from '../protocol.ts'
import { Delivery, RECORD_FIELDS } from './records.ts'
import { Requests } from './requests.ts'
import type { RunOwner, RunTarget } from './run-target.ts'
import { ShortWait } from './short-wait.ts'
import { Signals } from './signals.ts'
import { SlotWatch, type Watched, type WatchedPort } from './slot-watch.ts'
import type { RuntimeStats } from '../stats.ts'
import type { StdinReader } from './stdin.ts'
import { afterTurn, Turns } from './turns.ts'
import { collectGarbage, RUNTIME_BYTES, Weight } from './weight.ts'
import { Words, writeValues } from './words.ts'

/** A delivery of up to so many records, and as many bytes as above, is small. */
const SMALL_RECORDS = 16
/** How long an answer is waited for before the event loop goes on. To wake the thread of a guest takes up to 60. */
const SHORT_WAIT_US = 100

/** A function has at most 1,000 parameters. */
const ARGUMENTS_BYTES = 1000 * NUMBER_BYTES + OPTIONS_BYTES
const NO_OPTIONS = { buffer: new Uint8Array(), length: 0 }

/** What waits for a record. */
interface Waiting {
  resolve(value: unknown): void
  reject(error: unknown): void
  /** Keeps the program's code while it runs. */
  target: RunTarget | undefined
  signal: AbortSignal | undefined
  /** Whether its outcome has files. */
  collects?: boolean
  streams: Pipes | undefined
  hostCalls?: HostCalls | undefined
  /** What aborted it first, if that was its signal or its caller. */
  aborted?: { readonly reason: unknown }
  /** Whether the process may end before it. */
  isLoose?: boolean
  /** Makes what it resolves to of a record of a call. */
  read?: (delivery: Delivery, abortReason: unknown) => unknown
  /** The number of the instance that is called. */
  instance?: number
}

/** Who hears of the jobs of a batch. */
interface BatchJobs {
  /** The calls of host functions that a job makes. */
  hostCalls(slot: number, id: number): HostCalls | undefined
  ended(slot: number, delivery: Delivery): void
  /** A program or the runtime was closed. */
  closed(): void
}

/** Ids from here on are those of batches' jobs: the batch's number times this, plus the slot. */
const BATCH_IDS = 2 ** 32

/** Runtimes that nobody has closed. */
const collected = new FinalizationRegistry<Weight>((weight) => weight.set(0))

/** Ports with records to come; others may be garbage-collected, once their programs are. */
const busy = new Set<Port>()

/**
 * One connection to the core. What is asked for in one turn of the event loop crosses in one call, and what has
 * ended since the last delivery comes back in one.
 */
export class Port implements PipeEvents, HostCallPort {
  readonly #native: NativePort
  readonly #waiting = new Map<number, Waiting>()
  readonly #submission = new Submission()
  readonly #signals = new Signals((runs) => {
    for (const id of runs) {
      if (this.#instances.has(id)) {
        this.#add(OPERATION.abort, id)
        this.#instances.signalled(id)
      } else this.#abort(id, this.#waiting.get(id)?.signal?.reason)
    }
    this.#flush()
  })
  readonly #instances = new Instances()
  /** By their numbers; there is no batch 0. */
  readonly #batches: (BatchJobs | undefined)[] = []
  /** Where the core writes small deliveries; the last number says whether they are in use. */
  readonly #smallRecords = new Float64Array(RECORD_FIELDS * SMALL_RECORDS + 1)
  readonly #smallBytes = Buffer.allocUnsafeSlow(OUTPUT_BYTES)
  readonly #words = new Words(() => Buffer.from(this.#native.hostArguments()))
  readonly #callerWait = new CallerWait(this.#words)
  /** Where the core reads what a {@link callSync} passes. */
  readonly passed: Buffer = Buffer.allocUnsafeSlow(ARGUMENTS_BYTES)
  /** Records that are waited for, and how many of these the process may end without. */
  #awaited = 0
  #loose = 0
  #isHeld = false
  #lastId = 0
  #flushing = false
  readonly #runWait = new ShortWait()
  readonly #returnWait = new ShortWait()
  readonly #callWait = new ShortWait()
  readonly #lineWait = new ShortWait()
  readonly #turns = new Turns()
  readonly #slotWatch: SlotWatch
  readonly requests: Requests
  readonly #weight = new Weight()
  /** How many instances have been garbage-collected before they had ended. */
  abandoned = 0
  /** Why runs are aborted, once the runtime is closed. */
  closeReason: WasiexecError | undefined

  /** Without options: the connection to the process's shared runtime. */
  constructor(options: PortOptions | undefined) {
    // Weakly: the core holds the function for as long as the port lives.
    const self = new WeakRef(this)
    const receive = (
      records: Float64Array | null,
      bytes: Uint8Array | null,
      numbers: number,
    ): void => {
      const port = self.deref()
      if (port === undefined) return
      if (records !== null && bytes !== null) port.#receive(new Delivery(records, bytes))
      else port.#receiveSmall(numbers)
    }
    try {
      const { BindingPort } = native
      const callerWait = this.#callerWait
      const small = [this.#smallRecords, this.#smallBytes] as const
      const buffers = [callerWait.record, callerWait.output, this.#words.raw, this.passed] as const
      this.#native = new BindingPort(options, receive, ...small, ...buffers)
      callerWait.connect(this.#native)
    } catch (error) {
      throw fromNative(error)
    }
    this.requests = this.#makeRequests()
    this.#slotWatch = new SlotWatch(watched(self))
    // The shared one stays.
    if (options === undefined) return
    this.#weight.set(RUNTIME_BYTES)
    collected.register(this, this.#weight)
  }

  run(owner: RunOwner, options: AnyRunOptions | undefined): Promise<AnyOutcome> {
    try {
      if (options === undefined) return this.start(owner, undefined)
      const prepared = prepareRun(options)
      this.#checkOpen(owner, prepared.source)
      return this.start(owner, prepared)
    } catch (error) {
      return Promise.reject(error)
    }
  }

  /**
   * Starts a run that can be aborted, and whose process need not wait for it.
   *
   * @throws {WasiexecError} `ERR_PROGRAM_CLOSED`, `ERR_RUNTIME_CLOSED`.
   */
  spawn(owner: RunOwner, prepared: Prepared, live: LiveStreams): [number, Promise<AnyOutcome>] {
    this.#checkOpen(owner, prepared.source)
    const id = this.#nextId()
    try {
      return [id, this.start(owner, prepared, 0, id, live)]
    } catch (error) {
      // The core finds this out when the run starts; it is told in the same way.
      const isFault = error instanceof WasiexecError && error.code === 'ERR_UNRESOLVED_IMPORT'
      if (!isFault) throw error
      const { stdin, stdout, stderr, response } = live
      for (const stream of [stdin, stdout, stderr, response]) stream?.close(error)
      return [id, Promise.reject(error)]
    }
  }

  /**
   * Aborts a run. False if it has ended, as far as this side knows, or was aborted before.
   *
   * @param id Of a run by {@link spawn}.
   */
  abort(id: number, reason: unknown): boolean {
    const isFirst = this.#abort(id, reason)
    if (isFirst) this.#flush()
    return isFirst
  }

  /** Says whether the process stays alive for a run. */
  hold(id: number, alive: boolean): void {
    const waiting = this.#waiting.get(id)
    if (waiting === undefined || (waiting.isLoose === true) === !alive) return
    waiting.isLoose = !alive
    this.#loose += alive ? -1 : 1
    this.#hold()
  }

  /** @param batch The number of the batch that it belongs to. */
  start(
    target: RunTarget,
    prepared: Prepared | undefined,
    batch = 0,
    id: number = this.#nextId(),
    live?: LiveStreams,
  ): Promise<AnyOutcome> {
    const local = prepared?.local
    const signal = local?.signal
    const imports = local?.imports
    const functions = imports && bind(imports, target, prepared?.source)
    const hostCalls = functions && new HostCalls(this, id, functions)
    // Before the run is queued: it may throw.
    const streams =
      local && (live !== undefined || hasStreams(local))
        ? new Pipes(this, id, local, prepared?.source, live)
        : undefined
    if (signal?.aborted === true) {
      streams?.end(undefined)
      return Promise.resolve(neverStarted(signal.reason, local?.collects))
    }
    const isPiped = streams !== undefined || hostCalls !== undefined
    const flags = ((signal ?? live) ? RUN_FLAG.abortable : 0) | (isPiped ? RUN_FLAG.piped : 0)
    this.#addPrepared(OPERATION.run, id, target.handle, prepared, flags, batch)
    if (signal !== undefined) this.#signals.add(signal, id)
    return new Promise<AnyOutcome>((resolve, reject) => {
      const collects = local?.collects === true
      this.#wait(id, {
        resolve: resolve as Waiting['resolve'],
        reject,
        target,
        signal,
        streams,
        collects,
        hostCalls,
      })
    })
  }

  /** Begins to make an instance of a program; returns its number. */
  instantiate(instance: PortInstance, prepared: Prepared): number {
    const { local, source } = prepared
    const number = this.#nextId()
    const { imports } = local
    const functions = imports && bind(imports, instance, source)
    // Streams and futures of what a component exports move by such calls.
    const isHosted = functions !== undefined || isSelfContained(instance.imports)
    if (isHosted) instance.hostCalls = new HostCalls(this, number, functions ?? [], true)
    if (isHosted && functions === undefined) prepared.encoded.byte(OPTION.imports)
    // Before it is queued: it may throw.
    const streams = hasStreams(local) ? new Pipes(this, number, local, source) : undefined
    if (source !== undefined) instance.isReading = () => streams?.isReading === true
    const { signal, handle } = instance
    const isPiped = streams !== undefined || isHosted
    const flags = (signal ? RUN_FLAG.abortable : 0) | (isPiped ? RUN_FLAG.piped : 0)
    this.#addPrepared(OPERATION.instantiate, number, handle, prepared, flags)
    if (signal !== undefined) this.#signals.add(signal, number)
    this.#instances.add(number, instance, streams)
    this.expect()
    return number
  }

  /** Aborts an instance; {@link PortInstance.ended} is called later. */
  closeInstance(number: number): void {
    if (!this.#instances.has(number)) return
    this.#add(OPERATION.closeInstance, number)
    this.#flush()
    if (this.#instances.awaitEnd(number)) this.expect()
  }

  /** Queues a call behind the calls of its instance. */
  call(number: number, call: PortCall): Promise<AnyCallOutcome> {
    const { payload, signal } = call
    const id = this.#nextId()
    const { bytes } = this.#submission
    const start = bytes.length
    const { length } = payload
    bytes.take(payload)
    const flags = signal ? RUN_FLAG.abortable : 0
    this.#add(OPERATION.call, id, number, start, length, flags, call.function)
    if (signal !== undefined) this.#signals.add(signal, id)
    return new Promise<AnyCallOutcome>((resolve, reject) => {
      this.#wait(id, {
        resolve: resolve as Waiting['resolve'],
        reject,
        target: call.instance,
        signal,
        streams: undefined,
        read: call.read,
        instance: number,
      })
    })
  }

  /**
   * Calls a function with what the first bytes of {@link passed} are, or of another buffer, which the core may read until
   * the call has returned; what is returned is to be read before anything else is done.
   *
   * @param beside The elements of the last argument, if they are not in the buffer.
   */
  callSync(
    number: number,
    hostCalls: HostCalls | undefined,
    called: number,
    length: number,
    other?: Buffer,
    beside?: Uint8Array,
  ): Delivery {
    this.#flush()
    const id = this.#nextId()
    try {
      const wait = this.#callerWait
      const delivery = wait.call(id, number, hostCalls, called, length, other, beside)
      this.#instances.grown(number, delivery)
      return delivery
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
    isHosted: boolean,
  ): void {
    const { bytes } = this.#submission
    const start = bytes.length
    bytes.append(options)
    if (input !== undefined) encodeInput(input, bytes)
    const id = batch * BATCH_IDS + slot
    const flags = isHosted ? RUN_FLAG.piped : 0
    this.#add(OPERATION.run, id, handle, start, bytes.length - start, flags, batch)
    this.expect()
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
    const { length } = payload
    bytes.take(payload)
    const id = batch * BATCH_IDS + slot
    this.#add(OPERATION.call, id, instance, start, length, 0, called)
    this.expect()
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

  runSync(owner: RunOwner, options: AnyRunOptions | undefined): AnyOutcome {
    const prepared = options === undefined ? undefined : prepareSync(options)
    const encoded = prepared?.encoded
    const imports = prepared?.local.imports
    if (prepared !== undefined) this.#checkOpen(owner)
    const id = this.#nextId()
    try {
      const hostCalls = imports && new HostCalls(this, id, bindImports(imports, owner.imports))
      this.#flush()
      const { buffer, length } = encoded ?? NO_OPTIONS
      const delivery = this.#callerWait.run(id, owner.handle, hostCalls, buffer, length)
      if (delivery.isFault) throw delivery.fault
      const collects = prepared?.local.collects
      return delivery.outcome(this.#closeReason(owner), collects, hostCalls?.failure)
    } catch (error) {
      throw fromNative(error)
    } finally {
      if (encoded !== undefined) giveBack(encoded)
    }
  }

  /** The program was garbage-collected. */
  release(handle: number): void {
    this.#add(OPERATION.release, handle)
  }

  /** The program was disposed of: its runs are aborted now. */
  dispose(handle: number): void {
    this.#add(OPERATION.dispose, handle)
    this.#flush()
    this.requests.abortSnapshots((owner) => owner.handle === handle)
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

  outputRelayed(id: number, stream: number, to: number): void {
    this.#add(OPERATION.outputRelayed, id, stream, to)
  }

  hostReturned(run: number, call: number, results: number): void {
    const { bytes } = this.#submission
    const start = bytes.length
    const values = this.#words.bytes(results)
    bytes.raw(values)
    this.#add(OPERATION.hostReturn, run, call, start, values.length)
  }

  hostAnswered(run: number, call: number, values: Encoder): void {
    const { bytes } = this.#submission
    const start = bytes.length
    writeValues(values, bytes)
    this.#add(OPERATION.hostReturn, run, call, start, bytes.length - start)
  }

  hostThrew(run: number, call: number): void {
    this.#add(OPERATION.hostThrow, run, call)
  }

  accessMemory(
    run: number,
    call: number,
    pointer: number,
    bytes: Uint8Array,
    isWrite: boolean,
  ): number {
    return this.#native.accessMemory(run, call, pointer, bytes, isWrite)
  }

  stats(): RuntimeStats {
    this.#flush()
    const { cacheDir, ...stats } = this.#native.stats()
    return { ...stats, cacheDir: cacheDir ?? null } as RuntimeStats
  }

  async close(reason: WasiexecError): Promise<void> {
    this.closeReason = reason
    this.#flush()
    this.requests.abortSnapshots(() => true)
    const id = this.#nextId()
    this.#native.close(id)
    const closed = this.#answer(id)
    for (const batch of this.#batches) batch?.closed()
    await closed
    this.#weight.set(0)
  }

  /** For the watch of its slots. */
  get watched(): Watched {
    const { size: instances } = this.#instances
    return { instances, found: this.abandoned, isAwaited: this.#awaited > 0 }
  }

  get isStalled(): boolean {
    return this.#native.waitsForInstances()
  }

  /** Not in the constructor: what is made there for the core would keep the port as well, because functions share scopes. */
  #makeRequests(): Requests {
    return new Requests(this.#native, {
      nextId: () => this.#nextId(),
      answer: (id, target) => this.#answer(id, target),
      dispose: (handle) => this.dispose(handle),
    })
  }

  #nextId(): number {
    return (this.#lastId += 1)
  }

  #answer(id: number, target?: RunTarget): Promise<unknown> {
    return new Promise((resolve, reject) => {
      this.#wait(id, { resolve, reject, target, signal: undefined, streams: undefined })
    })
  }

  #wait(id: number, waiting: Waiting): void {
    this.#waiting.set(id, waiting)
    this.expect()
  }

  /** The process is to wait for one thing more. */
  expect(): void {
    if (this.#instances.size > 0) this.#slotWatch.start()
    this.#awaited += 1
    if (this.#awaited === 1) busy.add(this)
    this.#hold()
  }

  /** One of them has come. */
  arrived(): void {
    this.#awaited -= 1
    if (this.#awaited === 0) busy.delete(this)
    this.#hold()
  }

  #hold(): void {
    const isHeld = this.#awaited > this.#loose
    if (isHeld === this.#isHeld) return
    this.#isHeld = isHeld
    this.#native.hold(isHeld)
  }

  /** Aborts a run, unless something else did so before. */
  #abort(id: number, reason: unknown): boolean {
    const waiting = this.#waiting.get(id)
    if (waiting === undefined || waiting.aborted !== undefined) return false
    if (this.#closeReason(waiting.target) !== undefined) return false
    waiting.aborted = { reason }
    this.#add(OPERATION.abort, id)
    return true
  }

  #settle(id: number): Waiting | undefined {
    const waiting = this.#waiting.get(id)
    if (waiting === undefined) return undefined
    this.#waiting.delete(id)
    if (waiting.isLoose === true) this.#loose -= 1
    this.arrived()
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
    const wait = this.#likelyWait()
    if (wait !== undefined && this.#turns.isDue()) {
      afterTurn(this.#flushTurn)
      return
    }
    if (wait === undefined || !wait.pays()) {
      this.#flush()
      return
    }
    this.#flushing = false
    const length = this.#submission.sendCallTo(this.#native, SHORT_WAIT_US)
    wait.waited(length >= 0)
    const { record, output } = this.#callerWait
    if (length >= 0) this.#receive(new Delivery(record, output, RECORD_FIELDS))
  }

  /** If nothing else can arrive than an answer that is likely to come soon, it is not slept for. */
  #likelyWait(): ShortWait | undefined {
    if (this.#awaited !== 1) return undefined
    const submission = this.#submission
    if (submission.isOnly(OPERATION.call)) return this.#callWait
    if (submission.isLoneRun) return this.#runWait
    if (submission.isOnly(OPERATION.hostReturn)) return this.#returnWait
    return submission.isLine ? this.#lineWait : undefined
  }

  #receiveSmall(numbers: number): void {
    const records = this.#smallRecords
    const inUse = records.length - 1
    records[inUse] = 1
    this.#receive(new Delivery(records, this.#smallBytes, numbers))
    records[inUse] = 0
  }

  #receive(delivery: Delivery): void {
    while (delivery.next()) {
      try {
        this.#accept(delivery)
      } catch (error) {
        // Listeners of streams are code of the caller's; the other records must arrive all the same.
        process.nextTick(rethrow, error)
      }
    }
  }

  #accept(delivery: Delivery): void {
    const { id } = delivery
    switch (delivery.kind) {
      case RECORD.ask:
        this.#streams(id)?.ask(delivery.code)
        return
      case RECORD.output:
        this.#streams(id)?.write(delivery.code, delivery.kept(SECTION.bytes))
        return
      case RECORD.response:
        this.#streams(id)?.respond(delivery.code, delivery.section(SECTION.bytes))
        return
      case RECORD.responseEnd:
        this.#streams(id)?.endResponse(delivery.code, delivery.section(SECTION.bytes))
        return
      case RECORD.call:
        this.#words.fill(delivery.section(SECTION.call))
        this.#hostCalls(id)?.called(delivery.code, this.#words)
        return
      case RECORD.loaded:
        this.#settle(id)?.resolve(delivery.json(SECTION.program))
        return
      case RECORD.bytes:
        this.#settle(id)?.resolve(delivery.kept(SECTION.bytes))
        return
      case RECORD.instantiated:
        if (this.#instances.made(id, delivery)) this.arrived()
        return
      case RECORD.closed:
        this.#settle(id)?.resolve(undefined)
        return
      default:
        this.#end(delivery)
    }
  }

  #hostCalls(id: number): HostCalls | undefined {
    if (id < BATCH_IDS) {
      return this.#waiting.get(id)?.hostCalls ?? this.#instances.hostCalls(id)
    }
    return this.#batches[Math.floor(id / BATCH_IDS)]?.hostCalls(id % BATCH_IDS, id)
  }

  /** A run has ended, or what else was waited for. */
  #end(delivery: Delivery): void {
    const { id } = delivery
    if (id >= BATCH_IDS) {
      this.arrived()
      // Results read it when they are read.
      delivery.keep()
      this.#batches[Math.floor(id / BATCH_IDS)]?.ended(id % BATCH_IDS, delivery)
      return
    }
    if (this.#endInstance(id, delivery)) return
    const waiting = this.#settle(id)
    if (waiting === undefined) return
    const { target, streams, aborted, hostCalls } = waiting
    hostCalls?.end()
    try {
      const reason = aborted === undefined ? this.#closeReason(target) : aborted.reason
      if (waiting.read !== undefined) {
        this.#instances.grown(waiting.instance!, delivery)
        waiting.resolve(waiting.read(delivery, reason))
        return
      }
      const fault = delivery.isFault ? delivery.fault : undefined
      // Streams are code of the caller's, which may use the buffers that this came in.
      if (streams !== undefined) delivery.keep()
      const failure = streams?.end(fault)
      if (fault !== undefined) throw fault
      if (failure !== undefined) throw failure
      waiting.resolve(delivery.outcome(reason, waiting.collects, hostCalls?.failure))
    } catch (error) {
      // Pipes and reasons are code of the caller's; the other records must arrive all the same.
      waiting.reject(error)
    }
  }

  /** Called once options have been read: their getters may have closed something. */
  #checkOpen(owner: RunOwner, source?: StdinReader): void {
    const closed = owner.closeReason ?? this.closeReason
    if (closed === undefined) return
    void source?.close()
    throw closed
  }

  /** If the record is the end of an instance: tells the instance. */
  #endInstance(id: number, delivery: Delivery): boolean {
    const known = this.#instances.remove(id)
    if (known === undefined) return false
    const { instance, awaited } = known
    if (awaited) this.arrived()
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

/** A port, which its watch does not keep. */
function watched(port: WeakRef<Port>): WatchedPort {
  return {
    watched: () => port.deref()?.watched ?? { instances: 0, found: 0, isAwaited: false },
    isStalled: () => port.deref()?.isStalled === true,
    collect: collectGarbage,
  }
}

/** Whether it is a component that needs nothing of its host. */
function isSelfContained({ kind, ofComponent }: ProgramImports): boolean {
  if (kind !== 'component') return false
  const hosts = ofComponent?.resources.filter(({ owner }) => owner === 'host')
  return (ofComponent?.functions.length ?? 0) + (hosts?.length ?? 0) === 0
}

function rethrow(error: unknown): never {
  throw error
}

/** The functions for what a program imports. Where one is missing, the source of stdin is not needed. */
function bind(
  imports: GivenImports,
  target: RunTarget,
  source: StdinReader | undefined,
): BoundFunction[] {
  try {
    return bindImports(imports, target.imports)
  } catch (error) {
    void source?.close()
    throw error
  }
}
