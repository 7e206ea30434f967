import { resolve } from 'node:path'
import {
  checkBoolean,
  checkInteger,
  checkObject,
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

const OPTIONS = ['threads', 'maxConcurrentRuns', 'cacheDir', 'workers', 'retry'] as const
/** More threads than this is a mistake, not a machine. */
const MAX_THREADS = 1024
/** Each takes about six of the 65,530 memory mappings that a process has on Linux. */
const MAX_RUNS = 4096

/** How the other modules reach the port of a `Runtime`. */
export let portOf: (runtime: Runtime | undefined) => Port

/**
 * Threads, memory slots and a cache of one's own. Programs that name no runtime use one that the
 * whole process shares, worker threads included.
 */
export class Runtime {
  readonly #port: Port
  #closed: Promise<void> | undefined

  /** @throws {WasiexecError} `ERR_INVALID_OPTION`, `ERR_OUT_OF_RESOURCES`. */
  constructor(options: RuntimeOptions = {}) {
    this.#port = new Port(checkOptions(options))
  }

  /** What it has and does right now. */
  stats(): RuntimeStats {
    return this.#port.stats()
  }

  /** Aborts all runs, refuses new ones and resolves when the last has ended. */
  close(): Promise<void> {
    this.#closed ??= this.#port.close(
      new WasiexecError('ERR_RUNTIME_CLOSED', 'the runtime is closed'),
    )
    return this.#closed
  }

  /** The same as {@link close}, for `await using`. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  static {
    let shared: Port | undefined
    portOf = (runtime) => {
      if (runtime === undefined) return (shared ??= new Port(undefined))
      if (typeof runtime !== 'object' || runtime === null || !(#port in runtime)) {
        throw invalid('runtime', 'a Runtime', runtime)
      }
      return runtime.#port
    }
  }
}

function checkOptions(options: RuntimeOptions): PortOptions {
  checkObject('options', options)
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

/** A folder's absolute path, or false for none. */
export function checkFolder(option: string, value: unknown): string | false {
  if (value === false) return false
  if (typeof value !== 'string' || value === '') throw invalid(option, 'a folder or false', value)
  checkString(option, value)
  return resolve(value)
}
