import type { Buffer } from 'node:buffer'
import { basename, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { RunningBatch, type Batch } from './batch/batch.ts'
import type { BatchPlace } from './batch/jobs.ts'
import type { BatchOptions, Job } from './batch/options.ts'
import { checkBoolean, checkObject, checkString, invalid, unknown } from './check.ts'
import { WasiexecError } from './errors.ts'
import type { ExternInfo, Inspection } from './inspection.ts'
import type { LoadRequest } from './port/native.ts'
import type { RunOptions, RunSyncOptions } from './options.ts'
import type { Outcome } from './outcome.ts'
import { checkFolder, portOf, type Runtime } from './runtime.ts'
import type { Prepared, RunOwner, Port } from './port/port.ts'

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

/** What the core tells of a program. */
interface ProgramInfo {
  name: string
  kind: 'module' | 'component'
  wasi: 'p0' | 'p1' | 'p2' | 'p3' | 'none'
  imports: ExternInfo[]
  exports: ExternInfo[]
}

const LOAD_OPTIONS = [
  'name',
  'cache',
  'fuel',
  'interruptible',
  'trustPrecompiled',
  'runtime',
] as const

/** How `run` starts what it prepared before it loaded the program. */
export let startPrepared: (program: Program, prepared: Prepared) => Promise<Outcome>
let create: (port: Port, handle: number, info: ProgramInfo) => Program

/**
 * A compiled program. Made by {@link load}; freed when it is no longer referenced, or by `using`.
 *
 * @example
 * const program = await load('hello.wasm')
 * const { stdout } = await program.run({ args: ['world'] })
 */
export class Program {
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
  readonly #port: Port
  readonly #owner: { handle: number; closeReason: WasiexecError | undefined }

  private constructor(port: Port, handle: number, info: ProgramInfo) {
    this.name = info.name
    this.kind = info.kind
    this.wasi = info.wasi
    this.imports = Object.freeze(info.imports.map((extern) => Object.freeze(extern)))
    this.exports = Object.freeze(info.exports.map((extern) => Object.freeze(extern)))
    this.#port = port
    this.#owner = { handle, closeReason: undefined }
    collected.register(this.#owner, { port, handle }, this.#owner)
  }

  /**
   * Runs it once. Whatever the guest does is an outcome.
   *
   * @throws {WasiexecError} (rejects) `ERR_INVALID_OPTION`, `ERR_UNRESOLVED_IMPORT`,
   * `ERR_NO_ENTRY_POINT`, `ERR_PREOPEN`, `ERR_STREAM`, `ERR_PROGRAM_CLOSED`, `ERR_RUNTIME_CLOSED`,
   * `ERR_OUT_OF_RESOURCES`.
   */
  run(options?: RunOptions): Promise<Outcome> {
    const closed = this.#closed()
    return closed ? Promise.reject(closed) : this.#port.run(this.#owner, options)
  }

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
  runSync(options?: RunSyncOptions): Outcome {
    const closed = this.#closed()
    if (closed) throw closed
    return this.#port.runSync(this.#owner, options)
  }

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
    options: BatchOptions<Id> = {},
  ): Batch<Id> {
    const closed = this.#closed()
    if (closed) throw closed
    const port = this.#port
    const place: BatchPlace = {
      port,
      owner: this.#owner,
      ownerOf: (program) => {
        if (typeof program !== 'object' || program === null || !(#owner in program)) {
          throw invalid('program', 'a Program', program)
        }
        if (program.#port !== port) {
          throw invalid('program', "of the same runtime as the batch's program", program)
        }
        return program.#owner
      },
    }
    return new RunningBatch(place, jobs, options as BatchOptions) as unknown as Batch<Id>
  }

  /**
   * Looks at it more closely: types of imports and exports, memories, who made it, why it cannot run.
   * Nothing of this is computed by `load`.
   *
   * @throws {WasiexecError} (rejects) `ERR_PROGRAM_CLOSED`, `ERR_RUNTIME_CLOSED`.
   */
  async inspect(): Promise<Inspection> {
    const closed = this.#closed()
    if (closed) throw closed
    return (await this.#port.inspect(this.#owner.handle)) as Inspection
  }

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
  async serialize(): Promise<Buffer> {
    const closed = this.#closed()
    if (closed) throw closed
    return this.#port.serialize(this.#owner.handle)
  }

  /** Aborts its runs, refuses new ones and frees its code. */
  [Symbol.dispose](): void {
    const owner = this.#owner
    if (owner.closeReason) return
    owner.closeReason = new WasiexecError(
      'ERR_PROGRAM_CLOSED',
      `the program ${JSON.stringify(this.name)} was disposed of`,
    )
    collected.unregister(owner)
    this.#port.dispose(owner.handle)
  }

  #closed(): WasiexecError | undefined {
    return this.#owner.closeReason ?? this.#port.closeReason
  }

  static {
    create = (port, handle, info) => new Program(port, handle, info)
    startPrepared = async (program, prepared) => {
      const closed = program.#closed()
      if (closed) throw closed
      return program.#port.start(program.#owner, prepared)
    }
  }
}

/** Runs hold the owner, not the program: that is what has to go before the code can. */
const collected = new FinalizationRegistry<{ port: Port; handle: RunOwner['handle'] }>(
  ({ port, handle }) => {
    port.release(handle)
  },
)

/**
 * Compiles a program, off the event loop. A string is a path; bytes are a binary or WAT text.
 *
 * A missing import or entry point is reported by the run, so that such a program can be looked at.
 *
 * @throws {WasiexecError} (rejects) `ERR_INVALID_OPTION`, `ERR_INVALID_WASM`, `ERR_UNSUPPORTED_WASM`,
 * `ERR_READ_FAILED`, `ERR_RUNTIME_CLOSED`; for precompiled programs `ERR_PRECOMPILED_UNTRUSTED`,
 * `ERR_PRECOMPILED_DAMAGED`, `ERR_PRECOMPILED_INCOMPATIBLE`.
 */
export async function load(
  source: string | URL | Uint8Array,
  options: LoadOptions = {},
): Promise<Program> {
  const { port, request } = prepare(source, options)
  const [handle, info] = await port.load(request)
  return create(port, handle, info as ProgramInfo)
}

/**
 * The same as {@link load} while the calling thread waits: seconds for large programs.
 *
 * @throws {WasiexecError} as {@link load}.
 */
export function loadSync(source: string | URL | Uint8Array, options: LoadOptions = {}): Program {
  const { port, request } = prepare(source, options)
  const [handle, info] = port.loadSync(request)
  return create(port, handle, info as ProgramInfo)
}

function prepare(source: unknown, options: LoadOptions): { port: Port; request: LoadRequest } {
  checkObject('options', options)
  for (const key in options) {
    const name = key as (typeof LOAD_OPTIONS)[number]
    if (!LOAD_OPTIONS.includes(name)) throw unknown(key, key, LOAD_OPTIONS)
  }
  const { name, cache, fuel = false, runtime } = options
  const { interruptible = true, trustPrecompiled = false } = options
  if (name !== undefined) checkString('name', name)
  checkBoolean('fuel', fuel)
  checkBoolean('interruptible', interruptible)
  checkBoolean('trustPrecompiled', trustPrecompiled)
  const port = portOf(runtime)
  if (port.closeReason) throw port.closeReason
  const from = toSource(source)
  const fileName = typeof from === 'string' ? basename(from) : 'program'
  const request: LoadRequest = {
    source: from,
    name: name ?? fileName,
    fuel,
    interruptible,
    trustPrecompiled,
  }
  if (typeof cache === 'boolean') request.cache = cache
  else if (cache !== undefined) request.cache = checkFolder('cache', cache)
  return { port, request }
}

/** An absolute path or bytes. */
export function toSource(source: unknown): string | Uint8Array {
  if (source instanceof Uint8Array) return source
  if (source instanceof URL) {
    if (source.protocol !== 'file:') throw invalid('source', 'a file: URL', source.href)
    try {
      return fileURLToPath(source)
    } catch {
      throw invalid('source', 'a file: URL of a path', source.href)
    }
  }
  if (typeof source === 'string' && source !== '') {
    checkString('source', source)
    return resolve(source)
  }
  throw invalid('source', 'a path, a file: URL or bytes', source)
}
