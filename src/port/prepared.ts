/* The options of runs, checked and encoded in buffers that are used again. */
import { encodeInput, encodeRunOptions, type LocalOptions, type Purpose } from './encode-options.ts'
import { Encoder, OPTIONS_BYTES } from '../encoder.ts'
import { bindImports, type ProgramImports } from '../imports.ts'
import type { HostedRunOptions, HostedSpawnOptions, RunOptions, SpawnOptions } from '../options.ts'
import { StdinReader } from './stdin.ts'

/** Buffers of the first size that wait for the next runs, so that not each run makes one. */
const spare: Encoder[] = []
const MAX_SPARE = 64

/** Options of a run, with imports or without. */
export type AnyRunOptions = RunOptions | HostedRunOptions

/** A run's options, checked and encoded. */
export interface Prepared {
  readonly encoded: Encoder
  readonly local: LocalOptions
  readonly source: StdinReader | undefined
}

/**
 * Checks and encodes the options of a run, in a buffer of their own: a getter of the caller's may start
 * another run, which writes to the submission.
 *
 * @throws {WasiexecError} `ERR_INVALID_OPTION`.
 */
export function prepareRun(options: AnyRunOptions): Prepared {
  return prepare(options, 'run')
}

function prepare(
  options: AnyRunOptions | SpawnOptions | HostedSpawnOptions,
  purpose: Purpose,
): Prepared {
  const encoded = take()
  const local = encodeRunOptions(options, encoded, purpose)
  return { encoded, local, source: local.stdin && new StdinReader(local.stdin) }
}

/**
 * The same for a live run.
 *
 * @throws {WasiexecError} `ERR_INVALID_OPTION`.
 */
export function prepareSpawn(options: SpawnOptions | HostedSpawnOptions): Prepared {
  return prepare(options, 'spawn')
}

/**
 * The options that all requests of a handler share.
 *
 * @throws {WasiexecError} `ERR_INVALID_OPTION`.
 */
export function prepareServing(options: AnyRunOptions): Prepared {
  return prepare(options, 'serve')
}

/** Those of one of its requests, which `write` adds. */
export function prepareServed(shared: Prepared, write: (to: Encoder) => void): Prepared {
  const encoded = take()
  encoded.append(shared.encoded)
  write(encoded)
  return { ...shared, encoded }
}

/**
 * The same for `runSync`.
 *
 * @throws {WasiexecError} `ERR_INVALID_OPTION`.
 */
export function prepareSync(options: AnyRunOptions): Prepared {
  const prepared = prepare(options, 'sync')
  const { input } = prepared.local
  if (input !== undefined) encodeInput(input, prepared.encoded)
  return prepared
}

/**
 * Checks the options of a run of a program that has these imports. Neither reads from a stream nor listens to it.
 *
 * @throws {WasiexecError} `ERR_INVALID_OPTION`.
 */
export function checkRun(options: AnyRunOptions, imports: ProgramImports): void {
  const encoded = take()
  const local = encodeRunOptions(options, encoded, 'run')
  if (local.imports !== undefined) bindImports(local.imports, imports)
  giveBack(encoded)
}

export function hasStreams({ stdin, stdout, stderr }: LocalOptions): boolean {
  return (stdin ?? stdout ?? stderr) !== undefined
}

function take(): Encoder {
  return spare.pop() ?? new Encoder(OPTIONS_BYTES)
}

export function giveBack(encoded: Encoder): void {
  if (encoded.capacity !== OPTIONS_BYTES || spare.length === MAX_SPARE) return
  encoded.clear()
  spare.push(encoded)
}
