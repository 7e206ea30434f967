import type { ExportedFunction, WitPart, WitType } from '../../src/index.ts'
import { counted } from '../batch/words.ts'
import { CliError } from '../status.ts'
import { WaveError } from '../wave/error.ts'
import { WaveParser, type HandleNames } from '../wave/parse.ts'
import { Scanner } from '../wave/scanner.ts'
import type { CallText } from './call-text.ts'
import { signatureText, typedName } from './wit-names.ts'

/** Arguments that were read. */
export interface Arguments {
  readonly values: readonly unknown[]
  /** The names of the resources that go over to the function. */
  readonly given: Iterable<string>
}

/**
 * Words of a command line, each a value. A word for a string or a character needs no quotes.
 *
 * @throws {CliError}
 */
export function argumentsOfWords(
  called: ExportedFunction,
  words: readonly string[],
  handles: HandleNames | undefined,
): Arguments {
  checkCount(called, words.length)
  const given: string[] = []
  const values = words.map((word, index) => {
    const part = called.parameters[index]!
    if (isPlain(part.type, word)) return word
    const parser = new WaveParser(new Scanner(word), handles)
    return within(called, part, () => {
      const value = parser.value(part.type)
      parser.end()
      given.push(...parser.given)
      return value
    })
  })
  return { values, given }
}

/**
 * What is typed behind a name: values in parentheses between commas, or values between blanks or commas, where a string
 * without blanks or a character needs no quotes.
 *
 * @throws {CliError}
 */
export function argumentsOfText(
  called: ExportedFunction,
  { text, at }: CallText,
  handles: HandleNames | undefined,
): Arguments {
  const scan = new Scanner(text, at)
  const parser = new WaveParser(scan, handles)
  const [first] = called.parameters
  // Behind a blank it may be a tuple.
  const isTuple = first?.type.kind === 'tuple' && text.charAt(at) !== '('
  const values = !isTuple && scan.take('(') ? inside(called, parser) : between(called, parser)
  const all = counted(called.parameters.length, 'argument')
  within(called, undefined, () => parser.end(`the end after ${all}`))
  checkCount(called, values.length)
  return { values, given: parser.given }
}

function inside(called: ExportedFunction, parser: WaveParser): unknown[] {
  const { scan } = parser
  const values: unknown[] = []
  let isClosed = scan.take(')')
  for (const part of called.parameters) {
    if (isClosed) return values
    within(called, part, () => {
      values.push(parser.value(part.type))
      const isMore = scan.take(',')
      isClosed = scan.take(')')
      if (!isMore && !isClosed) throw scan.error(', or )')
    })
  }
  const all = counted(called.parameters.length, 'argument')
  if (!isClosed) within(called, undefined, () => scan.expect(')', `) after ${all}`))
  return values
}

const BARE = /[^\s,]+/y

function between(called: ExportedFunction, parser: WaveParser): unknown[] {
  const { scan } = parser
  const values: unknown[] = []
  for (const part of called.parameters) {
    if (values.length > 0) scan.take(',')
    scan.skip()
    if (scan.isAtEnd) break
    const word = scan.peek(BARE)
    if (word !== undefined && isPlain(part.type, word)) values.push(scan.match(BARE))
    else within(called, part, () => values.push(parser.value(part.type)))
  }
  return values
}

/** Whether a word is the text of a value itself. */
function isPlain({ kind }: WitType, word: string): boolean {
  if (kind === 'string') return !word.startsWith('"')
  return kind === 'char' && [...word].length === 1
}

function checkCount(called: ExportedFunction, count: number): void {
  const { parameters } = called
  // Options at the end may be left out.
  const least = parameters.findLastIndex(({ type }) => type.kind !== 'option') + 1
  if (count >= least && count <= parameters.length) return
  const needs = counted(count < least ? least : parameters.length, 'argument')
  throw new CliError(
    `${typedName(called.name)} ${signatureText(called)} needs ${needs}, got ${count}`,
  )
}

/** Says to which parameter the text belongs that is not a value of its type. */
function within<T>(called: ExportedFunction, part: WitPart | undefined, read: () => T): T {
  try {
    return read()
  } catch (error) {
    if (!(error instanceof WaveError)) throw error
    const of = part === undefined ? '' : `${part.name}: `
    throw new CliError(`${typedName(called.name)}: ${of}${error.message}`, { cause: error })
  }
}
