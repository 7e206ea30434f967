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
  /** Whether all that follows the program is for the program. */
  hasProgramWords: boolean
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
    hasProgramWords: command.name() === 'run',
  }
}

/** Words between quotes that no shell changes. */
const quoted = (text: string): string => `'${text.replaceAll("'", `'\\''`)}'`

function bash(verbs: readonly Completed[]): string {
  const words = (list: readonly string[]): string => quoted(list.join(' '))
  const skips = verbs
    .filter(({ hasProgramWords }) => hasProgramWords)
    .map(({ name, options }) => {
      const takers = options.filter(({ takesValue }) => takesValue).flatMap(({ names }) => names)
      return `      ${name}:${takers.join(`|${name}:`)})
        # Its value, which may come after a sign.
        [[ "\${COMP_WORDS[at+1]}" == = ]] && (( at += 1 ))
        (( at += 1 ))
        ;;
      ${name}:-?*) ;;
      ${name}:*) return ;;`
    })
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
  local current="\${COMP_WORDS[COMP_CWORD]}" previous="\${COMP_WORDS[COMP_CWORD-1]}" words='' at
  # The shell takes --option=value apart.
  if [[ "$current" == = ]]; then
    current=''
  elif [[ "$previous" == = ]]; then
    previous="\${COMP_WORDS[COMP_CWORD-2]}"
  fi
  # What follows the program or -- is for the program.
  for (( at = 2; at < COMP_CWORD; at += 1 )); do
    [[ "\${COMP_WORDS[at]}" == -- ]] && return
    case "\${COMP_WORDS[1]}:\${COMP_WORDS[at]}" in
${skips.join('\n')}
    esac
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
    return names.map((name) => {
      const word = takesValue && name.startsWith('--') ? `${name}=` : name
      return quoted(`*${word}[${plain(description)}]${takesValue ? `:value:${values}` : ''}`)
    })
  }
  const cases = verbs.map(({ name, options, choices, hasProgramWords }) => {
    const first = choices.length === 0 ? '*:file:_files' : `1:word:(${choices.join(' ')})`
    const lines = [...options.flatMap(spec), quoted(first)]
    return `    ${name})
      _arguments -S ${hasProgramWords ? "-A '-*' " : ''}${lines.join(' \\\n        ')}
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
    complete(`-n '__wasiexec_verb help' -f -a`, quoted(verbs.map(({ name }) => name).join(' '))),
  ]
  for (const { name, summary, options, choices, hasProgramWords } of verbs) {
    lines.push(complete(`-n __fish_use_subcommand -f -a ${name} -d`, quoted(summary)))
    const takers = options.filter(({ takesValue }) => takesValue).flatMap(({ names }) => names)
    const before = hasProgramWords ? `; and __wasiexec_before_program ${takers.join(' ')}` : ''
    const seen = `-n '__wasiexec_verb ${name}${before}'`
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
  return `# Completes wasiexec in fish.
function __wasiexec_verb
    set -l words (commandline -opc)
    test (count $words) -ge 2; and test "$words[2]" = $argv[1]
end
# What follows the program is for the program. The arguments are the options with values.
function __wasiexec_before_program
    set -l words (commandline -opc)[3..-1]
    set -l is_value 0
    for word in $words
        if test $is_value = 1
            set is_value 0
        else if contains -- $word $argv
            set is_value 1
        else if not string match -q -- '-?*' $word; or test "$word" = --
            return 1
        end
    end
end
${lines.join('\n')}
`
}
