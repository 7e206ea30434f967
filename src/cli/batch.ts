import { CliError } from './status.ts'
import { addLoadOptions, addRunOptions } from './run-options.ts'
import { examples, type Verb } from './verb.ts'

export const verb: Verb = {
  describe(command, io) {
    command
      .usage('[options] <prog.wasm> <jobs> [-o results.ndjson]')
      .argument('<prog.wasm>', 'a module or component, binary or WAT text')
      .argument('[jobs]', 'a file of jobs, one JSON object a line; - is stdin')
      .option('-o, --output <file>', 'where results go; - is stdout')
      .option('--force', 'replace the output file')
      .option('--resume', 'go on with the output file')
      .option('--each-line', 'each line of the input is the stdin of a run')
      .option(
        '--each-file <folder>',
        'judge: each *.in is the stdin of a run, *.out what it must print',
      )
      .option('--strict', 'stop at a line that is no job')
      .option('--quiet', 'no progress, no summary')
      .option('--summary <how>', 'text or json')
      .option('--report <file>', 'a page to look at')
    addRunOptions(command, io)
    addLoadOptions(command)
    command.addHelpText(
      'after',
      examples(['wasiexec batch prog.wasm jobs.ndjson -o results.ndjson', '']),
    )
  },

  async execute() {
    throw new CliError('not there yet')
  },
}
