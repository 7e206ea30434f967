import { stat } from 'node:fs/promises'
import { checkOptionsObject } from './check.ts'
import { limitsOf, runs, withOutcome, type RunMessage } from './diagnostics.ts'
import { comesHere } from './errors.ts'
import { loadRequest, splitOptions, type CheckedLoad, type LoadOptions } from './load-options.ts'
import type { HostedRunOptions, RunOptions } from './options.ts'
import type { AnyOutcome, HostError, Outcome } from './outcome.ts'
import type { Port } from './port/port.ts'
import { prepareRun, type AnyRunOptions } from './port/prepared.ts'
import { loadChecked, startPrepared, type Program } from './program.ts'

/** How many programs one-shot runs keep. */
const MAX_PROGRAMS = 32
/** The programs, the least recently used first. */
const programs = new WeakMap<Port, Map<string, Promise<Program>>>()

/**
 * Loads a program, once per content and process, and runs it.
 *
 * @throws {WasiexecError} (rejects) as {@link load} and {@link Program.run}.
 * @example
 * const outcome = await run('hello.wasm', { args: ['world'] })
 */
export function run(
  source: string | URL | Uint8Array,
  options: HostedRunOptions & LoadOptions,
): Promise<Outcome | HostError>
export function run(
  source: string | URL | Uint8Array,
  options?: RunOptions & LoadOptions,
): Promise<Outcome>
export async function run(
  source: string | URL | Uint8Array,
  options: (RunOptions | HostedRunOptions) & LoadOptions = {},
): Promise<Outcome | HostError> {
  checkOptionsObject('options', options)
  const given = splitOptions(options)
  const checked = loadRequest(source, given.load)
  if (!runs.isObserved) return runLoaded(checked, given.run)
  const program = checked.request.options.name
  const message: RunMessage = { program, method: 'run', limits: limitsOf(given.run) }
  return runs.until(message, () => runLoaded(checked, given.run), withOutcome)
}

async function runLoaded(checked: CheckedLoad, options: AnyRunOptions): Promise<AnyOutcome> {
  // Everything is read before anything is waited for: the caller may change it afterwards.
  const prepared = prepareRun(options)
  const { local } = prepared
  if (local.input instanceof Uint8Array) local.input = local.input.slice()
  try {
    return await startPrepared(await loadOnce(checked), prepared)
  } catch (error) {
    void prepared.source?.close()
    throw comesHere(error)
  }
}

function loadOnce(checked: CheckedLoad): Promise<Program> {
  const { source } = checked.request
  return typeof source === 'string' ? loadFile(checked, source) : loadBytes(checked, source)
}

/** A file is known by what changes when its content does. */
async function loadFile(checked: CheckedLoad, path: string): Promise<Program> {
  const { dev, ino, size, mtimeNs, ctimeNs } = await stat(path, { bigint: true }).catch(
    () => NO_FILE,
  )
  return loadNew(checked, [path, ...[dev, ino, size, mtimeNs, ctimeNs].map(String)])
}

function loadBytes(checked: CheckedLoad, bytes: Uint8Array): Promise<Program> {
  // Not imported: loading it takes as long as the core, and most programs are files.
  const { createHash } = process.getBuiltinModule('node:crypto')
  return loadNew(checked, [createHash('sha256').update(bytes).digest('hex')])
}

/** Loads the program, unless the same one, loaded in the same way, is kept. */
function loadNew(checked: CheckedLoad, identity: string[]): Promise<Program> {
  const { port, request } = checked
  const { source: _source, ...way } = request
  const key = JSON.stringify([identity, way])
  let kept = programs.get(port)
  if (kept === undefined) programs.set(port, (kept = new Map()))
  let program = kept.get(key)
  kept.delete(key)
  program ??= loadChecked(checked, 'run')
  kept.set(key, program)
  if (kept.size > MAX_PROGRAMS) kept.delete(kept.keys().next().value as string)
  // A file that could not be loaded may be there the next time.
  program.catch(() => kept.delete(key))
  return program
}

/** For a file without stats: loading says what is wrong with it. */
const NO_FILE = { dev: 0n, ino: 0n, size: 0n, mtimeNs: 0n, ctimeNs: 0n }
