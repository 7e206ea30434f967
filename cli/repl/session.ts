import manifest from '../../package.json' with { type: 'json' }
import {
  ProgramError,
  WasiexecError,
  type CallOutcome,
  type InspectedExport,
  type InstantiateOptions,
  type Outcome,
  type Program,
} from '../../src/index.ts'
import { counted } from '../batch/words.ts'
import type { CallText } from '../calls/call-text.ts'
import type { Callables } from '../calls/callables.ts'
import { callablesOf } from '../calls/callables-of.ts'
import { Handles, type Held } from '../calls/handles.ts'
import { sayOf, tellEnding, type Ended } from '../ending.ts'
import { print, printable, printLines, say, type InterruptSignal, type Io } from '../io.ts'
import { CliError, interruptStatus, isBrokenPipe, STATUS, statusOf } from '../status.ts'
import { freshLine } from '../terminal.ts'
import { withOptionNames } from '../wording.ts'
import { carryOut, commandNames, type Subject } from './commands.ts'
import { parseLine } from './line.ts'
import type { Lines } from './lines.ts'
import { EndedEarly, LiveInstance } from './live-instance.ts'
import { openLines } from './open-lines.ts'

/** A message may have a whole line in it. */
const MAX_MESSAGE = 2000

function excerpt(text: string): string {
  return text.length <= MAX_MESSAGE ? text : `${text.slice(0, MAX_MESSAGE)}…`
}

/** A line failed that nobody typed. */
const FAILED = 1

/** Carries out `wasiexec repl` and returns its exit status. */
export async function startRepl(
  io: Io,
  program: Program,
  options: InstantiateOptions,
  shown: Shown,
): Promise<number> {
  const { exports } = await program.inspect()
  const handles = new Handles()
  const callables = await callablesOf(program, handles)
  return new Session(io, { program, exports, callables, handles }, options, shown).run()
}

/** How endings are told, of the command line. */
type Shown = Pick<Ended, 'path' | 'fullTrace'>

/** What is called. */
interface Called {
  readonly program: Program
  readonly exports: readonly InspectedExport[]
  readonly callables: Callables
  /** The resources of the instance. */
  readonly handles: Handles
}

/** Lines, one after the other, and the instance that they use. */
class Session {
  readonly #io: Io
  /** How endings are told. */
  readonly #ending: Ended
  readonly #program: Program
  readonly #callables: Callables
  readonly #handles: Handles
  readonly #options: InstantiateOptions
  readonly #lines: Lines
  readonly #subject: Subject
  #live: LiveInstance | undefined
  /** Aborted by Ctrl-C and SIGTERM while the line is carried out. */
  #line = new AbortController()
  /** Stops listening for both; none after a signal until the next line: a second one ends the process. */
  #stopListening: (() => void) | undefined
  /** Aborted by a signal that ends the session. */
  readonly #over = new AbortController()
  #hasFailed = false
  /** The exit status, once no more lines are wanted. */
  #status: number | undefined

  constructor(io: Io, called: Called, options: InstantiateOptions, shown: Shown) {
    const { program, exports, callables, handles } = called
    this.#io = io
    this.#ending = { name: program.name, limits: options.limits, ...shown }
    this.#program = program
    this.#callables = callables
    this.#handles = handles
    this.#options = options
    this.#lines = openLines(io)
    this.#subject = {
      kind: program.kind,
      exports,
      callables,
      handles,
      wit: () => program.wit(),
      drop: (held) => this.#drop(held),
      instance: async () => (await this.#open()).instance,
      print: (lines) => print(io.stdout, `${lines.join('\n')}\n`),
      reset: () => this.#reset(),
      exit: () => (this.#status ??= this.#end()),
    }
  }

  async run(): Promise<number> {
    this.#listen()
    try {
      return await this.#run()
    } finally {
      this.#stopListening?.()
      this.#lines.close()
      await this.#live?.end()
    }
  }

  async #run(): Promise<number> {
    try {
      await this.#open()
    } catch (error) {
      // A program that cannot be instantiated has nothing to call.
      if (!(error instanceof EndedEarly)) throw error
      await this.#tellEarly(error.end)
      return typeof error.end === 'string' ? STATUS[error.end] : statusOf(error.end)
    }
    const { isTyped } = this.#lines
    if (isTyped) await print(this.#io.stdout, `${this.#greeting()}\n`)
    while (this.#status === undefined) {
      const names = (typed: string): readonly string[] => this.#names(typed)
      const line = await this.#lines.read({ prompt: '> ', names, signal: this.#over.signal })
      if (this.#over.signal.aborted) break
      if (line === undefined) {
        if (isTyped) await print(this.#io.stdout, '\n')
        return this.#end()
      }
      this.#line = new AbortController()
      this.#listen()
      await this.#carryOut(line)
    }
    return this.#status ?? this.#end()
  }

  #end(): number {
    return this.#hasFailed && !this.#lines.isTyped ? FAILED : STATUS.ok
  }

  #greeting(): string {
    const functions = counted(this.#callables.count, 'function')
    return `wasiexec ${manifest.version}: ${printable(this.#program.name)} has ${functions}; try .help`
  }

  /** What can be completed. */
  #names(typed: string): readonly string[] {
    return typed.startsWith('.') ? commandNames(this.#subject) : this.#callables.completions(typed)
  }

  async #carryOut(text: string): Promise<void> {
    try {
      const line = parseLine(text)
      if (line.kind === 'command') {
        await carryOut(this.#subject, line.words)
      } else if (line.kind === 'call') await this.#call(line.call)
    } catch (error) {
      this.#hasFailed = true
      if (error instanceof EndedEarly) {
        this.#forget()
        await this.#tellEarly(error.end)
      } else if (error instanceof CliError || error instanceof WasiexecError) {
        const message = printable(excerpt(withOptionNames(error.message)))
        await say(this.#io, `wasiexec: ${this.#lines.place}${message}`)
      } else throw error
    }
  }

  /** Listens between lines, too: a signal that comes between two listeners is lost, or ends the process. */
  #listen(): void {
    this.#stopListening ??= this.#io.onInterrupt((signal) => {
      this.#stopListening = undefined
      this.#line.abort(signal)
      this.#stop(signal)
    })
  }

  async #call(typed: CallText): Promise<void> {
    const call = this.#callables.find(typed.name)?.withText(typed)
    const live = await this.#open()
    // Without one, the library says what is wrong with the name.
    const outcome = await live.call(this.#line, call?.name ?? typed.name, call?.args ?? [])
    if (outcome.kind !== 'returned') return this.#ended(outcome)
    const values = call?.returned(outcome.values) ?? []
    await print(this.#io.stdout, freshLine(this.#io.stdout, this.#io.env))
    await printLines(this.#io.stdout, values)
  }

  async #drop({ name, value }: Held): Promise<void> {
    const live = await this.#open()
    this.#handles.forget(name)
    try {
      await live.drop(this.#line, value as AsyncDisposable)
    } catch (error) {
      // The component drops it in a call.
      if (!(error instanceof ProgramError)) throw error
      await this.#ended(error.outcome as CallOutcome)
    }
  }

  async #ended(outcome: CallOutcome): Promise<void> {
    this.#forget()
    this.#hasFailed ||= !outcome.ok
    await this.#tell(outcome)
  }

  /** Says how a call ended that has ended its instance. */
  async #tell(outcome: CallOutcome): Promise<void> {
    const { name } = this.#program
    if (outcome.kind === 'exit') await sayOf(this.#io, name, `exited with code ${outcome.code}`)
    else await tellEnding(this.#io, this.#ending, outcome)
    if (outcome.kind === 'abort') this.#stop(outcome.reason)
    if (this.#status === undefined) {
      const { place } = this.#lines
      await say(this.#io, `wasiexec: ${place}the instance has ended; the next call gets a new one`)
    }
  }

  async #tellEarly(end: Outcome | InterruptSignal): Promise<void> {
    const { name } = this.#program
    if (typeof end === 'string') {
      await sayOf(this.#io, name, `aborted by ${end}`)
      this.#stop(end)
    } else if (end.kind === 'exit') {
      await sayOf(this.#io, name, `exited with code ${end.code} while it was instantiated`)
    } else await tellEnding(this.#io, this.#ending, end)
  }

  /** What ends more than a call: where lines are typed, Ctrl-C does not. */
  #stop(reason: unknown): void {
    if (isBrokenPipe(reason)) this.#status ??= STATUS.brokenPipe
    else if (reason !== 'SIGINT' || !this.#lines.isTyped) this.#status ??= interruptStatus(reason)
    if (this.#status !== undefined) this.#over.abort()
  }

  async #open(): Promise<LiveInstance> {
    this.#live ??= await LiveInstance.make(
      this.#io,
      this.#lines,
      this.#program,
      this.#options,
      this.#line,
    )
    return this.#live
  }

  /** The instance has ended. */
  #forget(): void {
    this.#live = undefined
    this.#handles.clear()
  }

  async #reset(): Promise<void> {
    await this.#live?.end()
    this.#forget()
    await this.#open()
  }
}
