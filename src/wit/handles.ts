import type { Flows } from './flows.ts'

/** The resources that one side has of the other. */
export interface Handles {
  /** The number of the handle that a value is; undefined if it is none of this resource. */
  numberOf(value: unknown, resource: number): number | undefined
  /** What stands for a handle. `owned` says whether the other side gives it away. */
  wrap(number: number, resource: number, owned: boolean): object
  /** The handle of this number is given up, or lent for the time of a call. */
  give(value: object, number: number, owned: boolean): Given | undefined
}

/** What a call gives away or lends. */
export interface Given {
  /** The call was not made. */
  takeBack(): void
  /** The call has ended. */
  ended?(): void
}

/** What values refer to. */
export interface AllHandles {
  /** Resources of the guest, which its caller has. */
  readonly guests: Handles
  /** Resources of the host, which the guest has. */
  readonly hosts: Handles
  /** Streams and futures. */
  readonly flows: Flows
  /** Tells an instance that nobody reads the stream of this number any more. */
  leave?(flow: number): void
  /** Whether nobody wants the values that are read. */
  readonly isUnwanted?: boolean
  /** Gets each object of the host, where the values are read that the host has written and the guest has not got. */
  letGo?(object: object): void
}

/** Whether a value can stand for a resource of the host. */
export function isObject(value: unknown): value is object {
  return (typeof value === 'object' && value !== null) || typeof value === 'function'
}
