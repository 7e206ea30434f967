import { createHash } from 'node:crypto'
import { stat } from 'node:fs/promises'
import { checkObject } from './check.ts'
import type { RunOptions } from './options.ts'
import type { Outcome } from './outcome.ts'
import { load, toSource, type LoadOptions, type Program } from './program.ts'
import { transportOf } from './runtime.ts'
import type { Transport } from './transport.ts'

/** Programs that one-shot runs keep, the least recently used first. */
const MAX_PROGRAMS = 32
const programs = new WeakMap<Transport, Map<string, Promise<Program>>>()

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
  const { name, cache, fuel, runtime, ...runOptions } = options
  const loadOptions = { name, cache, fuel, runtime }
  const program = await loadOnce(toSource(source), loadOptions)
  return program.run(runOptions)
}

async function loadOnce(source: string | Uint8Array, options: LoadOptions): Promise<Program> {
  const transport = transportOf(options.runtime)
  const { name, cache, fuel } = options
  const key = JSON.stringify([await identity(source), name, cache, fuel])
  let kept = programs.get(transport)
  if (kept === undefined) programs.set(transport, (kept = new Map()))
  let program = kept.get(key)
  kept.delete(key)
  program ??= load(source, options)
  kept.set(key, program)
  if (kept.size > MAX_PROGRAMS) kept.delete(kept.keys().next().value as string)
  // What could not be loaded may be there the next time.
  program.catch(() => kept.delete(key))
  return program
}

/** Changes when the content does. */
async function identity(source: string | Uint8Array): Promise<string[]> {
  if (typeof source !== 'string') return [createHash('sha256').update(source).digest('hex')]
  const { dev, ino, size, mtimeNs } = await stat(source, { bigint: true }).catch(() => NO_FILE)
  return [source, ...[dev, ino, size, mtimeNs].map(String)]
}

/** `load` says what is wrong with it. */
const NO_FILE = { dev: 0n, ino: 0n, size: 0n, mtimeNs: 0n }
