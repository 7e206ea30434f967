import { channel, type Channel } from 'node:diagnostics_channel'
import type {
  CallMessage,
  InstantiateMessage,
  LoadMessage,
  RunMessage,
  SnapshotMessage,
} from './diagnostics/messages.ts'

export { limitsOf } from './diagnostics/messages.ts'
export type {
  CallMessage,
  InstantiateMessage,
  LoadMessage,
  ObservedJob,
  RunMessage,
  SnapshotMessage,
} from './diagnostics/messages.ts'

/** Publishes the end of what has begun. To be called once, unless what has begun throws. */
export type End<Message> = (ending: Partial<Message> | { error: unknown }) => void

/**
 * Something that takes time, with a channel for its starts and one for its ends. Who publishes asks first whether
 * anybody subscribes: that is all it costs without subscribers.
 */
export class Operation<Message extends object> {
  readonly #start: Channel
  readonly #end: Channel

  constructor(name: string) {
    this.#start = channel(`wasiexec:${name}:start`)
    this.#end = channel(`wasiexec:${name}:end`)
  }

  get isObserved(): boolean {
    return this.#start.hasSubscribers || this.#end.hasSubscribers
  }

  /**
   * Publishes the start, and acts in the context that subscribers have bound to it. What is given to `end`, or else what
   * `act` throws, is published as the end.
   */
  begin<T>(message: Message, act: (end: End<Message>) => T): T {
    const end: End<Message> = (ending) => this.#end.publish(Object.assign(message, ending))
    return this.#start.runStores(message, () => {
      try {
        return act(end)
      } catch (error) {
        end({ error })
        throw error
      }
    })
  }

  /** The same for what ends with `act`. */
  during<T>(message: Message, act: () => T, ending: (value: T) => Partial<Message>): T {
    return this.begin(message, (end) => {
      const value = act()
      end(ending(value))
      return value
    })
  }

  /** The same for what ends with a promise. What is returned settles after the end was published. */
  until<T>(
    message: Message,
    act: () => Promise<T>,
    ending: (value: T) => Partial<Message>,
  ): Promise<T> {
    return this.begin(message, (end) => ended(act(), end, ending))
  }
}

/** The promise, once its end was published. */
export function ended<T, Message>(
  promise: Promise<T>,
  end: End<Message>,
  ending: (value: T) => Partial<Message>,
): Promise<T> {
  return promise.then(
    (value) => {
      end(ending(value))
      return value
    },
    (error: unknown) => {
      end({ error })
      throw error
    },
  )
}

/** The ending of a run or call that has an outcome. */
export function withOutcome<T>(outcome: T): { outcome: T } {
  return { outcome }
}

export const runs: Operation<RunMessage> = new Operation('run')
export const calls: Operation<CallMessage> = new Operation('call')
export const instantiations: Operation<InstantiateMessage> = new Operation('instantiate')
export const loads: Operation<LoadMessage> = new Operation('load')
export const snapshots: Operation<SnapshotMessage> = new Operation('snapshot')
