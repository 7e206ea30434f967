import type { WitResource } from '../../src/index.ts'
import { CliError } from '../status.ts'

/** A resource that a function has returned. */
export interface Held {
  readonly name: string
  readonly value: object
  readonly resource: WitResource
}

/** The resources of an instance, by the names `$1`, `$2` and so on. */
export class Handles {
  readonly #held = new Map<string, Held>()
  #last = 0

  get all(): readonly Held[] {
    return [...this.#held.values()]
  }

  get(name: string): Held | undefined {
    return this.#held.get(name)
  }

  /** @throws {CliError} unless a resource has this name. */
  find(name: string): Held {
    const held = this.#held.get(name)
    if (held !== undefined) return held
    const known = [...this.#held.keys()].join(', ') || 'none'
    throw new CliError(`no resource is called ${name}; there are: ${known}`)
  }

  /** Names a resource; no name is used twice. */
  keep(value: object, resource: WitResource): string {
    this.#last += 1
    const name = `$${this.#last}`
    this.#held.set(name, { name, value, resource })
    return name
  }

  /** Returns the resource, which then has no name any more. */
  forget(name: string): Held | undefined {
    const held = this.#held.get(name)
    this.#held.delete(name)
    return held
  }

  /** The instance that had them has ended. */
  clear(): void {
    this.#held.clear()
  }
}
