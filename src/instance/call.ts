import { ProgramError } from '../errors.ts'
import { neverStarted, type AnyCallOutcome, type CallValues } from '../outcome.ts'
import { ValueWriter } from '../wit/value-writer.ts'
import type { Callee, InstanceLink } from './link.ts'
import type { CheckedCallOptions } from './options.ts'

/** Writers that are not in use. A getter of an argument may make another call while one is. */
const spare: ValueWriter[] = []

/** A writer for the arguments of one call, to be given back. */
export function takeWriter(): ValueWriter {
  const writer = spare.pop() ?? new ValueWriter()
  writer.clear()
  return writer
}

export function giveWriterBack(writer: ValueWriter): void {
  if (spare.length < 4) spare.push(writer)
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
    const given = writer.given.length === 0 ? undefined : [...writer.given]
    return state.port.call(state.number, {
      instance: state,
      function: callee.number,
      payload: writer,
      signal,
      // Keeps the instance, of which users may have nothing else, until the call has ended.
      read: (delivery, reason) => {
        for (const it of given ?? []) {
          if (delivery.hasStarted) it.ended?.()
          else it.takeBack()
        }
        return link.read(callee, delivery, reason)
      },
    })
  } finally {
    giveWriterBack(writer)
  }
}

/** What a function of `exports` returns. */
export function valueOf(outcome: AnyCallOutcome): CallValues[number] {
  if (outcome.kind !== 'returned') throw new ProgramError(outcome)
  const { values } = outcome
  return (values.length > 1 ? values : values[0]) as CallValues[number]
}
