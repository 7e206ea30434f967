import { printable, say } from './io.ts'
import type { CompilerChoice } from '../src/index.ts'
import { filePath } from './parse.ts'
import { openProgram, PROGRAM_ARGUMENT } from './program.ts'
import { compilerOption } from './run-options.ts'
import { outputFile, placeFile } from './output-file.ts'
import { STATUS } from './status.ts'
import { examples, type Verb } from './verb.ts'
import { bytes } from './wording.ts'

interface Flags {
  output?: string
  force?: boolean
  fuel?: boolean
  compiler: CompilerChoice
  interruptible: boolean
  quiet?: boolean
}

export const verb: Verb = {
  describe(command) {
    command
      .description(
        'Compiles a program ahead of its runs, for this version of wasiexec and machines like this one.',
      )
      .usage('[options] <prog.wasm>')
      .argument('<prog.wasm>', PROGRAM_ARGUMENT)
      .option(
        '-o, --output <file>',
        'the file to write; default: the name of the program with .cwasm, in this folder',
        filePath,
      )
      .option('--force', 'replace an existing file')
      .option('--fuel', 'also compile the code for runs with --fuel')
      .addOption(compilerOption(['optimizing', 'baseline']))
      .option('--no-interruptible', 'faster code that nothing can stop while it computes')
      .option('-q, --quiet', 'say nothing')
    command.addHelpText(
      'after',
      `${examples(
        ['wasiexec compile prog.wasm -o prog.cwasm', ''],
        ['wasiexec run --trust-precompiled prog.cwasm', 'no compilation, no cache'],
      )}\n\nThe file is machine code: anyone who can change it controls the processes that run it.`,
    )
  },

  async execute(io, [path = ''], given) {
    const { output, force = false, fuel, compiler, interruptible, quiet } = given as Flags
    const file = await outputFile(path, { output, extension: '.cwasm', force })
    const program = await openProgram(io, path, { fuel, compiler, interruptible, cache: false })
    const content = await program.serialize()
    await placeFile(io, content, file, force)
    if (!quiet) await say(io, `wasiexec: wrote ${printable(file)} (${bytes(content.length)})`)
    return STATUS.ok
  },
}
