import { access, constants } from 'node:fs/promises'
import { dirname, resolve } from 'node:path'
import type { BatchOptions, RunOptions, RuntimeOptions } from '../../src/index.ts'
import type { FileFlags } from '../guest-files.ts'
import { networkOptions, type NetworkFlags } from '../network.ts'
import { storeOptions, type StoreFlags } from '../stores.ts'
import { runOptions, type LoadFlags, type RunFlags } from '../run-options.ts'
import { CliError } from '../status.ts'
import { objection } from '../whole-file.ts'
import type { Comparison } from './verdict.ts'

/** The options of the command line, as commander names them. */
export interface BatchFlags extends RunFlags, LoadFlags, FileFlags, NetworkFlags, StoreFlags {
  eachLine?: boolean
  lines?: number
  eachFile?: string
  compare: Comparison
  strict?: boolean
  output: string
  resume?: boolean
  force?: boolean
  unordered?: boolean
  report?: string
  live?: boolean
  livePort?: number
  liveStay?: boolean
  summary: 'text' | 'json'
  quiet?: boolean
  concurrency?: number
  threads?: number
  workers?: 'threads' | 'processes'
  retry?: boolean
  deadline?: number
  stopOnFailure?: boolean
}

/** What the command line names. */
export interface Paths {
  readonly program: string
  /** `-` is stdin; a folder with `--each-file`. */
  readonly input: string
  /** `-` is stdout. */
  readonly output: string
  readonly args: readonly string[]
}

/** @throws {CliError} when options do not go together. */
export function paths(words: readonly string[], flags: BatchFlags): Paths {
  const [program = '', ...rest] = words
  const { eachFile, eachLine, lines, output, resume, force, report } = flags
  if (program === '-') {
    throw new CliError('a batch needs its program in a file, by which --resume recognizes it')
  }
  if (lines !== undefined && !eachLine) throw new CliError('--lines needs --each-line')
  const [input, ...args] = eachFile === undefined ? rest : [eachFile, ...rest]
  if (input === undefined) throw new CliError("missing argument 'jobs': a file, or - for stdin")
  if (output === '-') {
    if (resume) throw new CliError('--resume needs a file to continue: -o results.ndjson')
    if (force && report === undefined) {
      throw new CliError('--force is for the files of -o and --report')
    }
  }
  if (report !== undefined) {
    for (const other of [program, input, output]) {
      if (resolve(report) === resolve(other)) {
        throw new CliError(
          `--report: ${report} is the program, the input or the output of this batch`,
        )
      }
    }
  }
  return { program, input, output, args }
}

/**
 * Called before the work begins, which may take hours.
 *
 * @throws {CliError} when the report cannot be written.
 */
export async function checkReport({ report, force, resume }: BatchFlags): Promise<void> {
  if (report === undefined) return
  const problem = await objection(report, force === true || resume === true)
  if (problem !== undefined) throw new CliError(`--report: ${problem}`)
  await access(dirname(resolve(report)), constants.W_OK).catch((error: Error) => {
    throw new CliError(`cannot write the report: ${error.message}`, { cause: error })
  })
}

/** What the batch's jobs have in common, and how it is run. */
export function batchOptions(
  flags: BatchFlags,
  args: readonly string[],
  files: RunOptions,
): Pick<BatchOptions, 'concurrency' | 'ordered'> & {
  defaults: NonNullable<BatchOptions['defaults']>
} {
  const { concurrency, unordered } = flags
  const grants = {
    ...runOptions(flags),
    ...networkOptions(flags),
    ...storeOptions(flags),
    ...files,
  }
  return { defaults: { ...grants, args }, concurrency, ordered: !unordered }
}

/** `undefined` when the shared runtime will do. */
export function runtimeOptions(flags: BatchFlags): RuntimeOptions | undefined {
  const { threads, workers, retry, concurrency = 1 } = flags
  if (retry && workers !== 'processes') throw new CliError('--retry needs --workers processes')
  const isMore = concurrency > DEFAULT_CONCURRENT_RUNS
  if (threads === undefined && workers === undefined && !isMore) return undefined
  return {
    threads,
    workers,
    retry,
    maxConcurrentRuns: isMore ? Math.min(concurrency, MAX_CONCURRENT_RUNS) : undefined,
  }
}

/** The library's default; it allows more when it is told to. */
const DEFAULT_CONCURRENT_RUNS = 1024
const MAX_CONCURRENT_RUNS = 4096
