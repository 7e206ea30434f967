import type { CallOutcome, Limits } from '../src/index.ts'
import { print, printable, say, type Io } from './io.ts'
import { isBrokenPipe } from './status.ts'
import { freshLine } from './terminal.ts'
import { describeLimit, traceLines } from './wording.ts'

/** Says why the program ended, unless it exited or its function returned. */
export async function tellEnding(
  io: Io,
  name: string,
  outcome: CallOutcome,
  limits: Limits | undefined,
): Promise<void> {
  const lines = reason(outcome, limits)
  if (lines.length > 0) await sayOf(io, name, lines.join('\n'))
}

/** Says something of a program, on a line of its own. */
export async function sayOf(io: Io, name: string, text: string): Promise<void> {
  const start = freshLine(io.stderr, io.env)
  if (start !== '') await print(io.stderr, start).catch(() => {})
  await say(io, `wasiexec: ${printable(name)}: ${text}`)
}

function reason(outcome: CallOutcome, limits: Limits | undefined): string[] {
  switch (outcome.kind) {
    case 'exit':
    case 'returned':
      return []
    case 'trap':
      return traceLines(outcome.trap)
    case 'limit':
      return [describeLimit(outcome.limit, limits)]
    case 'abort':
      return isBrokenPipe(outcome.reason) ? [] : [`aborted by ${String(outcome.reason)}`]
    default:
      return outcome satisfies never
  }
}
