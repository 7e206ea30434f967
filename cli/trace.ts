import { readFile, realpath, stat } from 'node:fs/promises'
import { isAbsolute, join, relative, resolve, sep } from 'node:path'
import type { Frame, TrapInfo } from '../src/index.ts'
import { printable, type Io } from './io.ts'
import { isDrawable } from './terminal.ts'

/** How much of a trap is shown. */
export interface TraceOptions {
  /** Where source files are looked for. */
  readonly folders: readonly string[]
  /** Whether frames of the language's library are shown one by one. */
  readonly full: boolean
}

/** As a compiler shows a mistake: what it is, the line where it happened if that can be read, and one line per frame. */
export async function traceLines(
  io: Io,
  trap: TrapInfo,
  { folders, full }: TraceOptions,
): Promise<string[]> {
  const { code, message, frames, location } = trap
  const paint = isDrawable(io.stderr, io.env) && !io.env['NO_COLOR'] ? COLOURS : PLAIN
  // What a language does before it traps is seldom what is looked for.
  const first = location === undefined ? 0 : frames.indexOf(location)
  // Without a frame of the program's own, those of the library are all that there is.
  const isFolded = !full && frames.some((frame) => frame.library !== true)
  const lines = repeated(isFolded ? folded(frames) : frames.map(single))
  return [
    `${paint.red('trap')}: ${printable(message)} (${code})`,
    ...(await excerpt(location, folders, paint)),
    ...lines.map(({ index, text, count }) => {
      const line = `    ${text}${count > 1 ? `, ${count} times` : ''}`
      return index < first ? paint.dim(line) : line
    }),
  ]
}

/** A line of a trace, and the first frame that it is for. */
interface Line {
  readonly index: number
  readonly text: string
}

function single(frame: Frame, index: number): Line {
  return { index, text: `at ${place(frame)}` }
}

/** Frames of the language's library that follow each other are one line. The first such line says how to see them. */
function folded(frames: readonly Frame[]): Line[] {
  const lines: Line[] = []
  let hint = ' (--full-trace shows them)'
  for (let index = 0; index < frames.length;) {
    const own = frames.findIndex((frame, at) => at >= index && frame.library !== true)
    const count = (own < 0 ? frames.length : own) - index
    if (count > 1) {
      lines.push({ index, text: `... ${count} calls of the language's library${hint}` })
      hint = ''
    } else lines.push(single(frames[index]!, index))
    index += Math.max(count, 1)
  }
  return lines
}

/** Recursion without end has the same place again and again. */
function repeated(all: readonly Line[]): (Line & { count: number })[] {
  const lines: (Line & { count: number })[] = []
  for (const { index, text } of all) {
    const last = lines.at(-1)
    if (last?.text === text) last.count += 1
    else lines.push({ index, text, count: 1 })
  }
  return lines
}

type Paint = Readonly<Record<'red' | 'blue' | 'dim', (text: string) => string>>

const escaped =
  (number: string) =>
  (text: string): string =>
    `\u{1b}[${number}m${text}\u{1b}[0m`
const COLOURS: Paint = { red: escaped('1;31'), blue: escaped('1;34'), dim: escaped('2') }
const plain = (text: string): string => text
const PLAIN: Paint = { red: plain, blue: plain, dim: plain }

/** `inner (crash.c:12:5)`; where there are no names, the function's number and the offset. */
function place(frame: Frame): string {
  const name = printable(frame.function ?? `function ${frame.functionIndex}`)
  const inlined = frame.inlined === true ? ', inlined' : ''
  if (frame.file !== undefined) return `${name} (${position(frame)})${inlined}`
  return frame.offset === undefined ? name : `${name} (offset 0x${frame.offset.toString(16)})`
}

/** `src/main.rs:12:5`, from the current folder on if the file is in it. */
function position({ file = '', line, column }: Frame): string {
  const short = isAbsolute(file) ? relative('', file) : file
  const shown = short === '' || isAbsolute(short) || short.startsWith('..') ? file : short
  return printable([shown, line, column].filter((part) => part !== undefined).join(':'))
}

/** The place, and its line if the file is there. */
async function excerpt(
  frame: Frame | undefined,
  folders: readonly string[],
  paint: Paint,
): Promise<string[]> {
  if (frame?.file === undefined) return []
  const arrow = `${paint.blue('-->')} ${position(frame)}`
  const { line, column } = frame
  const text = line === undefined ? undefined : await sourceLine(frame.file, line, folders)
  if (text === undefined) return [`  ${arrow}`]
  const number = String(line)
  const margin = ' '.repeat(number.length)
  const bar = paint.blue('|')
  const shown = (part: string): string => printable(part.replaceAll('\t', '    '))
  const lines = [
    `${margin}${arrow}`,
    `${margin} ${bar}`,
    `${paint.blue(number)} ${bar} ${shown(text)}`.trimEnd(),
  ]
  if (column === undefined || column > Buffer.byteLength(text))
    return [...lines, `${margin} ${bar}`]
  // Columns are counted in bytes.
  const before = shown(
    Buffer.from(text)
      .subarray(0, column - 1)
      .toString(),
  )
  return [...lines, `${margin} ${bar} ${' '.repeat(before.length)}${paint.red('^')}`]
}

/** Larger files are not written by people. */
const MAX_SOURCE_BYTES = 16 << 20
const MAX_LINE = 200

/** What compilers read. The program says where its source is, and other files are none of its business. */
const SOURCES =
  /\.(?:adb|c|cc|cpp|cr|cs|cxx|c\+\+|d|f90|go|gr|h|hh|hpp|hs|hxx|inc|java|js|kt|m|mbt|ml|mm|mts|nim|odin|py|rs|scala|swift|ts|v|wat|zig)$/i

/** A line of a source file that is in one of the folders, which are those of the user; otherwise nothing. */
async function sourceLine(
  file: string,
  line: number,
  folders: readonly string[],
): Promise<string | undefined> {
  if (!SOURCES.test(file) || file.includes('\0')) return undefined
  for (const folder of folders) {
    try {
      const root = await realpath(resolve(folder))
      const path = await realpath(isAbsolute(file) ? file : join(root, file))
      const isInside = path.startsWith(root.endsWith(sep) ? root : root + sep)
      const status = await stat(path)
      if (!isInside || !SOURCES.test(path) || !status.isFile()) continue
      if (status.size > MAX_SOURCE_BYTES) continue
      const text = (await readFile(path, 'utf8')).split(/\r?\n/)[line - 1]
      return text !== undefined && text.length <= MAX_LINE ? text : undefined
    } catch {
      // It is not there.
    }
  }
  return undefined
}
