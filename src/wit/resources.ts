import type { Given, Handles } from './handles.ts'
import type { ComponentFunction } from './function.ts'
import type { InterfaceTypes } from './interface.ts'
import { memberName, pascalCase } from './names.ts'

/** What the objects of resources ask of their instance. */
export interface ResourceHost {
  /** Calls a function; resolves to what it returns. */
  invoke(called: ComponentFunction, args: readonly unknown[]): Promise<unknown>
  /** Throws where the instance cannot be waited for. */
  checkWaits(): void
  /** Drops a handle. */
  drop(number: number): Promise<void>
  /** Nobody refers to the object of a handle any more. */
  collected(number: number): void
}

/** The class of a resource, as users see it. */
export type ResourceClass = abstract new (...args: never[]) => object

/** An object that stands for a handle. */
interface Held {
  readonly owner: Resources
  readonly resource: number
  /** Undefined once it was given away or disposed of. */
  number: number | undefined
}

/** Of each object of a resource. */
const held = new WeakMap<object, Held>()

/** Tells of what nobody refers to any more. */
const collected = new FinalizationRegistry<{ host: ResourceHost; number: number }>(
  ({ host, number }) => host.collected(number),
)

/** The classes of the resources of one instance, and their objects. */
export class Resources implements Handles {
  readonly #host: ResourceHost
  readonly #types: InterfaceTypes
  readonly #functions: readonly ComponentFunction[]
  readonly #classes: (ResourceClass | undefined)[] = []

  constructor(types: InterfaceTypes, functions: readonly ComponentFunction[], host: ResourceHost) {
    this.#types = types
    this.#functions = functions
    this.#host = host
  }

  /** The class of a resource. */
  classOf(resource: number): ResourceClass {
    return (this.#classes[resource] ??= this.#makeClass(resource))
  }

  numberOf(value: unknown, resource: number): number | undefined {
    if (typeof value !== 'object' || value === null) return undefined
    const known = held.get(value)
    return known?.owner === this && known.resource === resource ? known.number : undefined
  }

  wrap(number: number, resource: number): object {
    const object = Object.create(this.classOf(resource).prototype as object) as object
    this.#hold(object, { owner: this, resource, number })
    return object
  }

  give(value: object, number: number, owned: boolean): Given | undefined {
    if (!owned) return undefined
    const known = held.get(value)!
    known.number = undefined
    collected.unregister(value)
    return {
      takeBack: () => {
        known.number = number
        this.#hold(value, known)
      },
    }
  }

  #hold(object: object, known: Held): void {
    held.set(object, known)
    collected.register(object, { host: this.#host, number: known.number! }, object)
  }

  /** Drops the handle of an object, once. */
  async #dispose(object: object, waits: boolean): Promise<void> {
    const known = held.get(object)
    if (known?.number === undefined) return
    if (waits) this.#host.checkWaits()
    const { number } = known
    known.number = undefined
    collected.unregister(object)
    await this.#host.drop(number)
  }

  #makeClass(resource: number): ResourceClass {
    const type = this.#types.resources[resource]
    const name = pascalCase(type?.name ?? 'resource')
    const host = this.#host
    const dispose = (object: object, waits: boolean): Promise<void> => this.#dispose(object, waits)
    const { [name]: made } = {
      [name]: class {
        constructor() {
          const message = `a ${name} is made by the component: use \`await ${name}.create(…)\`, or a function that returns one`
          throw new TypeError(message)
        }

        /** Drops the resource. */
        [Symbol.dispose](): void {
          dispose(this, false).catch(() => {})
        }

        /** Drops the resource, and resolves when the component has dropped it. */
        [Symbol.asyncDispose](): Promise<void> {
          return dispose(this, true)
        }
      },
    }
    for (const called of this.#functions) {
      if (called.interface !== type?.interface || called.of.resource !== type?.name) continue
      if (called.of.kind === 'method') {
        define(made!.prototype, memberName(called.of.name), function (this: object, ...args) {
          return host.invoke(called, [this, ...args])
        })
      } else {
        const member = called.of.kind === 'constructor' ? 'create' : memberName(called.of.name)
        // A static function of that name goes before the constructor.
        if (called.of.kind === 'constructor' && Object.hasOwn(made!, member)) continue
        define(made!, member, (...args) => host.invoke(called, args))
      }
    }
    return made!
  }
}

function define(
  target: object,
  name: string,
  value: (this: object, ...args: unknown[]) => unknown,
): void {
  Object.defineProperty(target, name, { value, writable: true, configurable: true })
}
