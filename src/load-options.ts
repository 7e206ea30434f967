import { basename, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { checkBoolean, checkOneOf, checkOptions, checkString, invalid, omit } from './check.ts'
import type { HostedRunOptions, RunOptions } from './options.ts'
import type { LoadRequest } from './port/native.ts'
import type { Port } from './port/port.ts'
import { checkFolder, portOf, type Runtime } from './runtime.ts'

/**
 * Which compiler makes a program's code.
 *
 * @example
 * const program = await load('submission.wasm', { compiler: 'baseline' })
 */
export type CompilerChoice = 'optimizing' | 'baseline' | 'tiered'

const COMPILERS: readonly CompilerChoice[] = ['optimizing', 'baseline', 'tiered']

/**
 * How a program is loaded.
 *
 * @example
 * const program = await load('tool.wasm', { name: 'tool', compiler: 'tiered', runtime })
 */
export interface LoadOptions {
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

const LOAD_OPTIONS = [
  'name',
  'cache',
  'compiler',
  'fuel',
  'interruptible',
  'trustPrecompiled',
  'sourceMaps',
  'runtime',
] as const

/** What to load, and through which port. */
export interface CheckedLoad {
  readonly port: Port
  readonly request: LoadRequest
  /** What errors call the program: its path, or the name that was given to bytes. */
  readonly label: string | undefined
}

/**
 * Checks how a program is to be loaded. Reads no file.
 *
 * @throws {WasiexecError} `ERR_INVALID_OPTION`, `ERR_RUNTIME_CLOSED`.
 */
export function loadRequest(source: unknown, options: LoadOptions): CheckedLoad {
  checkOptions(options, LOAD_OPTIONS)
  const { name, cache, fuel = false, runtime } = options
  const { compiler = 'optimizing', interruptible = true, trustPrecompiled = false } = options
  const { sourceMaps = false } = options
  if (name !== undefined) checkString('name', name)
  checkCompiler(compiler)
  checkBoolean('fuel', fuel)
  checkBoolean('interruptible', interruptible)
  checkBoolean('trustPrecompiled', trustPrecompiled)
  checkBoolean('sourceMaps', sourceMaps)
  const port = portOf(runtime)
  if (port.closeReason) throw port.closeReason
  const from = toSource(source)
  const fileName = typeof from === 'string' ? basename(from) : 'program'
  const how: LoadRequest['options'] = {
    name: name ?? fileName,
    fuel,
    compiler,
    interruptible,
    trustPrecompiled,
    sourceMaps,
  }
  if (typeof cache === 'boolean') how.cache = cache
  else if (cache !== undefined) how.cache = checkFolder('cache', cache)
  const label = typeof from === 'string' ? from : name
  return { port, request: { source: from, options: how }, label }
}

/** @throws {WasiexecError} `ERR_INVALID_OPTION`. */
export function checkCompiler(compiler: unknown): void {
  checkOneOf('compiler', compiler, COMPILERS)
}

/** Tells the options of loading from those of the run, which `run` takes together. */
export function splitOptions(options: LoadOptions & (RunOptions | HostedRunOptions)): {
  load: LoadOptions
  run: RunOptions | HostedRunOptions
} {
  return {
    load: Object.fromEntries(LOAD_OPTIONS.map((name) => [name, options[name]])),
    run: omit(options, LOAD_OPTIONS),
  }
}

/** Returns an absolute path or bytes. */
function toSource(source: unknown): string | Uint8Array {
  if (source instanceof Uint8Array) return source
  if (source instanceof URL) {
    if (source.protocol !== 'file:') throw invalid('source', 'a file: URL', source.href)
    try {
      return fileURLToPath(source)
    } catch {
      throw invalid('source', 'a file: URL that names a path', source.href)
    }
  }
  if (typeof source === 'string' && source !== '') {
    checkString('source', source)
    if (/^(?:file|https?):\/\//i.test(source))
      throw invalid(
        'source',
        'a path, a file: URL or bytes (a URL in text is `new URL(text)`)',
        source,
      )
    return resolve(source)
  }
  throw invalid('source', 'a path, a file: URL or bytes', source)
}
