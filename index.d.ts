// The public contract of wasiexec, rolled up from src/ by `npm run build:ts`. Do not edit.
/// <reference types="node" />
import { Buffer as Buffer$1 } from 'node:buffer'
import { Readable, Writable } from 'node:stream'
/** The stable name of a Wasm fault. */
export type TrapCode =
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
export type Outcome = Exit | Trap | Limit | Abort
/** What every outcome has. */
export interface Ending {
  /** Whether the program ended with exit code 0. */
  readonly ok: boolean
  /** Everything that it printed to stdout before it ended; empty unless captured. */
  readonly stdout: Buffer
  /** Everything that it printed to stderr before it ended; empty unless captured. */
  readonly stderr: Buffer
  /** What it used. */
  readonly usage: Usage
}
/** The program returned (code 0) or called WASI's exit. */
export interface Exit extends Ending {
  readonly kind: 'exit'
  /** The guest's own number, unsigned 32-bit, exactly as it gave it. */
  readonly code: number
}
/** A Wasm fault. */
export interface Trap extends Ending {
  readonly kind: 'trap'
  readonly ok: false
  readonly trap: TrapInfo
}
/** What a trap was and where. */
export interface TrapInfo {
  readonly code: TrapCode
  /** The fault in words. */
  readonly message: string
  /** The guest's call stack, innermost first; at most 20 frames. */
  readonly frames: readonly Frame[]
}
/** A cap ended the run. */
export interface Limit extends Ending {
  readonly kind: 'limit'
  readonly ok: false
  readonly limit: 'timeout' | 'cpu' | 'fuel' | 'memory' | 'output'
}
/** The caller's signal ended the run, its program or runtime was closed, or its output lost its reader. */
export interface Abort extends Ending {
  readonly kind: 'abort'
  readonly ok: false
  /** `signal.reason`, or a `WasiexecError` that says what was closed or lost. */
  readonly reason: unknown
}
/** One frame of a guest's call stack. */
export interface Frame {
  /** The function's index in its module. */
  readonly functionIndex: number
  /** The function's demangled name, where the program has names. */
  readonly function?: string
  /** The module's name, where it has one. */
  readonly module?: string
  /** Offset of the instruction in the module's bytes. */
  readonly offset?: number
  /** Source file, where the program has DWARF. */
  readonly file?: string
  /** Line in that file, from 1. */
  readonly line?: number
  /** Column in that line, from 1. */
  readonly column?: number
}
/** What a run used. */
export interface Usage {
  /** Wall clock from the guest's start to its end, in milliseconds. */
  readonly wallMs: number
  /** Time on a core, in milliseconds. */
  readonly cpuMs: number
  /** Fuel consumed; only where the run had a fuel limit. */
  readonly fuel?: bigint
  /** The most that all linear memories and tables took together. */
  readonly memoryPeakBytes: number
  /** Whether a growth was refused. */
  readonly memoryDenied: boolean
  /** Whether output beyond `outputBytes` was dropped (`onOutput: 'truncate'`). */
  readonly outputTruncated: boolean
}
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
 * - `ERR_PRECOMPILED_DAMAGED`: a precompiled program is not what was written.
 * - `ERR_PRECOMPILED_INCOMPATIBLE`: a precompiled program is of another version, machine or setting.
 * - `ERR_STREAM`: a stream given as stdin, stdout or stderr failed; its error is the `cause`.
 * - `ERR_BROKEN_PIPE`: nobody reads its output any more; the `reason` of a run with `onBrokenPipe: 'stop'`.
 * - `ERR_PROGRAM_CLOSED`, `ERR_RUNTIME_CLOSED`: it was disposed of before.
 * - `ERR_BATCH_STOPPED`, `ERR_BATCH_DEADLINE`: `stopOn` or the `deadline` of a batch; the `reason` of the
 *   runs that it aborted.
 * - `ERR_BATCH_USED`: the results of a batch can be read once.
 * - `ERR_NESTED_RUN`: `runSync` was called inside of a host call of another run on the same thread.
 * - `ERR_WORKER_DIED`: the worker process that had the run died.
 * - `ERR_OUT_OF_RESOURCES`: the operating system refused memory, threads or processes.
 * - `ERR_INTERNAL`: a bug in wasiexec.
 */
export type WasiexecErrorCode =
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
  | 'ERR_PROGRAM_CLOSED'
  | 'ERR_RUNTIME_CLOSED'
  | 'ERR_BATCH_STOPPED'
  | 'ERR_BATCH_DEADLINE'
  | 'ERR_BATCH_USED'
  | 'ERR_NESTED_RUN'
  | 'ERR_WORKER_DIED'
  | 'ERR_OUT_OF_RESOURCES'
  | 'ERR_INTERNAL'
/** A host fault: misuse or a failing machine, never an ending of a guest. */
export declare class WasiexecError extends Error {
  /** What went wrong, as a stable name. */
  readonly code: WasiexecErrorCode
  constructor(
    code: WasiexecErrorCode,
    message: string,
    options?: {
      cause?: unknown
    },
  )
}
/** Thrown by {@link orThrow} for every ending other than exit 0. */
export declare class ProgramError<T extends Outcome = Outcome> extends Error {
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
export declare function orThrow<T extends Outcome>(
  outcome: T,
): Exit & {
  code: 0
}
/** The options of one run. Nothing is granted that does not stand here. */
export interface RunOptions {
  /** argv from index 1 on. Default: none. */
  args?: readonly string[] | undefined
  /** The whole environment; nothing is inherited. What is undefined is left out. Default: empty. */
  env?: Readonly<Record<string, string | undefined>> | undefined
  /**
   * Where stdin comes from. Text and bytes are given whole; a stream is read as the guest asks for
   * more, and ended (`return()`, `destroy()`) when the guest ends before it. For the words "inherit"
   * and "empty" themselves pass bytes. Default: `'empty'`.
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
   * Where stdout goes: into the outcome, to this process's stdout, nowhere, or to a stream, whose
   * backpressure the guest feels and which is not ended. The run resolves when all has been written
   * to the stream, which may not have passed it on yet. Default: `'capture'`.
   */
  stdout?: 'capture' | 'inherit' | 'ignore' | Writable | undefined
  /** The same for stderr. Default: `'capture'`. */
  stderr?: 'capture' | 'inherit' | 'ignore' | Writable | undefined
  /**
   * What happens when it prints to a pipe or stream that nobody reads any more, as behind `| head`:
   * `'fail'`: the write fails, and the guest decides, which may be to go on for ever. `'stop'`: the run
   * ends, as a process does; an abort whose reason is `ERR_BROKEN_PIPE`. Default: `'fail'`.
   */
  onBrokenPipe?: 'fail' | 'stop' | undefined
  /** Directories granted to the guest, by guest path; a bare string is a host path, read-only. Default: none. */
  preopens?: Readonly<Record<string, string | Preopen>> | undefined
  /** Every address is refused. */
  network?: false | undefined
  /** The host's clocks, or a wall clock that stands still and a monotonic one that counts from 0. Default: `'real'`. */
  clock?:
    | 'real'
    | {
        now: Date | number
      }
    | undefined
  /** Seed (0 to 2^64 - 1) that makes random numbers the same in every run. Default: the operating system's. */
  randomSeed?: bigint | number | undefined
  /** The caps. */
  limits?: Limits | undefined
  /** Aborts the run. */
  signal?: AbortSignal | undefined
}
/** A granted directory. */
export interface Preopen {
  /** The directory on the host. */
  hostPath: string
  /** Whether the guest may also write. */
  access: 'read' | 'write'
}
/** The options of a run that the calling thread waits for: nothing that would need it meanwhile. */
export interface RunSyncOptions extends Omit<RunOptions, 'stdin' | 'stdout' | 'stderr' | 'signal'> {
  stdin?: string | Uint8Array | 'inherit' | 'empty' | undefined
  stdout?: 'capture' | 'inherit' | 'ignore' | undefined
  stderr?: 'capture' | 'inherit' | 'ignore' | undefined
}
/** The caps of a run. What is not given is not limited, or has the default named here. */
export interface Limits {
  /** Wall clock from the guest's start, in milliseconds, waiting in host calls included. */
  timeoutMs?: number | undefined
  /** Time on a core, in milliseconds; sleeping and file access are not included. */
  cpuMs?: number | undefined
  /** wasmtime fuel, about one for each instruction: the same in every run. */
  fuel?: number | bigint | undefined
  /** All linear memories and tables of the run together. Default: 4 GiB. */
  memoryBytes?: number | undefined
  /** `'deny'`: `memory.grow` returns -1 and the guest decides. `'stop'`: the run ends. Default: `'deny'`. */
  onMemory?: 'deny' | 'stop' | undefined
  /**
   * Stdout and stderr together, wherever they go unless they are ignored. Default: 16 MiB of what is
   * captured, and no cap on what is inherited or streamed. At most 2 GiB - 1.
   */
  outputBytes?: number | undefined
  /** `'stop'`: the run ends at the cap. `'truncate'`: the rest is dropped. Default: `'stop'`. */
  onOutput?: 'stop' | 'truncate' | undefined
}
/** What a runtime has and does. */
export interface RuntimeStats {
  /** Threads, or processes, that run guests. */
  readonly threads: number
  readonly workers: 'threads' | 'processes'
  /**
   * Threads that start runs at present: fewer than `threads` where short runs end sooner on fewer, because
   * their guests grow memory and threads of one process wait for each other there. The runtime measures
   * this while runs wait for a thread. Of processes always all.
   */
  readonly usefulThreads: number
  readonly maxConcurrentRuns: number
  /**
   * How runs get their memory: from a pool (fast), or, where the process may not have enough address
   * space for one, mapped for each run.
   */
  readonly allocation: 'pooling' | 'compact'
  /** Programs loaded. */
  readonly programs: number
  /** Runs that wait for a slot or a thread. */
  readonly queued: number
  /** Runs that have started and not ended. */
  readonly running: number
  /** Runs that have ended. */
  readonly finished: number
}
/** An import or export of a program. */
export interface ExternInfo {
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
/** An import in detail. */
export interface InspectedImport extends InspectedExport {
  /** Whether it is there for programs to import. */
  readonly provided: boolean
}
/** An export in detail. */
export interface InspectedExport extends ExternInfo {
  /** Its type for people to read, such as `(i32, i32) -> i32`; cut when it is very long. */
  readonly type: string
}
/** What can be told of a program without running it. */
export interface Inspection {
  /** Size of the binary. */
  readonly wasmBytes: number
  /** Whether it has an entry point (command), is initialised before its exports are called (reactor), or neither. */
  readonly entry: 'command' | 'reactor' | 'none'
  /** Whether it was compiled to be stopped while it computes. */
  readonly interruptible: boolean
  /** What it needs. */
  readonly imports: readonly InspectedImport[]
  /** What it offers. */
  readonly exports: readonly InspectedExport[]
  /** Its memories; those of a component's modules. */
  readonly memories: readonly MemoryInfo[]
  /** Languages, tools and SDKs that it was made with, as its `producers` sections say. */
  readonly producers: Readonly<
    Partial<Record<'language' | 'processed-by' | 'sdk', readonly Producer[]>>
  >
  /** What each run of it rejects with, if it cannot be run. */
  readonly problem: {
    readonly code: WasiexecErrorCode
    readonly message: string
  } | null
}
/** A linear memory. */
export interface MemoryInfo {
  /** Pages at the start. */
  readonly minimumPages: number
  /** Pages that it never exceeds. */
  readonly maximumPages: number | null
  /** Size of a page; 65,536 nearly always. */
  readonly pageBytes: number
  /** Whether its addresses have 64 bits. */
  readonly is64: boolean
  /** Whether threads share it. */
  readonly shared: boolean
  readonly imported: boolean
}
/** A tool or language that took part in making a program. */
export interface Producer {
  readonly name: string
  /** As the tool says; may be empty. */
  readonly version: string
}
/** How a runtime is set up. */
export interface RuntimeOptions {
  /** Threads that run guests. Default: the number of cores. */
  threads?: number | undefined
  /** Runs that can be going on at a time, waiting ones included; more wait in a queue. At most 4096. Default: 1024. */
  maxConcurrentRuns?: number | undefined
  /** Folder for compiled code; `false`: none. Default: `wasiexec` in the user's cache folder. */
  cacheDir?: string | false | undefined
  /**
   * What spreads runs over cores: threads of this process, or processes of one thread each, as many as
   * `threads`. Processes start later and take memory of their own, but do not stand in each other's way
   * when guests grow their memory, and what kills one kills its runs alone. Not
   * under Deno and not in a single executable.
   * Default: `'threads'`.
   */
  workers?: 'threads' | 'processes' | undefined
  /**
   * Only for processes: whether the runs of a worker that died are run again, once. Those with streams
   * are not. Without it they reject with `ERR_WORKER_DIED`, and no run is ever started twice.
   * Default: `false`.
   */
  retry?: boolean | undefined
}
/**
 * Threads, memory slots and a cache of one's own. Programs that name no runtime use one that the
 * whole process shares, worker threads included.
 */
export declare class Runtime {
  #private
  /** @throws {WasiexecError} `ERR_INVALID_OPTION`, `ERR_OUT_OF_RESOURCES`. */
  constructor(options?: RuntimeOptions)
  /** What it has and does right now. */
  stats(): RuntimeStats
  /** Aborts all runs, refuses new ones and resolves when the last has ended. */
  close(): Promise<void>
  /** The same as {@link close}, for `await using`. */
  [Symbol.asyncDispose](): Promise<void>
}
/** How a program is loaded. */
export interface LoadOptions {
  /** argv[0] and name in traces. Default: the file's base name, or "program". */
  name?: string | undefined
  /** Compiled code on disk: `true`: the runtime's folder; a folder; `false`: none. Default: `true`. */
  cache?: boolean | string | undefined
  /** Also compile with fuel counting now, instead of at the first run with a fuel limit. Default: `false`. */
  fuel?: boolean | undefined
  /**
   * `false`: compiled without what stops a program while it computes, which makes a CPU-bound one faster.
   * For programs that you trust to end: runs with `timeoutMs` or `cpuMs` are refused, and `signal`,
   * disposing, and closing the runtime are heard only before the program starts and while it waits in the
   * host (for the clock, for stdin, for a slow reader of its output). The other limits hold, and a run
   * with a `fuel` limit is as interruptible as any other. Default: `true`.
   */
  interruptible?: boolean | undefined
  /**
   * Whether what {@link Program.serialize} answered is accepted. It is machine code and runs without a
   * sandbox: whoever made the file, or could have written to it, can do in this process whatever they
   * like. It has the name that is given here, and is as interruptible as it was compiled. Default: `false`.
   */
  trustPrecompiled?: boolean | undefined
  /** Default: one shared by the whole process. */
  runtime?: Runtime | undefined
}
/**
 * A compiled program. Made by {@link load}; freed when it is no longer referenced, or by `using`.
 *
 * @example
 * const program = await load('hello.wasm')
 * const { stdout } = await program.run({ args: ['world'] })
 */
export declare class Program {
  #private
  /** argv[0] of its runs. */
  readonly name: string
  /** A core module or a component. */
  readonly kind: 'module' | 'component'
  /** The WASI that it speaks: p0 (`wasi_unstable`), p1, p2 (0.2.x), p3 (0.3, experimental) or none. */
  readonly wasi: 'p0' | 'p1' | 'p2' | 'p3' | 'none'
  /** What it needs. */
  readonly imports: readonly ExternInfo[]
  /** What it offers. */
  readonly exports: readonly ExternInfo[]
  private constructor()
  /**
   * Runs it once. Whatever the guest does is an outcome.
   *
   * @throws {WasiexecError} (rejects) `ERR_INVALID_OPTION`, `ERR_UNRESOLVED_IMPORT`,
   * `ERR_NO_ENTRY_POINT`, `ERR_PREOPEN`, `ERR_STREAM`, `ERR_PROGRAM_CLOSED`, `ERR_RUNTIME_CLOSED`,
   * `ERR_OUT_OF_RESOURCES`.
   */
  run(options?: RunOptions): Promise<Outcome>
  /**
   * Runs it once on the calling thread, which waits.
   *
   * It takes a slot of the runtime and none of its threads, unless the program was loaded with
   * `interruptible: false` or the runtime has worker processes.
   * Nothing else happens on this thread meanwhile: set a time limit, and do not wait behind runs that
   * need the thread (for their streams) when all slots of the runtime are taken. A program
   * that was loaded with `interruptible: false` and never ends holds the thread for ever.
   *
   * @throws {WasiexecError} as {@link run}, and `ERR_NESTED_RUN` inside of another run on this thread.
   */
  runSync(options?: RunSyncOptions): Outcome
  /**
   * Runs it for each job, as fast as the machine goes and the results are read.
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
    jobs: Iterable<Job<Id>> | AsyncIterable<Job<Id>>,
    options?: BatchOptions<Id>,
  ): Batch<Id>
  /**
   * Looks at it more closely: types of imports and exports, memories, who made it, why it cannot run.
   * Nothing of this is computed by `load`.
   *
   * @throws {WasiexecError} (rejects) `ERR_PROGRAM_CLOSED`, `ERR_RUNTIME_CLOSED`.
   */
  inspect(): Promise<Inspection>
  /**
   * The program with its compiled code, as the bytes of a file, for `load` with `trustPrecompiled: true`
   * in the same version of wasiexec on a machine like this one. It has the code for runs with a fuel
   * limit when that was compiled, as by `load` with `fuel: true`.
   *
   * @throws {WasiexecError} (rejects) `ERR_PROGRAM_CLOSED`, `ERR_RUNTIME_CLOSED`.
   * @example
   * await writeFile('tool.cwasm', await program.serialize())
   * const program = await load('tool.cwasm', { trustPrecompiled: true })
   */
  serialize(): Promise<Buffer$1>
  /** Aborts its runs, refuses new ones and frees its code. */
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
 */
export declare function load(
  source: string | URL | Uint8Array,
  options?: LoadOptions,
): Promise<Program>
/**
 * The same as {@link load} while the calling thread waits: seconds for large programs.
 *
 * @throws {WasiexecError} as {@link load}.
 */
export declare function loadSync(source: string | URL | Uint8Array, options?: LoadOptions): Program
/** One run of a batch. */
export interface Job<Id = unknown> extends RunOptions {
  /** Whatever tells the job from others; comes back with its result. */
  id?: Id | undefined
  /** Instead of the batch's program; of the same runtime. */
  program?: Program | undefined
}
/** How a batch is run. */
export interface BatchOptions<Id = unknown> {
  /**
   * What all jobs have in common; crosses to the core once. What a job gives takes its place as a
   * whole; of `limits`, each limit by itself. No stream as stdin and no signal. Default: none.
   */
  defaults?: Omit<RunOptions, 'signal'> | undefined
  /**
   * Runs that go on at a time. More than threads pays for guests that wait (sleep, stdin) and not for
   * those that compute. Default: the threads of the runtime.
   */
  concurrency?: number | undefined
  /** Results in the order of their jobs, or as they end. Default: `true`. */
  ordered?: boolean | undefined
  /** Ends the batch: takes no more jobs and aborts the runs that go on, with its reason. */
  signal?: AbortSignal | undefined
  /**
   * Ends the batch when it returns true; called once for each result, in the order of the results and
   * before they are read. The runs that go on are aborted (reason: `ERR_BATCH_STOPPED`).
   */
  stopOn?: ((result: BatchResult<Id>) => boolean) | undefined
  /**
   * When the batch ends at the latest, as a Date or in milliseconds since 1970. The runs that go on
   * then are aborted (reason: `ERR_BATCH_DEADLINE`). Default: none.
   */
  deadline?: Date | number | undefined
}
/** The result of one job: an outcome, or the error for which there is none. */
export type BatchResult<Id = unknown> = JobOutcome<Id> | JobError<Id>
/** A job that was run. */
export interface JobOutcome<Id = unknown> {
  /** Which job of the batch, from 0. */
  readonly index: number
  /** The job's own `id`. */
  readonly id: Id
  /** How the run ended. */
  readonly outcome: Outcome
  readonly error?: undefined
}
/** A job that could not be run: bad options, a preopen that does not open, an import nobody provides. */
export interface JobError<Id = unknown> {
  readonly index: number
  readonly id: Id
  readonly outcome?: undefined
  /** What the same `run()` would have rejected with. */
  readonly error: WasiexecError
}
/** What would make a batch faster: a runtime with `workers: 'processes'`. */
export type BatchAdvice = 'processes'
/** Why a batch took no more jobs. */
export type BatchEnd = 'jobs' | 'signal' | 'deadline' | 'stop-on' | 'consumer' | 'error'
/** The totals of a batch. */
export interface BatchSummary {
  /** Jobs taken, each of which has one result. */
  readonly jobs: number
  /** Results with exit code 0. */
  readonly ok: number
  /** Results by the kind of their outcome; `error`: those without. */
  readonly kinds: Readonly<Record<Outcome['kind'] | 'error', number>>
  /** Exits by their code. */
  readonly exitCodes: Readonly<Record<number, number>>
  /** Traps by their code. */
  readonly traps: Readonly<Partial<Record<TrapCode, number>>>
  /** Runs that a limit ended, by the limit. */
  readonly limits: Readonly<Partial<Record<Limit['limit'], number>>>
  /** From the first job taken to the end, in milliseconds. */
  readonly wallMs: number
  /** Time on a core of all runs together, in milliseconds. */
  readonly cpuMs: number
  /** Wall-clock times of the runs in milliseconds, to three digits (an HDR histogram). */
  readonly runMs: {
    readonly p50: number
    readonly p90: number
    readonly p99: number
    readonly max: number
  }
  /** Runs with an outcome, by `wallMs`. */
  readonly runsPerSecond: number
  /** Why it ended. */
  readonly endedBy: BatchEnd
  /**
   * `'processes'`: a runtime with `workers: 'processes'` would have used more cores, because the threads of
   * this one stood in each other's way (see {@link RuntimeStats.usefulThreads}). Otherwise absent.
   */
  readonly advice?: BatchAdvice
  /** What was thrown, where `endedBy` is `'error'`. */
  readonly error?: unknown
}
/**
 * The results of many runs, to be read once with `for await`. Made by {@link Program.batch}.
 *
 * Every job that was taken has exactly one result. Jobs are taken as results are read, a bounded
 * number ahead. Leaving the loop aborts the runs that go on and closes the source of the jobs.
 */
export interface Batch<Id = unknown> extends AsyncIterable<BatchResult<Id>> {
  /**
   * The totals, when the batch has ended; never rejects. Asked for while nobody reads the results, it
   * runs the batch without keeping them.
   */
  readonly summary: Promise<BatchSummary>
  /**
   * Begins to run it. After the last result, reading throws what the source of the jobs or `stopOn`
   * threw, or `ERR_PROGRAM_CLOSED` or `ERR_RUNTIME_CLOSED`, if one of these ended the batch.
   *
   * @throws {WasiexecError} `ERR_BATCH_USED` the second time.
   */
  [Symbol.asyncIterator](): AsyncIterableIterator<BatchResult<Id>>
  /**
   * The same results in arrays, none of them empty: all that are there whenever somebody asks. Instead
   * of reading the batch itself, where hundreds of thousands come in a second: the loop waits once per
   * array and not once per result. Its end, its errors and leaving it are the batch's.
   *
   * @example
   * for await (const results of program.batch(jobs).chunks()) {
   *   for (const { index, outcome } of results) console.log(index, outcome?.kind)
   * }
   */
  chunks(): AsyncIterable<BatchResult<Id>[]>
}
/**
 * Loads a program, once for each content and process, and runs it.
 *
 * @throws {WasiexecError} (rejects) as {@link load} and {@link Program.run}.
 * @example
 * const outcome = await run('hello.wasm', { args: ['world'] })
 */
export declare function run(
  source: string | URL | Uint8Array,
  options?: RunOptions & LoadOptions,
): Promise<Outcome>
export {}
