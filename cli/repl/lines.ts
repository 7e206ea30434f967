/** For whom a line is read. */
export interface Reader {
  readonly prompt: string
  /** What can be completed; without it a line is neither completed nor kept in the history. */
  readonly names?: (typed: string) => readonly string[]
  /** Called for Ctrl-C; without it Ctrl-C clears the line. */
  readonly onInterrupt?: () => void
  /** Ends the wait for a line. */
  readonly signal?: AbortSignal
}

/** Where lines come from. */
export interface Lines {
  /** Whether somebody types them. */
  readonly isTyped: boolean
  /** Where the last line stands, for messages: `line 3: `. */
  readonly place: string
  /** Returns the next line; `undefined` at the end, and where the signal aborts. */
  read(reader: Reader): Promise<string | undefined>
  /** No more lines are wanted. */
  close(): void
}
