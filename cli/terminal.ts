import type { Io, OutputStream } from './io.ts'

/** Whether a line can be drawn over; not where the width is unknown. */
export function isDrawable({ isTTY, columns }: OutputStream, env: Io['env']): boolean {
  return isTTY === true && columns !== 0 && env['TERM'] !== 'dumb'
}

/**
 * What makes a terminal go to a new line if the cursor is not at the beginning of one: a program may have printed half a
 * line. Empty where that cannot be done.
 */
export function freshLine(stream: OutputStream, env: Io['env']): string {
  const { columns = 0 } = stream
  if (columns === 0 || !isDrawable(stream, env)) return ''
  // As many blanks as the terminal is wide go over the end of a line, unless they begin with it.
  return `${' '.repeat(columns)}\r\u{1b}[K`
}
