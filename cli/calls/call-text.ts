import { CliError } from '../status.ts'
import { Scanner } from '../wave/scanner.ts'

/** A call as it is typed: `add 1 2` or `add(1, 2)`. */
export interface CallText {
  readonly name: string
  /** All that was typed. */
  readonly text: string
  /** Where the arguments begin in it, or the blanks before them. */
  readonly at: number
}

/** @throws {CliError} for a name between quotes that JSON does not read. */
export function parseCall(text: string): CallText | undefined {
  const scan = new Scanner(text, text.length - text.trimStart().length)
  const name = readName(scan)
  return name === undefined ? undefined : { name, text, at: scan.at }
}

/** A name as JSON's strings, for names with blanks and the like; or whatever has no blank or parenthesis. */
function readName(scan: Scanner): string | undefined {
  const start = scan.at
  if (scan.match(/"/y) === undefined) return scan.match(/[^\s(]+/y)
  do scan.match(/[^"\\]+/y)
  while (scan.match(/\\./sy) !== undefined)
  if (scan.match(/"/y) === undefined) return undefined
  return unquote(scan.text.slice(start, scan.at))
}

/** A name as it is typed. */
export function quote(name: string): string {
  return /^[^\s("'.#][^\s(]*$/.test(name) ? name : JSON.stringify(name)
}

function unquote(text: string): string {
  try {
    return JSON.parse(text) as string
  } catch {
    throw new CliError(`expected a name between quotes as in JSON, got ${text}`)
  }
}

/** Arguments without blanks in them: between blanks or commas, or in parentheses between commas. */
export function wordsOf({ name, text, at }: CallText): string[] {
  const rest = text.slice(at).trim()
  if (!rest.startsWith('(')) return rest.split(/[\s,]+/).filter((word) => word !== '')
  if (!rest.endsWith(')')) {
    throw new CliError(`expected ) at the end, as in ${name}(1, 2); got ${name}${rest}`)
  }
  const inside = rest.slice(1, -1).trim()
  return inside === '' ? [] : inside.split(',').map((word) => word.trim())
}
