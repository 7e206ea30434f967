import type { TrapCode } from '../protocol.ts'

export type { TrapCode }

/**
 * How a run ended. Discriminated by `kind`; `ok` is true for exit code 0 alone.
 *
 * @example
 * switch (outcome.kind) {
 *   case 'exit': return outcome.code
 *   case 'trap': return outcome.trap.code
 *   case 'limit': return outcome.limit
 *   case 'abort': return outcome.reason
 *   default: outcome satisfies never
 * }
 */
export type Outcome = Exit | Trap | Limit | Abort

/**
 * How a run ended in which a host function threw. Only runs with `imports` end like this, so it is not one of the
 * {@link Outcome}s.
 *
 * @example
 * const outcome = await program.run({ imports })
 * if (outcome.kind === 'host-error') console.error(outcome.error)
 */
export interface HostError extends Ending {
  readonly kind: 'host-error'
  readonly ok: false
  /** What the function threw, or what its promise was rejected with. */
  readonly error: unknown
}

/**
 * What every outcome has.
 *
 * @example
 * const seconds = ({ usage }: Ending) => usage.wallMs / 1000
 */
export interface Ending {
  /** Whether the program ended with exit code 0. */
  readonly ok: boolean
  /** Everything that the program printed to stdout before it ended; empty unless captured. */
  readonly stdout: Buffer
  /** Everything that the program printed to stderr before it ended; empty unless captured. */
  readonly stderr: Buffer
  /**
   * The files that `collect` asked for, by path, as they were at the end of the run. Paths are sorted. Names of one
   * file (hard links) share a Buffer. Only where `collect` was given.
   */
  readonly files?: ReadonlyMap<string, Buffer>
  /** What the run used. */
  readonly usage: Usage
}

/**
 * The program returned (code 0) or called WASI's exit.
 *
 * @example
 * if (outcome.kind === 'exit') console.log(outcome.code) // 255
 */
export interface Exit extends Ending {
  readonly kind: 'exit'
  /** The guest's own number, an unsigned 32-bit integer, exactly as the guest gave it. */
  readonly code: number
}

/**
 * A Wasm fault.
 *
 * @example
 * if (outcome.kind === 'trap') console.log(outcome.trap.code) // 'unreachable'
 */
export interface Trap extends Ending {
  readonly kind: 'trap'
  readonly ok: false
  readonly trap: TrapInfo
}

/**
 * What a trap was and where.
 *
 * @example
 * const describe = ({ code, frames }: TrapInfo) => `${code} in ${frames[0]?.function ?? 'the program'}`
 */
export interface TrapInfo {
  readonly code: TrapCode
  /** The fault in words. */
  readonly message: string
  /** The guest's call stack, innermost first: at most 20 calls, and the functions that were inlined into them. */
  readonly frames: readonly Frame[]
  /**
   * The frame to look at first: the innermost one that is not part of a language's own library or runtime. A panic of Rust
   * has several of those before the line that panics. Absent where there are no frames.
   */
  readonly location?: Frame
}

/**
 * A cap ended the run.
 *
 * @example
 * if (outcome.kind === 'limit') console.log(`${outcome.limit} limit exceeded`)
 */
export interface Limit extends Ending {
  readonly kind: 'limit'
  readonly ok: false
  /** The cap. `'request'` and `'response'`: of a request that was served. */
  readonly limit:
    'timeout' | 'cpu' | 'fuel' | 'memory' | 'output' | 'network' | 'request' | 'response'
}

/**
 * The run was ended by its signal, by the end of its batch, program or runtime, or because nobody read its output.
 *
 * @example
 * const outcome = await program.run({ signal: AbortSignal.timeout(100) })
 * if (outcome.kind === 'abort') console.log(outcome.reason) // a DOMException named TimeoutError
 */
export interface Abort extends Ending {
  readonly kind: 'abort'
  readonly ok: false
  /** `signal.reason`, or an error that says what ended the run: mostly a `WasiexecError`. */
  readonly reason: unknown
}

/**
 * How a call of an instance's function ended. When it did not return, the instance has ended with it, unless the call was
 * aborted before it began.
 *
 * @example
 * const outcome = await instance.call('add', 1, 2)
 * if (outcome.kind === 'returned') console.log(outcome.values[0])
 */
export type CallOutcome<Values extends readonly unknown[] = CallValues> = Returned<Values> | Outcome

/**
 * What a function returned: `i32`, `f32` and `f64` as numbers, `i64` as a bigint. `i32` and `i64` are signed.
 *
 * @example
 * const show = (values: CallValues) => values.join(', ')
 */
export type CallValues = readonly (number | bigint)[]

/**
 * A function that was called has returned. The instance can be called again.
 *
 * @example
 * const outcome = await instance.call('add', 1, 2)
 * if (outcome.kind === 'returned') console.log(outcome.values, outcome.usage.cpuMs)
 */
export interface Returned<Values extends readonly unknown[] = CallValues> extends Ending {
  readonly kind: 'returned'
  readonly ok: true
  /** What it returned, in order; empty if it returned nothing. */
  readonly values: Values
}

/**
 * One frame of a guest's call stack.
 *
 * @example
 * if (outcome.kind === 'trap') {
 *   for (const { function: name, file, line } of outcome.trap.frames) console.log(name, file, line)
 * }
 */
export interface Frame {
  /** The function's index in its module. */
  readonly functionIndex: number
  /** The function's demangled name, where the program has names. */
  readonly function?: string
  /** Whether it was inlined into the function of the next frame. Absent where it was not. */
  readonly inlined?: boolean
  /** Whether it is of a language's own library or runtime, and not of the program's author. Absent where it is not. */
  readonly library?: boolean
  /** The module's name, where it has one. */
  readonly module?: string
  /** Offset of the instruction in the program's bytes. */
  readonly offset?: number
  /** Source file, where the program has debug information: DWARF, Go's tables or a source map. */
  readonly file?: string
  /** Line in that file, from 1. */
  readonly line?: number
  /** Column in that line, from 1. */
  readonly column?: number
}

/**
 * What a run used.
 *
 * @example
 * const { cpuMs, memoryPeakBytes } = (await program.run()).usage
 */
export interface Usage {
  /** Wall clock from the guest's start to its end, in milliseconds. */
  readonly wallMs: number
  /** Time on a core, in milliseconds. */
  readonly cpuMs: number
  /** Fuel consumed; only where the run had a fuel limit. */
  readonly fuel?: bigint
  /** The most bytes that all linear memories and tables took together. */
  readonly memoryPeakBytes: number
  /** Whether a memory or table was refused to grow. */
  readonly memoryDenied: boolean
  /** Whether output beyond `outputBytes` was dropped (`onOutput: 'truncate'`). */
  readonly outputTruncated: boolean
  /** Bytes that it has read from connections and received as datagrams; only where the run had a network or `http`. */
  readonly networkReceivedBytes?: number
  /** Bytes that it has written to connections and sent as datagrams; only where the run had a network or `http`. */
  readonly networkSentBytes?: number
}

/** What comes with every ending. */
export type Printed = Pick<Ending, 'stdout' | 'stderr' | 'files' | 'usage'>

/** How a run ends, whether it has imports or not. */
export type AnyOutcome = Outcome | HostError

/** How a call ends, whether its instance has imports or not. */
export type AnyCallOutcome = CallOutcome | HostError
