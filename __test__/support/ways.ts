// Every way to run a program: with each kind of runtime, each compiler and each function that runs.
import type { ExecutionContext } from 'ava'
import {
  load,
  Runtime,
  WasiexecError,
  type BatchResult,
  type CompilerChoice,
  type HostError,
  type HostedRunOptions,
  type Job,
  type LoadOptions,
  type Outcome,
  type Program,
  type RunOptions,
  type RunSyncOptions,
} from './package.ts'
import { ending } from './guest.ts'
import { runThroughSpawn } from './through-spawn.ts'

/** What makes two runs the same. */
export const SAME = { clock: { now: 1_582_934_400_123 }, randomSeed: 7 } as const

const COMPILERS = ['optimizing', 'baseline', 'tiered'] as const

const RUNTIMES = {
  'one thread': { threads: 1 },
  'two threads': { threads: 2 },
  processes: { threads: 2, workers: 'processes' },
} as const

/** All that can be seen of a run but its usage, or why there was none. */
export type Seen = Record<string, unknown>

/** A run by one of the ways. */
export interface Run {
  way: string
  seen: Seen
}

/** Options anew for each run: some can be used only once. */
export type MakeOptions = (program: Program) => RunOptions | HostedRunOptions

interface Home {
  name: string
  runtime: Runtime
  compiler: CompilerChoice
  canSync: boolean
}

/** Each runtime with each compiler. They end with `close`. */
export function homes(): { all: Home[]; close: () => Promise<unknown> } {
  const runtimes = Object.entries(RUNTIMES).map(([name, options]) => ({
    name,
    runtime: new Runtime({ workers: 'threads', ...options }),
    canSync: !('workers' in options),
  }))
  return {
    all: runtimes.flatMap((runtime) =>
      COMPILERS.map((compiler) => ({
        ...runtime,
        name: `${runtime.name}, ${compiler}`,
        compiler,
      })),
    ),
    close: () => Promise.all(runtimes.map(({ runtime }) => runtime.close())),
  }
}

/** Runs a program by every way. A program that is not run by `runSync` has options that `runSync` does not take. */
export async function runs(
  { all }: { all: Home[] },
  source: string | Buffer,
  make: MakeOptions,
  { cache = false, sync = true }: { cache?: LoadOptions['cache']; sync?: boolean } = {},
): Promise<Run[]> {
  const found: Run[] = []
  for (const { name, runtime, compiler, canSync } of all) {
    const program = await attempt(() => load(source, { runtime, compiler, cache }))
    if (program instanceof WasiexecError) {
      found.push({ way: `${name}, load`, seen: failed(program) })
      continue
    }
    const by = async (way: string, run: () => unknown): Promise<Run> => ({
      way: `${name}, ${way}`,
      seen: await see(run),
    })
    const jobs = [make(program), make(program), make(program)] as Job[]
    const batch = program.batch(jobs)[Symbol.asyncIterator]()
    const together = await Promise.all([
      by('run', () => program.run(make(program) as RunOptions)),
      by('spawn', () => runThroughSpawn(program, make(program) as RunOptions)),
      by('the first job of a batch', () => next(batch)),
      by('the second job of a batch', () => next(batch)),
      by('the third job of a batch', () => next(batch)),
    ])
    found.push(...together)
    if (canSync && sync) {
      found.push(await by('runSync', () => program.runSync(make(program) as RunSyncOptions)))
    }
    if (compiler !== 'tiered') continue
    while ((await program.inspect()).compiler.reason === 'the optimized code is not made yet') {
      await new Promise((resolve) => setTimeout(resolve, 5))
    }
    const optimized = (): unknown => program.run(make(program) as RunOptions)
    found.push(await by('run of optimized code', optimized))
  }
  return found
}

/** Asserts that all runs were seen to be the same, and returns what was seen. */
export function same(t: ExecutionContext, all: readonly Run[]): Seen {
  const [first, ...others] = all
  for (const { way, seen } of others) {
    t.deepEqual(seen, first!.seen, `${way} differs from ${first!.way}`)
  }
  return first!.seen
}

async function next(batch: AsyncIterator<BatchResult<unknown, Outcome>>): Promise<Outcome> {
  const { outcome, error } = (await batch.next()).value as BatchResult
  if (outcome === undefined) throw error
  return outcome
}

async function attempt<T>(use: () => T | Promise<T>): Promise<T | WasiexecError> {
  try {
    return await use()
  } catch (error) {
    if (error instanceof WasiexecError) return error
    throw error
  }
}

async function see(run: () => unknown): Promise<Seen> {
  const outcome = (await attempt(run)) as Outcome | HostError | WasiexecError
  if (outcome instanceof WasiexecError) return failed(outcome)
  const seen: Seen = {
    ending: ending(outcome),
    stdout: outcome.stdout.toString('latin1'),
    stderr: outcome.stderr.toString('latin1'),
  }
  if (outcome.kind === 'trap') seen['message'] = outcome.trap.message
  if ('files' in outcome && outcome.files !== undefined) {
    seen['files'] = [...outcome.files].map(([path, bytes]) => [path, bytes.toString('latin1')])
  }
  return seen
}

function failed({ code, message }: WasiexecError): Seen {
  return { code, message }
}
