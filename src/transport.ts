import { Buffer } from 'node:buffer'
import { Encoder } from './encoder.ts'
import { WasiexecError, fromNative, type WasiexecErrorCode } from './errors.ts'
import { native, type LoadRequest, type Port, type PortOptions } from './native.ts'
import { encodeInput, encodeRunOptions, type LocalOptions, type RunOptions } from './options.ts'
import * as outcomes from './outcome.ts'
import type { Outcome, Printed, TrapInfo, Usage } from './outcome.ts'
import { Streams } from './streams.ts'

/** The operations of the core's `transport/operation.rs`. */
const OPERATION = {
  run: 1,
  abort: 2,
  release: 3,
  dispose: 4,
  stdinChunk: 5,
  stdinEnd: 6,
  outputTaken: 7,
  outputClosed: 8,
} as const
const OPERATION_FIELDS = 6

/** The records of the core's `transport/outbox.rs`. */
const RECORD = {
  exit: 0,
  trap: 1,
  limit: 2,
  abort: 3,
  fault: 4,
  loaded: 5,
  ask: 6,
  output: 7,
  closed: 8,
} as const
const RECORD_FIELDS = 12
const MEMORY_DENIED = 1
const OUTPUT_TRUNCATED = 2

/** Where the buffers of a submission and of one run's options begin; they grow as needed. */
const SUBMISSION_BYTES = 64 * 1024
const OPTIONS_BYTES = 256

/** Output up to here is copied, so that it does not hold the memory of all that came with it. */
const COPY_BYTES = 4096

/** What a run is of, for as long as it is going on. */
export interface RunOwner {
  readonly handle: number
  /** Why runs of it are aborted, once they are. */
  readonly closeReason: WasiexecError | undefined
}

/** Somebody waits for a record. */
interface Waiting {
  resolve(value: unknown): void
  reject(error: unknown): void
  /** Holds the program while it runs. */
  owner: RunOwner | undefined
  signal: AbortSignal | undefined
  streams: Streams | undefined
}

/**
 * One road to the core: what is asked for in one turn of the event loop crosses in one call, and what
 * ended since the last delivery comes back in one.
 */
export class Transport {
  readonly #port: Port
  readonly #waiting = new Map<number, Waiting>()
  readonly #signals = new Map<AbortSignal, Set<number>>()
  readonly #bytes = new Encoder(SUBMISSION_BYTES)
  #operations = new Float64Array(OPERATION_FIELDS * 64)
  #operationsLength = 0
  #lastId = 0
  #flushing = false
  /** Why runs are aborted, once the whole runtime is closed. */
  closeReason: WasiexecError | undefined

  /** Without options: the road to the process's shared runtime. */
  constructor(options: PortOptions | undefined) {
    try {
      this.#port = new native.BindingPort(options, this.#receive)
    } catch (error) {
      throw fromNative(error)
    }
  }

  run(owner: RunOwner, options: RunOptions | undefined): Promise<Outcome> {
    let local: LocalOptions | undefined
    let start = this.#bytes.length
    if (options !== undefined) {
      // Not straight into the submission: a getter of the caller's may start a run of its own.
      const encoded = new Encoder(OPTIONS_BYTES)
      try {
        local = encodeRunOptions(options, encoded, false)
      } catch (error) {
        return Promise.reject(error)
      }
      if (local.signal?.aborted === true) {
        return Promise.resolve(outcomes.neverStarted(local.signal.reason))
      }
      start = this.#bytes.length
      this.#bytes.raw(encoded.bytes)
      if (local.input !== undefined) encodeInput(local.input, this.#bytes)
    }
    const id = this.#nextId()
    const signal = local?.signal
    const length = this.#bytes.length - start
    this.#operation(OPERATION.run, id, owner.handle, start, length, signal === undefined ? 0 : 1)
    if (signal !== undefined) this.#listen(signal, id)
    const piped = local?.stdin ?? local?.stdout ?? local?.stderr
    const streams = local && piped ? new Streams(this, id, local) : undefined
    return new Promise<Outcome>((resolve, reject) => {
      this.#wait(id, { resolve: resolve as Waiting['resolve'], reject, owner, signal, streams })
    })
  }

  runSync(owner: RunOwner, options: RunOptions | undefined): Outcome {
    const encoded = new Encoder(OPTIONS_BYTES)
    if (options !== undefined) {
      const { input } = encodeRunOptions(options, encoded, true)
      if (input !== undefined) encodeInput(input, encoded)
    }
    this.#flush()
    try {
      const [records, bytes] = this.#port.runSync(owner.handle, encoded.bytes)
      return this.#outcome(records, 0, buffer(bytes), 0, owner, undefined)
    } catch (error) {
      throw fromNative(error)
    }
  }

  /** Answers the program's handle and its description. */
  async load(request: LoadRequest): Promise<[number, unknown]> {
    const id = this.#nextId()
    const loaded = this.#answer(id)
    this.#port.load(id, request)
    return [id, await loaded]
  }

  loadSync(request: LoadRequest): [number, unknown] {
    const id = this.#nextId()
    try {
      return [id, JSON.parse(this.#port.loadSync(id, request))]
    } catch (error) {
      throw fromNative(error)
    }
  }

  /** The program was garbage-collected. */
  release(handle: number): void {
    this.#operation(OPERATION.release, handle)
  }

  /** The program was disposed of: its runs are aborted now. */
  dispose(handle: number): void {
    this.#operation(OPERATION.dispose, handle)
    this.#flush()
  }

  pushStdin(id: number, chunk: Uint8Array): void {
    const start = this.#bytes.length
    this.#bytes.raw(chunk)
    this.#operation(OPERATION.stdinChunk, id, 0, start, chunk.length)
  }

  endStdin(id: number): void {
    this.#operation(OPERATION.stdinEnd, id)
  }

  outputTaken(id: number, stream: number, bytes: number): void {
    this.#operation(OPERATION.outputTaken, id, stream, bytes)
  }

  outputClosed(id: number, stream: number): void {
    this.#operation(OPERATION.outputClosed, id, stream)
  }

  stats(): ReturnType<Port['stats']> {
    this.#flush()
    return this.#port.stats()
  }

  async close(reason: WasiexecError): Promise<void> {
    this.closeReason = reason
    this.#flush()
    const id = this.#nextId()
    const closed = this.#answer(id)
    this.#port.close(id)
    await closed
  }

  #nextId(): number {
    return (this.#lastId += 1)
  }

  #answer(id: number): Promise<unknown> {
    return new Promise((resolve, reject) => {
      this.#wait(id, { resolve, reject, owner: undefined, signal: undefined, streams: undefined })
    })
  }

  /** Keeps the process alive for as long as somebody waits. */
  #wait(id: number, waiting: Waiting): void {
    this.#waiting.set(id, waiting)
    if (this.#waiting.size === 1) this.#port.hold(true)
  }

  #settle(id: number): Waiting | undefined {
    const waiting = this.#waiting.get(id)
    if (waiting === undefined) return undefined
    this.#waiting.delete(id)
    if (this.#waiting.size === 0) this.#port.hold(false)
    if (waiting.signal !== undefined) this.#unlisten(waiting.signal, id)
    return waiting
  }

  /** One listener a signal, however many runs it stops. */
  #listen(signal: AbortSignal, id: number): void {
    const ids = this.#signals.get(signal)
    if (ids !== undefined) {
      ids.add(id)
      return
    }
    this.#signals.set(signal, new Set([id]))
    signal.addEventListener('abort', this.#abort, { once: true })
  }

  #unlisten(signal: AbortSignal, id: number): void {
    const ids = this.#signals.get(signal)
    ids?.delete(id)
    if (ids?.size !== 0) return
    this.#signals.delete(signal)
    signal.removeEventListener('abort', this.#abort)
  }

  readonly #abort = (event: Event): void => {
    for (const id of this.#signals.get(event.target as AbortSignal) ?? []) {
      this.#operation(OPERATION.abort, id)
    }
    this.#flush()
  }

  #operation(kind: number, id: number, argument = 0, offset = 0, length = 0, flag = 0): void {
    const at = this.#operationsLength
    if (at === this.#operations.length) {
      const larger = new Float64Array(at * 2)
      larger.set(this.#operations)
      this.#operations = larger
    }
    const operations = this.#operations
    operations[at] = kind
    operations[at + 1] = id
    operations[at + 2] = argument
    operations[at + 3] = offset
    operations[at + 4] = length
    operations[at + 5] = flag
    this.#operationsLength = at + OPERATION_FIELDS
    if (this.#flushing) return
    this.#flushing = true
    // After all promise reactions of this turn: the widest batch without waiting for anything.
    process.nextTick(this.#flush)
  }

  readonly #flush = (): void => {
    this.#flushing = false
    if (this.#operationsLength === 0) return
    const operations = this.#operations.subarray(0, this.#operationsLength)
    this.#operationsLength = 0
    this.#port.submit(operations, this.#bytes.bytes)
    this.#bytes.clear()
  }

  readonly #receive = (records: Float64Array, raw: Uint8Array): void => {
    const bytes = buffer(raw)
    let offset = 0
    for (let at = 0; at < records.length; at += RECORD_FIELDS) {
      const length = field(records, at + 3) + field(records, at + 4) + field(records, at + 11)
      this.#deliver(records, at, bytes, offset)
      offset += length
    }
  }

  #deliver(records: Float64Array, at: number, bytes: Buffer, offset: number): void {
    const id = field(records, at + 1)
    const extra = (): Buffer => bytes.subarray(offset, offset + field(records, at + 11))
    switch (field(records, at)) {
      case RECORD.ask:
        this.#waiting.get(id)?.streams?.ask()
        return
      case RECORD.output:
        this.#waiting.get(id)?.streams?.write(field(records, at + 2), extra())
        return
      case RECORD.fault: {
        const { code, message } = JSON.parse(extra().toString('utf8')) as {
          code: WasiexecErrorCode
          message: string
        }
        const waiting = this.#settle(id)
        waiting?.streams?.end()
        waiting?.reject(new WasiexecError(code, message))
        return
      }
      case RECORD.loaded:
        this.#settle(id)?.resolve(JSON.parse(extra().toString('utf8')))
        return
      case RECORD.closed:
        this.#settle(id)?.resolve(undefined)
        return
      default: {
        const waiting = this.#settle(id)
        if (waiting === undefined) return
        const failure = waiting.streams?.end()
        if (failure !== undefined) {
          waiting.reject(failure)
          return
        }
        const { owner, signal } = waiting
        waiting.resolve(this.#outcome(records, at, bytes, offset, owner, signal))
      }
    }
  }

  #outcome(
    records: Float64Array,
    at: number,
    bytes: Buffer,
    offset: number,
    owner: RunOwner | undefined,
    signal: AbortSignal | undefined,
  ): Outcome {
    const stderrAt = offset + field(records, at + 3)
    const extraAt = stderrAt + field(records, at + 4)
    const printed: Printed = {
      stdout: slice(bytes, offset, stderrAt),
      stderr: slice(bytes, stderrAt, extraAt),
      usage: usage(records, at),
    }
    switch (field(records, at)) {
      case RECORD.exit:
        return outcomes.exit(field(records, at + 2), printed)
      case RECORD.trap: {
        const text = bytes.toString('utf8', extraAt, extraAt + field(records, at + 11))
        return outcomes.trap(JSON.parse(text) as TrapInfo, printed)
      }
      case RECORD.limit:
        return outcomes.limit(field(records, at + 2), printed)
      case RECORD.abort: {
        const isSignals = signal?.aborted === true
        const reason: unknown = isSignals ? signal.reason : (owner?.closeReason ?? this.closeReason)
        return outcomes.abort(reason, printed)
      }
      default:
        throw new WasiexecError('ERR_INTERNAL', 'an unknown record (this is a bug in wasiexec)')
    }
  }
}

function usage(records: Float64Array, at: number): Usage {
  const flags = field(records, at + 10)
  const common = {
    wallMs: field(records, at + 5),
    cpuMs: field(records, at + 6),
    memoryPeakBytes: field(records, at + 9),
    memoryDenied: (flags & MEMORY_DENIED) !== 0,
    outputTruncated: (flags & OUTPUT_TRUNCATED) !== 0,
  }
  const fuelHigh = field(records, at + 8)
  if (fuelHigh < 0) return common
  return { ...common, fuel: (BigInt(fuelHigh) << 32n) | BigInt(field(records, at + 7)) }
}

function slice(bytes: Buffer, start: number, end: number): Buffer {
  if (start === end) return outcomes.NO_BYTES
  const length = end - start
  // A view, where it is most of what came anyway.
  if (length > COPY_BYTES && length * 4 > bytes.length) return bytes.subarray(start, end)
  const copy = Buffer.allocUnsafe(length)
  bytes.copy(copy, 0, start, end)
  return copy
}

/** Within bounds by construction: the core writes whole records. */
function field(records: Float64Array, index: number): number {
  return records[index] as number
}

function buffer(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer as ArrayBuffer, bytes.byteOffset, bytes.byteLength)
}
