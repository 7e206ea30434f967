import type { AnyCallOutcome, CallValues } from '../outcome.ts'
import type { NumberType } from '../port/numbers.ts'
import type { Delivery } from '../port/records.ts'
import type { ValueWriter } from '../wit/value-writer.ts'
import type { InstanceState } from './state.ts'

/** A function that can be called. */
export interface Callee {
  /** As `call` takes it. */
  readonly name: string
  /** The core's number for it. */
  readonly number: number
  /**
   * Checks the arguments of a call and writes them.
   *
   * @throws {WasiexecError} `ERR_INVALID_CALL`; what a getter of an argument throws.
   */
  write(args: readonly unknown[], to: ValueWriter, link: InstanceLink): void
  /**
   * Refuses a call that the thread waits for, if it has to.
   *
   * @throws {WasiexecError} `ERR_INVALID_CALL`.
   */
  checkSync?(): void
  /** The outcome of a call that has returned. */
  read(delivery: Delivery, link: InstanceLink): AnyCallOutcome
}

/** What an instance offers, by name. */
export interface Exports {
  readonly memories: ReadonlyMap<string, ExportedMemory>
  readonly globals: ReadonlyMap<string, ExportedGlobal>
  /** @throws {WasiexecError} `ERR_INVALID_CALL`, unless it can be called. */
  function(name: string): Callee
  /** @throws {WasiexecError} `ERR_INVALID_CALL`. */
  memory(name: string): ExportedMemory
  /** @throws {WasiexecError} `ERR_INVALID_CALL`, unless it is a number. */
  global(name: string): ExportedGlobal & { type: NumberType }
  /** Calls what drops the resources that were garbage-collected, one by one. */
  waitForCollected(link: InstanceLink, call: (callee: Callee, handle: number) => void): void
  /** The functions as users call them; `call` carries out a call. */
  expose(link: InstanceLink, call: CallExport): object
}

/** Calls an export; resolves to what it returns. */
export type CallExport = (callee: Callee, args: readonly unknown[]) => Promise<CallValues[number]>

/** An exported memory. */
export interface ExportedMemory {
  readonly name: string
  readonly number: number
  readonly is64: boolean
}

/** An exported global. */
export interface ExportedGlobal {
  readonly name: string
  readonly number: number
  readonly type: string
  readonly mutable: boolean
}

/** Ends instances that nothing of what users have refers to any more. */
const collected = new FinalizationRegistry<InstanceState>((state) => {
  state.port.abandoned += 1
  state.dispose()
})

/** What everything that users have of an instance refers to. */
export class InstanceLink {
  readonly state: InstanceState
  readonly exports: Exports

  constructor(state: InstanceState, exports: Exports) {
    this.state = state
    this.exports = exports
    collected.register(this, state, this)
  }

  /** What a record says of a call. */
  read(callee: Callee, delivery: Delivery, abortReason: unknown): AnyCallOutcome {
    return delivery.isReturned
      ? callee.read(delivery, this)
      : this.state.read(delivery, abortReason)
  }

  dispose(): void {
    collected.unregister(this)
    this.state.dispose()
  }
}
