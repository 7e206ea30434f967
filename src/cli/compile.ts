import { randomBytes } from 'node:crypto'
import { open, rename, rm, stat, writeFile } from 'node:fs/promises'
import { basename, extname } from 'node:path'
import { printable, say } from './io.ts'
import { openProgram, PROGRAM_ARGUMENT } from './program.ts'
import { CliError, STATUS } from './status.ts'
import { examples, type Verb } from './verb.ts'
import { bytes } from './wording.ts'

interface Flags {
  output?: string
  force?: boolean
  fuel?: boolean
  interruptible: boolean
  quiet?: boolean
}

export const verb: Verb = {
  describe(command) {
    command
      .description(
        'Compiles a program ahead, into a file for this version of wasiexec and machines like this one.',
      )
      .usage('[options] <prog.wasm>')
      .argument('<prog.wasm>', PROGRAM_ARGUMENT)
      .option('-o, --output <file>', 'where to; default: the program with .cwasm, in this folder')
      .option('--force', 'replace a file that is there')
      .option('--fuel', 'also the code for runs with --fuel')
      .option('--no-interruptible', 'faster code that nothing stops while it computes')
      .option('-q, --quiet', 'say nothing')
    command.addHelpText(
      'after',
      `${examples(
        ['wasiexec compile prog.wasm -o prog.cwasm', ''],
        ['wasiexec run --trust-precompiled prog.cwasm', 'no compilation, no cache'],
      )}\n\nThe file is machine code: whoever can change it controls those who run it.`,
    )
  },

  async execute(io, [path = ''], given) {
    const { output = defaultOutput(path), force, fuel, interruptible, quiet } = given as Flags
    // Before the work; and once more when the file is there.
    if (!force && (await exists(output))) throw alreadyThere(output)
    const program = await openProgram(io, path, { fuel, interruptible, cache: false })
    const file = await program.serialize()
    await place(file, output, force === true)
    if (!quiet) await say(io, `wasiexec: wrote ${printable(output)} (${bytes(file.length)})`)
    return STATUS.ok
  },
}

function defaultOutput(path: string): string {
  if (path === '-') throw new CliError('a program from stdin needs --output')
  return `${basename(path, extname(path))}.cwasm`
}

/** Written whole, under another name, and given its own only then. */
async function place(file: Uint8Array, output: string, force: boolean): Promise<void> {
  const temporary = `${output}.${randomBytes(6).toString('hex')}.tmp`
  let isOurs = false
  try {
    if (!force) {
      // Holds the name: nobody else's file is replaced.
      await (await open(output, 'wx')).close()
      isOurs = true
    }
    await writeFile(temporary, file, { flag: 'wx' })
    await rename(temporary, output)
  } catch (error) {
    await rm(temporary, { force: true })
    const { code, message } = error as NodeJS.ErrnoException
    if (code === 'EEXIST' && !isOurs) throw alreadyThere(output)
    if (isOurs) await rm(output, { force: true })
    throw new CliError(`cannot write ${output}: ${message}`, { cause: error })
  }
}

async function exists(path: string): Promise<boolean> {
  try {
    await stat(path)
    return true
  } catch {
    return false
  }
}

function alreadyThere(path: string): CliError {
  return new CliError(`${path} exists; --force replaces it`)
}
