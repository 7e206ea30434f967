import { CliError } from './status.ts'
import { examples, type Verb } from './verb.ts'

export const verb: Verb = {
  describe(command) {
    command.argument('<prog.wasm>', 'a module or component')
    command.addHelpText('after', examples(['wasiexec compile prog.wasm', '']))
  },

  async execute() {
    throw new CliError('not there yet')
  },
}
