import { Argument, type Command, type Option } from 'commander'
import { print } from './io.ts'
import { STATUS } from './status.ts'
import { examples, type Verb } from './verb.ts'

const SHELLS = { bash, zsh, fish }
type Shell = keyof typeof SHELLS

export const verb: Verb = {
  describe(command) {
    command
      .description(
        'Prints a script that completes verbs, options and their values in a shell. Everything else is completed as files.',
      )
      .usage('<shell>')
      .addArgument(new Argument('<shell>', 'the shell').choices(Object.keys(SHELLS)))
      .addHelpText(
        'after',
        examples(
          ['wasiexec completions bash > ~/.local/share/bash-completion/completions/wasiexec', ''],
          ['wasiexec completions zsh > "${fpath[1]}/_wasiexec"', ''],
          ['wasiexec completions fish > ~/.config/fish/completions/wasiexec.fish', ''],
        ),
      )
  },

  async execute(io, [shell], _, all) {
    const verbs = (await all()).commands.map(describe)
    await print(io.stdout, SHELLS[shell as Shell](verbs))
    return STATUS.ok
  },
}

interface Completed {
  name: string
  summary: string
  options: CompletedOption[]
  /** Of its first argument, if there are only these. */
  choices: readonly string[]
}

interface CompletedOption {
  /** `-o` and `--output`. */
  names: string[]
  description: string
  takesValue: boolean
  choices: readonly string[]
}

function describe(command: Command): Completed {
  const option = ({ short, long, description, required, optional, argChoices }: Option) => ({
    names: [short, long].filter((name) => name !== undefined),
    description: description.split('\n', 1)[0]!,
    takesValue: required || optional,
    choices: argChoices ?? [],
  })
  const help = ['-h', '--help']
  return {
    name: command.name(),
    summary: command.summary(),
    options: [
      ...command.options.filter((known) => !known.hidden).map(option),
      { names: help, description: 'print the help', takesValue: false, choices: [] },
    ],
    choices: command.registeredArguments[0]?.argChoices ?? [],
  }
}

/** Words between quotes that no shell changes. */
const quoted = (text: string): string => `'${text.replaceAll("'", `'\\''`)}'`

function bash(verbs: readonly Completed[]): string {
  const words = (list: readonly string[]): string => quoted(list.join(' '))
  const cases = verbs.map(({ name, options, choices }) => {
    const values = options
      .filter((option) => option.choices.length > 0)
      .map((option) => `        ${option.names.join('|')}) words=${words(option.choices)} ;;`)
    const takers = options
      .filter((option) => option.takesValue && option.choices.length === 0)
      .flatMap((option) => option.names)
    return `    ${name})
      case "$previous" in
${values.map((line) => `${line}\n`).join('')}${takers.length === 0 ? '' : `        ${takers.join('|')}) words='' ;;\n`}        *)
          case "$current" in
            -*) words=${words(options.flatMap((option) => option.names))} ;;
            *) words=${words(choices)} ;;
          esac
          ;;
      esac
      ;;`
  })
  return `# Completes wasiexec in bash.
_wasiexec() {
  local current="\${COMP_WORDS[COMP_CWORD]}" previous="\${COMP_WORDS[COMP_CWORD-1]}" words='' word
  # What follows the program or -- is for the program.
  for word in "\${COMP_WORDS[@]:2:COMP_CWORD-2}"; do
    [[ "$word" == -- ]] && return
  done
  if (( COMP_CWORD == 1 )); then
    words=${words(['help', '--help', '--version', ...verbs.map(({ name }) => name)])}
  else
    case "\${COMP_WORDS[1]}" in
    help) (( COMP_CWORD == 2 )) && words=${words(verbs.map(({ name }) => name))} ;;
${cases.join('\n')}
    esac
  fi
  # Without words, the shell completes files.
  COMPREPLY=($(compgen -W "$words" -- "$current"))
}
complete -o bashdefault -o default -F _wasiexec wasiexec
`
}

function zsh(verbs: readonly Completed[]): string {
  const plain = (text: string): string => text.replaceAll(/[\\[\]:]/g, String.raw`\$&`)
  const spec = ({ names, description, takesValue, choices }: CompletedOption): string[] => {
    const values = choices.length === 0 ? '_files' : `(${choices.join(' ')})`
    return names.map((name) =>
      quoted(`*${name}[${plain(description)}]${takesValue ? `:value:${values}` : ''}`),
    )
  }
  const cases = verbs.map(({ name, options, choices }) => {
    const first = choices.length === 0 ? '*:file:_files' : `1:word:(${choices.join(' ')})`
    const lines = [...options.flatMap(spec), quoted(first)]
    return `    ${name})
      _arguments ${lines.join(' \\\n        ')}
      ;;`
  })
  const list = verbs.map(({ name, summary }) => `    ${quoted(`${name}:${plain(summary)}`)}`)
  return `#compdef wasiexec
# Completes wasiexec in zsh.
_wasiexec() {
  local -a verbs=(
${list.join('\n')}
    'help:print the help of a verb'
  )
  if (( CURRENT == 2 )); then
    _describe verb verbs
    return
  fi
  local verb="\${words[2]}"
  shift words
  (( CURRENT -= 1 ))
  case "$verb" in
    help) _describe verb verbs ;;
${cases.join('\n')}
    *) _files ;;
  esac
}
if [ "\${funcstack[1]}" = _wasiexec ]; then _wasiexec "$@"; else compdef _wasiexec wasiexec; fi
`
}

function fish(verbs: readonly Completed[]): string {
  const complete = (...words: string[]): string => ['complete -c wasiexec', ...words].join(' ')
  const lines = [
    complete('-n __fish_use_subcommand -f -a help -d', quoted('print the help of a verb')),
  ]
  for (const { name, summary, options, choices } of verbs) {
    lines.push(complete(`-n __fish_use_subcommand -f -a ${name} -d`, quoted(summary)))
    const seen = `-n '__fish_seen_subcommand_from ${name}'`
    for (const option of options) {
      const names = option.names.map((word) =>
        word.startsWith('--') ? `-l ${word.slice(2)}` : `-s ${word.slice(1)}`,
      )
      const values =
        option.choices.length > 0
          ? `-x -a ${quoted(option.choices.join(' '))}`
          : option.takesValue
            ? '-r'
            : ''
      lines.push(
        complete(
          seen,
          ...names,
          ...(values === '' ? [] : [values]),
          '-d',
          quoted(option.description),
        ),
      )
    }
    if (choices.length > 0) lines.push(complete(seen, '-f -a', quoted(choices.join(' '))))
  }
  return `# Completes wasiexec in fish.\n${lines.join('\n')}\n`
}
