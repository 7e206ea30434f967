import { Command, CommanderError } from 'commander'
import manifest from '../package.json' with { type: 'json' }
import { WasiexecError } from '../src/index.ts'
import { hasLostReader, isSystemError, print, printable, say, type Io } from './io.ts'
import { CliError, STATUS } from './status.ts'
import { suggestion } from './suggest.ts'
import { messageOf, type Verb } from './verb.ts'
import { withOptionNames } from './wording.ts'

/** The verbs; each is loaded when it is asked for. */
const VERBS: Readonly<Record<string, { summary: string; load: () => Promise<{ verb: Verb }> }>> = {
  run: { summary: 'run a program', load: () => import('./run.ts') },
  repl: {
    summary: "call a program's functions by hand",
    load: () => import('./repl.ts'),
  },
  batch: {
    summary: 'run a program for each line or file of an input',
    load: () => import('./batch.ts'),
  },
  serve: {
    summary: 'serve HTTP with a program',
    load: () => import('./serve.ts'),
  },
  inspect: {
    summary: 'show what a program is, needs and offers',
    load: () => import('./inspect.ts'),
  },
  types: {
    summary: 'write TypeScript declarations of what a program offers',
    load: () => import('./types.ts'),
  },
  compile: {
    summary: 'compile a program ahead of its runs',
    load: () => import('./compile.ts'),
  },
  snapshot: {
    summary: 'run a program up to its first read of stdin, and keep it there',
    load: () => import('./snapshot.ts'),
  },
  doctor: {
    summary: 'say what is slow or does not work on this system',
    load: () => import('./doctor.ts'),
  },
  completions: {
    summary: 'print what completes this command in a shell',
    load: () => import('./completions.ts'),
  },
  man: {
    summary: 'print the manual page',
    load: () => import('./man.ts'),
  },
  worker: {
    summary: 'run the jobs of a queue in Redis or Valkey',
    load: () => import('./worker.ts'),
  },
}

/**
 * The whole command: carries out `argv` (without the names of Node and of the script) and returns the
 * exit status. It never rejects for what a user or a guest does.
 */
export async function main(argv: readonly string[], io: Io): Promise<number> {
  const streams = [io.stdout, io.stderr]
  // A write reports its failure itself; an event without a listener would end the process.
  streams.forEach((stream) => stream.on('error', ignore))
  try {
    return await carryOut(argv, io)
  } catch (error) {
    return await explain(error, io)
  } finally {
    streams.forEach((stream) => stream.off('error', ignore))
  }
}

async function carryOut(argv: readonly string[], io: Io): Promise<number> {
  let status: number = STATUS.ok
  // What commander prints: help and the version.
  let text = ''
  const program = new Command('wasiexec')
    .description('Runs WASI programs and reports how they ended.')
    .usage('<verb> [options] ...')
    .version(`wasiexec ${manifest.version}`, '-V, --version', 'print the version')
    .helpOption('-h, --help', 'print this help')
    .addHelpText('after', '\nwasiexec <verb> --help says more, with examples.')
    .enablePositionalOptions()
    .exitOverride()
    .configureHelp({ subcommandTerm: (command) => command.name() })
    .configureOutput({
      writeOut: (part) => (text += part),
      writeErr: ignore,
      getOutHelpWidth: () => io.stdout.columns ?? 80,
      getOutHasColors: () => false,
    })
    .commandsGroup('Verbs:')
    .addHelpCommand(
      new Command('help')
        .argument('[verb]')
        .summary('print the help of a verb')
        .helpGroup('Verbs:'),
    )
  // `help` for an unknown verb is refused like the unknown verb.
  const [first = '', second] = argv
  const words =
    first === 'help' && second !== undefined && !Object.hasOwn(VERBS, second) ? [second] : argv
  const wanted = argv.slice(0, 2)
  for (const [name, { summary, load }] of Object.entries(VERBS)) {
    const command = program.command(name).summary(summary)
    if (!wanted.includes(name)) continue
    const { verb } = await load()
    verb.describe(command, io)
    command.action(async () => {
      status = await verb.execute(io, command.args, command.opts(), () => wholeCommand(io))
    })
  }
  try {
    await program.parseAsync(words, { from: 'user' })
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error
    if (error.exitCode === 0) {
      await print(io.stdout, text)
    } else if (error.code === 'commander.help') {
      // No verb was given, and nothing was done.
      await say(io, program.helpInformation().trimEnd())
      return STATUS.error
    } else {
      throw new CliError(misuse(error, words, program))
    }
  }
  return status
}

/** All verbs with their options. */
async function wholeCommand(io: Io): Promise<Command> {
  const program = new Command('wasiexec').enablePositionalOptions()
  for (const [name, { summary, load }] of Object.entries(VERBS)) {
    const { verb } = await load()
    verb.describe(program.command(name).summary(summary), io)
  }
  return program
}

/** What is wrong with the command line, in one line. */
function misuse(error: CommanderError, argv: readonly string[], program: Command): string {
  const message = messageOf(error)
  const [first = ''] = argv
  const unknown = /^unknown option '([^']*)'(?: \(Did you mean (.*)\?\))?$/.exec(message)
  if (error.code === 'commander.unknownOption' && unknown !== null) {
    const [, name = '', similar] = unknown
    const { options = [] } = program.commands.find((command) => command.name() === first) ?? {}
    const known = options.flatMap(({ long }) => long ?? [])
    const meant = suggestion(name, known, similar)
    return `unknown option '${name}'${meant === undefined ? '' : ` (Did you mean ${meant}?)`}`
  }
  if (error.code === 'commander.unknownCommand' && /\.(?:c?wasm|wat)$/.test(first)) {
    return `${message} (Did you mean wasiexec run ${first}?)`
  }
  return message
}

async function explain(error: unknown, io: Io): Promise<number> {
  if (hasLostReader(error)) return STATUS.brokenPipe
  if (error instanceof CliError) {
    await say(io, `wasiexec: ${printable(error.message)}`)
    return error.status
  }
  if (error instanceof WasiexecError) {
    await say(io, `wasiexec: ${printable(withOptionNames(error.message))}`)
    return STATUS.error
  }
  if (isSystemError(error)) {
    await say(io, `wasiexec: ${printable(error.message)}`)
    return STATUS.error
  }
  const trace = error instanceof Error ? (error.stack ?? error.message) : String(error)
  await say(io, `wasiexec: this is a bug in wasiexec, please report it: ${trace}`)
  return STATUS.error
}

function ignore(): void {}
