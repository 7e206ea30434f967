import {
  WasiexecError,
  type CallOutcome,
  type Instance,
  type InstantiateOptions,
  type Outcome,
  type Program,
} from '../src/index.ts'
import { listed, nearest } from '../src/words.ts'
import { parseCall, quote } from './calls/call-text.ts'
import type { Callables, PreparedCall } from './calls/callables.ts'
import { callablesOf } from './calls/callables-of.ts'
import { CliError } from './status.ts'

/** What a function is given, as text on a command line: `add` with words, or `add(1, 2)`, whose words are the program's. */
export interface Invocation {
  readonly name: string
  readonly args: readonly string[]
}

/** How a call ended. */
export interface Invoked {
  readonly outcome: CallOutcome
  /** What the function returned, one text per value, each in pieces. */
  readonly values: readonly Iterable<string>[]
  /** Whether values are written in WAVE, and not as numbers. */
  readonly isWave: boolean
}

/**
 * Instantiates a program and calls one of its functions.
 *
 * @throws {CliError} for a function that is not exported, and arguments that it does not take.
 */
export async function invoke(
  program: Program,
  { name, args }: Invocation,
  options: InstantiateOptions,
): Promise<Invoked> {
  const callables = await callablesOf(program)
  const call = prepare(callables, name, args)
  const isWave = callables.notation === 'wave'
  const made = await instantiate(program, { ...options, args })
  if ('outcome' in made) return { outcome: made.outcome, values: [], isWave }
  const outcome = await made.instance.call(call.name, ...(call.args as number[]))
  await made.instance[Symbol.asyncDispose]()
  const values = outcome.kind === 'returned' ? call.returned(outcome.values) : []
  return { outcome, values, isWave }
}

function prepare(callables: Callables, text: string, words: readonly string[]): PreparedCall {
  try {
    const callable = callables.find(text)
    if (callable !== undefined) return callable.withWords(words)
    const call = text.includes('(') ? parseCall(text) : undefined
    const called = call === undefined ? undefined : callables.find(call.name)
    if (call === undefined || called === undefined) throw unknown(callables, call?.name ?? text)
    return called.withText(call)
  } catch (error) {
    if (error instanceof CliError)
      throw new CliError(`--invoke: ${error.message}`, { cause: error })
    throw error
  }
}

function unknown(callables: Callables, name: string): CliError {
  const { names } = callables
  const near = nameNear(callables, name)
  const known = names.length === 0 ? 'no functions' : listed(names.map(quote))
  const hint = near === undefined ? `it exports ${known}` : `did you mean ${JSON.stringify(near)}?`
  return new CliError(`the program exports no function ${JSON.stringify(name)}; ${hint}`)
}

/** The shortest name of a function that has a name much like this one, be it without its interface. */
function nameNear(callables: Callables, name: string): string | undefined {
  // Completions are shorter names, between quotes where these are needed.
  const short = callables.completions(name).filter((typed) => !typed.startsWith('"'))
  const known = [...short, ...callables.names]
  const ownOf = (full: string): string => full.slice(full.indexOf('#') + 1)
  const own = nearest(name, known.map(ownOf))
  return nearest(name, known) ?? known.find((full) => ownOf(full) === own)
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
