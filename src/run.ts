import { createHash } from 'node:crypto'
import { stat } from 'node:fs/promises'
import { checkObject } from './check.ts'
import type { RunOptions } from './options.ts'
import type { Outcome } from './outcome.ts'
import { load, startPrepared, toSource, type LoadOptions, type Program } from './program.ts'
import { portOf } from './runtime.ts'
import { prepare, type Port } from './port/port.ts'

/** Programs that one-shot runs keep, the least recently used first. */
const MAX_PROGRAMS = 32
const programs = new WeakMap<Port, Map<string, Promise<Program>>>()

/**
 * Loads a program, once for each content and process, and runs it.
 *
 * @throws {WasiexecError} (rejects) as {@link load} and {@link Program.run}.
 * @example
 * const outcome = await run('hello.wasm', { args: ['world'] })
 */
export async function run(
  source: string | URL | Uint8Array,
  options: RunOptions & LoadOptions = {},
): Promise<Outcome> {
  checkObject('options', options)
  const { name, cache, fuel, interruptible, trustPrecompiled, runtime, ...runOptions } = options
  const loadOptions = { name, cache, fuel, interruptible, trustPrecompiled, runtime }
  const from = toSource(source)
  // Both before anything is waited for: the caller may change what it gave.
  const prepared = prepare(runOptions)
  const { local } = prepared
  if (local.input instanceof Uint8Array) local.input = local.input.slice()
  try {
    const loading =
      typeof from === 'string' ? loadFile(from, loadOptions) : loadBytes(from, loadOptions)
    return await startPrepared(await loading, prepared)
  } catch (error) {
    void prepared.source?.close()
    throw error
  }
}

/** By what changes when the content does. */
async function loadFile(path: string, options: LoadOptions): Promise<Program> {
  const { dev, ino, size, mtimeNs, ctimeNs } = await stat(path, { bigint: true }).catch(
    () => NO_FILE,
  )
  return loadOnce(path, [path, ...[dev, ino, size, mtimeNs, ctimeNs].map(String)], options)
}

function loadBytes(bytes: Uint8Array, options: LoadOptions): Promise<Program> {
  return loadOnce(bytes, [createHash('sha256').update(bytes).digest('hex')], options)
}

/** Reads `source`, if it has to be loaded, before it returns. */
function loadOnce(
  source: string | Uint8Array,
  identity: string[],
  options: LoadOptions,
): Promise<Program> {
  const port = portOf(options.runtime)
  const { name, cache, fuel, interruptible, trustPrecompiled } = options
  const key = JSON.stringify([identity, name, cache, fuel, interruptible, trustPrecompiled])
  let kept = programs.get(port)
  if (kept === undefined) programs.set(port, (kept = new Map()))
  let program = kept.get(key)
  kept.delete(key)
  program ??= load(source, options)
  kept.set(key, program)
  if (kept.size > MAX_PROGRAMS) kept.delete(kept.keys().next().value as string)
  // What could not be loaded may be there the next time.
  program.catch(() => kept.delete(key))
  return program
}

/** `load` says what is wrong with it. */
const NO_FILE = { dev: 0n, ino: 0n, size: 0n, mtimeNs: 0n, ctimeNs: 0n }
