import { load, WasiexecError, type LoadOptions, type Program } from '../src/index.ts'
import { printable, readAll, type Io } from './io.ts'
import { CliError } from './status.ts'
import { withOptionNames } from './wording.ts'

export const PROGRAM_ARGUMENT = 'a module or component, binary or WAT text; - is stdin'

/** What is often given in place of the program that is made of it. */
const SOURCE = /\.(?:c|cc|cpp|cs|cxx|go|java|js|kt|mjs|php|py|rb|rs|swift|ts|zig)$/i

/** Loads the program of a command; `-` is a program that comes through stdin. */
export async function openProgram(io: Io, path: string, options: LoadOptions): Promise<Program> {
  if (path === '') throw new CliError('the path of the program is empty')
  if (/^[a-z][a-z\d+.-]+:\/\//i.test(path))
    throw new CliError(`the program must be a file, got the URL ${printable(path)}`)
  const source = path === '-' ? await readAll(io.stdin) : path
  try {
    return await load(source, options)
  } catch (error) {
    // Only these errors are about the file.
    if (error instanceof WasiexecError && /^ERR_(?:.*_WASM|PRECOMPILED_.*)$/.test(error.code)) {
      const what = path === '-' ? `stdin: ${error.message}` : error.message
      const hint = SOURCE.test(path)
        ? '; it is source code, which a compiler for WASI has to compile first'
        : ''
      throw new CliError(`${withOptionNames(oneLine(what))}${hint}`, { cause: error })
    }
    throw error
  }
}

/** A message about WAT text has a picture of the place below it; here the place is a line and a column. */
function oneLine(message: string): string {
  return message.replace(/\n *--> <anon>:(\d+):(\d+)[^]*$/, ' (line $1, column $2)')
}
