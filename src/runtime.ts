import { resolve } from 'node:path'
import {
  checkBoolean,
  checkInteger,
  checkOptionsObject,
  checkOneOf,
  checkString,
  invalid,
  unknown,
} from './check.ts'
import { WasiexecError } from './errors.ts'
import { workerLaunch, type PortOptions } from './port/native.ts'
import { Port } from './port/port.ts'
import { whyThreadsAlone } from './port/worker-host.ts'
import type { RuntimeStats } from './stats.ts'

/**
 * How a runtime is set up.
 *
 * @example
 * const runtime = new Runtime({ threads: 4, cacheDir: '/var/cache/judge' })
 */
export interface RuntimeOptions {
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

const OPTIONS = ['threads', 'maxConcurrentRuns', 'cacheDir', 'workers', 'retry'] as const
/** More is a mistake: no machine has a use for it. */
const MAX_THREADS = 1024
/** Each run takes about six of the 65,530 memory mappings that a process can have on Linux. */
const MAX_RUNS = 4096

const ports = new WeakMap<object, Port>()
/** The process's own runtime, made when it is first needed. */
let shared: Port | undefined

/**
 * Threads, memory slots and a cache. Programs that name no runtime use one that the whole process shares,
 * its worker threads included.
 *
 * @example
 * await using runtime = new Runtime({ workers: 'processes' })
 * const program = await load('tool.wasm', { runtime })
 */
export class Runtime {
  readonly #port: Port
  #closed: Promise<void> | undefined

  /** @throws {WasiexecError} `ERR_INVALID_OPTION`, `ERR_OUT_OF_RESOURCES`. */
  constructor(options: RuntimeOptions = {}) {
    this.#port = new Port(checkOptions(options))
    ports.set(this, this.#port)
  }

  /**
   * What the runtime has and does right now.
   *
   * @example
   * console.log(runtime.stats().queued)
   */
  stats(): RuntimeStats {
    return this.#port.stats()
  }

  /**
   * Aborts all runs, refuses new ones, and resolves when the last run has ended. By then the threads, descriptors and
   * address space of the runtime are given back, whatever objects still refer to it. Only a host call of a guest that
   * the operating system does not end, or a compilation that has begun, keeps them until it ends by itself.
   *
   * @example
   * await runtime.close()
   */
  close(): Promise<void> {
    this.#closed ??= this.#port.close(
      new WasiexecError('ERR_RUNTIME_CLOSED', 'the runtime is closed'),
    )
    return this.#closed
  }

  /**
   * The same as {@link close}, for `await using`.
   *
   * @example
   * await using runtime = new Runtime()
   */
  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }
}

/**
 * Returns the port of a runtime, or of the process's own where none is given.
 *
 * @throws {WasiexecError} `ERR_INVALID_OPTION`.
 */
export function portOf(runtime: unknown): Port {
  if (runtime === undefined) return (shared ??= new Port(undefined))
  const port = typeof runtime === 'object' && runtime !== null ? ports.get(runtime) : undefined
  if (port === undefined) throw invalid('runtime', 'a Runtime', runtime)
  return port
}

function checkOptions(options: RuntimeOptions): PortOptions {
  checkOptionsObject('options', options)
  const checked: PortOptions = {}
  let retry: boolean | undefined
  for (const key in options) {
    const name = key as (typeof OPTIONS)[number]
    const value: unknown = options[name]
    if (value === undefined) continue
    switch (name) {
      case 'threads':
        checked.threads = checkAtMost(name, checkInteger(name, value, 1), MAX_THREADS)
        break
      case 'maxConcurrentRuns':
        checked.maxConcurrentRuns = checkAtMost(name, checkInteger(name, value, 1), MAX_RUNS)
        break
      case 'cacheDir':
        checked.cacheDir = checkFolder(name, value)
        break
      case 'workers':
        checkOneOf(name, value, ['threads', 'processes'])
        if (value === 'processes') {
          const reason = whyThreadsAlone()
          if (reason !== undefined) throw invalid(name, `'threads' ${reason}`, value)
          checked.workers = { ...workerLaunch(), retry: false }
        }
        break
      case 'retry':
        checkBoolean(name, value)
        retry = value
        break
      default:
        name satisfies never
        throw unknown(key, key, OPTIONS)
    }
  }
  if (retry === undefined) return checked
  if (checked.workers === undefined) {
    throw invalid('retry', "absent: only `workers: 'processes'` can die and be replaced", retry)
  }
  checked.workers.retry = retry
  return checked
}

function checkAtMost(option: string, value: number, most: number): number {
  if (value > most) throw invalid(option, `at most ${most}`, value)
  return value
}

/** Returns a folder's absolute path, or false for none. */
export function checkFolder(option: string, value: unknown): string | false {
  if (value === false) return false
  if (typeof value !== 'string' || value === '') throw invalid(option, 'a folder or false', value)
  checkString(option, value)
  return resolve(value)
}
