import manifest from '../../package.json' with { type: 'json' }
import {
  WasiexecError,
  type CallOutcome,
  type InspectedExport,
  type InstantiateOptions,
  type Outcome,
  type Program,
} from '../../src/index.ts'
import { sayOf, tellEnding } from '../ending.ts'
import { print, printable, say, type InterruptSignal, type Io } from '../io.ts'
import { signatureOf, toArguments, toWords } from '../signature.ts'
import { CliError, interruptStatus, isBrokenPipe, STATUS, statusOf } from '../status.ts'
import { freshLine } from '../terminal.ts'
import { withOptionNames } from '../wording.ts'
import { carryOut, commandNames, type Subject } from './commands.ts'
import { parseLine, quote } from './line.ts'
import type { Lines } from './lines.ts'
import { EndedEarly, LiveInstance } from './live-instance.ts'
import { openLines } from './open-lines.ts'

/** A line failed that nobody typed. */
const FAILED = 1

/** Carries out `wasiexec repl` and returns its exit status. */
export async function startRepl(
  io: Io,
  program: Program,
  options: InstantiateOptions,
): Promise<number> {
  const { exports } = await program.inspect()
  return new Session(io, program, exports, options).run()
}

/** Lines, one after the other, and the instance that they use. */
class Session {
  readonly #io: Io
  readonly #program: Program
  readonly #exports: readonly InspectedExport[]
  readonly #options: InstantiateOptions
  readonly #lines: Lines
  readonly #subject: Subject
  #live: LiveInstance | undefined
  #hasFailed = false
  /** The exit status, once no more lines are wanted. */
  #status: number | undefined

  constructor(
    io: Io,
    program: Program,
    exports: readonly InspectedExport[],
    options: InstantiateOptions,
  ) {
    this.#io = io
    this.#program = program
    this.#exports = exports
    this.#options = options
    this.#lines = openLines(io)
    this.#subject = {
      exports,
      instance: async () => (await this.#open()).instance,
      print: (lines) => print(io.stdout, `${lines.join('\n')}\n`),
      reset: () => this.#reset(),
      exit: () => (this.#status ??= this.#end()),
    }
  }

  async run(): Promise<number> {
    try {
      return await this.#run()
    } finally {
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
      const line = await this.#lines.read({ prompt: '> ', names: (typed) => this.#names(typed) })
      if (line === undefined) {
        if (isTyped) await print(this.#io.stdout, '\n')
        return this.#end()
      }
      await this.#carryOut(line)
    }
    return this.#status
  }

  #end(): number {
    return this.#hasFailed && !this.#lines.isTyped ? FAILED : STATUS.ok
  }

  #greeting(): string {
    const count = this.#functions().length
    return `wasiexec ${manifest.version}: ${printable(this.#program.name)} has ${count} function${count === 1 ? '' : 's'}; try .help`
  }

  #functions(): string[] {
    return this.#exports.filter(({ kind }) => kind === 'function').map(({ name }) => name)
  }

  /** What can be completed. */
  #names(typed: string): string[] {
    return typed.startsWith('.') ? commandNames(this.#subject) : this.#functions().map(quote)
  }

  async #carryOut(text: string): Promise<void> {
    try {
      const line = parseLine(text)
      if (line.kind === 'command') await carryOut(this.#subject, line.words)
      else if (line.kind === 'call') await this.#call(line.name, line.words)
    } catch (error) {
      this.#hasFailed = true
      if (error instanceof EndedEarly) await this.#tellEarly(error.end)
      else if (error instanceof CliError || error instanceof WasiexecError) {
        const message = printable(withOptionNames(error.message))
        await say(this.#io, `wasiexec: ${this.#lines.place}${message}`)
      } else throw error
    }
  }

  async #call(name: string, words: readonly string[]): Promise<void> {
    const signature = signatureOf(this.#exports, name)
    // Without one, the library says what is wrong with the name.
    const args = signature === undefined ? [] : toArguments(signature, words)
    const live = await this.#open()
    const outcome = await live.call(name, args)
    if (outcome.kind === 'returned') {
      const values = signature === undefined ? [] : toWords(signature, outcome.values)
      const lines = values.map((value) => `${value}\n`).join('')
      await print(this.#io.stdout, freshLine(this.#io.stdout, this.#io.env) + lines)
      return
    }
    this.#live = undefined
    this.#hasFailed ||= !outcome.ok
    await this.#tell(outcome)
  }

  /** Says how a call ended that has ended its instance. */
  async #tell(outcome: CallOutcome): Promise<void> {
    const { name } = this.#program
    if (outcome.kind === 'exit') await sayOf(this.#io, name, `exited with code ${outcome.code}`)
    else await tellEnding(this.#io, { name }, outcome, this.#options.limits)
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
    } else await tellEnding(this.#io, { name }, end, this.#options.limits)
  }

  /** What ends more than a call: where lines are typed, Ctrl-C does not. */
  #stop(reason: unknown): void {
    if (isBrokenPipe(reason)) this.#status ??= STATUS.brokenPipe
    else if (reason !== 'SIGINT' || !this.#lines.isTyped) this.#status ??= interruptStatus(reason)
  }

  async #open(): Promise<LiveInstance> {
    this.#live ??= await LiveInstance.make(this.#io, this.#lines, this.#program, this.#options)
    return this.#live
  }

  async #reset(): Promise<void> {
    await this.#live?.end()
    this.#live = undefined
    await this.#open()
  }
}
