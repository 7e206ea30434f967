import { basename, extname } from 'node:path'
import { interruptible } from './interruptible.ts'
import type { Io } from './io.ts'
import { CliError } from './status.ts'
import { objection, writeWholeFile } from './whole-file.ts'

interface OutputFile {
  /** The file that `--output` names. */
  output: string | undefined
  /** What a file in this folder, with the name of the program, ends in otherwise. */
  extension: string
  force: boolean
}

/** Returns the file that a verb writes what it makes of the program at `path` to. Throws if it must not. */
export async function outputFile(
  path: string,
  { output, extension, force }: OutputFile,
): Promise<string> {
  if (output === undefined && path === '-')
    throw new CliError('a program from stdin needs --output')
  if (output === '-') throw new CliError('--output needs a file, and - is not a file')
  const file = output ?? `${basename(path, extname(path))}${extension}`
  const problem = await objection(file, force)
  if (problem !== undefined) throw new CliError(problem)
  return file
}

/** Writes what a verb has made, unless it is interrupted. */
export function placeFile(
  io: Io,
  content: Uint8Array,
  output: string,
  force: boolean,
): Promise<void> {
  return interruptible(io, async (signal) => {
    try {
      await writeWholeFile(output, content, { replace: force, signal })
    } catch (error) {
      const { code, message } = error as NodeJS.ErrnoException
      if (code === 'EEXIST') throw new CliError(`${output} exists; --force replaces it`)
      throw new CliError(`cannot write ${output}: ${message}`, { cause: error })
    }
  })
}
