import { Buffer } from 'node:buffer'
import { Writable } from 'node:stream'
import type { InputEvents, LiveInput } from '../port/pipes.ts'
import { PIPE } from '../protocol.ts'
import { outputOf } from './output.ts'
import type { Relay } from './relay.ts'
import { brokenPipe, HIGH_WATER_BYTES, needsNoListener } from './streams.ts'

type Done = (error?: Error | null) => void

/** Emitted before what is written has to wait. */
const CORK = Symbol('cork')

class InputStream extends Writable {
  override cork(): void {
    this.emit(CORK)
    super.cork()
  }
}

/** A guest's stdin as a Writable, made when somebody asks for it. */
export class GuestInput implements LiveInput {
  #run: InputEvents | undefined
  #writable: Writable | undefined
  /** Bytes that may be sent; undefined until the guest wants to read. */
  #room: number | undefined
  /** Written before the guest wanted to read: as much as a pipe would hold. */
  #early: Buffer[] = []
  #earlyBytes = 0
  /** What is left of the chunk that is being written. */
  #rest: Buffer | undefined
  #done: Done | undefined
  /** Whether nothing more is written. */
  #isEnding = false
  #hasEnded = false
  #isClosed = false
  #fault: Error | undefined
  /** Other guests whose output is piped to this. */
  readonly relays: Set<Relay> = new Set()

  connect(run: InputEvents): void {
    this.#run = run
  }

  /** The run, if it reads and has got everything that was written. */
  get idleRun(): InputEvents | undefined {
    const writable = this.#writable
    if (this.#room === undefined || this.#rest !== undefined || writable?.writableLength !== 0)
      return
    // A `write` of somebody's own wants to see the chunks.
    const isOver = this.#isClosed || this.#isEnding || Object.hasOwn(writable, 'write')
    return isOver || writable.writableCorked > 0 ? undefined : this.#run
  }

  /** Whether the one that writes has to wait. */
  get isFull(): boolean {
    return this.#writable?.writableNeedDrain === true
  }

  get stream(): Writable {
    if (this.#writable !== undefined) return this.#writable
    const writable = new InputStream({
      highWaterMark: HIGH_WATER_BYTES,
      write: (chunk: Buffer, _, done) => this.#write(chunk, done),
      final: (done) => {
        this.#end()
        done()
      },
      destroy: (error, done) => {
        // Also of a chunk that was cut off: its callback has to know.
        const isDone = this.#done
        this.#done = this.#rest = undefined
        isDone?.(error ?? brokenPipe())
        this.#end()
        done(error)
      },
    })
    needsNoListener(writable)
    writable.on(CORK, () => this.#stopRelays())
    writable.on('pipe', (from: unknown) => outputOf(from)?.piped(this))
    writable.on('unpipe', (from: unknown) => outputOf(from)?.unpiped(this))
    this.#writable = writable
    if (this.#isClosed) writable.destroy(this.#fault)
    return writable
  }

  give(bytes: number): void {
    // Not more than a window: the number may come from another process.
    this.#room = Math.min((this.#room ?? 0) + bytes, PIPE.window)
    const early = this.#early
    this.#early = []
    for (const chunk of early) this.#send(chunk)
    this.#proceed()
    this.#proceedRelays()
  }

  close(fault: unknown): void {
    this.#isClosed = true
    // Guests whose output passes by write until they are told.
    const isCut = this.#rest !== undefined || [...this.relays].some(({ isAsked }) => isAsked)
    this.#stopRelays()
    this.#early = []
    if (fault !== undefined) this.#fault = fault as Error
    const writable = this.#writable
    if (writable === undefined || writable.destroyed) return
    // As at the end of a process: what could not be written is an error, but not that there is no reader any more.
    writable.destroy(this.#fault ?? (isCut ? brokenPipe() : undefined))
  }

  #write(chunk: Buffer, done: Done): void {
    // What somebody else writes has its place in the order.
    if (!this.#isRelayed(chunk)) this.#stopRelays()
    if (this.#room === undefined && this.#earlyBytes + chunk.length <= PIPE.window) {
      // A copy: the caller may use its buffer again.
      this.#early.push(Buffer.from(chunk))
      this.#earlyBytes += chunk.length
      done()
      return
    }
    this.#rest = chunk
    this.#done = done
    this.#proceed()
    this.#proceedRelays()
  }

  /** Sends as much as there is room for. */
  #proceed(): void {
    const room = this.#room
    if (room === undefined || this.#isClosed) return
    const [rest, done] = [this.#rest, this.#done]
    if (rest !== undefined && room < rest.length) {
      if (room > 0) this.#send(rest.subarray(0, room))
      this.#rest = rest.subarray(room)
      return
    }
    this.#rest = this.#done = undefined
    if (rest !== undefined) this.#send(rest)
    if (this.#isEnding && !this.#hasEnded) {
      this.#hasEnded = true
      this.#run?.end()
    }
    done?.()
  }

  #send(chunk: Buffer): void {
    this.#room = (this.#room ?? 0) - chunk.length
    if (chunk.length > 0) this.#run?.push(chunk)
  }

  #isRelayed(chunk: Buffer): boolean {
    let isRelayed = false
    for (const relay of this.relays) isRelayed = relay.passes(chunk) || isRelayed
    return isRelayed
  }

  #proceedRelays(): void {
    for (const relay of this.relays) relay.proceed()
  }

  #stopRelays(): void {
    for (const relay of this.relays) relay.stop()
  }

  #end(): void {
    this.#stopRelays()
    this.#isEnding = true
    this.#proceed()
  }
}
