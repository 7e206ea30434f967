import { CliError } from '../status.ts'

/** What a line asks for. Words are text; what they mean is known where they are used. */
export type Line =
  | { readonly kind: 'nothing' }
  /** `.memory 1024 16`: the name comes first, with its dot. */
  | { readonly kind: 'command'; readonly words: readonly string[] }
  /** `add 1 2` or `add(1, 2)`. */
  | { readonly kind: 'call'; readonly name: string; readonly words: readonly string[] }

/** A name as JSON's strings, for names with blanks and the like; or whatever has no blank or parenthesis. */
const NAME = /^("(?:[^"\\]|\\.)*"|[^\s("][^\s(]*)\s*(.*)$/s

/** @throws {CliError} */
export function parseLine(text: string): Line {
  const trimmed = text.trim()
  if (trimmed === '' || trimmed.startsWith('#')) return { kind: 'nothing' }
  if (trimmed.startsWith('.')) return { kind: 'command', words: trimmed.split(/\s+/) }
  const [, quoted, rest = ''] = NAME.exec(trimmed) ?? []
  if (quoted === undefined) {
    throw new CliError(
      `expected a function such as add 1 2 or add(1, 2), or a command such as .help; got ${JSON.stringify(trimmed)}`,
    )
  }
  return { kind: 'call', name: unquote(quoted), words: wordsOf(rest, quoted) }
}

/** A name as it is typed. */
export function quote(name: string): string {
  return /^[^\s("'.#][^\s(]*$/.test(name) ? name : JSON.stringify(name)
}

function unquote(text: string): string {
  if (!text.startsWith('"')) return text
  try {
    return JSON.parse(text) as string
  } catch {
    throw new CliError(`expected a name between quotes as in JSON, got ${text}`)
  }
}

/** Arguments between blanks or commas, or in parentheses between commas. */
function wordsOf(rest: string, name: string): string[] {
  if (!rest.startsWith('(')) return rest.split(/[\s,]+/).filter((word) => word !== '')
  if (!rest.endsWith(')')) {
    throw new CliError(`expected ) at the end, as in ${name}(1, 2); got ${name}${rest}`)
  }
  const inside = rest.slice(1, -1).trim()
  return inside === '' ? [] : inside.split(',').map((word) => word.trim())
}
