import type { Buffer } from 'node:buffer'
import { fromNative } from '../errors.ts'
import { isOutcome, type Outcome } from '../outcome.ts'
import type { LoadRequest, NativePort } from './native.ts'
import { giveBack, type Prepared } from './prepared.ts'
import type { RunOwner, RunTarget } from './run-target.ts'

/** What sends requests. */
export interface RequestPort {
  nextId(): number
  /**
   * Waits for the record of a request. To be called once the core was asked, which may throw: the record comes in a
   * later turn of the event loop.
   *
   * @param target Whose end it may be.
   */
  answer(id: number, target?: RunTarget): Promise<unknown>
  dispose(handle: number): void
}

/** What the core is asked about programs. Each request has one record, or none if it blocks. */
export class Requests {
  readonly #native: NativePort
  readonly #port: RequestPort
  /** The snapshots that are being taken, and of which programs. */
  readonly #snapshots = new Map<number, RunOwner>()

  constructor(native: NativePort, port: RequestPort) {
    this.#native = native
    this.#port = port
  }

  /** Returns the program's handle and its description. */
  async load(request: LoadRequest): Promise<[number, unknown]> {
    const id = this.#port.nextId()
    this.#native.load(id, request)
    return [id, await this.#port.answer(id)]
  }

  loadSync(request: LoadRequest): [number, unknown] {
    const id = this.#port.nextId()
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
    const id = this.#port.nextId()
    const { signal } = local
    const options = encoded.buffer.subarray(0, encoded.length)
    this.#native.snapshot(id, owner.handle, options, call ?? null, load)
    const taken = this.#port.answer(id, owner)
    let abort = (): void => {}
    const givenUp = new Promise<never>((_, reject) => {
      abort = () => {
        this.#native.abortSnapshot(id)
        reject(signal?.reason)
        // What comes too late is not wanted.
        taken.then(
          (result) => isOutcome(result) || this.#port.dispose(id),
          () => {},
        )
      }
    })
    giveBack(encoded)
    this.#snapshots.set(id, owner)
    signal?.addEventListener('abort', abort)
    try {
      const result = await Promise.race([taken, givenUp])
      // Without host functions.
      return isOutcome(result) ? (result as Outcome) : [id, result]
    } finally {
      signal?.removeEventListener('abort', abort)
      this.#snapshots.delete(id)
    }
  }

  abortSnapshots(which: (owner: RunOwner) => boolean): void {
    for (const [id, owner] of this.#snapshots) if (which(owner)) this.#native.abortSnapshot(id)
  }

  /** Returns a program's binary. */
  async wasm(handle: number): Promise<Buffer> {
    const id = this.#port.nextId()
    this.#native.wasm(id, handle)
    return (await this.#port.answer(id)) as Buffer
  }

  /** Returns what the core can tell of a program. */
  async inspect(handle: number): Promise<unknown> {
    const id = this.#port.nextId()
    this.#native.inspect(id, handle)
    return this.#port.answer(id)
  }

  /**
   * Throws unless a program can serve requests, with host functions or without.
   *
   * @throws {WasiexecError} `ERR_NO_ENTRY_POINT`, `ERR_UNRESOLVED_IMPORT`.
   */
  checkServe(handle: number, isHosted: boolean): void {
    try {
      this.#native.checkServe(handle, isHosted)
    } catch (error) {
      throw fromNative(error)
    }
  }

  /** Returns the WIT of a component. */
  async wit(handle: number): Promise<unknown> {
    const id = this.#port.nextId()
    this.#native.wit(id, handle)
    return this.#port.answer(id)
  }

  /** Returns a program with its code, as a file. */
  async serialize(handle: number): Promise<Buffer> {
    const id = this.#port.nextId()
    this.#native.serialize(id, handle)
    return (await this.#port.answer(id)) as Buffer
  }
}
