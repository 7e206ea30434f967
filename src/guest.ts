import type { Readable, Writable } from 'node:stream'
import { invalid } from './check.ts'
import { ended, withOutcome, type End, type RunMessage } from './diagnostics.ts'
import { GuestInput } from './guest/input.ts'
import { checkLines, LineReader, type LinesOptions } from './guest/lines.ts'
import { GuestOutput } from './guest/output.ts'
import type { HostedSpawnOptions, SpawnOptions } from './options.ts'
import type { HostError, Outcome } from './outcome.ts'
import type { Port } from './port/port.ts'
import { prepareSpawn } from './port/prepared.ts'
import type { RunOwner } from './port/run-target.ts'

/**
 * A program that runs, made by {@link Program.spawn}. The process stays alive until it has ended.
 *
 * Its streams are those of a child process: they have backpressure, what was printed can be read after the end, and the
 * guest waits when 256 KiB of an output were not read.
 *
 * @example
 * await using guest = program.spawn()
 * guest.stdin.end('1 + 1\n')
 * for await (const line of guest.lines()) console.log(line)
 * console.log((await guest.outcome).kind)
 */
export interface Guest<
  Stdin extends Writable | null = Writable,
  Stdout extends Readable | null = Readable,
  Stderr extends Readable | null = Readable,
  Ending extends Outcome | HostError = Outcome,
> {
  /**
   * Its stdin; null unless piped. Destroyed when the guest has ended. A write that was waiting then fails with the code
   * `EPIPE`, which needs no listener for `error`.
   */
  readonly stdin: Stdin
  /** Its stdout, of bytes; null unless piped. Destroying it is to the guest as a pipe that nobody reads. */
  readonly stdout: Stdout
  /** Its stderr, of bytes; null unless piped. */
  readonly stderr: Stderr
  /**
   * How it ended. `stdout` and `stderr` are empty unless captured. Rejects only for what `run` rejects for, and then
   * the streams fail with the same error.
   */
  readonly outcome: Promise<Ending>
  /**
   * Aborts the guest with this reason. Returns false if that has no effect: the guest has ended, as far as this thread
   * knows, or was aborted before.
   *
   * @param reason Default: a `DOMException` named `AbortError`.
   * @example
   * guest.kill(new Error('the user has left'))
   */
  kill(reason?: unknown): boolean
  /**
   * The lines of stdout or stderr, without line breaks (LF or CRLF), decoded as UTF-8. The last may have none.
   * Reading throws what `outcome` rejects with, after the last line.
   *
   * @throws {WasiexecError} `ERR_INVALID_OPTION`; when a line is read, `ERR_LINE_TOO_LONG`.
   * @example
   * for await (const line of guest.lines()) console.log(line)
   */
  lines(options?: LinesOptions): AsyncIterableIterator<string>
  /**
   * Lets the process end before the guest does, which aborts it.
   *
   * @example
   * const guest = program.spawn().unref()
   */
  unref(): this
  /**
   * Undoes {@link unref}.
   *
   * @example
   * const outcome = await guest.ref().outcome
   */
  ref(): this
  /**
   * Kills the guest and waits until it has ended, for `await using`.
   *
   * @example
   * await using guest = program.spawn()
   */
  [Symbol.asyncDispose](): Promise<void>
}

/**
 * The guest of these options: a stream is null if its option is something other than `'pipe'`.
 *
 * @example
 * const start = (): GuestOf<{ stderr: 'inherit' }> => program.spawn({ stderr: 'inherit' })
 */
export type GuestOf<Options extends SpawnOptions | HostedSpawnOptions> = Guest<
  GuestStream<Options, 'stdin', Writable>,
  GuestStream<Options, 'stdout', Readable>,
  GuestStream<Options, 'stderr', Readable>,
  Options extends HostedSpawnOptions ? Outcome | HostError : Outcome
>

type GuestStream<Options, Name extends string, Stream> = Name extends keyof Options
  ? PipedStream<Options[Name], Stream>
  : Stream

type PipedStream<Option, Stream> = Option extends 'pipe' | undefined
  ? Stream
  : 'pipe' extends Option
    ? Stream | null
    : null

/**
 * Starts a program.
 *
 * @internal
 * @throws {WasiexecError} `ERR_INVALID_OPTION`, `ERR_PROGRAM_CLOSED`, `ERR_RUNTIME_CLOSED`.
 */
export function spawnGuest<Options extends SpawnOptions | HostedSpawnOptions>(
  port: Port,
  owner: RunOwner,
  options: Options,
  end?: End<RunMessage>,
): GuestOf<Options> {
  const prepared = prepareSpawn(options)
  const { stdin, stdout, stderr } = prepared.local.pipes ?? {}
  const streams = {
    stdin: stdin ? new GuestInput() : undefined,
    stdout: stdout ? new GuestOutput() : undefined,
    stderr: stderr ? new GuestOutput() : undefined,
  }
  const [id, outcome] = port.spawn(owner, prepared, streams)
  const told = end === undefined ? outcome : ended(outcome, end, withOutcome)
  // Null or not as its type says.
  return new RunningGuest(port, id, told, streams) as unknown as GuestOf<Options>
}

interface Streams {
  readonly stdin: GuestInput | undefined
  readonly stdout: GuestOutput | undefined
  readonly stderr: GuestOutput | undefined
}

class RunningGuest implements Guest<
  Writable | null,
  Readable | null,
  Readable | null,
  Outcome | HostError
> {
  readonly outcome: Promise<Outcome | HostError>
  readonly #port: Port
  readonly #id: number
  readonly #streams: Streams
  readonly #readers: { stdout?: LineReader; stderr?: LineReader } = {}

  constructor(port: Port, id: number, outcome: Promise<Outcome | HostError>, streams: Streams) {
    this.#port = port
    this.#id = id
    this.outcome = outcome
    this.#streams = streams
  }

  get stdin(): Writable | null {
    return this.#streams.stdin?.stream ?? null
  }

  get stdout(): Readable | null {
    return this.#streams.stdout?.stream ?? null
  }

  get stderr(): Readable | null {
    return this.#streams.stderr?.stream ?? null
  }

  kill(reason: unknown = new DOMException('The guest was killed', 'AbortError')): boolean {
    return this.#port.abort(this.#id, reason)
  }

  lines(options: LinesOptions = {}): AsyncIterableIterator<string> {
    const { from, maxLineBytes, destroyOnReturn } = checkLines(options)
    const stream = this[from]
    if (stream === null) throw invalid('from', 'a stream that is piped', from)
    const reader = (this.#readers[from] ??= new LineReader(stream, from, this.outcome))
    return reader.lines(maxLineBytes, destroyOnReturn)
  }

  unref(): this {
    this.#port.hold(this.#id, false)
    return this
  }

  ref(): this {
    this.#port.hold(this.#id, true)
    return this
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.kill()
    // A fault is told by `outcome`.
    await this.outcome.then(ignore, ignore)
  }
}

function ignore(): void {}
