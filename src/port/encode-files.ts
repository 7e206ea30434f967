import { invalid, checkRecord, checkString, shorten } from '../check.ts'
import { WasiexecError } from '../errors.ts'
import { OPTION } from '../protocol.ts'
import type { Encoder } from '../encoder.ts'

/** The most bytes of files that can be given, in UTF-16 units or bytes. */
const MAX_BYTES = 2 ** 29
/** As in the core: of a path, and of a name in it. */
const MAX_PATH = 4095
const MAX_NAME = 255
const MAX_PATTERNS = 1000
/** Of all patterns together that have `*` or `?`. */
const MAX_WILD_BYTES = 65_536
/** The most characters of how messages name a file. */
const MAX_OPTION = 200

/** A directory or file by its path, and the option that gave it. */
interface Given {
  option: string
  contents: string | Uint8Array | undefined
}

/** A directory whose entries wait to be looked at. */
interface Waiting {
  option: string
  path: string
  files: object
}

/**
 * Writes files, and returns how many bytes these have.
 *
 * @throws {WasiexecError} `ERR_INVALID_OPTION`.
 */
export function encodeFiles(value: unknown, to: Encoder): number {
  checkRecord('files', value)
  const given = new Map<string, Given>()
  const waiting: Waiting[] = [{ option: 'files', path: '', files: value }]
  let bytes = 0
  for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
    for (const [key, contents] of entriesOf(next)) {
      const option = optionOf(next.option, key)
      const path = next.path + relative(option, key)
      if (path.length > MAX_PATH || Buffer.byteLength(path) > MAX_PATH)
        throw invalid(option, `a path of at most ${MAX_PATH} bytes`, path)
      const isFile = typeof contents === 'string' || contents instanceof Uint8Array
      if (isFile && key.endsWith('/'))
        throw invalid(option, 'an object, because its name ends with "/"', contents)
      add(given, path, { option, contents: isFile ? contents : undefined })
      if (isFile) {
        bytes += contents.length
        if (bytes > MAX_BYTES)
          throw new WasiexecError(
            'ERR_INVALID_OPTION',
            '`files` must be at most 512 MiB together, got more',
          )
      } else {
        checkFiles(option, contents)
        waiting.push({ option, path: `${path}/`, files: contents })
      }
    }
  }
  to.byte(OPTION.files)
  to.uint32(given.size)
  for (const [path, { contents }] of given) {
    to.string(path)
    to.byte(contents === undefined ? 1 : 0)
    if (typeof contents === 'string') to.string(contents)
    else if (contents !== undefined) to.sized(contents)
  }
  return bytes
}

/** Own properties; a getter may throw. */
function entriesOf({ option, files }: Waiting): [string, unknown][] {
  try {
    return Object.entries(files)
  } catch (error) {
    const reason =
      error instanceof Error ? error.message : 'it threw something that is not an Error'
    throw new WasiexecError('ERR_INVALID_OPTION', `\`${option}\` could not be read: ${reason}`, {
      cause: error,
    })
  }
}

function checkFiles(option: string, value: unknown): asserts value is object {
  const expected = 'a string, bytes or an object of files'
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw invalid(option, expected, value)
  // A Map, an ArrayBuffer or a Date would seem empty.
  const prototype: unknown = Object.getPrototypeOf(value)
  if (prototype !== null && Object.getPrototypeOf(prototype) !== null)
    throw invalid(option, expected, value)
}

/** How messages name a file: of a very deep one the end, which says more than the beginning. */
function optionOf(directory: string, key: string): string {
  const option = `${directory}[${JSON.stringify(shorten(key))}]`
  return option.length > MAX_OPTION ? `files…${option.slice(-MAX_OPTION)}` : option
}

/** The path that a key is, in its shortest form. */
function relative(option: string, key: string): string {
  checkString(`${option} (its path)`, key)
  if (key.startsWith('/'))
    throw invalid(
      `${option} (its path)`,
      'relative; `filesAt` says where the files are',
      shorten(key),
    )
  const names = key.split('/')
  if (names.at(-1) === '') names.pop()
  for (const name of names) {
    if (name === '..') throw invalid(`${option} (its path)`, 'without ".."', shorten(key))
    if (name === '') throw invalid(`${option} (its path)`, 'without empty names', shorten(key))
    if (Buffer.byteLength(name) > MAX_NAME)
      throw invalid(`${option} (its path)`, `without names of more than ${MAX_NAME} bytes`, key)
  }
  const path = names.filter((name) => name !== '.').join('/')
  if (path === '') throw invalid(`${option} (its path)`, 'the path of a file', shorten(key))
  return path
}

/** Adds a path and the directories above it. */
function add(given: Map<string, Given>, path: string, entry: Given): void {
  const earlier = given.get(path)
  // A directory may be given in parts.
  const isPart = earlier?.contents === undefined && entry.contents === undefined
  if (earlier !== undefined && !isPart) throw twice(path, earlier, entry)
  given.set(path, earlier ?? entry)
  for (let end = path.lastIndexOf('/'); end > 0; end = path.lastIndexOf('/', end - 1)) {
    const above = path.slice(0, end)
    const directory = given.get(above)
    if (directory === undefined) given.set(above, { option: entry.option, contents: undefined })
    else if (directory.contents !== undefined) throw twice(above, directory, entry)
    else return
  }
}

function twice(path: string, first: Given, second: Given): WasiexecError {
  const message = `\`${first.option}\` and \`${second.option}\` are both at the path ${JSON.stringify(shorten(path))}`
  return new WasiexecError('ERR_INVALID_OPTION', message)
}

/** @throws {WasiexecError} `ERR_INVALID_OPTION`. */
export function encodeFilesAt(value: unknown, to: Encoder): void {
  checkString('filesAt', value)
  const names = value.split('/')
  if (!value.startsWith('/') || names.includes('..'))
    throw invalid('filesAt', 'an absolute path without ".."', value)
  if (Buffer.byteLength(value) > MAX_PATH)
    throw invalid('filesAt', `a path of at most ${MAX_PATH} bytes`, value)
  to.byte(OPTION.filesAt)
  to.string(`/${names.filter((name) => name !== '' && name !== '.').join('/')}`)
}

/** @throws {WasiexecError} `ERR_INVALID_OPTION`. */
export function encodeCollect(value: unknown, to: Encoder): void {
  if (!Array.isArray(value)) throw invalid('collect', 'an array of patterns', value)
  // Getters may change the array while it is written.
  const { length } = value
  if (length > MAX_PATTERNS) throw invalid('collect', `at most ${MAX_PATTERNS} patterns`, length)
  to.byte(OPTION.collect)
  to.uint32(length)
  const wild = new Set<string>()
  for (let index = 0; index < length; index += 1) {
    const pattern: unknown = value[index]
    const option = `collect[${index}]`
    checkString(option, pattern)
    checkPattern(option, pattern)
    if (/[*?]/.test(pattern)) wild.add(pattern)
    to.string(pattern)
  }
  const bytes = [...wild].reduce((sum, pattern) => sum + Buffer.byteLength(pattern), 0)
  if (bytes > MAX_WILD_BYTES) {
    const expected = `at most ${MAX_WILD_BYTES} bytes of patterns with * or ? (paths without these do not count)`
    throw invalid('collect', expected, bytes)
  }
}

function checkPattern(option: string, pattern: string): void {
  if (pattern.startsWith('/'))
    throw invalid(option, 'relative, as the paths of `files` are', pattern)
  if (pattern.endsWith('/'))
    throw invalid(option, 'a pattern of files (`**` at its end is for all)', pattern)
  if (Buffer.byteLength(pattern) > MAX_PATH)
    throw invalid(option, `of at most ${MAX_PATH} bytes`, pattern)
  for (const name of pattern.split('/')) {
    if (name === '' || name === '.' || name === '..')
      throw invalid(option, 'without empty names, "." and ".."', pattern)
    if (name !== '**' && name.includes('**'))
      throw invalid(option, 'with `**` as a whole name only', pattern)
    if (Buffer.byteLength(name) > MAX_NAME)
      throw invalid(option, `without names of more than ${MAX_NAME} bytes`, pattern)
  }
  const other = /[[\]{}\\]/.exec(pattern)?.[0]
  if (other !== undefined)
    throw invalid(
      option,
      `without ${JSON.stringify(other)} (only *, ? and ** are special; ? matches any character)`,
      pattern,
    )
}
