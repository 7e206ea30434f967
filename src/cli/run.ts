import type { RunOptions } from '../index.ts'
import type { Io } from './io.ts'
import { openProgram } from './program.ts'
import {
  addLoadOptions,
  addRunOptions,
  loadOptions,
  runOptions,
  type LoadFlags,
  type RunFlags,
} from './run-options.ts'
import { statusOf } from './status.ts'
import { examples, type Verb } from './verb.ts'

interface Flags extends RunFlags, LoadFlags {
  json?: boolean
}

export const verb: Verb = {
  describe(command, io) {
    command
      .usage('[options] <prog.wasm> [args…]')
      .argument('<prog.wasm>', 'a module or component, binary or WAT text; - reads it from stdin')
      .argument('[args…]', "the program's own arguments")
      .passThroughOptions()
      .option('--json', 'print how it ended, with its output, as one JSON object')
    addRunOptions(command, io)
    addLoadOptions(command)
    command.addHelpText('after', examples(['wasiexec run hello.wasm', '']))
  },

  async execute(io, [path = '', ...args], flags) {
    const rest = flags as Flags
    const program = await openProgram(io, path, loadOptions(rest))
    const options: RunOptions = { ...runOptions(rest), args, ...streams(io) }
    return statusOf(await program.run(options))
  },
}

function streams(io: Io): Pick<RunOptions, 'stdin' | 'stdout' | 'stderr'> {
  if (io.inherit) return { stdin: 'inherit', stdout: 'inherit', stderr: 'inherit' }
  return { stdin: io.stdin, stdout: io.stdout, stderr: io.stderr }
}
