import { Command, CommanderError, InvalidArgumentError } from 'commander'
import type { GuestMemory, InspectedExport, Instance } from '../../src/index.ts'
import { columns } from '../columns.ts'
import { printable } from '../io.ts'
import { toInteger, toWords } from '../signature.ts'
import { CliError } from '../status.ts'
import { messageOf } from '../verb.ts'
import { bytes } from '../wording.ts'
import { hexDump } from '../../report/hex-dump.ts'

/** What commands see and do. */
export interface Subject {
  readonly exports: readonly InspectedExport[]
  /** Returns the instance, which is made if there is none. */
  instance(): Promise<Instance>
  print(lines: readonly string[]): Promise<void>
  reset(): Promise<void>
  exit(): void
}

const MAX_LENGTH = 1 << 20
const DEFAULT_LENGTH = 64

/**
 * Carries out a command.
 *
 * @throws {CliError} for a command that does not exist, and arguments that it does not take.
 */
export async function carryOut(subject: Subject, words: readonly string[]): Promise<void> {
  try {
    await commandsOf(subject).parseAsync([...words], { from: 'user' })
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error
    const message = messageOf(error).replace(/\.$/, '')
    throw new CliError(`${message}; .help lists the commands`, { cause: error })
  }
}

/** The names of the commands, with their dots. */
export function commandNames(subject: Subject): string[] {
  return commandsOf(subject).commands.map((command) => command.name())
}

function commandsOf(subject: Subject): Command {
  const all = new Command()
    .exitOverride()
    .helpOption(false)
    .helpCommand(false)
    .configureOutput({ writeErr: () => {} })
  const add = (name: string, summary: string): Command =>
    all.command(name).summary(summary).helpOption(false)
  add('.exports', 'list what the program exports, with types').action(() =>
    subject.print(exportLines(subject)),
  )
  add('.globals', 'show the values of the exported globals').action(() => showGlobals(subject))
  add('.memory', `show bytes of a memory; ${DEFAULT_LENGTH} without a length`)
    .argument('<address>', '', toAddress)
    .argument('[length]', '', toLength)
    .argument('[memory]')
    // Functions return addresses as signed numbers.
    .allowUnknownOption()
    .action((address: bigint, length?: number, name?: string) =>
      showMemory(subject, address, length, name),
    )
  add('.reset', 'end the instance and make a new one').action(() => subject.reset())
  add('.help', 'print this list').action(() => subject.print(helpLines(all)))
  add('.exit', 'leave, as Ctrl-D does').action(() => subject.exit())
  return all
}

function helpLines({ commands }: Command): string[] {
  return rows([
    ['add 1 2, add(1, 2)', 'call a function'],
    ...commands.map((command) => [`${command.name()} ${command.usage()}`, command.summary()]),
  ])
}

function exportLines({ exports }: Subject): string[] {
  return rows(exports.map(({ name, kind, type }) => [printable(name), kind, printable(type)]))
}

async function showGlobals(subject: Subject): Promise<void> {
  const globals = subject.exports.filter(({ kind }) => kind === 'global')
  if (globals.length === 0) throw new CliError('the program exports no globals')
  const instance = await subject.instance()
  await subject.print(
    rows(globals.map(({ name, type }) => [printable(name), type, valueOf(instance, name, type)])),
  )
}

/** The value of a global, or why none can be shown. */
function valueOf({ globals }: Instance, name: string, type: string): string {
  const number = /\b[if](?:32|64)$/.exec(type)?.[0]
  if (number === undefined) return '(not a number)'
  return toWords({ name, parameters: [], results: [number] }, [globals.get(name)]).join()
}

async function showMemory(
  subject: Subject,
  address: bigint,
  length: number | undefined,
  name: string | undefined,
): Promise<void> {
  const memory = memoryOf(await subject.instance(), name)
  const at = address < 0n ? address + (1n << 32n) : address
  const left = memory.byteLength - Number(at)
  const all = length ?? (left > 0 ? Math.min(left, DEFAULT_LENGTH) : DEFAULT_LENGTH)
  await subject.print(hexDump(memory.read(address, all), at))
}

function memoryOf(instance: Instance, name: string | undefined): GuestMemory {
  const names = Object.keys(instance.memories)
  const [only] = names.length === 1 ? names : []
  const wanted = name ?? only
  if (wanted === undefined) return instance.memory
  const found = instance.memories[wanted]
  if (found !== undefined) return found
  const known = names.length === 0 ? 'none' : names.join(', ')
  throw new CliError(`the program exports no memory ${JSON.stringify(wanted)}; it exports ${known}`)
}

function rows(cells: readonly (readonly string[])[]): string[] {
  return columns(cells).split('\n')
}

function toAddress(text: string): bigint {
  const value = toInteger(text)
  if (value === undefined)
    throw new InvalidArgumentError('Expected an address such as 1024 or 0x400.')
  return value
}

function toLength(text: string): number {
  const value = toInteger(text)
  if (value === undefined || value < 1n || value > MAX_LENGTH)
    throw new InvalidArgumentError(`Expected a number of bytes from 1 to ${bytes(MAX_LENGTH)}.`)
  return Number(value)
}
