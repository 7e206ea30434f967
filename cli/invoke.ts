import {
  WasiexecError,
  type CallOutcome,
  type Instance,
  type InstantiateOptions,
  type Outcome,
  type Program,
} from '../src/index.ts'
import { signatureOf, toArguments, toWords } from './signature.ts'
import { CliError } from './status.ts'

/** What a function is given and returns, as text on a command line. */
export interface Invocation {
  readonly name: string
  readonly args: readonly string[]
}

/**
 * Instantiates a program and calls one of its functions. Returns how the call ended, and what the function returned as
 * lines.
 *
 * @throws {CliError} for a function that is not exported, and arguments that it does not take.
 */
export async function invoke(
  program: Program,
  { name, args }: Invocation,
  options: InstantiateOptions,
): Promise<[outcome: CallOutcome, values: string[]]> {
  refuseComponent(program, '--invoke')
  const { exports } = await program.inspect()
  const signature = signatureOf(exports, name)
  if (signature === undefined) {
    const functions = exports.filter(({ kind }) => kind === 'function').map((item) => item.name)
    const known = functions.length === 0 ? 'no functions' : functions.slice(0, 20).join(', ')
    throw new CliError(
      `--invoke: the program exports no function ${JSON.stringify(name)}; it exports ${known}`,
    )
  }
  const given = toArguments(signature, args)
  const made = await instantiate(program, { ...options, args })
  if ('outcome' in made) return [made.outcome, []]
  const outcome = await made.instance.call(name, ...given)
  await made.instance[Symbol.asyncDispose]()
  return [outcome, outcome.kind === 'returned' ? toWords(signature, outcome.values) : []]
}

/** @throws {CliError} for a component: its values have no notation in the command. */
export function refuseComponent({ kind }: Program, what: string): void {
  if (kind !== 'component') return
  throw new CliError(
    `${what} takes core modules, and this is a component; \`wasiexec types\` shows how to call its functions from JavaScript`,
  )
}

/** An instance, or how the program ended while it was made. */
export async function instantiate(
  program: Program,
  options: InstantiateOptions,
): Promise<{ instance: Instance } | { outcome: Outcome }> {
  try {
    return { instance: await program.instantiate(options) }
  } catch (error) {
    if (error instanceof WasiexecError && error.code === 'ERR_INSTANTIATE') {
      return { outcome: error.outcome as Outcome }
    }
    throw error
  }
}
