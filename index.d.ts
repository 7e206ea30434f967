// The public contract of wasiexec, rolled up from src/ by `npm run build:ts`. Do not edit.
/// <reference types="node" />
import { Buffer as Buffer$1 } from 'node:buffer'
import { Readable, Writable } from 'node:stream'
import { IncomingMessage, ServerResponse } from 'node:http'

// src/protocol.d.ts
/**
 * The stable name of a Wasm fault.
 *
 * @example
 * const isOverflow = (code: TrapCode) => code === 'stack-overflow'
 */
type TrapCode =
  | 'stack-overflow'
  | 'memory-out-of-bounds'
  | 'unaligned-atomic'
  | 'table-out-of-bounds'
  | 'indirect-call-to-null'
  | 'indirect-call-type-mismatch'
  | 'integer-overflow'
  | 'integer-divide-by-zero'
  | 'invalid-conversion-to-integer'
  | 'unreachable'
  | 'atomic-wait-on-unshared-memory'
  | 'null-reference'
  | 'array-out-of-bounds'
  | 'allocation-too-large'
  | 'cast-failure'
  | 'cannot-enter-component'
  | 'no-async-result'
  | 'unhandled-tag'
  | 'continuation-already-consumed'
  | 'disabled-opcode'
  | 'async-deadlock'
  | 'cannot-leave-component'
  | 'cannot-block-sync-task'
  | 'invalid-char'
  | 'debug-assert-string-encoding-finished'
  | 'debug-assert-equal-code-units'
  | 'debug-assert-pointer-aligned'
  | 'debug-assert-upper-bits-unset'
  | 'string-out-of-bounds'
  | 'list-out-of-bounds'
  | 'invalid-discriminant'
  | 'unaligned-pointer'
  | 'task-cancel-not-cancelled'
  | 'task-cancel-or-return-twice'
  | 'subtask-cancel-after-terminal'
  | 'task-return-invalid'
  | 'waitable-set-drop-has-waiters'
  | 'subtask-drop-not-resolved'
  | 'thread-new-indirect-invalid-type'
  | 'thread-new-indirect-uninitialized'
  | 'backpressure-overflow'
  | 'unsupported-callback-code'
  | 'cannot-resume-thread'
  | 'concurrent-future-stream-op'
  | 'reference-count-overflow'
  | 'stream-op-too-big'
  | 'waitable-sync-and-async'
  | 'uncaught-exception'
  | 'host-call'
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
type Outcome = Exit | Trap | Limit | Abort
/**
 * How a run ended in which a host function threw. Only runs with `imports` end like this, so it is not one of the
 * {@link Outcome}s.
 *
 * @example
 * const outcome = await program.run({ imports })
 * if (outcome.kind === 'host-error') console.error(outcome.error)
 */
interface HostError extends Ending {
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
interface Ending {
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
interface Exit extends Ending {
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
interface Trap extends Ending {
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
interface TrapInfo {
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
interface Limit extends Ending {
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
interface Abort extends Ending {
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
type CallOutcome<Values extends readonly unknown[] = CallValues> = Returned<Values> | Outcome
/**
 * What a function returned: `i32`, `f32` and `f64` as numbers, `i64` as a bigint. `i32` and `i64` are signed.
 *
 * @example
 * const show = (values: CallValues) => values.join(', ')
 */
type CallValues = readonly (number | bigint)[]
/**
 * A function that was called has returned. The instance can be called again.
 *
 * @example
 * const outcome = await instance.call('add', 1, 2)
 * if (outcome.kind === 'returned') console.log(outcome.values, outcome.usage.cpuMs)
 */
interface Returned<Values extends readonly unknown[] = CallValues> extends Ending {
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
interface Frame {
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
interface Usage {
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
/** How a run ends, whether it has imports or not. */
type AnyOutcome = Outcome | HostError
/** How a call ends, whether its instance has imports or not. */
type AnyCallOutcome = CallOutcome | HostError
/**
 * A value that a function returned, as JSON: booleans, text and finite numbers as they are; an integer that a number
 * cannot hold, `NaN` and the infinities as text; `undefined` as null; a `Uint8Array` as base64, other lists and tuples as
 * arrays; records, flags, variants and results as objects; a `Map` as an array of pairs; a resource as its name in
 * brackets, `[counter]`.
 *
 * @example
 * const values: readonly JsonValue[] = [true, 1, '18446744073709551615', { tag: 'ok', val: null }]
 */
type JsonValue =
  | boolean
  | number
  | string
  | null
  | readonly JsonValue[]
  | {
      readonly [key: string]: JsonValue
    }
/**
 * What `JSON.stringify` writes of an {@link Outcome}, as `JSON.parse` reads it. Nothing printed is lost.
 *
 * @example
 * const json: JsonOutcome = JSON.parse(line)
 * console.log(describeOutcome(json))
 */
type JsonOutcome = JsonExit | JsonTrap | JsonLimit | JsonAbort
/**
 * What every outcome has as JSON.
 *
 * @example
 * const bytes = ({ stdout, stdoutBase64 }: JsonEnding) =>
 *   stdoutBase64 === undefined ? Buffer.from(stdout) : Buffer.from(stdoutBase64, 'base64')
 */
interface JsonEnding {
  readonly ok: boolean
  /** Stdout as text; what is not UTF-8 is U+FFFD. */
  readonly stdout: string
  /** The bytes of stdout in base64, where they are not UTF-8. */
  readonly stdoutBase64?: string
  /** Stderr as text; what is not UTF-8 is U+FFFD. */
  readonly stderr: string
  /** The bytes of stderr in base64, where they are not UTF-8. */
  readonly stderrBase64?: string
  /** The collected files that are UTF-8, as text by path. Only where files were asked for. */
  readonly files?: Readonly<Record<string, string>>
  /** The bytes of the other collected files in base64, by path; absent where there are none. */
  readonly filesBase64?: Readonly<Record<string, string>>
  readonly usage: JsonUsage
}
/**
 * An {@link Exit} as JSON.
 *
 * @example
 * if (json.kind === 'exit') console.log(json.code)
 */
interface JsonExit extends JsonEnding {
  readonly kind: 'exit'
  readonly code: number
}
/**
 * A {@link Trap} as JSON.
 *
 * @example
 * if (json.kind === 'trap') console.log(json.trap.message)
 */
interface JsonTrap extends JsonEnding {
  readonly kind: 'trap'
  readonly ok: false
  readonly trap: TrapInfo
}
/**
 * A {@link Limit} as JSON.
 *
 * @example
 * if (json.kind === 'limit') console.log(json.limit)
 */
interface JsonLimit extends JsonEnding {
  readonly kind: 'limit'
  readonly ok: false
  readonly limit: Limit['limit']
}
/**
 * An {@link Abort} as JSON.
 *
 * @example
 * if (json.kind === 'abort') console.log(json.reason)
 */
interface JsonAbort extends JsonEnding {
  readonly kind: 'abort'
  readonly ok: false
  /**
   * Name, message and code of an Error; otherwise what `JSON.stringify` writes, text where it would throw, and absent
   * where it writes nothing.
   */
  readonly reason?: unknown
}
/**
 * A {@link HostError} as JSON.
 *
 * @example
 * if (json.kind === 'host-error') console.log(json.error)
 */
interface JsonHostError extends JsonEnding {
  readonly kind: 'host-error'
  readonly ok: false
  /** As {@link JsonAbort.reason}. */
  readonly error?: unknown
}
/**
 * A {@link Returned} as JSON.
 *
 * @example
 * if (json.kind === 'returned') console.log(json.values)
 */
interface JsonReturned extends JsonEnding {
  readonly kind: 'returned'
  readonly ok: true
  readonly values: readonly JsonValue[]
}
/**
 * A {@link Usage} as JSON.
 *
 * @example
 * const fuel = BigInt(json.usage.fuel ?? 0)
 */
interface JsonUsage extends Omit<Usage, 'fuel'> {
  /** A number, or a string where it is larger than `Number.MAX_SAFE_INTEGER`. */
  readonly fuel?: number | string
}
/**
 * How a run ended, as a sentence without its full stop: for messages and logs. Programs read `kind` and
 * what comes with it, because these words may change.
 *
 * @example
 * describeOutcome(await program.run()) // 'the program exited with code 2'
 */
declare function describeOutcome(
  outcome: CallOutcome<readonly unknown[]> | HostError | JsonOutcome | JsonReturned | JsonHostError,
): string
/**
 * Stable names for what the caller or the host did wrong. Guests never cause one of these.
 *
 * - `ERR_INVALID_OPTION`: an option has the wrong type, is out of range or unknown.
 * - `ERR_INVALID_WASM`: neither a valid Wasm binary nor WAT text.
 * - `ERR_UNSUPPORTED_WASM`: the program needs something that is not run here, such as threads.
 * - `ERR_UNRESOLVED_IMPORT`: the program imports something that nobody provides.
 * - `ERR_NO_ENTRY_POINT`: no `_start` function and no start section, or no `wasi:cli/run`.
 * - `ERR_PREOPEN`: a granted directory cannot be opened.
 * - `ERR_READ_FAILED`: the program's file cannot be read.
 * - `ERR_PRECOMPILED_UNTRUSTED`: a precompiled program, which is machine code, was loaded without
 *   `trustPrecompiled`.
 * - `ERR_PRECOMPILED_DAMAGED`: a precompiled program is not the file that was written.
 * - `ERR_PRECOMPILED_INCOMPATIBLE`: a precompiled program is of another version, machine or setting.
 * - `ERR_STREAM`: a stream given as stdin, stdout or stderr failed; its error is the `cause`.
 * - `ERR_BROKEN_PIPE`: nobody reads the output any more; the `reason` of a run with `onBrokenPipe: 'stop'`.
 * - `ERR_LINE_TOO_LONG`: a guest printed a line that is longer than `maxLineBytes`.
 * - `ERR_PROGRAM_CLOSED`, `ERR_RUNTIME_CLOSED`: the program was disposed of, or the runtime was closed.
 * - `ERR_BATCH_STOPPED`, `ERR_BATCH_DEADLINE`: `stopOn` or the `deadline` of a batch; the `reason` of the
 *   runs that it aborted.
 * - `ERR_BATCH_USED`: the results of a batch, which can be read once, were asked for again.
 * - `ERR_JOB`: a job of a batch came with an `error` instead of options; that error is the `cause`.
 * - `ERR_INSTANTIATE`: the program ended while it was instantiated; its ending is the `outcome`.
 * - `ERR_INVALID_CALL`: a function that the program does not export, or arguments that it does not take.
 * - `ERR_INSTANCE_OVER`: the instance has ended before the call; its ending is the `outcome`.
 * - `ERR_INSTANCE_CLOSED`: the instance was disposed of.
 * - `ERR_INSTANCE_BUSY`: `callSync`, memory or globals were used while a call of the instance is in progress or waits; or
 *   a host function made a call that would wait for the function itself.
 * - `ERR_OUT_OF_BOUNDS`: a guest's memory does not have the bytes that were asked for, or the guest exports none.
 * - `ERR_HANDLER_CLOSED`: the handler of requests was closed.
 * - `ERR_RESPONSE_BROKEN`: the run of a request ended before its response was whole.
 * - `ERR_NESTED_RUN`: `runSync` was called inside of a host function of another `runSync`, and the run could not start
 *   at once: no slot was free, or it runs elsewhere than on this thread.
 * - `ERR_HOST_FUNCTION`: a host function returned what its type does not have, or a promise to `runSync` or `callSync`;
 *   the `error` of a {@link HostError}.
 * - `ERR_CALL_ENDED`: the guest that called a host function was used after the call.
 * - `ERR_WORKER_DIED`: the worker process that had the run died.
 * - `ERR_SNAPSHOT`: no snapshot can be taken of the program, or it ended before; its ending is the `outcome`.
 * - `ERR_OUT_OF_RESOURCES`: the operating system refused memory, threads, descriptors or processes.
 * - `ERR_INTERNAL`: a bug in wasiexec.
 *
 * @example
 * const isClosed = (code: WasiexecErrorCode) => code === 'ERR_PROGRAM_CLOSED' || code === 'ERR_RUNTIME_CLOSED'
 */
type WasiexecErrorCode =
  | 'ERR_INVALID_OPTION'
  | 'ERR_INVALID_WASM'
  | 'ERR_UNSUPPORTED_WASM'
  | 'ERR_UNRESOLVED_IMPORT'
  | 'ERR_NO_ENTRY_POINT'
  | 'ERR_PREOPEN'
  | 'ERR_READ_FAILED'
  | 'ERR_PRECOMPILED_UNTRUSTED'
  | 'ERR_PRECOMPILED_DAMAGED'
  | 'ERR_PRECOMPILED_INCOMPATIBLE'
  | 'ERR_STREAM'
  | 'ERR_BROKEN_PIPE'
  | 'ERR_LINE_TOO_LONG'
  | 'ERR_PROGRAM_CLOSED'
  | 'ERR_RUNTIME_CLOSED'
  | 'ERR_BATCH_STOPPED'
  | 'ERR_BATCH_DEADLINE'
  | 'ERR_BATCH_USED'
  | 'ERR_JOB'
  | 'ERR_INSTANTIATE'
  | 'ERR_INVALID_CALL'
  | 'ERR_INSTANCE_OVER'
  | 'ERR_INSTANCE_CLOSED'
  | 'ERR_INSTANCE_BUSY'
  | 'ERR_HANDLER_CLOSED'
  | 'ERR_RESPONSE_BROKEN'
  | 'ERR_NESTED_RUN'
  | 'ERR_HOST_FUNCTION'
  | 'ERR_CALL_ENDED'
  | 'ERR_OUT_OF_BOUNDS'
  | 'ERR_WORKER_DIED'
  | 'ERR_SNAPSHOT'
  | 'ERR_OUT_OF_RESOURCES'
  | 'ERR_INTERNAL'
/**
 * A host fault: misuse or a failing machine, never an ending of a guest.
 *
 * @example
 * try {
 *   await load('missing.wasm')
 * } catch (error) {
 *   if (error instanceof WasiexecError) console.error(error.code) // 'ERR_READ_FAILED'
 * }
 */
declare class WasiexecError extends Error {
  /** What went wrong, as a stable name. */
  readonly code: WasiexecErrorCode
  /** How the program ended, where its end is why something could not be done. */
  readonly outcome?: Outcome | HostError
  constructor(
    code: WasiexecErrorCode,
    message: string,
    options?: {
      cause?: unknown
      outcome?: Outcome | HostError
    },
  )
}
/**
 * Thrown by {@link orThrow} for every ending other than exit 0.
 *
 * @example
 * try {
 *   orThrow(await program.run())
 * } catch (error) {
 *   if (error instanceof ProgramError) console.error(error.outcome.kind)
 * }
 */
declare class ProgramError<T extends Outcome | HostError = Outcome> extends Error {
  /** How the program ended, with all that it printed. */
  readonly outcome: T
  constructor(outcome: T)
}
/**
 * Returns `outcome` if it is exit 0 and throws otherwise.
 *
 * @throws {ProgramError} carries the outcome, for every other ending.
 * @example
 * const { stdout } = orThrow(await program.run())
 */
declare function orThrow<T extends Outcome | HostError>(
  outcome: T,
): Exit & {
  code: 0
}
/**
 * A function of the host that guests call. It gets the guest's arguments, an `i64` as a bigint and all else as numbers,
 * and after them a {@link CallingGuest}. It returns a value of its type, an array of values if there are several, or a
 * promise of these; what a function without results returns is ignored.
 *
 * @example
 * const add: HostFunction = (a: number, b: number) => a + b
 * const outcome = await program.run({ imports: { env: { add } } })
 */
type HostFunction = (...args: any[]) => unknown
/** A class of the host whose objects a component has as resources. */
type HostClass = abstract new (...args: any[]) => object
/**
 * What a host function gets after its arguments: the guest that called it, for as long as the call lasts.
 *
 * @example
 * const log = (pointer: number, length: number, { memory }: CallingGuest) =>
 *   console.log(memory.readString(pointer, length))
 */
interface CallingGuest {
  /** The memory that the guest exports under the name `memory`. */
  readonly memory: CallerMemory
}
/**
 * The memory of a guest that waits for a host function. It can be used until the function returns, or its promise
 * settles, or the run ends; after that everything here throws `ERR_CALL_ENDED`. A range outside of the memory throws
 * `ERR_OUT_OF_BOUNDS`. A pointer may be given as it came: an `i32` that is negative stands for an address from 2^31 on.
 *
 * @example
 * const clear = (memory: CallerMemory, pointer: number, length: number) =>
 *   memory.write(pointer, new Uint8Array(length))
 */
interface CallerMemory {
  /** Its size in bytes. */
  readonly byteLength: number
  /**
   * Returns a copy of bytes.
   *
   * @example
   * const bytes = caller.memory.read(pointer, length)
   */
  read(pointer: number | bigint, length: number): Buffer$1
  /**
   * Returns UTF-8 text; what is not UTF-8 is U+FFFD.
   *
   * @example
   * const text = caller.memory.readString(pointer, length)
   */
  readString(pointer: number | bigint, length: number): string
  /**
   * Writes bytes.
   *
   * @example
   * caller.memory.write(pointer, Uint8Array.of(1, 2, 3))
   */
  write(pointer: number | bigint, bytes: Uint8Array): void
}
/**
 * An import or export of a program.
 *
 * @example
 * const functions = program.exports.filter(({ kind }) => kind === 'function')
 */
interface ExternInfo {
  /** The module of a core module's import. */
  readonly module?: string
  readonly name: string
  readonly kind:
    | 'function'
    | 'memory'
    | 'table'
    | 'global'
    | 'tag'
    | 'instance'
    | 'component'
    | 'module'
    | 'type'
    | 'resource'
}
/**
 * An import in detail.
 *
 * @example
 * const missing = (await program.inspect()).imports.filter(({ provided }) => !provided)
 */
interface InspectedImport extends InspectedExport {
  /** Whether wasiexec provides it. */
  readonly provided: boolean
}
/**
 * An export in detail.
 *
 * @example
 * for (const { name, type } of (await program.inspect()).exports) console.log(name, type)
 */
interface InspectedExport extends ExternInfo {
  /** Its type as people read it, such as `(i32, i32) -> i32`; cut when it is very long. */
  readonly type: string
}
/**
 * What a program is, needs and offers.
 *
 * @example
 * const { entry, problem } = await program.inspect()
 * if (problem !== null) console.error(problem.message)
 */
interface Inspection {
  /** Size of the binary. */
  readonly wasmBytes: number
  /** Whether it has an entry point (command), is initialised before its exports are called (reactor), or neither. */
  readonly entry: 'command' | 'reactor' | 'none'
  /** Whether it can be stopped while it computes. */
  readonly interruptible: boolean
  /** Which compiler made the code that a run without a `fuel` limit gets now, and why it is this one. */
  readonly compiler: {
    readonly tier: 'baseline' | 'optimizing'
    readonly reason: string
  }
  /** What it needs. */
  readonly imports: readonly InspectedImport[]
  /** What it offers. */
  readonly exports: readonly InspectedExport[]
  /** Its memories; of a component, the memories of its modules. */
  readonly memories: readonly MemoryInfo[]
  /**
   * What it uses of WebAssembly beyond its first version, by the names of the proposals: `bulk-memory`, `simd`,
   * `tail-call`, … wasiexec runs all of it: a program that uses anything else is refused when it is loaded.
   */
  readonly features: readonly string[]
  /** The languages, tools and SDKs that its `producers` sections name. */
  readonly producers: Readonly<
    Partial<Record<'language' | 'processed-by' | 'sdk', readonly Producer[]>>
  >
  /** The error that its runs reject with; null for a program that can be run. */
  readonly problem: {
    readonly code: WasiexecErrorCode
    readonly message: string
  } | null
  /** Whether it exports what handles HTTP requests. */
  readonly handler: boolean
  /** The error that `serve` rejects with without imports; null for a program that can be served. */
  readonly serveProblem: {
    readonly code: WasiexecErrorCode
    readonly message: string
  } | null
}
/**
 * A linear memory.
 *
 * @example
 * const bytes = ({ minimumPages, pageBytes }: MemoryInfo) => minimumPages * pageBytes
 */
interface MemoryInfo {
  /** Pages at the start. */
  readonly minimumPages: number
  /** The most pages that it may have; null without such a maximum. */
  readonly maximumPages: number | null
  /** Size of a page: 65,536, with very few exceptions. */
  readonly pageBytes: number
  /** Whether its addresses have 64 bits. */
  readonly is64: boolean
  /** Whether threads share it. */
  readonly shared: boolean
  readonly imported: boolean
}
/**
 * A tool or language that took part in making a program.
 *
 * @example
 * const tools = (await program.inspect()).producers['processed-by'] // [{ name: 'clang', version: '22.1.8' }]
 */
interface Producer {
  readonly name: string
  /** As the tool wrote it; may be empty. */
  readonly version: string
}
/**
 * The types of WIT that have no parts.
 *
 * @example
 * const wide: readonly WitPrimitive[] = ['u64', 's64'] // bigints in JavaScript
 */
type WitPrimitive =
  | 'bool'
  | 's8'
  | 'u8'
  | 's16'
  | 'u16'
  | 's32'
  | 'u32'
  | 's64'
  | 'u64'
  | 'f32'
  | 'f64'
  | 'char'
  | 'string'
/**
 * Functions by the modules and names under which programs import them.
 *
 * @example
 * const imports: Imports = {
 *   env: { log: (pointer, length, { memory }) => console.log(memory.readString(pointer, length)) },
 * }
 */
type Imports = Readonly<
  Record<
    string,
    Readonly<Record<string, HostFunction | HostClass | undefined>> | HostFunction | undefined
  >
>
/**
 * The options of one run. A guest is granted nothing else.
 *
 * @example
 * const options: RunOptions = { args: ['-v'], env: { TZ: 'UTC' }, stdin: 'text', limits: { timeoutMs: 1000 } }
 * const outcome = await program.run(options)
 */
interface RunOptions {
  /** argv from index 1 on. Default: none. */
  args?: readonly string[] | undefined
  /** The whole environment; nothing is inherited. Variables that are undefined are left out. Default: empty. */
  env?: Readonly<Record<string, string | undefined>> | undefined
  /**
   * Where stdin comes from. Text and bytes are given whole. A stream is read as the guest asks for more,
   * and is ended (`return()`, `destroy()`) when the guest ends first. To give the text "inherit" or "empty",
   * pass bytes. Default: `'empty'`.
   */
  stdin?:
    | string
    | Uint8Array
    | Readable
    | AsyncIterable<Uint8Array | string>
    | 'inherit'
    | 'empty'
    | undefined
  /**
   * Where stdout goes: into the outcome, to this process's stdout, nowhere, or to a stream. The guest feels
   * the backpressure of a stream, which is not ended. The run resolves when everything has been written to
   * the stream; the stream may not have passed it on yet. Default: `'capture'`.
   */
  stdout?: 'capture' | 'inherit' | 'ignore' | Writable | undefined
  /** The same for stderr. Default: `'capture'`. */
  stderr?: 'capture' | 'inherit' | 'ignore' | Writable | undefined
  /**
   * What happens when the guest prints to a pipe or stream that nobody reads any more, as before `| head`.
   * `'fail'`: the write fails, and the guest decides; it may go on for ever. `'stop'`: the run ends, as a
   * process does, with an abort whose reason is `ERR_BROKEN_PIPE`. Default: `'fail'`.
   */
  onBrokenPipe?: 'fail' | 'stop' | undefined
  /** Directories granted to the guest, by guest path; a bare string is a host path, read-only. Default: none. */
  preopens?: Readonly<Record<string, string | Preopen>> | undefined
  /**
   * Files in memory, which the guest may read and change: text, bytes, and directories as objects of these. A name may
   * be a path (`'src/main.c'`), and a `/` at its end says that it is a directory. The guest sees them at
   * {@link filesAt}, and its changes are its own: they do not reach the next run. In `defaults` of a batch, the files
   * cross to the core once and the jobs share them. At most 512 MiB. Default: none.
   */
  files?: Files | undefined
  /** The guest path of {@link files}. Default: `'/'`. */
  filesAt?: string | undefined
  /**
   * Patterns of the files that are in the outcome as `files`, however the run ends. Paths are those of {@link files}:
   * relative, also where `filesAt` is given. In a pattern `*` stands for any characters of a name, `?` for one, and
   * `**` as a whole name for any number of directories (at the end: for everything below). Default: none.
   */
  collect?: readonly string[] | undefined
  /**
   * What the guest may use of the network. `false`: every address is refused. Only for components, because WASI 0.1 cannot
   * make sockets. See docs/network.md. Default: `false`.
   */
  network?: false | NetworkOptions | undefined
  /** What a component is told by `wasi:config`, by name. See docs/components.md. Default: none. */
  config?: Readonly<Record<string, string>> | undefined
  /**
   * The buckets of `wasi:keyvalue` that a component may use, by name, with keys and values: text or bytes. The guest's
   * changes are its own and end with the run, or with the instance. Without this, no bucket opens. Default: none.
   */
  keyvalue?: Readonly<Record<string, Readonly<Record<string, string | Uint8Array>>>> | undefined
  /**
   * The origins to which the guest may send HTTP requests. `false`: every request is refused. Only for components. See
   * docs/http.md. Default: `false`.
   */
  http?: false | HttpOptions | undefined
  /**
   * The host's clocks, or a wall clock that stands still and a monotonic clock that starts at 0 and goes on with each
   * reading and with each sleep, the same in every run. With {@link randomSeed}, runs are equal to the byte: see
   * docs/determinism.md. `now` is a Date or a whole number of milliseconds since 1970, from 0 to 18446744073709 (July
   * 2554). Default: `'real'`.
   */
  clock?:
    | 'real'
    | {
        now: Date | number
      }
    | undefined
  /** Seed (0 to 2^64 - 1) that makes random numbers the same in every run. Default: the operating system's. */
  randomSeed?: bigint | number | undefined
  /** The caps of the run. */
  limits?: Limits | undefined
  /** Aborts the run. */
  signal?: AbortSignal | undefined
  /** Only in {@link HostedRunOptions}, because such a run can end in one more way. */
  imports?: undefined
}
/**
 * The options of a run that provides functions which the program imports. It ends as any run, or as a
 * {@link HostError}.
 *
 * @example
 * const imports = { env: { add: (a: number, b: number) => a + b } }
 * const outcome = await program.run({ imports, limits: { timeoutMs: 1000 } })
 */
interface HostedRunOptions extends Omit<RunOptions, 'imports'> {
  /**
   * Functions for the imports of the program that WASI does not have. Functions that the program does not import are
   * left out. See docs/host-functions.md.
   */
  imports: Imports
}
/**
 * A granted part of the network. A rule is `[tcp:|udp:]HOST:PORTS`; without a protocol, it is for TCP. HOST is an IPv4
 * address, an IPv6 address in brackets, a network (`10.0.0.0/8`, `[fd00::/8]`), `*`, or a name. PORTS is a port, a range
 * (`8000-8099`), a list of both (`80,443`) or `*`.
 *
 * @example
 * const network: NetworkOptions = {
 *   allow: ['127.0.0.1:5432', 'db.internal:*', 'udp:10.0.0.0/8:53'],
 *   listen: ['127.0.0.1:0'],
 * }
 */
interface NetworkOptions {
  /**
   * Remote addresses: those to which the guest may connect and send datagrams, and from which it may receive datagrams.
   * A rule with a name (`db.internal:5432`, `*.internal:*`) lets the guest look that name up, and allows the addresses
   * that the lookups in this run return. Default: none.
   */
  allow?: readonly string[] | undefined
  /**
   * Local addresses that the guest may bind. Whoever can reach a listener may connect to it. Port 0 is any port that the
   * operating system chooses. Names are refused here. Default: none.
   */
  listen?: readonly string[] | undefined
  /**
   * Names that the guest may look up, besides those in `allow`: `db.internal`, `*.internal` (what is below it) or `*`.
   * The addresses that it gets are checked like all others when they are used. `false` and `[]`: no others.
   * Default: none.
   */
  dns?: readonly string[] | false | undefined
}
/**
 * Origins to which a guest may send requests. A rule is `http[s]://HOST[:PORT]`. HOST is a name, `*.` and a name for the
 * names below it, an IPv4 address, an IPv6 address in brackets, or `*` for every name and every public address. PORT is a
 * number or `*`. Default: that of the scheme.
 *
 * @example
 * const http = { allow: ['https://api.example.com', 'https://*.example.org', 'http://127.0.0.1:*'] }
 */
interface HttpOptions {
  /** Default: none. */
  allow?: readonly string[] | undefined
  /** PEM text with certificates of authorities that are trusted besides Mozilla's. Default: none. */
  ca?: string | undefined
}
/**
 * Files in memory, by name or path: text, bytes, or a directory of files.
 *
 * @example
 * await program.run({ files: { 'in.txt': 'text', 'lib/': { 'data.bin': Uint8Array.of(1, 2, 3) } } })
 */
interface Files {
  readonly [path: string]: string | Uint8Array | Files
}
/**
 * The options of a live run.
 *
 * @example
 * const guest = program.spawn({ stderr: 'inherit', limits: { memoryBytes: 64 << 20 } })
 */
interface SpawnOptions extends Omit<RunOptions, 'stdin' | 'stdout' | 'stderr'> {
  /**
   * `'pipe'`: `guest.stdin` is a Writable. Or as for a run; to give the text "pipe", pass bytes. Default: `'pipe'`.
   */
  stdin?: 'pipe' | RunOptions['stdin']
  /** `'pipe'`: `guest.stdout` is a Readable. Or as for a run. Default: `'pipe'`. */
  stdout?: 'pipe' | RunOptions['stdout']
  /** The same for stderr. Default: `'pipe'`. */
  stderr?: 'pipe' | RunOptions['stderr']
}
/**
 * The options of a live run that provides functions which the program imports.
 *
 * @example
 * const guest = program.spawn({ imports })
 */
interface HostedSpawnOptions extends Omit<SpawnOptions, 'imports'> {
  imports: Imports
}
/**
 * A granted directory.
 *
 * @example
 * await program.run({ preopens: { '/out': { hostPath: './out', access: 'write' } } })
 */
interface Preopen {
  /** The directory on the host. */
  hostPath: string
  /** Whether the guest may also write. */
  access: 'read' | 'write'
}
/**
 * The options of a run that the calling thread waits for: without those that need the thread meanwhile.
 *
 * @example
 * const { stdout } = program.runSync({ stdin: 'text', limits: { timeoutMs: 100 } })
 */
interface RunSyncOptions extends Omit<RunOptions, 'stdin' | 'stdout' | 'stderr' | 'signal'> {
  stdin?: string | Uint8Array | 'inherit' | 'empty' | undefined
  stdout?: 'capture' | 'inherit' | 'ignore' | undefined
  stderr?: 'capture' | 'inherit' | 'ignore' | undefined
}
/**
 * {@link HostedRunOptions} of a run that the calling thread waits for. Its functions cannot return promises.
 *
 * @example
 * const outcome = program.runSync({ imports, limits: { timeoutMs: 100 } })
 */
interface HostedRunSyncOptions extends Omit<RunSyncOptions, 'imports'> {
  imports: Imports
}
/**
 * The caps of a run. A cap that is not given has the default named here, or does not exist.
 *
 * @example
 * await program.run({ limits: { timeoutMs: 1000, memoryBytes: 64 * 1024 * 1024 } })
 */
interface Limits {
  /** Wall clock from the guest's start, in milliseconds, waiting in host calls and for a thread included. */
  timeoutMs?: number | undefined
  /** Time on a core, in milliseconds; sleeping and file access are not included. */
  cpuMs?: number | undefined
  /** wasmtime fuel, about one per instruction: the same in every run. */
  fuel?: number | bigint | undefined
  /** All linear memories and tables of the run together. Default: 4 GiB. */
  memoryBytes?: number | undefined
  /** `'deny'`: `memory.grow` returns -1 and the guest decides. `'stop'`: the run ends. Default: `'deny'`. */
  onMemory?: 'deny' | 'stop' | undefined
  /**
   * Bytes of stdout and stderr together, wherever they go unless they are ignored. At most 2 GiB - 1.
   * Default: 16 MiB of captured output, and no cap on output that is inherited or streamed.
   */
  outputBytes?: number | undefined
  /** `'stop'`: the run ends at the cap. `'truncate'`: the rest is dropped. Default: `'stop'`. */
  onOutput?: 'stop' | 'truncate' | undefined
  /**
   * Bytes that {@link RunOptions.files} may take beyond those that were given: the files that the guest makes or
   * changes, as a whole. A guest that needs more is told that there is no space left. At most 1 GiB. Default: 256 MiB.
   */
  filesBytes?: number | undefined
  /** Files, directories and links that the guest may make there. At most 1,000,000. Default: 65,536. */
  filesCount?: number | undefined
  /**
   * Sockets that are open at the same time. A guest that asks for more gets an error; clients of its listeners wait until
   * it has closed one. At most 512. Default: 64.
   */
  sockets?: number | undefined
  /**
   * Bytes that the guest sends through all its sockets and HTTP requests together, heads included; those of a run with
   * {@link RunOptions.network} or {@link RunOptions.http}. Instead of a write that would exceed the cap, the run ends.
   */
  networkSentBytes?: number | undefined
  /** Bytes that it receives. The run ends before the guest sees more. */
  networkReceivedBytes?: number | undefined
}
/**
 * What a runtime has and does.
 *
 * @example
 * const { running, queued } = runtime.stats()
 */
interface RuntimeStats {
  /** Threads, or processes, that run guests. */
  readonly threads: number
  readonly workers: 'threads' | 'processes'
  /**
   * Threads that start runs at present. They are fewer than `threads` where short runs end sooner on fewer:
   * when guests grow their memory, the threads of one process wait for each other. The runtime measures this
   * while runs wait for a thread. Processes are always all used.
   */
  readonly usefulThreads: number
  readonly maxConcurrentRuns: number
  /**
   * How runs get their memory: from a pool (fast), or mapped for each run where the process has too little
   * address space for a pool.
   */
  readonly allocation: 'pooling' | 'compact'
  /** Programs loaded. */
  readonly programs: number
  /** Programs, loaded with `compiler: 'tiered'`, whose optimized code is still to be made. */
  readonly optimizing: number
  /**
   * How often a compiler has made code of a program for this runtime. Code from the cache, or from another runtime of
   * the process that has loaded the same program in the same way, is not compiled. Worker processes count apart.
   */
  readonly compilations: number
  /** Runs that wait for a slot or a thread. */
  readonly queued: number
  /** Runs that have started and not ended. */
  readonly running: number
  /** Runs that have ended. */
  readonly finished: number
  /** Instances, each of which has a slot from its making to its end. They are not counted as runs. */
  readonly instances: number
  /** Where compiled code is kept; null without a cache. */
  readonly cacheDir: string | null
}
/**
 * The options of calls; others are those of the instance.
 *
 * @example
 * await instance.with({ limits: { timeoutMs: 50 } }).call('add', 1, 2)
 */
interface CallOptions {
  /**
   * The caps of one call. A cap that is not given is that of the instance. Memory, files and sockets belong to the
   * instance, so a call has no cap on them; a call can have a cap on fuel if the instance has one.
   */
  limits?:
    Omit<Limits, 'memoryBytes' | 'onMemory' | 'filesBytes' | 'filesCount' | 'sockets'> | undefined
  /**
   * Aborts the call. A call that has not begun is then not made; the abort of one that has begun ends the instance. Not
   * for `callSync`.
   */
  signal?: AbortSignal | undefined
}
/**
 * What `wasiexec:run:start` and `wasiexec:run:end` publish: one object for each run and each job of a batch, the same at
 * both. Subscribers may add properties to it, or use it as the key of a WeakMap. At the end it has either `outcome` or
 * `error`.
 *
 * @example
 * subscribe('wasiexec:run:end', (message) => {
 *   const { program, outcome } = message as RunMessage
 *   console.log(program, outcome?.kind, outcome?.usage.wallMs)
 * })
 */
interface RunMessage {
  /** The name of the program. */
  readonly program: string
  /** How it is run; `'run'` also for the one-shot `run`. */
  readonly method: 'run' | 'runSync' | 'spawn' | 'batch' | 'serve'
  /** The caps that were given, not yet checked at the start; in a batch, with those of its `defaults`. */
  readonly limits: Readonly<Limits> | undefined
  /** Which job of a batch it is; only for `'batch'`. */
  readonly job?: ObservedJob
  /** How the run ended. */
  outcome?: AnyOutcome
  /** What it rejected with or threw, or the error in the result of the job. */
  error?: unknown
}
/**
 * What `wasiexec:call:start` and `wasiexec:call:end` publish: as {@link RunMessage}, for each call of a function.
 *
 * @example
 * subscribe('wasiexec:call:end', (message) => console.log((message as CallMessage).function))
 */
interface CallMessage {
  /** The name of the program. */
  readonly program: string
  /** How it is called; `'call'` also for `exports`, and `'pool'` for all calls of a pool. */
  readonly method: 'call' | 'callSync' | 'pool' | 'batch'
  /** The name of the function. */
  readonly function: string
  /** The caps that were given with this call; in a batch, with those of its `defaults`. */
  readonly limits: Readonly<Limits> | undefined
  /** Which job of a batch it is; only for `'batch'`. */
  readonly job?: ObservedJob
  /** How the call ended. */
  outcome?: AnyCallOutcome
  /** What it rejected with or threw, or the error in the result of the job. */
  error?: unknown
}
/**
 * A job of a batch.
 *
 * @example
 * subscribe('wasiexec:run:end', (message) => console.log((message as RunMessage).job?.index))
 */
interface ObservedJob {
  /** Which job of the batch, from 0. */
  readonly index: number
  /** The job's own `id`. */
  readonly id: unknown
}
/**
 * What `wasiexec:instantiate:start` and `wasiexec:instantiate:end` publish: as {@link RunMessage}, for each instance that
 * is made.
 *
 * @example
 * subscribe('wasiexec:instantiate:end', (message) => console.log((message as InstantiateMessage).method))
 */
interface InstantiateMessage {
  /** The name of the program. */
  readonly program: string
  /** Whether a user, a pool or a batch of calls makes it. */
  readonly method: 'instantiate' | 'pool' | 'batch'
  /** The caps that were given. */
  readonly limits: Readonly<Limits> | undefined
  /** What was printed and used while it was made. */
  outcome?: Returned<readonly []>
  /** Why it could not be made. */
  error?: unknown
}
/**
 * What `wasiexec:load:start` and `wasiexec:load:end` publish: as {@link RunMessage}, for each program that is loaded.
 *
 * @example
 * subscribe('wasiexec:load:end', (message) => console.log((message as LoadMessage).compiler))
 */
interface LoadMessage {
  /** The name of the program. */
  readonly program: string
  /** Which function loads it; the one-shot `run` loads a program once. */
  readonly method: 'load' | 'loadSync' | 'run'
  /** Which compiler was asked for. */
  readonly compiler: 'optimizing' | 'baseline' | 'tiered'
  /** A core module or a component; once it was loaded. */
  kind?: 'module' | 'component'
  /** The WASI that it uses; once it was loaded. */
  wasi?: 'p0' | 'p1' | 'p2' | 'p3' | 'none'
  /** Why it could not be loaded. */
  error?: unknown
}
/**
 * What `wasiexec:snapshot:start` and `wasiexec:snapshot:end` publish: as {@link RunMessage}, for each snapshot.
 *
 * @example
 * subscribe('wasiexec:snapshot:end', (message) => console.log((message as SnapshotMessage).error))
 */
interface SnapshotMessage {
  /** The name of the program. */
  readonly program: string
  /** The caps that were given. */
  readonly limits: Readonly<Limits> | undefined
  /** Why there is none; an `ERR_SNAPSHOT` has the `outcome` of the run that ended before. */
  error?: unknown
}
/**
 * The functions of a program whose types are not given.
 *
 * @example
 * const callByName = (instance: Instance<AnyFunctions>, name: string) => instance.call(name)
 */
interface AnyFunctions {
  [name: string]: (...args: unknown[]) => number | bigint | CallValues | undefined
}
/** The names of the members that are functions. */
type OwnNames<Functions> = {
  [Name in keyof Functions]: Functions[Name] extends (...args: never[]) => unknown ? Name : never
}[keyof Functions] &
  string
/**
 * The names of the functions among a program's exports: of a module and of a component itself, `'add'`; of an interface
 * that a component exports, `'my:pkg/calc#add'`.
 */
type FunctionName<Functions> =
  | OwnNames<Functions>
  | {
      [Name in keyof Functions & string]: Functions[Name] extends (...args: never[]) => unknown
        ? never
        : `${Name}#${OwnNames<Functions[Name]>}`
    }[keyof Functions & string]
/** The function of a name. */
type FunctionOf<Functions, Name> = Name extends keyof Functions
  ? Functions[Name]
  : Name extends `${infer Interface extends keyof Functions & string}#${infer Own}`
    ? Own extends keyof Functions[Interface]
      ? Functions[Interface][Own]
      : never
    : never
/** What a function takes. */
type ArgumentsOf<Function> = Function extends (...args: infer Arguments) => unknown
  ? Arguments
  : never
/** What a function returns, as the values of an outcome. */
type ValuesOf<Function> = Function extends (...args: never[]) => infer Result
  ? [CallValues] extends [Result]
    ? CallValues
    : [Result] extends [undefined | void | Promise<void>]
      ? readonly []
      : Result extends readonly unknown[]
        ? Readonly<Result>
        : readonly [Awaited<Result>]
  : never
/** The arguments of a call of the function of a name. */
type CallArguments<Functions, Name> = ArgumentsOf<FunctionOf<Functions, Name>>
/** How a call of the function of a name ends. */
type CallEnd<Functions, Name, Failure extends HostError> =
  CallOutcome<ValuesOf<FunctionOf<Functions, Name>>> | Failure
/** Functions that return a promise of what a program's functions return, also inside of interfaces; classes as they are. */
type AsyncFunctions<Functions> = {
  readonly [
    Name in keyof Functions as Functions[Name] extends (...args: never[]) => unknown
      ? Name
      : Functions[Name] extends object
        ? Name
        : never
  ]: Functions[Name] extends (...args: infer Arguments) => infer Result
    ? (...args: Arguments) => Promise<Awaited<Result>>
    : Functions[Name]
}
/** What a function returns. */
type ResultOf<Function> = Function extends (...args: never[]) => infer Result
  ? Awaited<Result>
  : never
/**
 * Calls the functions of an instance, one after the other. `Failure` is {@link HostError} if the instance has `imports`.
 *
 * @example
 * const hasty: Caller<Functions> = instance.with({ limits: { timeoutMs: 50 } })
 * const outcome = await hasty.call('add', 1, 2)
 */
declare class Caller<Functions, Failure extends HostError = never> {
  #private
  /**
   * The program's functions. Each returns a promise of what the program's function returns: nothing, a value, or an array
   * of several values. The promise rejects with a {@link ProgramError} if the call ends in any other way, and its
   * `outcome` says how. What the program prints is dropped; {@link call} has it.
   *
   * @example
   * console.log(await instance.exports.add(1, 2)) // 3
   */
  get exports(): AsyncFunctions<Functions>
  /**
   * Calls a function once the calls before it have ended. Whatever the program does is an outcome. If the function did
   * not return, the instance has ended with the call.
   *
   * An `i32` parameter takes an integer from -2^31 to 2^32 - 1, an `i64` a bigint from -2^63 to 2^64 - 1, an `f32` or `f64`
   * a number. Nothing is converted.
   *
   * @throws {WasiexecError} (rejects) `ERR_INVALID_CALL`, `ERR_INSTANCE_OVER` with the `outcome` that ended the instance,
   * `ERR_INSTANCE_CLOSED`, `ERR_PROGRAM_CLOSED`, `ERR_RUNTIME_CLOSED`, `ERR_INVALID_OPTION`, `ERR_OUT_OF_RESOURCES`.
   * @example
   * const outcome = await instance.call('add', 1, 2)
   * if (outcome.kind === 'returned') console.log(outcome.values) // [3]
   */
  call<Name extends FunctionName<Functions>>(
    name: Name,
    ...args: CallArguments<Functions, Name>
  ): Promise<CallEnd<Functions, Name, Failure>>
  /**
   * The same on the calling thread, which waits. It takes neither a thread nor another slot of the runtime.
   *
   * Nothing else happens on this thread meanwhile, so set a time limit. What is printed to a stream is written after the
   * call. Calls that together print more than 128 MiB to one before the event loop has a turn wait until their limit, or
   * for ever. Functions of components that have streams or
   * futures are refused.
   *
   * @throws {WasiexecError} as {@link call}; `ERR_INSTANCE_BUSY` while another call is in progress or waits, a stream or
   * future is open, or stdin is a stream that has not ended; `ERR_NESTED_RUN` inside of another run on this thread;
   * `ERR_INVALID_OPTION` for a caller with a signal.
   * @example
   * const outcome = instance.with({ limits: { timeoutMs: 50 } }).callSync('add', 1, 2)
   */
  callSync<Name extends FunctionName<Functions>>(
    name: Name,
    ...args: CallArguments<Functions, Name>
  ): CallEnd<Functions, Name, Failure>
}
/**
 * The globals that a program exports, to be read and written between two calls.
 *
 * @example
 * const { globals } = instance
 * globals.set('count', Number(globals.get('count')) + 1)
 */
declare class GuestGlobals {
  #private
  /**
   * The names of the globals.
   *
   * @example
   * console.log(instance.globals.names) // ['count']
   */
  get names(): readonly string[]
  /**
   * Returns the value of a global: an `i64` as a bigint, other numbers as numbers.
   *
   * @throws {WasiexecError} `ERR_INVALID_CALL` unless it is a number; `ERR_INSTANCE_BUSY` while a call is in progress or
   * waits; `ERR_INSTANCE_OVER`, `ERR_INSTANCE_CLOSED`.
   * @example
   * const count = instance.globals.get('count')
   */
  get(name: string): number | bigint
  /**
   * Sets a global that is mutable.
   *
   * @throws {WasiexecError} as {@link get}; `ERR_INVALID_CALL` also for a value of another type.
   * @example
   * instance.globals.set('count', 41)
   */
  set(name: string, value: number | bigint): void
}
/**
 * A memory that a program exports, to be read and written between two calls.
 *
 * Addresses are numbers or bigints. Those of a 32-bit memory may be negative, as functions return them: an `i32` is signed.
 *
 * @example
 * const length = instance.memory.write(2048, 'text')
 * await instance.call('print', 2048, length)
 */
declare class GuestMemory {
  #private
  /** The name of the export. */
  readonly name: string
  /**
   * Its size in bytes.
   *
   * @throws {WasiexecError} `ERR_INSTANCE_BUSY`, `ERR_INSTANCE_OVER`, `ERR_INSTANCE_CLOSED`.
   * @example
   * const pages = instance.memory.byteLength / 65_536
   */
  get byteLength(): number
  /**
   * Copies `length` bytes from `address` on.
   *
   * @throws {WasiexecError} `ERR_OUT_OF_BOUNDS`; `ERR_INSTANCE_BUSY` while a call is in progress or waits;
   * `ERR_INVALID_OPTION`, `ERR_INSTANCE_OVER`, `ERR_INSTANCE_CLOSED`.
   * @example
   * const bytes = instance.memory.read(1024, 16)
   */
  read(address: number | bigint, length: number): Buffer$1
  /**
   * Reads UTF-8: `length` bytes, or up to the first zero byte. What is not UTF-8 is U+FFFD.
   *
   * @throws {WasiexecError} as {@link read}.
   * @example
   * const text = instance.memory.readString(1024)
   */
  readString(address: number | bigint, length?: number): string
  /**
   * Writes bytes, or text as UTF-8 without a zero byte at its end. Returns how many bytes these were. Nothing is written
   * if not all of them fit.
   *
   * @throws {WasiexecError} as {@link read}.
   * @example
   * const length = instance.memory.write(2048, 'grüße') // 7
   */
  write(address: number | bigint, bytes: Uint8Array | string): number
}
/**
 * How an instance is made.
 *
 * @example
 * const instance = await program.instantiate({ env: { TZ: 'UTC' }, limits: { timeoutMs: 1000 } })
 */
interface InstantiateOptions extends Omit<RunOptions, 'collect' | 'limits' | 'signal'> {
  /**
   * `memoryBytes` and `onMemory` are for the instance as long as it lives. The other caps are for its making and for each
   * of its calls, unless the call gives its own.
   */
  limits?: RunOptions['limits']
  /** Ends the instance: aborts its making, or the call in progress and those that wait. */
  signal?: AbortSignal | undefined
}
/**
 * How an instance is made that provides functions which the program imports.
 *
 * @example
 * const instance = await program.instantiate({ imports })
 */
interface HostedInstantiateOptions extends Omit<InstantiateOptions, 'imports'> {
  /** As for a run. The functions are called during all calls of the instance. */
  imports: Imports
}
/**
 * A program in memory whose functions are called one by one. Made by {@link Program.instantiate}.
 *
 * It takes one slot of the runtime until it ends: with a call that does not return, by `using`, or when nothing refers to
 * it any more. While no call is in progress it has no thread, and it does not keep the process alive.
 *
 * @example
 * await using instance = await program.instantiate<Functions>()
 * const sum = await instance.exports.add(1, 2)
 */
declare class Instance<Functions = AnyFunctions, Failure extends HostError = never> extends Caller<
  Functions,
  Failure
> {
  #private
  /** What was printed and used while the instance was made. */
  readonly initialization: Returned<readonly []>
  /** The memories that the program exports, by name. */
  readonly memories: Readonly<Record<string, GuestMemory>>
  /** The globals that the program exports. */
  readonly globals: GuestGlobals
  /**
   * The memory that is exported as "memory", as all compilers do.
   *
   * @throws {WasiexecError} `ERR_INVALID_CALL` if there is none.
   * @example
   * const text = instance.memory.readString(1024)
   */
  get memory(): GuestMemory
  /**
   * Returns what calls the functions of this instance with these options.
   *
   * @throws {WasiexecError} `ERR_INVALID_OPTION`.
   * @example
   * await instance.with({ limits: { timeoutMs: 50 } }).call('run')
   */
  with(options: CallOptions): Caller<Functions, Failure>
  /**
   * Aborts the calls of the instance and frees its slot.
   *
   * @example
   * using instance = await program.instantiate()
   */
  [Symbol.dispose](): void
  /**
   * The same, and resolves when the instance has ended.
   *
   * @example
   * await using instance = await program.instantiate()
   */
  [Symbol.asyncDispose](): Promise<void>
}
/**
 * The options of each instance of a pool. Stdin cannot be a stream, which is read once.
 *
 * @example
 * const options: PoolInstanceOptions = { env: { TZ: 'UTC' }, limits: { timeoutMs: 1000 } }
 * const pool = program.pool({ ...options, instances: 4 })
 */
interface PoolInstanceOptions extends Omit<InstantiateOptions, 'stdin'> {
  stdin?: string | Uint8Array | 'inherit' | 'empty' | undefined
}
/**
 * How a pool is set up: the options of its instances, and how many there may be.
 *
 * @example
 * const pool = program.pool({ instances: 4, limits: { timeoutMs: 1000 } })
 */
interface PoolOptions extends PoolInstanceOptions {
  /** The most instances at a time. Each takes a slot of the runtime. Default: the threads of the runtime. */
  instances?: number | undefined
  /**
   * Whether an instance is kept for other calls, with whatever state a call leaves in it, or each call has a fresh one.
   * Default: `'kept'`.
   */
  state?: 'kept' | 'fresh' | undefined
}
/**
 * How a pool is set up that provides functions which the program imports.
 *
 * @example
 * const pool = program.pool({ imports, instances: 4 })
 */
interface HostedPoolOptions extends Omit<PoolOptions, 'imports'> {
  /** As for a run. The functions are called during all calls of all instances. */
  imports: Imports
}
/**
 * What a pool has and does.
 *
 * @example
 * const { busy, waiting } = pool.stats()
 */
interface PoolStats {
  /** Instances that can be called. */
  readonly instances: number
  /** Those of them that carry out a call. */
  readonly busy: number
  /** Instances that are being made. */
  readonly starting: number
  /** Calls that wait for an instance. */
  readonly waiting: number
  /** Calls that have ended. */
  readonly finished: number
  /** Instances that have ended with a call, or were fresh for one. */
  readonly replaced: number
}
/**
 * Instances of one program that share the calls. Made by {@link Program.pool}.
 *
 * A call goes to an instance that is free. If none is, and the pool has not as many as it may have, it makes one; otherwise
 * the call waits, in order. An instance that ends with a call is replaced. State stays in the instances, so two calls
 * may see different state; with `state: 'fresh'`, each call has an instance that no other call has used. `Failure` is
 * {@link HostError} if the pool has `imports`.
 *
 * @example
 * await using pool = program.pool<Functions>({ instances: 4 })
 * const sums = await Promise.all(numbers.map((n) => pool.value('add', n, 1)))
 */
declare class Pool<Functions = AnyFunctions, Failure extends HostError = never> {
  #private
  /**
   * Calls a function of a free instance. Whatever the program does is an outcome.
   *
   * @throws {WasiexecError} (rejects) as {@link Instance.call}, and as {@link Program.instantiate} where no instance can be
   * made; `ERR_INSTANCE_CLOSED` once the pool is drained or disposed of; `ERR_INSTANCE_BUSY` in a host function, when all
   * instances wait for host functions that call the pool.
   * @example
   * await using pool = program.pool({ instances: 4 })
   * const outcomes = await Promise.all(inputs.map((input) => pool.call('score', input)))
   */
  call<Name extends FunctionName<Functions>>(
    name: Name,
    ...args: CallArguments<Functions, Name>
  ): Promise<CallEnd<Functions, Name, Failure>>
  /**
   * The same, and returns the value alone, as {@link Instance.exports} do.
   *
   * @throws {ProgramError} (rejects) if the call ends in any other way than by a return.
   * @example
   * const sum = await pool.value('add', 1, 2) // 3
   */
  value<Name extends FunctionName<Functions>>(
    name: Name,
    ...args: CallArguments<Functions, Name>
  ): Promise<ResultOf<FunctionOf<Functions, Name>>>
  /**
   * Returns what calls functions of this pool with these options.
   *
   * @throws {WasiexecError} `ERR_INVALID_OPTION`.
   * @example
   * const outcome = await pool.with({ limits: { timeoutMs: 50 } }).call('add', 1, 2)
   */
  with(options: CallOptions): Pick<Pool<Functions, Failure>, 'call' | 'value'>
  /**
   * What the pool has and does right now.
   *
   * @example
   * console.log(pool.stats().waiting)
   */
  stats(): PoolStats
  /**
   * Takes no more calls, lets those that it has end, those that wait as well, and ends its instances. Resolves when they
   * have ended. There is no limit on the time but those of the calls; disposing of the pool aborts the calls that are
   * left. A host function that awaits this waits for its own call.
   *
   * @example
   * const calls = inputs.map((input) => pool.call('add', input, 1))
   * await pool.drain() // each of the calls has ended
   */
  drain(): Promise<void>
  /**
   * Aborts the calls of the pool and ends its instances. {@link drain} lets the calls end.
   *
   * @example
   * using pool = program.pool()
   */
  [Symbol.dispose](): void
  /**
   * The same, and resolves when the instances have ended.
   *
   * @example
   * await using pool = program.pool()
   */
  [Symbol.asyncDispose](): Promise<void>
}
/**
 * How a runtime is set up.
 *
 * @example
 * const runtime = new Runtime({ threads: 4, cacheDir: '/var/cache/judge' })
 */
interface RuntimeOptions {
  /** Threads that run guests. Default: the number of cores. */
  threads?: number | undefined
  /**
   * Runs that can be in progress at a time, including those that wait. Others wait in a queue. At most 4096.
   * Default: 1024.
   */
  maxConcurrentRuns?: number | undefined
  /** The folder for compiled code, or `false` for none. Default: `wasiexec` in the user's cache folder. */
  cacheDir?: string | false | undefined
  /**
   * What spreads runs over cores: threads of this process, or as many processes of one thread each.
   * Processes take longer to start and have memory of their own. But they do not slow each other down
   * when guests grow their memory, and what kills one ends only its own runs.
   * Not under Deno and Electron, and not in a single executable.
   * Default: `'threads'`.
   */
  workers?: 'threads' | 'processes' | undefined
  /**
   * Only for processes: whether the runs of a worker that died are run again, once; runs with streams are
   * not. Otherwise they reject with `ERR_WORKER_DIED`, and no run is ever started twice.
   * Default: `false`.
   */
  retry?: boolean | undefined
}
/**
 * Threads, memory slots and a cache. Programs that name no runtime use one that the whole process shares,
 * its worker threads included.
 *
 * @example
 * await using runtime = new Runtime({ workers: 'processes' })
 * const program = await load('tool.wasm', { runtime })
 */
declare class Runtime {
  #private
  /** @throws {WasiexecError} `ERR_INVALID_OPTION`, `ERR_OUT_OF_RESOURCES`. */
  constructor(options?: RuntimeOptions)
  /**
   * What the runtime has and does right now.
   *
   * @example
   * console.log(runtime.stats().queued)
   */
  stats(): RuntimeStats
  /**
   * Aborts all runs, refuses new ones, and resolves when the last run has ended. By then the threads, descriptors and
   * address space of the runtime are given back, whatever objects still refer to it. Only a host call of a guest that
   * the operating system does not end, or a compilation that has begun, keeps them until it ends by itself.
   *
   * @example
   * await runtime.close()
   */
  close(): Promise<void>
  /**
   * The same as {@link close}, for `await using`.
   *
   * @example
   * await using runtime = new Runtime()
   */
  [Symbol.asyncDispose](): Promise<void>
}
/**
 * Which compiler makes a program's code.
 *
 * @example
 * const program = await load('submission.wasm', { compiler: 'baseline' })
 */
type CompilerChoice = 'optimizing' | 'baseline' | 'tiered'
/**
 * How a program is loaded.
 *
 * @example
 * const program = await load('tool.wasm', { name: 'tool', compiler: 'tiered', runtime })
 */
interface LoadOptions {
  /** argv[0] and name in traces. Default: the file's base name, or "program". */
  name?: string | undefined
  /**
   * Where compiled code is kept on disk: in the runtime's folder (`true`), in this folder, or nowhere
   * (`false`). Default: `true`.
   */
  cache?: boolean | string | undefined
  /**
   * Which compiler makes the code of runs without a `fuel` limit: `'optimizing'` (wasmtime's Cranelift),
   * `'baseline'` (Winch, which compiles several times as fast; its code is slower), or `'tiered'`: the baseline
   * compiler's code at once, and the optimizing compiler's code for the runs that start after it was made in the
   * background. A program that uses what the baseline compiler lacks gets optimized code in any case;
   * {@link Program.inspect} says why. The code for runs with a `fuel` limit is always optimized. Default: `'optimizing'`.
   */
  compiler?: CompilerChoice | undefined
  /** Whether the code for runs with a fuel limit is compiled now, not at the first such run. Default: `false`. */
  fuel?: boolean | undefined
  /**
   * `false` compiles the program without what stops it while it computes. A CPU-bound program becomes
   * faster. Use it for programs that you trust to end: runs with `timeoutMs` or `cpuMs` are refused.
   * `signal`, disposing of the program and closing the runtime take effect only before the program starts
   * and while it waits in the host (for the clock, for stdin, for a slow reader of its output). The other
   * limits hold, and a run with a `fuel` limit can be interrupted like any other. Default: `true`.
   */
  interruptible?: boolean | undefined
  /**
   * Whether the source may be what {@link Program.serialize} returned. That is machine code and runs without
   * a sandbox: anyone who made the file, or could have written to it, can do anything in this process. The
   * program has the name that is given here, and is as interruptible as it was compiled. Default: `false`.
   */
  trustPrecompiled?: boolean | undefined
  /**
   * Whether the source map of a program that was loaded from a path may be read when a guest traps: the file that the
   * program names, if that is a plain name that ends in `.map`, in the program's own folder. AssemblyScript writes such
   * files. Nothing is ever fetched; a map inside the program needs no option. Default: `false`.
   */
  sourceMaps?: boolean | undefined
  /** The runtime of its runs. Default: one that the whole process shares. */
  runtime?: Runtime | undefined
}
/**
 * How the lines of a guest are read.
 *
 * @example
 * for await (const line of guest.lines({ from: 'stderr' })) console.error(line)
 */
interface LinesOptions {
  /** Which of its streams. Default: `'stdout'`. */
  from?: 'stdout' | 'stderr' | undefined
  /** The longest line, in bytes. Default: 1 MiB. */
  maxLineBytes?: number | undefined
  /**
   * Whether leaving the loop destroys the stream, as with `readable.iterator()`: the guest's next write to it fails.
   * If not, the next loop goes on with the next line. Default: true.
   */
  destroyOnReturn?: boolean | undefined
}
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
interface Guest<
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
type GuestOf<Options extends SpawnOptions | HostedSpawnOptions> = Guest<
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
 * When a snapshot is taken: at the first read of stdin, or when an exported function has returned.
 *
 * @example
 * const warm = await program.snapshot({ until: { call: 'warm_up' } })
 */
type SnapshotUntil =
  | 'stdin'
  | {
      readonly call: string
    }
/**
 * How a snapshot is taken. Apart from `until`, the options mean what they mean for a run.
 *
 * @example
 * const warm = await python.snapshot({ args: ['/app/main.py'], preopens: { '/app': './app' } })
 */
interface SnapshotOptions extends Pick<
  RunOptions,
  'args' | 'env' | 'preopens' | 'clock' | 'randomSeed' | 'signal'
> {
  /** The caps of the run up to the snapshot; runs of the snapshot have their own. */
  limits?: Omit<Limits, 'onOutput'> | undefined
  /**
   * `'stdin'`: at the first call that would read stdin or wait for it. `{ call }`: when this exported function, which
   * takes and returns nothing, has returned; it is called before `_start`, and after `_initialize` if there is that,
   * too. Default: `'stdin'`.
   */
  until?: SnapshotUntil | undefined
  /** Which compiler makes the code of the snapshot's runs. Default: as for this program. */
  compiler?: CompilerChoice | undefined
}
/**
 * What became of a response.
 *
 * @example
 * const isWhole = ({ status, complete }: Sent) => complete && status < 500
 */
interface Sent {
  /** 500 if the handler gave none. */
  readonly status: number
  /** Whether it was sent to its end. */
  readonly complete: boolean
  /** Why not; may contain text of the guest's. */
  readonly problem?: string
}
/**
 * What is served: by `fetch` or by `node`.
 *
 * @example
 * const name = ({ method, url }: ServedRequest) => `${method} ${url}`
 */
type ServedRequest = Request | IncomingMessage
/**
 * The caps of each request.
 *
 * @example
 * const limits: ServeLimits = { timeoutMs: 1000, requestBytes: 1 << 20, responseBytes: 8 << 20 }
 */
interface ServeLimits extends Limits {
  /**
   * Bytes of the body of the request. One that says that it has more is refused with the status 413, without a run. The run
   * of one that turns out to have more ends before the guest sees these, also with a 413 if there is no response.
   */
  requestBytes?: number | undefined
  /** Bytes of the body of the response. The run ends instead of sending more, and the body breaks off. */
  responseBytes?: number | undefined
}
/**
 * How a component handles requests. Each request gets an instance of its own with these options.
 *
 * @example
 * const handler = await program.serve({
 *   limits: { timeoutMs: 1000 },
 *   onOutcome: (outcome, { url }) => outcome.ok || console.error(url, describeOutcome(outcome)),
 * })
 */
interface ServeOptions<Ending extends Outcome | HostError = Outcome> extends Pick<
  RunOptions,
  | 'args'
  | 'env'
  | 'stdout'
  | 'stderr'
  | 'onBrokenPipe'
  | 'preopens'
  | 'network'
  | 'http'
  | 'config'
  | 'keyvalue'
  | 'clock'
  | 'randomSeed'
> {
  /** As for a run, and for the bodies of requests and responses. */
  limits?: ServeLimits | undefined
  /** Only in {@link HostedServeOptions}, because such a request can end in one more way. */
  imports?: undefined
  /** Called when the run of a request has ended. What it throws is an uncaught exception. */
  onOutcome?: ((outcome: Ending, request: ServedRequest, response: Sent) => void) | undefined
  /**
   * Called with what keeps a request by `node` from being run, or its response from being sent. Default:
   * `process.emitWarning`. `fetch` rejects instead.
   * What it throws is an uncaught exception, after the client was answered.
   */
  onError?: ((error: unknown, request: ServedRequest) => void) | undefined
}
/**
 * How a component handles requests for which functions are provided that it imports.
 *
 * @example
 * const handler = await program.serve({ imports: { log: (text: string) => console.log(text) } })
 */
interface HostedServeOptions extends Omit<ServeOptions<Outcome | HostError>, 'imports'> {
  /** As for a run. */
  imports: Imports
}
/**
 * Handles HTTP requests with a program; made by {@link Program.serve}. Each request gets an instance of its own, which
 * waits for a slot of the runtime like a run. `fetch` and `node` need no `this`.
 *
 * @example
 * const handler = await program.serve()
 * const response = await handler.fetch(new Request('http://localhost/'))
 */
declare class Handler {
  #private
  /**
   * Resolves to the response when its head is there. A run that ends before gives a plain 500, and one that ends later
   * breaks the body off with `ERR_RESPONSE_BROKEN`. The request's `signal`, and cancelling the response's body, abort the
   * run. A body that is not read holds its run, so read it or cancel it.
   *
   * @throws {WasiexecError} (rejects) `ERR_INVALID_OPTION` for what is not a `Request` of HTTP, `ERR_HANDLER_CLOSED`; the
   * reason of the `signal`, what the body of the request fails with; and as {@link Program.run}.
   */
  readonly fetch: (request: Request) => Promise<Response>
  /**
   * Handles a request of Node's `http` or `https` server, for `createServer(handler.node)`. A run that ends before the
   * head gives a 500, and one that ends later ends the connection. A client that disconnects aborts the run. Errors of a
   * request go to {@link ServeOptions.onError}.
   *
   * @throws {WasiexecError} `ERR_INVALID_OPTION` for what is not a request and a response of Node's.
   */
  readonly node: (request: IncomingMessage, response: ServerResponse) => void
  /**
   * Refuses new requests, and resolves when those that go on have ended.
   *
   * @example
   * process.once('SIGTERM', () => void handler.close())
   */
  close(): Promise<void>
  /**
   * The same as {@link close}, for `await using`.
   *
   * @example
   * await using handler = await program.serve()
   */
  [Symbol.asyncDispose](): Promise<void>
}
/**
 * A function that a component exports, with the types of its values.
 *
 * @example
 * for (const { name, parameters } of await program.functions()) console.log(name, parameters.length)
 */
interface ExportedFunction {
  /** As `call` takes it: `my:pkg/calc@1.0.0#add-two`, or `add-two` for a function of the component itself. */
  readonly name: string
  /** The other names under which `call` takes it. */
  readonly aliases: readonly string[]
  /** Whether it is an async function of WASI 0.3, which is called like any other. */
  readonly isAsync: boolean
  /** What it is called with; of a method, the resource comes first. */
  readonly parameters: readonly WitPart[]
  /** Absent where it returns nothing. */
  readonly result?: WitType
}
/**
 * A field of a record, a flag, or a parameter.
 *
 * @example
 * const shown = ({ name, type }: WitPart) => `${name}: ${type.kind}`
 */
interface WitPart {
  /** As in WIT: `unit-price`. */
  readonly name: string
  /** The name of the property in JavaScript: `unitPrice`. */
  readonly key: string
  readonly type: WitType
}
/**
 * A case of a variant.
 *
 * @example
 * const tags = (cases: readonly WitCase[]) => cases.map(({ name }) => name)
 */
interface WitCase {
  /** As in WIT, and the `tag` in JavaScript. */
  readonly name: string
  /** Absent where the case has no value. */
  readonly type?: WitType
}
/**
 * A type of WIT. What is shared by several types is one object, so types that are large when they are written out take
 * little memory.
 *
 * @example
 * const isNumber = ({ kind }: WitType) => kind === 'u32' || kind === 'f64'
 */
type WitType = {
  /** The name that WIT gives it; absent for one that is written where it is used. */ readonly name?: string
} & (
  | {
      readonly kind: WitPrimitive | 'error-context'
    }
  | {
      readonly kind: 'list'
      readonly element: WitType /** Where every value has so many elements. */
      readonly length?: number
    }
  | {
      readonly kind: 'map'
      readonly key: WitType
      readonly value: WitType
    }
  | {
      readonly kind: 'record'
      readonly fields: readonly WitPart[]
    }
  | {
      readonly kind: 'flags'
      readonly flags: readonly Omit<WitPart, 'type'>[]
    }
  | {
      readonly kind: 'tuple'
      readonly types: readonly WitType[]
    }
  | {
      readonly kind: 'variant'
      readonly cases: readonly WitCase[]
    }
  | {
      readonly kind: 'enum'
      readonly names: readonly string[]
    }
  | {
      readonly kind: 'option'
      readonly some: WitType /** Whether its values are `{ tag, val }`, because undefined is a value of `some`. */
      readonly isTagged: boolean
    }
  | {
      readonly kind: 'result'
      readonly ok?: WitType
      readonly err?: WitType
    }
  | {
      readonly kind: 'own' | 'borrow'
      readonly resource: WitResource
    }
  | {
      readonly kind: 'stream' | 'future'
      readonly element?: WitType
    }
)
/**
 * A resource type.
 *
 * @example
 * const shown = ({ interface: owner, name }: WitResource) => `${owner}#${name}`
 */
interface WitResource {
  /** Absent for a resource of the component itself. */
  readonly interface?: string
  readonly name: string
}
/**
 * A compiled program, made by {@link load}. It is freed when nothing refers to it any more, or by `using`.
 *
 * @example
 * const program = await load('hello.wasm')
 * const { stdout } = await program.run({ args: ['world'] })
 */
declare class Program<Functions = AnyFunctions> {
  #private
  /** argv[0] of its runs. */
  readonly name: string
  /** A core module or a component. */
  readonly kind: 'module' | 'component'
  /** The WASI that it uses: p0 (`wasi_unstable`), p1, p2 (0.2.x), p3 (0.3, experimental) or none. */
  readonly wasi: 'p0' | 'p1' | 'p2' | 'p3' | 'none'
  /** What it needs. */
  readonly imports: readonly ExternInfo[]
  /** What it offers. */
  readonly exports: readonly ExternInfo[]
  private constructor()
  /**
   * Runs the program once. Whatever the guest does is an outcome.
   *
   * @throws {WasiexecError} (rejects) `ERR_INVALID_OPTION`, `ERR_UNRESOLVED_IMPORT`,
   * `ERR_NO_ENTRY_POINT`, `ERR_PREOPEN`, `ERR_STREAM`, `ERR_PROGRAM_CLOSED`, `ERR_RUNTIME_CLOSED`,
   * `ERR_OUT_OF_RESOURCES`.
   * @example
   * const outcome = await program.run({ args: ['world'], limits: { timeoutMs: 1000 } })
   * if (outcome.ok) console.log(outcome.stdout.toString())
   */
  run(options: HostedRunOptions): Promise<Outcome | HostError>
  run(options?: RunOptions): Promise<Outcome>
  /**
   * Checks the options of a run as {@link run} does, and runs nothing.
   *
   * It does not find what only a run finds: a directory of `preopens` that cannot be opened, imports that
   * nothing provides where no `imports` are given, a missing entry point, `args`, `env` or other `preopens` for a
   * snapshot, `timeoutMs` or `cpuMs` for a program that is not interruptible, a stream that fails.
   *
   * @throws {WasiexecError} `ERR_INVALID_OPTION`, `ERR_PROGRAM_CLOSED`, `ERR_RUNTIME_CLOSED`.
   * @example
   * program.check({ limits: { timeoutMs: -1 } }) // throws ERR_INVALID_OPTION
   */
  check(options?: RunOptions | HostedRunOptions): void
  /**
   * Runs the program once on the calling thread, which waits.
   *
   * The run takes a slot of the runtime and none of its threads, unless the program was loaded with
   * `interruptible: false` or the runtime has worker processes.
   * Nothing else happens on this thread meanwhile, so set a time limit. When all slots of the runtime are
   * taken by runs that need this thread for their streams, it waits for ever. The same is true of a program
   * that was loaded with `interruptible: false` and never ends.
   *
   * @throws {WasiexecError} as {@link run}, and `ERR_NESTED_RUN` inside of another run on this thread.
   * @example
   * const { stdout } = program.runSync({ stdin: 'text', limits: { timeoutMs: 100 } })
   */
  runSync(options: HostedRunSyncOptions): Outcome | HostError
  runSync(options?: RunSyncOptions): Outcome
  /**
   * Starts the program and returns at once, to talk with it while it runs.
   *
   * @throws {WasiexecError} `ERR_INVALID_OPTION`, `ERR_PROGRAM_CLOSED`, `ERR_RUNTIME_CLOSED`. What else {@link run}
   * rejects with is a rejection of the guest's `outcome`.
   * @example
   * await using guest = program.spawn()
   * const lines = guest.lines()
   * guest.stdin.write('1 + 1\n')
   * console.log((await lines.next()).value)
   */
  spawn<const Options extends SpawnOptions | HostedSpawnOptions = Record<never, never>>(
    options?: Options,
  ): GuestOf<Options>
  /**
   * Runs the program once per job, as fast as the machine allows and the results are read.
   *
   * @throws {WasiexecError} `ERR_INVALID_OPTION`, `ERR_PROGRAM_CLOSED`, `ERR_RUNTIME_CLOSED`; also when
   * `jobs` is not iterable. A job that cannot be run has a result with an `error`.
   * @example
   * const jobs = lines.map((line) => ({ stdin: line }))
   * for await (const { index, outcome } of program.batch(jobs)) {
   *   console.log(index, outcome?.stdout.toString())
   * }
   */
  batch<Id = unknown>(
    jobs: Iterable<Job<Id> | HostedJob<Id>> | AsyncIterable<Job<Id> | HostedJob<Id>>,
    options: HostedBatchOptions<Id>,
  ): Batch<Id, Outcome | HostError>
  batch<Id = unknown>(
    jobs: Iterable<Job<Id>> | AsyncIterable<Job<Id>>,
    options?: BatchOptions<Id>,
  ): Batch<Id>
  batch<Id = unknown>(
    jobs: Iterable<Job<Id> | HostedJob<Id>> | AsyncIterable<Job<Id> | HostedJob<Id>>,
    options?: BatchOptions<Id, Outcome | HostError>,
  ): Batch<Id, Outcome | HostError>
  /**
   * Calls a function once per job, on instances that the batch makes: as many as its `concurrency`, with its `defaults`.
   *
   * @throws {WasiexecError} as for runs.
   * @example
   * const jobs = numbers.map((n) => ({ call: ['add', n, 1] as const }))
   * for await (const { index, outcome } of program.batch(jobs)) console.log(index, outcome?.kind)
   */
  batch<Id = unknown>(
    jobs: Iterable<CallJob<Id>> | AsyncIterable<CallJob<Id>>,
    options: HostedBatchOptions<Id, CallOutcome>,
  ): Batch<Id, CallOutcome | HostError>
  batch<Id = unknown>(
    jobs: Iterable<CallJob<Id>> | AsyncIterable<CallJob<Id>>,
    options?: BatchOptions<Id, CallOutcome>,
  ): Batch<Id, CallOutcome>
  /**
   * Runs the program up to its first read of stdin, and returns a program whose runs go on from there. They give what
   * runs of this program give: what it printed before is printed first, and counts for `outputBytes`.
   *
   * The arguments, the environment, and what else the program has read by then (files, clocks, random numbers) are
   * inside; runs cannot have `args` or `env`. `preopens` are opened anew for each run, at the same guest paths. A
   * binary from {@link wasm} names only the guest paths, so its runs have to be given `preopens`.
   * [More](https://github.com/wasiexec/wasiexec/blob/main/docs/snapshots.md).
   *
   * It takes as long as a few loads: the program is compiled once to look at its state, and the snapshot is compiled
   * like any other program. Snapshots without `preopens` are kept in the cache.
   *
   * @throws {WasiexecError} (rejects) `ERR_SNAPSHOT`, also when the program ends before, with its `outcome`;
   * `ERR_INVALID_OPTION`, and as {@link run}; the `signal`'s reason.
   * @example
   * const warm = await python.snapshot({ args: ['-c', 'import json, sys; exec(sys.stdin.read())'] })
   * const { stdout } = await warm.run({ stdin: 'print(json.dumps([1]))' })
   */
  snapshot(options?: SnapshotOptions): Promise<Program<Functions>>
  /**
   * Returns the program itself, with the types of its functions: those of its declarations, which {@link types} writes.
   * Its instances and pools have them.
   *
   * @example
   * const calc = program.as<Functions>() // for example `Exports` of calc.d.ts
   * await using instance = await calc.instantiate()
   * const sum: number = await instance.exports.add(1, 2)
   */
  as<Called>(): Program<Called>
  /**
   * Makes an instance, whose functions can be called one by one. Calls `_initialize` if the program exports it; does not
   * call `_start`. The instance takes a slot of the runtime, and waits for one like a run.
   *
   * @throws {WasiexecError} (rejects) `ERR_INSTANTIATE` with the `outcome` if the program ends meanwhile, by a trap or a
   * limit, for example; the `signal`'s reason; and as {@link run}.
   * @example
   * interface Functions {
   *   add(a: number, b: number): number
   * }
   * await using instance = await program.instantiate<Functions>()
   * console.log(await instance.exports.add(1, 2))
   */
  instantiate<Called = Functions>(
    options: HostedInstantiateOptions,
  ): Promise<Instance<Called, HostError>>
  instantiate<Called = Functions>(options?: InstantiateOptions): Promise<Instance<Called>>
  /**
   * Returns a handler of HTTP requests, for a component that exports `wasi:http/incoming-handler` (WASI 0.2) or
   * `wasi:http/handler` (0.3).
   *
   * @throws {WasiexecError} (rejects) `ERR_NO_ENTRY_POINT` for a program that is not a handler, `ERR_UNRESOLVED_IMPORT`,
   * `ERR_INVALID_OPTION`, `ERR_PROGRAM_CLOSED`, `ERR_RUNTIME_CLOSED`.
   * @example
   * await using handler = await program.serve({ limits: { timeoutMs: 1000 } })
   * createServer(handler.node).listen(8080)
   */
  serve(options: HostedServeOptions): Promise<Handler>
  serve(options?: ServeOptions): Promise<Handler>
  /**
   * Returns a pool of instances, which are made when calls need them, and replaced when they have ended.
   *
   * @throws {WasiexecError} `ERR_INVALID_OPTION`, `ERR_PROGRAM_CLOSED`, `ERR_RUNTIME_CLOSED`.
   * @example
   * await using pool = program.pool<Functions>({ instances: 4, limits: { timeoutMs: 100 } })
   * const outcome = await pool.call('add', 1, 2)
   */
  pool<Called = Functions>(options: HostedPoolOptions): Pool<Called, HostError>
  pool<Called = Functions>(options?: PoolOptions): Pool<Called>
  /**
   * Returns the program's Wasm binary; of a snapshot, an ordinary module.
   *
   * @throws {WasiexecError} (rejects) `ERR_PROGRAM_CLOSED`, `ERR_RUNTIME_CLOSED`.
   * @example
   * await writeFile('warm.wasm', await warm.wasm())
   */
  wasm(): Promise<Buffer$1>
  /**
   * Returns the types of imports and exports, the memories, the tools that made the program, and why it
   * cannot be run, if it cannot. None of this is computed by `load`.
   *
   * @throws {WasiexecError} (rejects) `ERR_PROGRAM_CLOSED`, `ERR_RUNTIME_CLOSED`.
   * @example
   * for (const { name, type } of (await program.inspect()).imports) console.log(name, type)
   */
  inspect(): Promise<Inspection>
  /**
   * Returns the WIT of a component: its world, and the interfaces and types that it uses, with their comments where the
   * component carries these.
   *
   * @throws {WasiexecError} (rejects) `ERR_UNSUPPORTED_WASM` for a core module, and for a component that WIT cannot
   * describe; `ERR_PROGRAM_CLOSED`, `ERR_RUNTIME_CLOSED`.
   * @example
   * console.log(await program.wit())
   */
  wit(): Promise<string>
  /**
   * Returns the functions that a component exports, with the types of their values.
   *
   * @throws {WasiexecError} (rejects) as {@link wit}.
   * @example
   * const functions = await program.functions()
   * console.log(functions.find(({ name }) => name === 'add')?.result?.kind)
   */
  functions(): Promise<readonly ExportedFunction[]>
  /**
   * Returns TypeScript declarations: an interface `Exports` for {@link instantiate}, and `Imports` for the option, if the
   * program needs some.
   *
   * @throws {WasiexecError} (rejects) as {@link wit}, but not for a core module.
   * @example
   * await writeFile('calc.d.ts', await program.types())
   * // import type { Exports } from './calc.d.ts'
   * const calc = await program.instantiate<Exports>()
   */
  types(): Promise<string>
  /**
   * Returns the program with its compiled code, as the bytes of a file. Waits for the optimized code of a tiered
   * program. The file can be loaded with `trustPrecompiled: true` by the same version of wasiexec on a machine like this
   * one. The file has the code for runs with a fuel limit if that code was compiled before, as by `load` with
   * `fuel: true`.
   *
   * @throws {WasiexecError} (rejects) `ERR_PROGRAM_CLOSED`, `ERR_RUNTIME_CLOSED`.
   * @example
   * await writeFile('tool.cwasm', await program.serialize())
   * const restored = await load('tool.cwasm', { trustPrecompiled: true })
   */
  serialize(): Promise<Buffer$1>
  /**
   * Aborts the program's runs, refuses new ones and frees its code.
   *
   * @example
   * using program = await load('tool.wasm')
   */
  [Symbol.dispose](): void
}
/**
 * Compiles a program, off the event loop. A string is a path; bytes are a binary or WAT text.
 *
 * A missing import or entry point is reported by the run, so that such a program can be looked at.
 *
 * @throws {WasiexecError} (rejects) `ERR_INVALID_OPTION`, `ERR_INVALID_WASM`, `ERR_UNSUPPORTED_WASM`,
 * `ERR_READ_FAILED`, `ERR_RUNTIME_CLOSED`; for precompiled programs `ERR_PRECOMPILED_UNTRUSTED`,
 * `ERR_PRECOMPILED_DAMAGED`, `ERR_PRECOMPILED_INCOMPATIBLE`.
 * @example
 * const program = await load(new URL('tool.wasm', import.meta.url))
 */
declare function load(source: string | URL | Uint8Array, options?: LoadOptions): Promise<Program>
/**
 * The same as {@link load}, on the calling thread, which waits: for seconds if the program is large.
 *
 * @throws {WasiexecError} as {@link load}.
 * @example
 * const program = loadSync('tool.wasm')
 */
declare function loadSync(source: string | URL | Uint8Array, options?: LoadOptions): Program
/**
 * One run of a batch.
 *
 * @example
 * const jobs: Job<string>[] = [{ id: 'one', args: ['1'] }, { id: 'two', stdin: 'text' }]
 */
interface Job<Id = unknown> extends RunOptions, JobParts<Id> {}
/**
 * One run of a batch that provides functions which its program imports.
 *
 * @example
 * const job: HostedJob<string> = { id: 'one', args: ['1'], imports }
 */
interface HostedJob<Id = unknown> extends HostedRunOptions, JobParts<Id> {}
/**
 * What a job has beyond the options of a run.
 *
 * @example
 * const parts: JobParts<number> = { id: 7, error: new Error('line 7 is not JSON') }
 */
interface JobParts<Id = unknown> {
  /** Any value that identifies the job; comes back with its result. */
  id?: Id | undefined
  /** The program to run in place of the batch's; it must be of the same runtime. */
  program?: Program | undefined
  /**
   * Why the job could not be made. Such a job is not run, and its options are not looked at. Its result has
   * its turn among the others, with this error if it is a {@link WasiexecError}, and otherwise with an
   * `ERR_JOB` whose `cause` it is.
   */
  error?: Error | undefined
}
/**
 * One call of a batch, of a function that the batch's program exports.
 *
 * @example
 * const jobs: CallJob<string>[] = [{ id: 'one', call: ['add', 1, 2] }]
 */
interface CallJob<Id = unknown> {
  /** The name of the function, and its arguments. */
  call: readonly [name: string, ...args: unknown[]]
  /** Any value that identifies the job; comes back with its result. */
  id?: Id | undefined
  /** The caps of this call. Default: those of `defaults`. */
  limits?: CallOptions['limits']
  /** Why the job could not be made, as for a {@link Job}. */
  error?: Error | undefined
}
/**
 * The result of one call of a batch: an outcome, or the error that came in its place.
 *
 * @example
 * const show = ({ id, outcome, error }: CallResult) => console.log(id, outcome?.kind ?? error?.code)
 */
type CallResult<Id = unknown> = BatchResult<Id, CallOutcome>
/**
 * How a batch is run.
 *
 * @example
 * const batch = program.batch(jobs, { ordered: false, defaults: { limits: { cpuMs: 1000 } } })
 */
interface BatchOptions<Id = unknown, O extends CallOutcome | HostError = Outcome> {
  /**
   * The options that all jobs share; they cross to the core once. An option of a job replaces the shared
   * one as a whole; of `limits`, each limit by itself. A stream as stdin and a signal are refused.
   * Default: none.
   */
  defaults?: Omit<RunOptions, 'signal'> | undefined
  /**
   * Runs in progress at a time. More than the runtime has threads helps guests that wait (sleep, stdin), and
   * does not help guests that compute. Default: the threads of the runtime.
   */
  concurrency?: number | undefined
  /** Results in the order of their jobs, or as they end. Default: `true`. */
  ordered?: boolean | undefined
  /** Ends the batch: takes no more jobs and aborts the runs in progress, with its reason. */
  signal?: AbortSignal | undefined
  /**
   * Called once for each result, in the order of the results and before they are read. When it returns
   * true, the batch ends and the runs in progress are aborted (reason: `ERR_BATCH_STOPPED`).
   */
  stopOn?: ((result: BatchResult<Id, O>) => boolean) | undefined
  /**
   * For calls: whether the instances that carry them out, `concurrency` at a time, are kept for other calls of the batch,
   * with whatever state a call leaves in them, or each call has a fresh one. Default: `'kept'`.
   */
  state?: 'kept' | 'fresh' | undefined
  /**
   * When the batch ends at the latest, as a Date or in milliseconds since 1970. The runs that
   * are in progress then are aborted (reason: `ERR_BATCH_DEADLINE`). Default: none.
   */
  deadline?: Date | number | undefined
}
/**
 * How a batch is run whose jobs share functions that their programs import.
 *
 * @example
 * const batch = program.batch(jobs, { defaults: { imports } })
 */
interface HostedBatchOptions<Id = unknown, O extends CallOutcome = Outcome> extends Omit<
  BatchOptions<Id, O | HostError>,
  'defaults'
> {
  /** As {@link BatchOptions.defaults}. The `imports` of a job replace these as a whole. */
  defaults: Omit<HostedRunOptions, 'signal'>
}
/**
 * The result of one job: an outcome, or the error that came in its place.
 *
 * @example
 * const show = ({ id, outcome, error }: BatchResult) => console.log(id, outcome?.kind ?? error?.code)
 */
type BatchResult<Id = unknown, O extends CallOutcome | HostError = Outcome> =
  JobOutcome<Id, O> | JobError<Id>
/**
 * A job that was run, or a call that was made.
 *
 * @example
 * const isSlow = ({ outcome }: JobOutcome) => outcome.usage.wallMs > 100
 */
interface JobOutcome<Id = unknown, O extends CallOutcome | HostError = Outcome> {
  /** Which job of the batch, from 0. */
  readonly index: number
  /** The job's own `id`. */
  readonly id: Id
  /** How the run or the call ended. */
  readonly outcome: O
  readonly error?: undefined
}
/**
 * A job that could not be run: bad options, a preopen that does not open, an import that nobody provides.
 *
 * @example
 * const show = ({ index, error }: JobError) => console.error(index, error.code)
 */
interface JobError<Id = unknown> {
  readonly index: number
  readonly id: Id
  readonly outcome?: undefined
  /** What the same `run()` would have rejected with, or the job's own `error`. */
  readonly error: WasiexecError
}
/**
 * What would make a batch faster: a runtime with `workers: 'processes'`.
 *
 * @example
 * const { advice } = await batch.summary
 * const runtime = new Runtime({ workers: advice ?? 'threads' })
 */
type BatchAdvice = 'processes'
/**
 * What is counted of a result: of one of a batch, or of one that was read from JSON.
 *
 * @example
 * const results: CountableResult[] = lines.map((line) => JSON.parse(line))
 */
interface CountableResult {
  readonly outcome?: CallOutcome | HostError | JsonOutcome | JsonHostError | undefined
  /** In place of an outcome. */
  readonly error?:
    | {
        readonly code: string
      }
    | undefined
}
/**
 * What {@link BatchTotals} has counted.
 *
 * @example
 * const { jobs, ok, exitCodes } = totals.counts()
 */
interface BatchCounts {
  /** Results. */
  readonly jobs: number
  /** Results with exit code 0, and calls that returned. */
  readonly ok: number
  /**
   * Results by the kind of their outcome; `error`: those without. `host-error` and `returned` are there only if there are
   * any.
   */
  readonly kinds: Readonly<
    Record<Outcome['kind'] | 'error', number> &
      Partial<Record<HostError['kind'] | Returned['kind'], number>>
  >
  /** Exits by their code. */
  readonly exitCodes: Readonly<Record<number, number>>
  /** Traps by their code. */
  readonly traps: Readonly<Partial<Record<TrapCode, number>>>
  /** Runs that a limit ended, by the limit. */
  readonly limits: Readonly<Partial<Record<Limit['limit'], number>>>
  /** Results without an outcome, by the code of their error. */
  readonly errors: Readonly<Record<string, number>>
  /** Time on a core of all runs together, in milliseconds. */
  readonly cpuMs: number
  /** Wall-clock times of the runs in milliseconds, to three digits (an HDR histogram). */
  readonly runMs: {
    readonly p50: number
    readonly p90: number
    readonly p99: number
    readonly max: number
  }
}
/**
 * Counts results of one batch or of several, also results that were read from JSON. Its size does not
 * depend on how many it has counted.
 *
 * @example
 * const totals = new BatchTotals()
 * for (const line of lines) totals.add(JSON.parse(line))
 * console.log(totals.counts().kinds)
 */
declare class BatchTotals {
  #private
  /**
   * Counts one more result.
   *
   * @example
   * totals.add(JSON.parse(line))
   */
  add({ outcome, error }: CountableResult): void
  /**
   * The same as in {@link counts}, which has to compute the others too.
   *
   * @example
   * console.log(totals.jobs)
   */
  get jobs(): number
  /**
   * The same as in {@link counts}.
   *
   * @example
   * console.log(`${totals.ok} of ${totals.jobs} are ok`)
   */
  get ok(): number
  /**
   * The same as in {@link counts}.
   *
   * @example
   * console.log(totals.kinds.trap)
   */
  get kinds(): BatchCounts['kinds']
  /**
   * What was counted until now.
   *
   * @example
   * console.log(totals.counts().runMs.p99)
   */
  counts(): BatchCounts
}
/**
 * Why a batch took no more jobs.
 *
 * @example
 * if ((await batch.summary).endedBy === 'deadline') console.error('there was no time for all jobs')
 */
type BatchEnd = 'jobs' | 'signal' | 'deadline' | 'stop-on' | 'consumer' | 'error'
/**
 * The totals of a batch; `jobs` counts the jobs that were taken, each of which has one result.
 *
 * @example
 * const { ok, kinds, runsPerSecond } = await batch.summary
 */
interface BatchSummary extends BatchCounts {
  /** From the first job taken to the end, in milliseconds. */
  readonly wallMs: number
  /** Runs with an outcome per second of `wallMs`. */
  readonly runsPerSecond: number
  /** Why it ended. */
  readonly endedBy: BatchEnd
  /**
   * `'processes'`: a runtime with `workers: 'processes'` would have used more cores, because the threads of
   * this one slowed each other down (see {@link RuntimeStats.usefulThreads}). Otherwise absent.
   */
  readonly advice?: BatchAdvice
  /** What was thrown, where `endedBy` is `'error'`. */
  readonly error?: unknown
}
/**
 * The results of many runs, to be read once with `for await`. Made by {@link Program.batch}.
 *
 * Every job that was taken has exactly one result. Jobs are taken as results are read, a bounded
 * number ahead. Leaving the loop aborts the runs in progress and closes the source of the jobs.
 *
 * @example
 * const batch = program.batch(jobs)
 * for await (const { id, outcome } of batch) console.log(id, outcome?.kind)
 * console.log((await batch.summary).ok)
 */
interface Batch<Id = unknown, O extends CallOutcome | HostError = Outcome> extends AsyncIterable<
  BatchResult<Id, O>
> {
  /**
   * Resolves to the totals when the batch has ended, and never rejects. If nobody reads the results,
   * asking for the totals runs the batch, and no result is kept.
   */
  readonly summary: Promise<BatchSummary>
  /**
   * Starts the batch. After the last result, reading throws what the source of the jobs or `stopOn`
   * threw, or `ERR_PROGRAM_CLOSED` or `ERR_RUNTIME_CLOSED`, if one of these ended the batch.
   *
   * @throws {WasiexecError} `ERR_BATCH_USED` the second time.
   * @example
   * for await (const { index, outcome } of program.batch(jobs)) console.log(index, outcome?.ok)
   */
  [Symbol.asyncIterator](): AsyncIterableIterator<BatchResult<Id, O>>
  /**
   * The same results in arrays. An array has all results that are ready when the loop asks, and is never
   * empty. Use it in place of the batch itself where more than 100,000 results come per second: the
   * loop waits once per array instead of once per result. It ends, fails and is left as a loop over the
   * batch is.
   *
   * @example
   * for await (const results of program.batch(jobs).chunks()) {
   *   for (const { index, outcome } of results) console.log(index, outcome?.kind)
   * }
   */
  chunks(): AsyncIterable<BatchResult<Id, O>[]>
}
/**
 * Loads a program, once per content and process, and runs it.
 *
 * @throws {WasiexecError} (rejects) as {@link load} and {@link Program.run}.
 * @example
 * const outcome = await run('hello.wasm', { args: ['world'] })
 */
declare function run(
  source: string | URL | Uint8Array,
  options: HostedRunOptions & LoadOptions,
): Promise<Outcome | HostError>
declare function run(
  source: string | URL | Uint8Array,
  options?: RunOptions & LoadOptions,
): Promise<Outcome>
export {
  type Abort,
  type AnyFunctions,
  type Batch,
  type BatchAdvice,
  type BatchCounts,
  type BatchEnd,
  type BatchOptions,
  type BatchResult,
  type BatchSummary,
  BatchTotals,
  type CallJob,
  type CallMessage,
  type CallOptions,
  type CallOutcome,
  type CallResult,
  type CallValues,
  type Caller,
  type CallerMemory,
  type CallingGuest,
  type CompilerChoice,
  type CountableResult,
  type Ending,
  type Exit,
  type ExportedFunction,
  type ExternInfo,
  type Files,
  type Frame,
  type Guest,
  type GuestGlobals,
  type GuestMemory,
  type GuestOf,
  Handler,
  type HostError,
  type HostFunction,
  type HostedBatchOptions,
  type HostedInstantiateOptions,
  type HostedJob,
  type HostedPoolOptions,
  type HostedRunOptions,
  type HostedRunSyncOptions,
  type HostedServeOptions,
  type HostedSpawnOptions,
  type HttpOptions,
  type Imports,
  type InspectedExport,
  type InspectedImport,
  type Inspection,
  Instance,
  type InstantiateMessage,
  type InstantiateOptions,
  type Job,
  type JobError,
  type JobOutcome,
  type JobParts,
  type JsonAbort,
  type JsonEnding,
  type JsonExit,
  type JsonHostError,
  type JsonLimit,
  type JsonOutcome,
  type JsonReturned,
  type JsonTrap,
  type JsonUsage,
  type JsonValue,
  type Limit,
  type Limits,
  type LinesOptions,
  type LoadMessage,
  type LoadOptions,
  type MemoryInfo,
  type NetworkOptions,
  type ObservedJob,
  type Outcome,
  Pool,
  type PoolInstanceOptions,
  type PoolOptions,
  type PoolStats,
  type Preopen,
  type Producer,
  Program,
  ProgramError,
  type Returned,
  type RunMessage,
  type RunOptions,
  type RunSyncOptions,
  Runtime,
  type RuntimeOptions,
  type RuntimeStats,
  type Sent,
  type ServeLimits,
  type ServeOptions,
  type ServedRequest,
  type SnapshotMessage,
  type SnapshotOptions,
  type SnapshotUntil,
  type SpawnOptions,
  type Trap,
  type TrapCode,
  type TrapInfo,
  type Usage,
  WasiexecError,
  type WasiexecErrorCode,
  type WitCase,
  type WitPart,
  type WitPrimitive,
  type WitResource,
  type WitType,
  describeOutcome,
  load,
  loadSync,
  orThrow,
  run,
}
