import { invalidCall, quote, show } from '../check.ts'
import { ProgramError } from '../errors.ts'
import type { AnyCallOutcome, CallValues } from '../outcome.ts'
import type { NumberType } from '../port/numbers.ts'
import type { Delivery } from '../port/records.ts'
import type { AllHandles } from '../wit/handles.ts'
import { ComponentExports as Interface } from '../wit/component-exports.ts'
import type { ComponentFunction } from '../wit/function.ts'
import type { InterfaceTypes } from '../wit/interface.ts'
import { camelCase } from '../wit/names.ts'
import { Resources } from '../wit/resources.ts'
import { ValueReader } from '../wit/value-reader.ts'
import type { ValueWriter } from '../wit/value-writer.ts'
import { listed, nearest } from '../words.ts'
import { observedCall, startCall, valueOf } from './call.ts'
import type {
  Callee,
  CallExport,
  ExportedGlobal,
  ExportedMemory,
  Exports,
  InstanceLink,
} from './link.ts'
import { ALL } from './options.ts'

/** What an instance of a component offers. */
export class ComponentExports implements Exports {
  /** Components keep these to themselves. */
  readonly memories: ReadonlyMap<string, ExportedMemory> = new Map()
  readonly globals: ReadonlyMap<string, ExportedGlobal> = new Map()
  readonly #interface: Interface
  readonly #callees: readonly ComponentCallee[]

  constructor(types: unknown, imports: InterfaceTypes | undefined) {
    this.#interface = new Interface(types, imports)
    this.#callees = this.#interface.list.map((called) => new ComponentCallee(called, this))
  }

  function(name: string): ComponentCallee {
    if (typeof name !== 'string') {
      throw invalidCall(`the name of a function must be a string, got ${show(name)}`)
    }
    const { functions } = this.#interface
    const found = functions.get(name)
    if (found !== undefined) return this.#callees[found.number]!
    throw invalidCall(`the component exports no function ${quote(name)}; ${this.#hint(name)}`)
  }

  #hint(name: string): string {
    const names = this.#interface.list.map((called) => called.name)
    // A function of an interface, without the interface.
    const same = names.filter((it) => camelCase(it.slice(it.indexOf('#') + 1)) === camelCase(name))
    if (same.length > 0) return `it exports ${listed(same.map(quote))}`
    const near = nearest(name, [...this.#interface.functions.keys()])
    if (near !== undefined) return `did you mean ${quote(near)}?`
    return `it exports ${listed(names.map(quote))}`
  }

  memory(): ExportedMemory {
    throw invalidCall('a component has no memory that others can use')
  }

  global(): ExportedGlobal & { type: NumberType } {
    throw invalidCall('a component has no globals that others can use')
  }

  expose(link: InstanceLink, call: CallExport): object {
    return this.#interface.expose(this.handles(link).guests, async (called, args) =>
      call(this.#callees[called.number]!, args),
    )
  }

  /** The resources of an instance and of its host. */
  handles(link: InstanceLink): InstanceHandles {
    let handles = handlesOf.get(link)
    if (handles === undefined) {
      const { types, list } = this.#interface
      const collected: number[] = []
      const guests = new Resources(types, list, {
        invoke: async (called, args) => {
          return valueOf(await observedCall(link, this.#callees[called.number]!, args, ALL))
        },
        checkWaits: () => link.state.checkNotInside(),
        drop: (number) => this.#drop(link, number),
        collected: (number) => void collected.push(number),
      })
      const { objects, flows } = link.state.hostCalls!
      const leave = (flow: number): void => void this.#leave(link, flow)
      handles = { guests, hosts: objects, flows, leave, collected }
      handlesOf.set(link, handles)
    }
    return handles
  }

  /** Starts to drop what was garbage-collected. */
  dropCollected(link: InstanceLink): void {
    const { collected } = this.handles(link)
    // The end of the instance is told to those that make a call.
    for (const handle of collected.splice(0)) this.#drop(link, handle).catch(() => {})
  }

  waitForCollected(link: InstanceLink, call: (callee: Callee, handle: number) => void): void {
    const { collected } = this.handles(link)
    for (let handle = collected.at(-1); handle !== undefined; handle = collected.at(-1)) {
      call(this.#dropCallee, handle)
      collected.pop()
    }
  }

  get #dropCallee(): DropCallee {
    return new DropCallee('[resource-drop]', this.#interface.list.length)
  }

  /** Tells the core that nobody reads a stream any more. */
  #leave(link: InstanceLink, flow: number): void {
    if (link.state.isOver) return
    const callee = new DropCallee('[stream-drop]', this.#interface.list.length + 1)
    // The end of the instance is told to those that make a call.
    startCall(link, callee, [flow], ALL).catch(() => {})
  }

  async #drop(link: InstanceLink, handle: number): Promise<void> {
    // The resources of an instance end with it.
    if (link.state.isOver) return
    const outcome = await startCall(link, this.#dropCallee, [handle], ALL)
    if (outcome.kind !== 'returned') throw new ProgramError(outcome)
  }
}

interface InstanceHandles extends AllHandles {
  readonly guests: Resources
  /**
   * Of the objects that were garbage-collected. They are dropped before the next call: a call at any other time would be
   * in the way of `callSync`.
   */
  readonly collected: number[]
}

const handlesOf = new WeakMap<InstanceLink, InstanceHandles>()

/** A function of a component. */
export class ComponentCallee implements Callee {
  readonly name: string
  readonly number: number
  readonly #called: ComponentFunction
  readonly #exports: ComponentExports

  constructor(called: ComponentFunction, exports: ComponentExports) {
    this.name = called.name
    this.number = called.number
    this.#called = called
    this.#exports = exports
  }

  write(args: readonly unknown[], to: ValueWriter, link: InstanceLink): void {
    this.#exports.dropCollected(link)
    this.#called.write(args, to, this.#exports.handles(link))
  }

  checkSync(): void {
    this.#called.checkSync()
  }

  read(delivery: Delivery, link: InstanceLink): AnyCallOutcome {
    return delivery.returnedAs((bytes, shares) => {
      const reader = new ValueReader(bytes, shares, this.#exports.handles(link))
      return this.#called.read(reader) as unknown as CallValues
    })
  }
}

/** Drops a handle or a stream: the core has both after all functions. */
class DropCallee implements Callee {
  readonly name: string
  readonly number: number

  constructor(name: string, number: number) {
    this.name = name
    this.number = number
  }

  write([handle]: readonly unknown[], to: ValueWriter): void {
    to.uint32(4)
    to.uint32(handle as number)
  }

  read(delivery: Delivery): AnyCallOutcome {
    return delivery.returned([])
  }
}
