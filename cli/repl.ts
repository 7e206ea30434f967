import { addTraceOption, type TraceFlags } from './ending.ts'
import { addFileOption, readGuestFiles, type FileFlags } from './guest-files.ts'
import { addNetworkOptions, networkOptions, type NetworkFlags } from './network.ts'
import { openProgram } from './program.ts'
import { startRepl } from './repl/session.ts'
import {
  addLoadOptions,
  addRunOptions,
  loadOptions,
  runOptions,
  type LoadFlags,
  type RunFlags,
} from './run-options.ts'
import { CliError } from './status.ts'
import { addStoreOptions, storeOptions, type StoreFlags } from './stores.ts'
import { examples, type Verb } from './verb.ts'

interface Flags
  extends RunFlags, LoadFlags, NetworkFlags, StoreFlags, TraceFlags, Pick<FileFlags, 'file'> {}

export const verb: Verb = {
  describe(command, io) {
    command
      .description(
        'Calls functions of a program, one per line: add 1 2. All lines use one instance. Without a terminal, lines come from stdin. The line .help lists what else there is.',
      )
      .usage('[options] <prog.wasm> [-- args...]')
      .argument('<prog.wasm>', 'a module or component, binary or WAT text')
      .argument('[args...]', "the program's own arguments")
    addTraceOption(command)
    addFileOption(command)
    addRunOptions(command, io, ['files'])
    addNetworkOptions(command)
    addStoreOptions(command)
    addLoadOptions(command, ['tiered', 'optimizing', 'baseline'])
    command.addHelpText(
      'after',
      `${examples(
        ['wasiexec repl library.wasm', 'a prompt'],
        ['wasiexec repl --timeout 2s library.wasm', 'each call within a limit'],
        ["printf 'add 1 2\\nadd 3 4\\n' | wasiexec repl library.wasm", 'a script'],
        ["echo 'move({x: 1, y: 2}, (3, 4))' | wasiexec repl shapes.wasm", 'a component, in WAVE'],
      )}

Exit status: 0; 1 a line of a pipe or file failed; 130 Ctrl-C during its calls; 143 SIGTERM;
141 nobody reads the output; 125 an error of wasiexec; as run, if the program ends while it is made.`,
    )
  },

  async execute(io, [path = '', ...args], given) {
    const flags = given as Flags
    if (path === '-') {
      throw new CliError('the program must be a file, because lines are read from stdin')
    }
    const files = await readGuestFiles(flags)
    const program = await openProgram(io, path, loadOptions(flags))
    const grants = { ...networkOptions(flags), ...storeOptions(flags), ...files }
    const options = { ...runOptions(flags), ...grants, args }
    return startRepl(io, program, options, { path, fullTrace: flags.fullTrace })
  },
}
