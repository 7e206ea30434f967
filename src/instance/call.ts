import { calls, limitsOf, withOutcome, type CallMessage } from '../diagnostics.ts'
import { ProgramError } from '../errors.ts'
import { neverStarted, type AnyCallOutcome, type CallValues } from '../outcome.ts'
import type { Given } from '../wit/handles.ts'
import { ValueWriter } from '../wit/value-writer.ts'
import type { Callee, InstanceLink } from './link.ts'
import type { CheckedCallOptions } from './options.ts'

/** Writers that are not in use. A getter of an argument may make another call while one is. */
const spare: ValueWriter[] = []

/** A writer for the arguments of one call, to be given back. */
export function takeWriter(): ValueWriter {
  return spare.pop() ?? new ValueWriter()
}

export function giveWriterBack(writer: ValueWriter): void {
  if (spare.length >= 4) return
  // It would keep the instance and what the call was given.
  writer.clear()
  spare.push(writer)
}

/** Starts a call once the calls before it have ended. */
export function startCall(
  link: InstanceLink,
  callee: Callee,
  args: readonly unknown[],
  { limits, signal }: CheckedCallOptions,
): Promise<AnyCallOutcome> {
  const { state } = link
  const writer = takeWriter()
  try {
    callee.write(args, writer, link)
    if (signal?.aborted === true) {
      writer.takeBack()
      return Promise.resolve(neverStarted(signal.reason))
    }
    if (limits !== undefined) writer.append(limits)
    const given = writer.takeGiven()
    return state.port.call(state.number, {
      instance: state,
      function: callee.number,
      payload: writer,
      signal,
      // Keeps the instance, of which users may have nothing else, until the call has ended.
      read: (delivery, reason) => {
        settleGiven(given, delivery.hasStarted)
        return link.read(callee, delivery, reason)
      },
    })
  } finally {
    giveWriterBack(writer)
  }
}

/** The same, of which subscribers are told. */
export function observedCall(
  link: InstanceLink,
  callee: Callee,
  args: readonly unknown[],
  options: CheckedCallOptions,
): Promise<AnyCallOutcome> {
  const start = (): Promise<AnyCallOutcome> => startOpen(link, () => callee, args, options)
  if (!calls.isObserved) return start()
  const message = callMessage(link.state.imports.name, 'call', callee.name, options)
  return calls.until(message, start, withOutcome)
}

/** Starts a call of a function by its name. It rejects as {@link Caller.call} does. */
export function startNamedCall(
  link: InstanceLink,
  options: CheckedCallOptions,
  name: string,
  args: readonly unknown[],
): Promise<AnyCallOutcome> {
  return startOpen(link, () => link.exports.function(name), args, options)
}

function startOpen(
  link: InstanceLink,
  callee: () => Callee,
  args: readonly unknown[],
  options: CheckedCallOptions,
): Promise<AnyCallOutcome> {
  try {
    link.state.checkOpen()
    return startCall(link, callee(), args, options)
  } catch (error) {
    return Promise.reject(error)
  }
}

/** What subscribers are told of a call. */
export function callMessage(
  program: string,
  method: CallMessage['method'],
  name: string,
  { given }: CheckedCallOptions,
): CallMessage {
  return { program, method, function: name, limits: limitsOf(given) }
}

/** What a call was given, once it has ended or it is known that it was not made. */
export function settleGiven(given: readonly Given[] | undefined, hasStarted: boolean): void {
  for (const it of given ?? []) {
    if (hasStarted) it.ended?.()
    else it.takeBack()
  }
}

/** What a function of `exports` returns. */
export function valueOf(outcome: AnyCallOutcome): CallValues[number] {
  if (outcome.kind !== 'returned') throw new ProgramError(outcome)
  const { values } = outcome
  return (values.length > 1 ? values : values[0]) as CallValues[number]
}
