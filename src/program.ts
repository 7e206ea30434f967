import { AsyncResource } from 'node:async_hooks'
import type { Buffer } from 'node:buffer'
import { RunningBatch, type Batch } from './batch/batch.ts'
import type { BatchPlace } from './batch/jobs.ts'
import type { BatchOptions, CallJob, HostedBatchOptions, HostedJob, Job } from './batch/options.ts'
import type { HostImport, ProgramImports } from './imports.ts'
import { invalid } from './check.ts'
import {
  instantiations,
  limitsOf,
  loads,
  runs,
  snapshots,
  withOutcome,
  type End,
  type LoadMessage,
  type RunMessage,
} from './diagnostics.ts'
import { comesHere, WasiexecError, type WasiexecErrorCode } from './errors.ts'
import { declareComponent, declareModule, functionsOf, type Resolved } from './declarations.ts'
import type { AnyFunctions } from './instance/functions.ts'
import {
  startInstance,
  type HostedInstantiateOptions,
  type Instance,
  type InstantiateOptions,
} from './instance/instance.ts'
import { Pool } from './instance/pool.ts'
import type { HostedPoolOptions, PoolOptions } from './instance/pool-options.ts'
import { checkCollectsNothing } from './instance/start.ts'
import type { ExternInfo, Inspection } from './inspection.ts'
import { loadRequest, type CheckedLoad, type LoadOptions } from './load-options.ts'
import { spawnGuest, type GuestOf } from './guest.ts'
import type {
  HostedRunOptions,
  HostedRunSyncOptions,
  HostedSpawnOptions,
  RunOptions,
  RunSyncOptions,
  SpawnOptions,
} from './options.ts'
import type { AnyOutcome, CallOutcome, HostError, Outcome } from './outcome.ts'
import type { Port } from './port/port.ts'
import { checkRun, prepareRun, type AnyRunOptions, type Prepared } from './port/prepared.ts'
import type { RunOwner } from './port/run-target.ts'
import { Weight } from './port/weight.ts'
import { checkSnapshot, endedEarly, type SnapshotOptions } from './snapshot.ts'
import { makeHandler, type Handler } from './serve/handler.ts'
import type { HostedServeOptions, ServeOptions } from './serve/options.ts'
import type { ExportedFunction } from './wit/exported-function.ts'
import type { InterfaceTypes } from './wit/interface.ts'

/** What the core says about a program. */
interface ProgramInfo {
  name: string
  kind: 'module' | 'component'
  wasi: 'p0' | 'p1' | 'p2' | 'p3' | 'none'
  imports: ExternInfo[]
  exports: ExternInfo[]
  hostImports: HostImport[]
  componentImports?: InterfaceTypes
  bytes: number
}

/** Calls the constructor, which is private. */
let create: (port: Port, how: How, handle: number, info: ProgramInfo) => Program

/** What other modules need of a program, and users do not see. */
interface ProgramParts {
  readonly port: Port
  readonly owner: RunOwner
}

/** How a program was loaded. */
type How = CheckedLoad['request']['options']

const parts = new WeakMap<object, ProgramParts>()

/**
 * A compiled program, made by {@link load}. It is freed when nothing refers to it any more, or by `using`.
 *
 * @example
 * const program = await load('hello.wasm')
 * const { stdout } = await program.run({ args: ['world'] })
 */
export class Program<Functions = AnyFunctions> {
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
  readonly #port: Port
  readonly #how: How
  readonly #owner: {
    handle: number
    closeReason: WasiexecError | undefined
    imports: ProgramImports
  }
  readonly #weight = new Weight()

  private constructor(port: Port, how: How, handle: number, info: ProgramInfo) {
    this.name = info.name
    this.kind = info.kind
    this.wasi = info.wasi
    this.imports = Object.freeze(info.imports.map((extern) => Object.freeze(extern)))
    this.exports = Object.freeze(info.exports.map((extern) => Object.freeze(extern)))
    this.#port = port
    this.#how = how
    const { name, kind, imports: all, hostImports: fromHost, componentImports: ofComponent } = info
    const imports = { name, kind, all, fromHost, ofComponent }
    this.#owner = { handle, closeReason: undefined, imports }
    parts.set(this, { port, owner: this.#owner })
    this.#weight.set(info.bytes)
    collected.register(this.#owner, { port, handle, weight: this.#weight }, this.#owner)
  }

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
  run(options?: AnyRunOptions): Promise<AnyOutcome> {
    if (!runs.isObserved) return this.#run(options)
    return runs.until(this.#message('run', options), () => this.#run(options), withOutcome)
  }

  #run(options: AnyRunOptions | undefined): Promise<AnyOutcome> {
    const closed = this.#closed()
    return closed ? Promise.reject(closed) : this.#port.run(this.#owner, options)
  }

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
  check(options: RunOptions | HostedRunOptions = {}): void {
    const closed = this.#closed()
    if (closed) throw closed
    checkRun(options, this.#owner.imports)
  }

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
  runSync(options?: RunSyncOptions | HostedRunSyncOptions): AnyOutcome {
    if (!runs.isObserved) return this.#runSync(options)
    return runs.during(this.#message('runSync', options), () => this.#runSync(options), withOutcome)
  }

  #runSync(options: RunSyncOptions | HostedRunSyncOptions | undefined): AnyOutcome {
    const closed = this.#closed()
    if (closed) throw closed
    return this.#port.runSync(this.#owner, options)
  }

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
    options: Options = {} as Options,
  ): GuestOf<Options> {
    if (!runs.isObserved) return this.#spawn(options)
    return runs.begin(this.#message('spawn', options), (end) => this.#spawn(options, end))
  }

  #spawn<Options extends SpawnOptions | HostedSpawnOptions>(
    options: Options,
    end?: End<RunMessage>,
  ): GuestOf<Options> {
    const closed = this.#closed()
    if (closed) throw closed
    return spawnGuest(this.#port, this.#owner, options, end)
  }

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
  batch(jobs: unknown, options: unknown = {}): unknown {
    const closed = this.#closed()
    if (closed) throw closed
    const port = this.#port
    const place: BatchPlace = {
      port,
      owner: this.#owner,
      context: new AsyncResource('wasiexec:batch'),
      ownerOf: (program) => {
        const other =
          typeof program === 'object' && program !== null ? parts.get(program) : undefined
        if (other === undefined) throw invalid('program', 'a Program', program)
        if (other.port !== port) {
          throw invalid('program', "of the same runtime as the batch's program", program)
        }
        return other.owner
      },
    }
    return new RunningBatch(place, jobs, options)
  }

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
  snapshot(options: SnapshotOptions = {}): Promise<Program<Functions>> {
    if (!snapshots.isObserved) return this.#snapshot(options)
    const message = { program: this.name, limits: limitsOf(options) }
    return snapshots.until(
      message,
      () => this.#snapshot(options),
      () => ({}),
    )
  }

  async #snapshot(options: SnapshotOptions): Promise<Program<Functions>> {
    const closed = this.#closed()
    if (closed) throw closed
    const { run, call, compiler = this.#how.compiler } = checkSnapshot(options)
    const prepared = prepareRun(run)
    const { signal } = prepared.local
    signal?.throwIfAborted()
    const port = this.#port
    const how = { ...this.#how, compiler, trustPrecompiled: false }
    const taken = await port.requests.snapshot(this.#owner, prepared, call, how)
    const reason = this.#closed()
    if (!Array.isArray(taken)) throw reason ?? endedEarly(taken, call)
    const warm = new Program<Functions>(port, how, taken[0], taken[1] as ProgramInfo)
    if (reason === undefined) return warm
    warm[Symbol.dispose]()
    throw reason
  }

  /**
   * Returns the program itself, with the types of its functions: those of its declarations, which {@link types} writes.
   * Its instances and pools have them.
   *
   * @example
   * const calc = program.as<Functions>() // for example `Exports` of calc.d.ts
   * await using instance = await calc.instantiate()
   * const sum: number = await instance.exports.add(1, 2)
   */
  as<Called>(): Program<Called> {
    return this
  }

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
  instantiate(options: InstantiateOptions | HostedInstantiateOptions = {}): Promise<unknown> {
    if (!instantiations.isObserved) return this.#instantiate(options)
    const message = {
      program: this.name,
      method: 'instantiate',
      limits: limitsOf(options),
    } as const
    return instantiations.until(
      message,
      () => this.#instantiate(options),
      ({ initialization }) => ({ outcome: initialization }),
    )
  }

  async #instantiate(
    options: InstantiateOptions | HostedInstantiateOptions,
  ): Promise<Instance<AnyFunctions, HostError>> {
    const closed = this.#closed()
    if (closed) throw closed
    const prepared = prepareRun(options)
    checkCollectsNothing(prepared.local, options)
    return startInstance(this.#port, this.#owner, prepared)
  }

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
  async serve(options: ServeOptions | HostedServeOptions = {}): Promise<Handler> {
    const handler = makeHandler(this.#port, this.#owner, this.name, options)
    const closed = this.#closed()
    if (closed) throw closed
    const { imports } = options
    if (imports !== undefined) checkRun({ imports }, this.#owner.imports)
    this.#port.requests.checkServe(this.#owner.handle, imports !== undefined)
    return handler
  }

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
  pool(options: PoolOptions | HostedPoolOptions = {}): unknown {
    const closed = this.#closed()
    if (closed) throw closed
    return new Pool(this.#port, this.#owner, options)
  }

  /**
   * Returns the program's Wasm binary; of a snapshot, an ordinary module.
   *
   * @throws {WasiexecError} (rejects) `ERR_PROGRAM_CLOSED`, `ERR_RUNTIME_CLOSED`.
   * @example
   * await writeFile('warm.wasm', await warm.wasm())
   */
  async wasm(): Promise<Buffer> {
    const closed = this.#closed()
    if (closed) throw closed
    return this.#port.requests.wasm(this.#owner.handle)
  }

  /**
   * Returns the types of imports and exports, the memories, the tools that made the program, and why it
   * cannot be run, if it cannot. None of this is computed by `load`.
   *
   * @throws {WasiexecError} (rejects) `ERR_PROGRAM_CLOSED`, `ERR_RUNTIME_CLOSED`.
   * @example
   * for (const { name, type } of (await program.inspect()).imports) console.log(name, type)
   */
  async inspect(): Promise<Inspection> {
    const closed = this.#closed()
    if (closed) throw closed
    return (await this.#port.requests.inspect(this.#owner.handle)) as Inspection
  }

  /**
   * Returns the WIT of a component: its world, and the interfaces and types that it uses, with their comments where the
   * component carries these.
   *
   * @throws {WasiexecError} (rejects) `ERR_UNSUPPORTED_WASM` for a core module, and for a component that WIT cannot
   * describe; `ERR_PROGRAM_CLOSED`, `ERR_RUNTIME_CLOSED`.
   * @example
   * console.log(await program.wit())
   */
  async wit(): Promise<string> {
    const { text } = await this.#wit()
    return text
  }

  /**
   * Returns the functions that a component exports, with the types of their values.
   *
   * @throws {WasiexecError} (rejects) as {@link wit}.
   * @example
   * const functions = await program.functions()
   * console.log(functions.find(({ name }) => name === 'add')?.result?.kind)
   */
  async functions(): Promise<readonly ExportedFunction[]> {
    const { resolve, world } = await this.#wit()
    return functionsOf(resolve, world)
  }

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
  async types(): Promise<string> {
    if (this.kind === 'component') return declareComponent(await this.#wit())
    const { exports } = await this.inspect()
    return declareModule(exports, this.#owner.imports.fromHost)
  }

  async #wit(): Promise<{ text: string; world: number; resolve: Resolved }> {
    const closed = this.#closed()
    if (closed) throw closed
    return (await this.#port.requests.wit(this.#owner.handle)) as {
      text: string
      world: number
      resolve: Resolved
    }
  }

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
  async serialize(): Promise<Buffer> {
    const closed = this.#closed()
    if (closed) throw closed
    return this.#port.requests.serialize(this.#owner.handle)
  }

  /**
   * Aborts the program's runs, refuses new ones and frees its code.
   *
   * @example
   * using program = await load('tool.wasm')
   */
  [Symbol.dispose](): void {
    const owner = this.#owner
    if (owner.closeReason) return
    owner.closeReason = new WasiexecError(
      'ERR_PROGRAM_CLOSED',
      `the program ${JSON.stringify(this.name)} was disposed of`,
    )
    collected.unregister(owner)
    this.#weight.set(0)
    this.#port.dispose(owner.handle)
  }

  #closed(): WasiexecError | undefined {
    return this.#owner.closeReason ?? this.#port.closeReason
  }

  #message(method: RunMessage['method'], options: unknown): RunMessage {
    return { program: this.name, method, limits: limitsOf(options) }
  }

  static {
    create = (port, how, handle, info) => new Program(port, how, handle, info)
  }
}

/** Runs refer to the owner, not to the program: the code is freed once the owner is gone. */
const collected = new FinalizationRegistry<{
  port: Port
  handle: RunOwner['handle']
  weight: Weight
}>(({ port, handle, weight }) => {
  weight.set(0)
  port.release(handle)
})

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
export async function load(
  source: string | URL | Uint8Array,
  options: LoadOptions = {},
): Promise<Program> {
  return loadChecked(loadRequest(source, options), 'load')
}

/** Reads bytes that are to be loaded before it returns. */
export function loadChecked(checked: CheckedLoad, method: LoadMessage['method']): Promise<Program> {
  const { port, request, label } = checked
  const read = async (): Promise<Program> => {
    try {
      const [handle, info] = await port.requests.load(request)
      return create(port, request.options, handle, info as ProgramInfo)
    } catch (error) {
      throw comesHere(labelled(error, label))
    }
  }
  return loads.isObserved ? loads.until(loadMessage(checked, method), read, loaded) : read()
}

/** What is wrong with the bytes of a program. */
const FAULTS_OF_BYTES: ReadonlySet<WasiexecErrorCode> = new Set([
  'ERR_INVALID_WASM',
  'ERR_UNSUPPORTED_WASM',
  'ERR_PRECOMPILED_UNTRUSTED',
  'ERR_PRECOMPILED_DAMAGED',
  'ERR_PRECOMPILED_INCOMPATIBLE',
] as const)

/** The core is given the bytes of a program: it cannot say what they are called. */
function labelled(error: unknown, label: string | undefined): unknown {
  if (label === undefined || !(error instanceof WasiexecError)) return error
  if (!FAULTS_OF_BYTES.has(error.code)) return error
  return new WasiexecError(error.code, `${label}: ${error.message}`)
}

function loadMessage({ request }: CheckedLoad, method: LoadMessage['method']): LoadMessage {
  const { name, compiler } = request.options
  return { program: name, method, compiler }
}

function loaded({ kind, wasi }: Program): Partial<LoadMessage> {
  return { kind, wasi }
}

/** Starts a run that was prepared before its program was loaded. */
export async function startPrepared(program: Program, prepared: Prepared): Promise<AnyOutcome> {
  const { port, owner } = parts.get(program)!
  const closed = owner.closeReason ?? port.closeReason
  if (closed) throw closed
  return port.start(owner, prepared)
}

/**
 * The same as {@link load}, on the calling thread, which waits: for seconds if the program is large.
 *
 * @throws {WasiexecError} as {@link load}.
 * @example
 * const program = loadSync('tool.wasm')
 */
export function loadSync(source: string | URL | Uint8Array, options: LoadOptions = {}): Program {
  const checked = loadRequest(source, options)
  const { port, request, label } = checked
  const read = (): Program => {
    try {
      const [handle, info] = port.requests.loadSync(request)
      return create(port, request.options, handle, info as ProgramInfo)
    } catch (error) {
      throw labelled(error, label)
    }
  }
  return loads.isObserved ? loads.during(loadMessage(checked, 'loadSync'), read, loaded) : read()
}
