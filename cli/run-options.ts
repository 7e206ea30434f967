import { Option, type Command } from 'commander'
import type { CompilerChoice, LoadOptions, Limits, RunOptions } from '../src/index.ts'
import type { Io } from './io.ts'
import { limitsOf, type LimitKind, type LimitName, type LimitValues } from './limit-flags.ts'
import { addLimits } from './limits.ts'
import { directory, time, uint64, variable, type Environment, type Preopens } from './parse.ts'

/** What {@link addRunOptions} adds, as commander names it. */
export interface RunFlags extends LimitValues {
  dir?: Preopens
  env?: Environment
  onMemory: 'stop' | 'deny'
  /** Not of all verbs. */
  onOutput?: 'stop' | 'truncate'
  seed?: bigint
  fixedClock?: Date
}

/** What {@link addLoadOptions} adds. */
export interface LoadFlags {
  cache: boolean
  cacheDir?: string
  compiler?: CompilerChoice
  interruptible: boolean
  trustPrecompiled?: boolean
}

/**
 * What programs are granted and limited to, whatever verb runs them. `more` limits are those of some verbs. At those of
 * `ending` a run ends in any case.
 */
export function addRunOptions(
  command: Command,
  io: Io,
  more: readonly LimitKind[] = [],
  ending: readonly LimitName[] = [],
): void {
  command
    .optionsGroup('What the program may use:')
    .option(
      '--dir <host[::guest][:rw]>',
      'a directory, read-only without :rw; may be repeated',
      directory,
    )
    .option(
      '-e, --env <name[=value]>',
      'an environment variable; may be repeated',
      variable(io.env),
    )
    .option('--seed <number>', 'the same random numbers in every run', uint64)
    .option('--fixed-clock <time>', 'a clock that stands still at this time', time)
  command.optionsGroup('Limits:')
  addLimits(command, ['run', ...more], ending)
}

/** How verbs load programs. The first of `compilers` is the default; without any there is no choice. */
export function addLoadOptions(command: Command, compilers: readonly CompilerChoice[]): void {
  command
    .optionsGroup('Loading:')
    .option('--cache-dir <folder>', 'where compiled code is kept')
    .option('--no-cache', 'keep no compiled code')
    .option(
      '--trust-precompiled',
      'accept what wasiexec compile made: code that runs without a sandbox',
    )
    .option('--no-interruptible', 'faster code that nothing can stop while it computes')
  if (compilers.length > 0) command.addOption(compilerOption(compilers))
}

const COMPILERS: Readonly<Record<CompilerChoice, string>> = {
  optimizing: 'optimizing: fast code',
  baseline: 'baseline: code that is made fast',
  tiered: 'tiered: baseline first, then optimizing',
}

export function compilerOption(choices: readonly CompilerChoice[]): Option {
  const words = choices.map((choice) => COMPILERS[choice]).join('; ')
  return new Option('--compiler <which>', words).choices(choices).default(choices[0])
}

/** The options of a run, without those of its streams. */
export function runOptions(flags: RunFlags): RunOptions {
  const limits: Limits = {
    ...limitsOf(flags),
    // A limit that was set is one to report; the default of 4 GiB is what wasm32 has anyway.
    onMemory: flags.memory === undefined ? undefined : flags.onMemory,
    onOutput: flags.onOutput,
  }
  return {
    env: flags.env,
    preopens: flags.dir,
    randomSeed: flags.seed,
    clock: flags.fixedClock && { now: flags.fixedClock },
    limits,
  }
}

export function loadOptions(flags: LoadFlags): LoadOptions {
  return {
    cache: flags.cache && (flags.cacheDir ?? true),
    compiler: flags.compiler,
    interruptible: flags.interruptible,
    trustPrecompiled: flags.trustPrecompiled,
    // Only what lies beside a program that the user has named.
    sourceMaps: true,
  }
}
