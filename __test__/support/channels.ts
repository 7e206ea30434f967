// What a subscriber to all channels of the package sees.
import { AsyncLocalStorage } from 'node:async_hooks'
import { channel, subscribe, unsubscribe } from 'node:diagnostics_channel'
import type { ExecutionContext } from 'ava'

export const OPERATIONS = ['load', 'snapshot', 'instantiate', 'run', 'call'] as const

export type Operation = (typeof OPERATIONS)[number]

/** The context of callers. */
export const context: AsyncLocalStorage<string> = new AsyncLocalStorage<string>()

/** Anything that is published; tests look at whatever they expect. */
// eslint-disable-next-line typescript/no-explicit-any
export type Message = Record<string, any>

/** Something that has begun, and mostly ended. */
export interface Observed {
  operation: Operation
  message: Message
  /** A copy of the message as it was at the start. */
  atStart: Message
  /** The caller's context, as the start and the end saw it. */
  startedIn: string | undefined
  endedIn?: string | undefined
  ends: number
}

/**
 * Subscribes to everything until the test ends. Tests may empty what is returned. What starts twice, or ends without a
 * start, fails the test.
 */
export function observe(t: ExecutionContext): Observed[] {
  const all: Observed[] = []
  const begun = new Map<unknown, Observed>()
  const listen = (name: string, listener: (message: unknown) => void): void => {
    subscribe(name, listener)
    t.teardown(() => unsubscribe(name, listener))
  }
  for (const operation of OPERATIONS) {
    listen(`wasiexec:${operation}:start`, (given) => {
      const message = given as Message
      const atStart = { ...message }
      const startedIn = context.getStore()
      const observed: Observed = { operation, message, atStart, startedIn, ends: 0 }
      t.false(begun.has(message), 'a second start')
      begun.set(message, observed)
      all.push(observed)
    })
    listen(`wasiexec:${operation}:end`, (message) => {
      const observed = begun.get(message)
      t.is(observed?.operation, operation, 'an end without its start')
      if (observed === undefined) return
      observed.ends += 1
      observed.endedIn = context.getStore()
    })
  }
  return all
}

/** Whether nobody subscribes to any of the channels, as at first. */
export function nobodyListens(): boolean {
  return OPERATIONS.every((operation) =>
    ['start', 'end'].every((moment) => !channel(`wasiexec:${operation}:${moment}`).hasSubscribers),
  )
}

/** What became of something, as its caller sees it. */
export type Became = { outcome: unknown } | { error: unknown }

export async function became(attempt: () => unknown): Promise<Became> {
  try {
    return { outcome: await attempt() }
  } catch (error) {
    return { error }
  }
}

/** Asserts that one thing has begun and ended, in the caller's context, as its caller saw. Returns what was observed. */
export function one(
  t: ExecutionContext,
  all: readonly Observed[],
  operation: Operation,
  what: Became,
  caller: string,
): Observed {
  const these = all.filter((observed) => observed.operation === operation)
  t.is(these.length, 1, `${caller}: starts`)
  const observed = these[0]!
  t.is(observed.ends, 1, `${caller}: ends`)
  t.is(observed.startedIn, caller)
  t.is(observed.endedIn, caller)
  const { outcome, error, ...rest } = observed.message
  t.deepEqual(rest, observed.atStart, caller)
  t.deepEqual(
    Object.keys(observed.message).toSorted(),
    [...Object.keys(observed.atStart), 'outcome' in what ? 'outcome' : 'error'].toSorted(),
  )
  // The very objects that the caller gets.
  t.is(outcome, 'outcome' in what ? what.outcome : undefined, caller)
  t.is(error, 'error' in what ? what.error : undefined, caller)
  return observed
}
