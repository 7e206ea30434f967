import type { CallText } from './call-text.ts'

/** A call whose arguments were read. */
export interface PreparedCall {
  /** The function, as the library calls it. */
  readonly name: string
  readonly args: readonly unknown[]
  /** What the function has returned as text, one text per value, each in pieces. */
  returned(values: readonly unknown[]): Iterable<string>[]
}

/** An exported function. Both throw a {@link CliError} for arguments that it does not take. */
export interface Callable {
  /** With arguments that are words of a command line. */
  withWords(words: readonly string[]): PreparedCall
  /** With arguments as they were typed behind its name. */
  withText(call: CallText): PreparedCall
}

/** The functions that a program exports. */
export interface Callables {
  /** How many there are. */
  readonly count: number
  /** How values are written where they are not numbers. */
  readonly notation: 'numbers' | 'wave'
  /** The names by which the functions can be called, as they are listed. */
  readonly names: readonly string[]
  /**
   * The function of this name, if there is one.
   *
   * @throws {CliError} if there are several.
   */
  find(name: string): Callable | undefined
  /** What can be completed to a name, for what was typed of it. */
  completions(typed: string): readonly string[]
  /** What is exported, one row for each, with its type. */
  rows(): readonly (readonly string[])[]
}
