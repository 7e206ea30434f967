import { WasiexecError, type HostError, type Outcome, type Program } from '../src/index.ts'
import { listed } from '../src/words.ts'
import { interruptible } from './interruptible.ts'
import { printable, say, type Io } from './io.ts'
import { outputFile, placeFile } from './output-file.ts'
import { filePath } from './parse.ts'
import { openProgram, PROGRAM_ARGUMENT } from './program.ts'
import {
  addLoadOptions,
  addRunOptions,
  loadOptions,
  runOptions,
  type LoadFlags,
  type RunFlags,
} from './run-options.ts'
import { CliError, STATUS } from './status.ts'
import { examples, type Verb } from './verb.ts'
import { bytes } from './wording.ts'

interface Flags extends RunFlags, LoadFlags {
  output?: string
  force?: boolean
  call?: string
  quiet?: boolean
}

export const verb: Verb = {
  describe(command, io) {
    command
      .description(
        'Runs a program up to its first read of stdin, and writes a program that goes on from there.',
      )
      .usage('[options] <prog.wasm> [-- args...]')
      .argument('<prog.wasm>', PROGRAM_ARGUMENT)
      .argument('[args...]', "the program's arguments, which are inside the snapshot")
      .option(
        '-o, --output <file>',
        'the file to write; default: the name of the program with .warm.wasm, in this folder',
        filePath,
      )
      .option('--force', 'replace an existing file')
      .option('--call <function>', 'take it when this export has returned, before _start')
      .option('-q, --quiet', 'say nothing')
    // There is no snapshot of a program whose output was cut.
    addRunOptions(command, io, [], ['outputBytes'])
    addLoadOptions(command, [])
    command.addHelpText(
      'after',
      `${examples(
        [
          "wasiexec snapshot python.wasm -o json.wasm -- -c 'import json, sys; exec(sys.stdin.read())'",
          '',
        ],
        ["echo 'print(json.dumps([1]))' | wasiexec run json.wasm", 'without the start of Python'],
      )}\n\nA snapshot is an ordinary module. Directories have to be granted to its runs again.`,
    )
  },

  async execute(io, [path = '', ...args], given) {
    const flags = given as Flags
    const { output, force = false, call, quiet } = flags
    const file = await outputFile(path, { output, extension: '.warm.wasm', force })
    if (!quiet && io.stderr.isTTY === true)
      await say(io, 'wasiexec: compiling, which may take a minute')
    const binary = await take(io, path, args, flags, call)
    await placeFile(io, binary, file, force)
    if (!quiet) await say(io, `wasiexec: wrote ${printable(file)} (${bytes(binary.length)})`)
    return STATUS.ok
  },
}

async function take(
  io: Io,
  path: string,
  args: readonly string[],
  flags: Flags,
  call: string | undefined,
): Promise<Uint8Array> {
  // Neither program is run, but for the snapshot.
  const program = await openProgram(io, path, { ...loadOptions(flags), compiler: 'baseline' })
  if (call !== undefined) await checkCall(program, call)
  const until = call === undefined ? 'stdin' : { call }
  return interruptible(io, async (signal) => {
    try {
      const warm = await program.snapshot({ ...runOptions(flags), args, until, signal })
      return await warm.wasm()
    } catch (error) {
      if (!(error instanceof WasiexecError)) throw error
      if (error.outcome !== undefined) await passOn(io, error.outcome)
      throw error
    }
  })
}

/** Throws unless a program exports the function of `--call`, and it can be called without arguments. */
async function checkCall(program: Program, call: string): Promise<void> {
  const { exports } = await program.inspect()
  const names = exports
    .filter(({ kind, type }) => kind === 'function' && type.startsWith('()'))
    .map(({ name }) => name)
  if (names.includes(call)) return
  throw new CliError(
    `--call must name an exported function without parameters (${listed(names.map(printable))}), got ${printable(JSON.stringify(call))}`,
  )
}

/** Shows what a program printed that ended too early. */
async function passOn(io: Io, { stdout, stderr }: Outcome | HostError): Promise<void> {
  const text = Buffer.concat([stdout, stderr]).toString()
  if (text !== '') await say(io, printable(text.trimEnd()))
}
