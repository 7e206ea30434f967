import { dirname } from 'node:path'
import type { CallOutcome, Limits, Trap } from '../src/index.ts'
import { print, printable, say, type Io } from './io.ts'
import { isBrokenPipe } from './status.ts'
import { freshLine } from './terminal.ts'
import { traceLines } from './trace.ts'
import { describeLimit } from './wording.ts'

/**
 * Says why the program ended, unless it exited or its function returned. Source files are looked for in the current folder
 * and in that of the program, if it came from a file.
 */
export async function tellEnding(
  io: Io,
  { name, path }: { name: string; path?: string },
  outcome: CallOutcome,
  limits: Limits | undefined,
): Promise<void> {
  const folders = path === undefined || path === '-' ? ['.'] : ['.', dirname(path)]
  const lines =
    outcome.kind === 'trap' ? await traceLines(io, outcome.trap, folders) : reason(outcome, limits)
  if (lines.length > 0) await sayOf(io, name, lines.join('\n'))
}

/** Says something of a program, on a line of its own. */
export async function sayOf(io: Io, name: string, text: string): Promise<void> {
  const start = freshLine(io.stderr, io.env)
  if (start !== '') await print(io.stderr, start).catch(() => {})
  await say(io, `wasiexec: ${printable(name)}: ${text}`)
}

function reason(outcome: Exclude<CallOutcome, Trap>, limits: Limits | undefined): string[] {
  switch (outcome.kind) {
    case 'exit':
    case 'returned':
      return []
    case 'limit':
      return [describeLimit(outcome.limit, limits)]
    case 'abort':
      return isBrokenPipe(outcome.reason) ? [] : [`aborted by ${String(outcome.reason)}`]
    default:
      return outcome satisfies never
  }
}
