import type { Command, CommanderError } from 'commander'
import type { Io } from './io.ts'

/** What a file of a verb exports. */
export interface Verb {
  /** Adds arguments, options and examples. */
  describe(command: Command, io: Io): void
  /**
   * Carries the verb out and returns the exit status. Commander made `args` and `flags` of the command line; `all` returns
   * the whole command, with the options of all verbs.
   */
  execute(
    io: Io,
    args: readonly string[],
    flags: object,
    all: () => Promise<Command>,
  ): Promise<number>
}

/** The end of a verb's help. */
export function examples(...lines: readonly [example: string, what: string][]): string {
  const width = Math.max(...lines.map(([example]) => example.length))
  const rows = lines.map(([example, what]) =>
    what === '' ? `  $ ${example}` : `  $ ${example.padEnd(width)}  # ${what}`,
  )
  return `\nExamples:\n${rows.join('\n')}`
}

/** What is wrong with a command line, in one line. */
export function messageOf(error: CommanderError): string {
  return error.message.replace(/^error: /, '').replaceAll(/\s*\n\s*/g, ' ')
}
