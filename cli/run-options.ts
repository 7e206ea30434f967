import { Option, type Command } from 'commander'
import type { CompilerChoice, LoadOptions, Limits, RunOptions } from '../src/index.ts'
import type { Io } from './io.ts'
import type { NetworkFlags } from './network.ts'
import {
  directory,
  duration,
  size,
  time,
  uint64,
  variable,
  whole,
  type Environment,
  type Preopens,
} from './parse.ts'

/** What {@link addRunOptions} adds, as commander names it. */
export interface RunFlags {
  dir?: Preopens
  env?: Environment
  timeout?: number
  cpu?: number
  fuel?: bigint
  memory?: number
  onMemory: 'stop' | 'deny'
  maxOutput?: number
  onOutput: 'stop' | 'truncate'
  maxFiles?: number
  maxFilesCount?: number
  maxSockets?: number
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

/** What the runs of `run` and `batch` are granted and limited to. */
export function addRunOptions(command: Command, io: Io): void {
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
    .optionsGroup('Limits:')
    .option('--timeout <duration>', 'wall clock, waiting included: 500ms, 2s, 1m', duration)
    .option('--cpu <duration>', 'time on a core', duration)
    .option('--fuel <number>', 'about one per instruction; the same in every run', uint64)
    .option('--memory <size>', 'all memories and tables together: 64MiB (default: 4GiB)', size)
    .addOption(
      new Option(
        '--on-memory <what>',
        'end the run, or let the program see that it gets no more memory',
      )
        .choices(['stop', 'deny'])
        .default('stop', 'stop with --memory, else deny'),
    )
    .option('--max-output <size>', 'stdout and stderr together', size)
    .addOption(
      new Option('--on-output <what>', 'end the run, or drop the rest')
        .choices(['stop', 'truncate'])
        .default('stop'),
    )
    .option(
      '--max-files <size>',
      'what is made or changed of files in memory (default: 256MiB)',
      size,
    )
    .option('--max-files-count <number>', 'how many of them are made (default: 65536)', whole)
    .option('--max-sockets <number>', 'open at the same time (default: 64)', whole)
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
export function runOptions(flags: RunFlags & NetworkFlags): RunOptions {
  const limits: Limits = {
    timeoutMs: flags.timeout,
    cpuMs: flags.cpu,
    fuel: flags.fuel,
    memoryBytes: flags.memory,
    // A limit that was set is one to report; the default of 4 GiB is what wasm32 has anyway.
    onMemory: flags.memory === undefined ? undefined : flags.onMemory,
    outputBytes: flags.maxOutput,
    onOutput: flags.onOutput,
    filesBytes: flags.maxFiles,
    filesCount: flags.maxFilesCount,
    sockets: flags.maxSockets,
    networkSentBytes: flags.maxSent,
    networkReceivedBytes: flags.maxReceived,
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
