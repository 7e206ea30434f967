import type { Scanner } from './scanner.ts'

const ESCAPES: Readonly<Record<string, string>> = {
  t: '\t',
  n: '\n',
  r: '\r',
  '"': '"',
  "'": "'",
  '\\': '\\',
}
const ESCAPE = /\\(?:u\{[0-9A-Fa-f]+\}|[^u])/suy
const PLAIN = /[^\\"\n]+/y
const CHARACTER = /[^\\'\n]/uy
const LINES = /"""\r?\n/y

/** A string in `"`, or in `"""` with lines of its own; undefined where none begins. */
export function readString(scan: Scanner): string | undefined {
  const start = scan.at
  if (scan.match(LINES) !== undefined) return readLines(scan, start)
  if (scan.match(/"/y) === undefined) return undefined
  let value = ''
  for (;;) {
    if (scan.match(/"/y) !== undefined) return value
    value += scan.match(PLAIN) ?? readEscape(scan, 'the end of the string, "')
  }
}

/** A character in `'`; undefined where none begins. */
export function readCharacter(scan: Scanner): string | undefined {
  if (scan.match(/'/y) === undefined) return undefined
  const value = scan.match(CHARACTER) ?? readEscape(scan, 'a character')
  if (scan.match(/'/y) === undefined) throw scan.error("the end of the character, '")
  return value
}

/** @throws {WaveError} with what is expected unless there is an escape. */
function readEscape(scan: Scanner, expected: string): string {
  const { at } = scan
  const escape = scan.match(ESCAPE)
  if (escape === undefined) throw scan.error(expected)
  if (escape.startsWith('\\u')) {
    const point = Number.parseInt(escape.slice(3, -1), 16)
    const isScalar = point <= 0x10_ffff && !(point >= 0xd800 && point <= 0xdfff)
    if (isScalar) return String.fromCodePoint(point)
  }
  const value = ESCAPES[escape.slice(1)]
  if (value === undefined) throw scan.error(String.raw`one of \n \t \r \' \" \\ \u{…}`, at)
  return value
}

/** The lines up to the closing `"""`, without the blanks that stand before these marks. */
function readLines(scan: Scanner, start: number): string {
  const lines: string[] = []
  for (;;) {
    const end = scan.match(/ *"""/y)
    if (end !== undefined) return dedented(scan, lines, end.length - '"""'.length, start)
    let line = ''
    for (;;) {
      const plain = scan.match(/[^\\\n\r"]+/y) ?? scan.match(/"(?!"")|\r(?!\n)/y)
      if (plain !== undefined) line += plain
      else if (scan.match(/\r?\n/y) !== undefined) break
      else line += readEscape(scan, 'the end of the string, """ on a line of its own')
    }
    lines.push(line)
  }
}

function dedented(scan: Scanner, lines: readonly string[], blanks: number, start: number): string {
  const indent = ' '.repeat(blanks)
  return lines
    .map((line) => {
      if (line.startsWith(indent)) return line.slice(blanks)
      throw scan.error(`lines that begin with the ${blanks} blanks of the closing """`, start)
    })
    .join('\n')
}
