// The package as the tests see it: with WASIEXEC_TEST_WORKERS=processes every runtime, the shared one
// too, has worker processes.
import * as api from '../../src/index.ts'
import type { LoadOptions, Outcome, Program, RunOptions, RuntimeOptions } from '../../src/index.ts'

export * from '../../src/index.ts'

export const inProcesses: boolean = process.env['WASIEXEC_TEST_WORKERS'] === 'processes'

class ProcessRuntime extends api.Runtime {
  constructor(options: RuntimeOptions = {}) {
    super(isObject(options) ? { workers: 'processes', ...options } : options)
  }
}

let shared: api.Runtime | undefined

function withRuntime<T extends LoadOptions>(options: T): T {
  if (!inProcesses || !isObject(options) || options.runtime !== undefined) return options
  shared ??= new ProcessRuntime({ threads: 2 })
  return { ...options, runtime: shared }
}

/** Tests give others, too. */
function isObject(options: unknown): boolean {
  return typeof options === 'object' && options !== null && !Array.isArray(options)
}

type Source = Parameters<typeof api.load>[0]

export type Runtime = api.Runtime
export const Runtime: typeof api.Runtime = inProcesses ? ProcessRuntime : api.Runtime

export function load(source: Source, options: LoadOptions = {}): Promise<Program> {
  return api.load(source, withRuntime(options))
}

export function loadSync(source: Source, options: LoadOptions = {}): Program {
  return api.loadSync(source, withRuntime(options))
}

export function run(source: Source, options: LoadOptions & RunOptions = {}): Promise<Outcome> {
  return api.run(source, withRuntime(options))
}
