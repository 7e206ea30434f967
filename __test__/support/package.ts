// The package as the tests see it: with WASIEXEC_TEST_WORKERS=processes every runtime, the shared one
// too, has worker processes, WASIEXEC_TEST_COMPILER names the compiler of all programs, with WASIEXEC_TEST_THROUGH=spawn
// runs are live ones, and with WASIEXEC_TEST_THROUGH=calls core modules are not run: they are instantiated, and their
// `_start` is called.
import * as api from '../../src/index.ts'
import { runByCall } from './run-by-call.ts'
import type {
  CompilerChoice,
  HostedRunOptions,
  LoadOptions,
  Outcome,
  Program,
  RunOptions,
  RuntimeOptions,
} from '../../src/index.ts'
import { runThroughSpawn } from './through-spawn.ts'

export * from '../../src/index.ts'

export const inProcesses: boolean = process.env['WASIEXEC_TEST_WORKERS'] === 'processes'

const compiler = process.env['WASIEXEC_TEST_COMPILER'] as CompilerChoice | undefined

const through = process.env['WASIEXEC_TEST_THROUGH']

/** Whether core modules are instantiated, and their `_start` is called. */
export const byCalls: boolean = through === 'calls'

if (through === 'spawn') {
  api.Program.prototype.run = function run(options?: RunOptions | HostedRunOptions) {
    return runThroughSpawn(this, options as RunOptions)
  }
}

if (byCalls) {
  const { prototype } = api.Program
  const { run } = prototype
  prototype.run = function (options?: RunOptions | HostedRunOptions) {
    return isCallable(this, options)
      ? runByCall(this, options as RunOptions)
      : run.call(this, options as never)
  }
}

/** Whether an instance and a call give what a run gives: files are collected at the end of a run alone. */
function isCallable(program: Program, options?: { collect?: unknown }): boolean {
  const { kind, exports } = program
  const isCommand = exports.some(({ name, kind }) => name === '_start' && kind === 'function')
  return kind === 'module' && isCommand && options?.collect === undefined
}

class ProcessRuntime extends api.Runtime {
  constructor(options: RuntimeOptions = {}) {
    super(isObject(options) ? { workers: 'processes', ...options } : options)
  }
}

let shared: api.Runtime | undefined

function withDefaults<T extends LoadOptions>(options: T): T {
  if (!isObject(options)) return options
  const defaults: LoadOptions = {}
  if (inProcesses) defaults.runtime = shared ??= new ProcessRuntime({ threads: 2 })
  if (compiler !== undefined) defaults.compiler = compiler
  return { ...defaults, ...options }
}

/** Tests give others, too. */
function isObject(options: unknown): boolean {
  return typeof options === 'object' && options !== null && !Array.isArray(options)
}

type Source = Parameters<typeof api.load>[0]

export type Runtime = api.Runtime
export const Runtime: typeof api.Runtime = inProcesses ? ProcessRuntime : api.Runtime

export function load(source: Source, options: LoadOptions = {}): Promise<Program> {
  return api.load(source, withDefaults(options))
}

export function loadSync(source: Source, options: LoadOptions = {}): Program {
  return api.loadSync(source, withDefaults(options))
}

export function run(source: Source, options: LoadOptions & RunOptions = {}): Promise<Outcome> {
  return api.run(source, withDefaults(options))
}
