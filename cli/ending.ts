import { dirname } from 'node:path'
import type { Command } from 'commander'
import type { CallOutcome, Limits, Trap } from '../src/index.ts'
import { print, printable, say, type Io } from './io.ts'
import { isBrokenPipe } from './status.ts'
import { freshLine } from './terminal.ts'
import { traceLines } from './trace.ts'
import { describeLimit } from './wording.ts'

/** What {@link addTraceOption} adds, as commander names it. */
export interface TraceFlags {
  fullTrace?: boolean
}

/** How a trap is shown. */
export function addTraceOption(command: Command): void {
  command.option('--full-trace', "show all calls of a trap, also those of the language's library")
}

/** Who has ended, and how that is shown. */
export interface Ended {
  readonly name: string
  /** If it came from a file. */
  readonly path?: string
  readonly limits: Limits | undefined
  readonly fullTrace: boolean | undefined
}

/**
 * Says why the program ended, unless it exited or its function returned. Source files are looked for in the current folder
 * and in that of the program.
 */
export async function tellEnding(io: Io, ended: Ended, outcome: CallOutcome): Promise<void> {
  const { name, path, limits, fullTrace: full = false } = ended
  const folders = path === undefined || path === '-' ? ['.'] : ['.', dirname(path)]
  const lines =
    outcome.kind === 'trap'
      ? await traceLines(io, outcome.trap, { folders, full })
      : reason(outcome, limits)
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
