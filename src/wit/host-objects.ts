import { isObject, type Given, type Handles } from './handles.ts'

/** The objects of a host that a guest has as resources. */
export class HostObjects implements Handles {
  readonly #objects = new Map<number, object>()
  #last = 0

  /** The object that a handle stands for; the guest has the handle no more. */
  take(number: number): object | undefined {
    const object = this.#objects.get(number)
    this.#objects.delete(number)
    return object
  }

  numberOf(value: unknown): number | undefined {
    if (!isObject(value)) return undefined
    do this.#last = (this.#last + 1) % 2 ** 32
    while (this.#objects.has(this.#last))
    this.#objects.set(this.#last, value)
    return this.#last
  }

  wrap(number: number, _: number, owned: boolean): object {
    const object = this.#objects.get(number)
    if (object === undefined)
      throw new TypeError('a guest gave a resource that its host does not know')
    if (owned) this.#objects.delete(number)
    return object
  }

  give(_: object, number: number, owned: boolean): Given {
    const forget = (): void => void this.#objects.delete(number)
    return owned ? { takeBack: forget } : { takeBack: forget, ended: forget }
  }

  /** Forgets them all. */
  clear(): void {
    this.#objects.clear()
  }
}
