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

/** The handles of both sides. */
export interface AllHandles {
  /** Resources of the guest, which its caller has. */
  readonly guests: Handles
  /** Resources of the host, which the guest has. */
  readonly hosts: Handles
}
