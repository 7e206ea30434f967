import type { Io } from '../io.ts'
import type { Lines } from './lines.ts'
import { PipedLines } from './piped-lines.ts'
import { TypedLines } from './typed-lines.ts'

/** Lines from a terminal, if stdin and stdout are one. */
export function openLines({ stdin, stdout }: Io): Lines {
  const isTyped = 'isTTY' in stdin && stdin.isTTY === true && stdout.isTTY === true
  return isTyped ? new TypedLines(stdin, stdout) : new PipedLines(stdin)
}
