import { checkOptions, checkString, invalid, omit, unknown } from './check.ts'
import { WasiexecError } from './errors.ts'
import { checkCompiler, type CompilerChoice } from './load-options.ts'
import type { Limits, RunOptions } from './options.ts'
import { describeOutcome, type Outcome } from './outcome.ts'

/**
 * When a snapshot is taken: at the first read of stdin, or when an exported function has returned.
 *
 * @example
 * const warm = await program.snapshot({ until: { call: 'warm_up' } })
 */
export type SnapshotUntil = 'stdin' | { readonly call: string }

/**
 * How a snapshot is taken. Apart from `until`, the options mean what they mean for a run.
 *
 * @example
 * const warm = await python.snapshot({ args: ['/app/main.py'], preopens: { '/app': './app' } })
 */
export interface SnapshotOptions extends Pick<
  RunOptions,
  'args' | 'env' | 'preopens' | 'clock' | 'randomSeed' | 'signal'
> {
  /** The caps of the run up to the snapshot; runs of the snapshot have their own. */
  limits?: Omit<Limits, 'onOutput'> | undefined
  /**
   * `'stdin'`: at the first call that would read stdin or wait for it. `{ call }`: when this exported function, which
   * takes and returns nothing, has returned; it is called before `_start`, and after `_initialize` if there is that,
   * too. Default: `'stdin'`.
   */
  until?: SnapshotUntil | undefined
  /** Which compiler makes the code of the snapshot's runs. Default: as for this program. */
  compiler?: CompilerChoice | undefined
}

const SNAPSHOT_OPTIONS = [
  'args',
  'env',
  'preopens',
  'clock',
  'randomSeed',
  'signal',
  'limits',
  'until',
  'compiler',
] as const

/** Options that were checked for what a run would not check. */
export interface CheckedSnapshot {
  readonly run: RunOptions
  /** The function to call; undefined for stdin. */
  readonly call: string | undefined
  readonly compiler: CompilerChoice | undefined
}

/**
 * Checks what is not an option of a run.
 *
 * @throws {WasiexecError} `ERR_INVALID_OPTION`.
 */
export function checkSnapshot(options: SnapshotOptions): CheckedSnapshot {
  checkOptions(options, SNAPSHOT_OPTIONS)
  const { until = 'stdin', compiler } = options
  const run = omit(options, ['until', 'compiler'])
  if (compiler !== undefined) checkCompiler(compiler)
  const { onOutput } = (run.limits ?? {}) as Limits
  if (onOutput !== undefined)
    throw invalid('limits.onOutput', 'absent: output over its cap ends the run', onOutput)
  return { run, call: until === 'stdin' ? undefined : checkCall(until), compiler }
}

function checkCall(until: unknown): string {
  if (typeof until !== 'object' || until === null || !('call' in until)) {
    throw invalid('until', `'stdin' or { call: name }`, until)
  }
  for (const key in until) if (key !== 'call') throw unknown(`until.${key}`, key, ['call'])
  const { call } = until
  checkString('until.call', call)
  return call
}

/** The error for a program that ended before the snapshot. */
export function endedEarly(outcome: Outcome, call: string | undefined): WasiexecError {
  const moment = call === undefined ? 'it read stdin' : `${JSON.stringify(call)} had returned`
  const message = `no snapshot was taken, because the program ended before ${moment}: ${describeOutcome(outcome)}`
  return new WasiexecError('ERR_SNAPSHOT', message, { outcome })
}
