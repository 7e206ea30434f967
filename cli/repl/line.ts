import { parseCall, type CallText } from '../calls/call-text.ts'
import { CliError } from '../status.ts'

/** What a line asks for. Words are text; what they mean is known where they are used. */
export type Line =
  | { readonly kind: 'nothing' }
  /** `.memory 1024 16`: the name comes first, with its dot. */
  | { readonly kind: 'command'; readonly words: readonly string[] }
  /** `add 1 2` or `add(1, 2)`. */
  | { readonly kind: 'call'; readonly call: CallText }

/** @throws {CliError} */
export function parseLine(text: string): Line {
  const trimmed = text.trim()
  if (trimmed === '' || trimmed.startsWith('#')) return { kind: 'nothing' }
  if (trimmed.startsWith('.')) return { kind: 'command', words: trimmed.split(/\s+/) }
  const call = parseCall(text)
  if (call === undefined) {
    throw new CliError(
      `expected a function such as add 1 2 or add(1, 2), or a command such as .help; got ${JSON.stringify(trimmed)}`,
    )
  }
  return { kind: 'call', call }
}
