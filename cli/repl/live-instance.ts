import type {
  CallOutcome,
  Instance,
  InstantiateOptions,
  Outcome,
  Program,
} from '../../src/index.ts'
import { instantiate } from '../invoke.ts'
import type { InterruptSignal, Io } from '../io.ts'
import { GuestInput } from './guest-input.ts'
import type { Lines } from './lines.ts'

/** The program ended before it could be called. */
export class EndedEarly extends Error {
  /** Also the reason of an interrupt. */
  readonly end: Outcome | InterruptSignal

  constructor(end: Outcome | InterruptSignal) {
    super('the program ended while it was instantiated')
    this.end = end
  }
}

/** An instance that shares the terminal with a prompt. */
export class LiveInstance {
  readonly #lines: Lines
  readonly #controller = new AbortController()
  readonly #stdin = new GuestInput()
  #instance!: Instance

  private constructor(lines: Lines) {
    this.#lines = lines
  }

  /** @throws {EndedEarly} */
  static async make(
    io: Io,
    lines: Lines,
    program: Program,
    options: InstantiateOptions,
    line: AbortController,
  ): Promise<LiveInstance> {
    const live = new LiveInstance(lines)
    const { signal } = live.#controller
    const [stdout, stderr] = io.inherit ? (['inherit', 'inherit'] as const) : [io.stdout, io.stderr]
    const streams = { stdin: live.#stdin, stdout, stderr, onBrokenPipe: 'stop' } as const
    try {
      const made = await live.#attended(line, () =>
        instantiate(program, { ...options, ...streams, signal }),
      )
      if ('outcome' in made) throw new EndedEarly(made.outcome)
      live.#instance = made.instance
      return live
    } catch (error) {
      if (!signal.aborted || error !== signal.reason) throw error
      throw new EndedEarly(error as InterruptSignal)
    }
  }

  /** Its functions are called by {@link call}. */
  get instance(): Instance {
    return this.#instance
  }

  /**
   * What aborts the line ends the call, and the instance with it.
   *
   * @throws {EndedEarly} for a line that was aborted before.
   */
  call(line: AbortController, name: string, args: readonly unknown[]): Promise<CallOutcome> {
    return this.#attended(line, () => this.#instance.call(name, ...(args as number[])))
  }

  /** Drops a resource of the instance, which it does in a call. */
  drop(line: AbortController, resource: AsyncDisposable): Promise<void> {
    return this.#attended(line, async () => resource[Symbol.asyncDispose]())
  }

  async end(): Promise<void> {
    await this.#instance[Symbol.asyncDispose]()
  }

  /** While the program does something, it reads the lines, and can be interrupted. */
  async #attended<T>(line: AbortController, act: () => Promise<T>): Promise<T> {
    const { signal } = line
    const interrupt = (): void => this.#controller.abort(signal.reason)
    if (signal.aborted) {
      interrupt()
      throw new EndedEarly(signal.reason as InterruptSignal)
    }
    signal.addEventListener('abort', interrupt)
    const done = new AbortController()
    const reader = {
      prompt: 'stdin> ',
      onInterrupt: () => line.abort('SIGINT'),
      signal: done.signal,
    }
    const feeding = this.#stdin.feed(() => this.#lines.read(reader), done.signal)
    try {
      return await act()
    } finally {
      signal.removeEventListener('abort', interrupt)
      done.abort()
      await feeding
    }
  }
}
