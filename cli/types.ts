import { Buffer } from 'node:buffer'
import { existsSync } from 'node:fs'
import { print, printable, say } from './io.ts'
import { outputFile, placeFile } from './output-file.ts'
import { filePath } from './parse.ts'
import { openProgram, PROGRAM_ARGUMENT } from './program.ts'
import { addLoadOptions, loadOptions, type LoadFlags } from './run-options.ts'
import { STATUS } from './status.ts'
import { examples, type Verb } from './verb.ts'

interface Flags extends LoadFlags {
  output?: string
  force?: boolean
  quiet?: boolean
}

export const verb: Verb = {
  describe(command) {
    command
      .description('Writes TypeScript declarations of what a program offers and needs.')
      .usage('[options] <prog.wasm>')
      .argument('<prog.wasm>', PROGRAM_ARGUMENT)
      .option('-o, --output <file>', 'the file to write; default: stdout', filePath)
      .option('--force', 'replace an existing file')
      .option('-q, --quiet', 'say nothing')
    addLoadOptions(command, [])
    command.addHelpText(
      'after',
      `${examples(
        ['wasiexec types calc.wasm -o calc.d.ts', ''],
        ["import type { Exports } from './calc.d.ts'", ''],
        ['const calc = await program.instantiate<Exports>()', ''],
      )}\n\nOf a component the declarations have the comments of its WIT.`,
    )
  },

  async execute(io, [path = ''], given) {
    const flags = given as Flags
    const { output, force = false, quiet } = flags
    const file =
      output === undefined
        ? undefined
        : await outputFile(path, { output, extension: '.d.ts', force })
    const program = await openProgram(io, path, { ...loadOptions(flags), compiler: 'baseline' })
    const text = await program.types()
    if (file === undefined) {
      await print(io.stdout, text)
      return STATUS.ok
    }
    await placeFile(io, Buffer.from(text), file, force)
    if (quiet) return STATUS.ok
    await say(io, `wasiexec: wrote ${printable(file)}`)
    const module = moduleInPlaceOf(file)
    if (module !== undefined) {
      const advice = `TypeScript reads ${module} in place of it; give it another name, such as ${file.replace(/d\.ts$/, 'wasm.d.ts')}`
      await say(io, `wasiexec: ${printable(advice)}`)
    }
    return STATUS.ok
  },
}

/** The module beside a file of declarations that TypeScript takes the declarations to be of. */
function moduleInPlaceOf(file: string): string | undefined {
  const modules = ['ts', 'tsx'].map((extension) => file.replace(/(?<=\.)d\.ts$/, extension))
  return modules.find((module) => module !== file && existsSync(module))
}
