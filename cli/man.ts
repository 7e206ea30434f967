import type { Command } from 'commander'
import manifest from '../package.json' with { type: 'json' }
import { print } from './io.ts'
import { STATUS } from './status.ts'
import { examples, type Verb } from './verb.ts'

/** Characters in a line of a page. */
const WIDTH = 78

export const verb: Verb = {
  describe(command) {
    command
      .description('Prints the manual page, which has the help of all verbs.')
      .usage('')
      .addHelpText('after', examples(['wasiexec man > wasiexec.1 && man ./wasiexec.1', '']))
  },

  async execute(io, _, __, all) {
    await print(io.stdout, page((await all()).commands))
    return STATUS.ok
  },
}

function page(verbs: readonly Command[]): string {
  const title = `.TH WASIEXEC 1 "" "wasiexec ${manifest.version}" "User Commands"`
  const lines = [
    title,
    '.SH NAME',
    'wasiexec \\- runs WASI programs and reports how they ended',
    '.SH SYNOPSIS',
    '.B wasiexec',
    '<verb> [options] ...',
    '.SH VERBS',
    ...verbs.flatMap((command) => ['.TP', `.B ${roff(command.name())}`, roff(command.summary())]),
  ]
  for (const command of verbs) {
    lines.push(`.SH ${command.name().toUpperCase()}`, '.nf', ...helpOf(command), '.fi')
  }
  lines.push('.SH SEE ALSO', roff(manifest.homepage))
  return `${lines.join('\n')}\n`
}

function helpOf(command: Command): string[] {
  let text = ''
  command.configureOutput({
    writeOut: (part) => (text += part),
    getOutHelpWidth: () => WIDTH,
    getOutHasColors: () => false,
  })
  command.outputHelp()
  return text.trimEnd().split('\n').map(roff)
}

/** A line of text that has no meaning to roff. */
function roff(line: string): string {
  const plain = line.replaceAll('\\', '\\e').replaceAll('-', '\\-')
  return /^[.']/.test(plain) ? `\\&${plain}` : plain
}
