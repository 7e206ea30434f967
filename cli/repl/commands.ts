import { Command, CommanderError, InvalidArgumentError } from 'commander'
import type {
  GuestMemory,
  InspectedExport,
  Instance,
  Program,
  WitResource,
} from '../../src/index.ts'
import type { Callables } from '../calls/callables.ts'
import type { Handles, Held } from '../calls/handles.ts'
import { columns } from '../columns.ts'
import { printable } from '../io.ts'
import { toInteger, toWords } from '../signature.ts'
import { CliError } from '../status.ts'
import { messageOf } from '../verb.ts'
import { bytes } from '../wording.ts'
import { hexDump } from '../../report/hex-dump.ts'

/** What commands see and do. */
export interface Subject {
  readonly kind: Program['kind']
  readonly exports: readonly InspectedExport[]
  readonly callables: Pick<Callables, 'rows'>
  readonly handles: Pick<Handles, 'all' | 'find'>
  /** The WIT of a component. */
  wit(): Promise<string>
  /** Drops a resource. */
  drop(held: Held): Promise<void>
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
    const { kind } = subject
    if (OF_OTHERS[kind].includes(words[0] ?? ''))
      throw new CliError(`${words[0]} is not for a ${kind}; .help lists the commands`, {
        cause: error,
      })
    const message = messageOf(error).replace(/\.$/, '')
    throw new CliError(`${message}; .help lists the commands`, { cause: error })
  }
}

/** Commands that only the other kind of program has. */
const OF_OTHERS: Readonly<Record<Program['kind'], readonly string[]>> = {
  module: ['.wit', '.resources', '.drop'],
  component: ['.globals', '.memory'],
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
    subject.print(rows(subject.callables.rows())),
  )
  if (subject.kind === 'component') addForComponents(subject, add)
  else addForModules(subject, add)
  add('.reset', 'end the instance and make a new one').action(() => subject.reset())
  add('.help', 'print this list').action(() => subject.print(helpLines(subject, all)))
  add('.exit', 'leave, as Ctrl-D does').action(() => subject.exit())
  return all
}

type Add = (name: string, summary: string) => Command

function addForModules(subject: Subject, add: Add): void {
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
}

function addForComponents(subject: Subject, add: Add): void {
  add('.wit', 'show the WIT of the component').action(async () =>
    subject.print((await subject.wit()).trimEnd().split('\n').map(printable)),
  )
  add('.resources', 'list the resources that functions have returned').action(() =>
    showResources(subject),
  )
  add('.drop', 'drop a resource')
    .argument('<resource>')
    .action((name: string) => subject.drop(subject.handles.find(name)))
}

function helpLines({ kind }: Subject, { commands }: Command): string[] {
  const ofResources = [
    ['counter(5)', 'the same; a resource that is returned is called $1'],
    ['$1.next(), total([$1])', 'call a method, or give a resource to a function'],
  ]
  return rows([
    ['add 1 2, add(1, 2)', 'call a function'],
    ...(kind === 'component' ? ofResources : []),
    ...commands.map((command) => [`${command.name()} ${command.usage()}`, command.summary()]),
  ])
}

async function showResources({ handles, print }: Subject): Promise<void> {
  if (handles.all.length === 0) throw new CliError('no function has returned a resource')
  await print(rows(handles.all.map(({ name, resource }) => [name, printable(nameOf(resource))])))
}

function nameOf({ interface: owner, name }: WitResource): string {
  return owner === undefined ? name : `${owner}#${name}`
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
