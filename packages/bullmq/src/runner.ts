import { WasiexecError, type Program, type RunOptions, type Runtime } from 'wasiexec'
import { capDefaults, capJob, readCaps, type Caps } from './caps.ts'
import { checkOptions, toError } from './faults.ts'
import { Gate } from './gate.ts'
import { unpackChunk, unpackOptions, type Chunk, type QueuedJob } from './jobs.ts'
import { checkCount, Programs, type ProgramOptions } from './programs.ts'
import { neverStarted, type AnyOutcome, type End } from './results.ts'
import type { ProgramStore } from './store.ts'
import { unpack } from './binary.ts'

/** What an operator lets all jobs of a worker use of its machine. No job can ask for any of it. */
export type Grants = Pick<RunOptions, 'preopens' | 'network' | 'http'>

/** How a {@link ChunkRunner} is set up. */
export interface ChunkRunnerOptions {
  /** Where the programs are. */
  store: ProgramStore
  /** What runs them. */
  runtime: Runtime
  /** Upper bounds for every job. Default: 60 s, 1 GiB of memory, 16 MiB of output, 64 MiB and 65,536 files, 64 sockets. */
  limits?: Caps | undefined
  /** What every job may use of this machine: directories, and, unless it is a core module, network. Default: nothing. */
  grants?: Grants | undefined
  /** How programs are loaded. Default: as by `load`. */
  load?: ProgramOptions | undefined
  /** Programs that stay loaded. Default: 64. */
  programs?: number | undefined
}

/** The jobs of one message of any queue: what `ProgramQueue` calls a chunk. */
export interface ChunkWork {
  /** The jobs, as a producer packed them. */
  readonly payload: Uint8Array
  /** How many jobs these are, if that is known: a payload with more or fewer is refused. */
  readonly count?: number | undefined
  /** The options that they share, as a producer packed them. Default: none. */
  readonly defaults?: Uint8Array | undefined
  /** Jobs that have their results already, by their place in the chunk. Default: none. */
  readonly isDone?: (place: number) => boolean
  /** Programs that are not run, by digest. */
  readonly quarantined?: ReadonlySet<string>
  /** Whether this is the last try: faults of the machine are then results, too. */
  readonly isLastTry?: boolean
  /** Workers were lost with this chunk: its jobs run alone, one after the other. */
  readonly alone?: AloneWork | undefined
  /** Aborts the runs. Their results have its reason, unless it is `leave`. */
  readonly signal?: AbortSignal | undefined
  /** Aborts the runs, and leaves them without results. */
  readonly leave?: AbortSignal | undefined
}

/** How jobs are run that may have cost their worker. */
export interface AloneWork {
  /** The job that goes first. */
  readonly first: number | undefined
  /** Says that a job is about to run alone; false stops the work. */
  begin(place: number): Promise<boolean>
  /** Says that the job does not run any more, although it has no result. */
  leave?(): Promise<void>
  /** How often the job was alone in a worker that was lost. */
  kills(place: number): number
}

/** The end of one job. */
export interface JobEnd {
  /** Its place in the chunk. */
  readonly place: number
  readonly job: QueuedJob
  readonly end: End
}

/** What became of a chunk. */
export interface ChunkEnd {
  /** Jobs that have no result, because of the machine or because the work was left. */
  readonly undone: number
  /** Why, if it was the machine. */
  readonly fault: Error | undefined
}

const OPTIONS = [
  'store',
  'runtime',
  'limits',
  'grants',
  'load',
  'programs',
] as const satisfies readonly (keyof ChunkRunnerOptions)[]

export const GRANTS: readonly (keyof Grants)[] = ['preopens', 'network', 'http']

/** Faults of the machine. Another machine, or this one later, may run the job. */
const PASSING = new Set<string>([
  'ERR_OUT_OF_RESOURCES',
  'ERR_PREOPEN',
  'ERR_READ_FAILED',
  'ERR_RUNTIME_CLOSED',
])

/** A job that killed its worker this often while it was alone in it is not run again. */
export const MOST_KILLS = 2

/** How long jobs that run alone keep all others of the worker waiting in one go. */
const ALONE_MS = 1000

/** A payload that is not a chunk. */
export class UnreadableChunk extends Error {}

/**
 * Runs chunks of jobs: what a worker does between taking a message and acknowledging it, whatever the queue is. It loads
 * programs by digest, holds jobs to the operator's limits, runs them as one native batch, and hands over each end once.
 *
 * @example
 * // A worker for any queue: Kafka, SQS, a Kubernetes job.
 * const runner = new ChunkRunner({ store: folderStore('/mnt/programs'), runtime: new Runtime() })
 * const { undone } = await runner.run({ payload: message.body }, async (ends) => save(ends))
 * if (undone === 0) await message.acknowledge()
 */
export class ChunkRunner {
  readonly #programs: Programs
  readonly #runtime: Runtime
  readonly #caps: Caps
  readonly #grants: Grants
  readonly #gate = new Gate()
  /** Called when a program is to be quarantined, with the reason. */
  onQuarantine: (digest: string, reason: string) => Promise<void> = async () => {}

  /** @throws {WasiexecError} `ERR_INVALID_OPTION`. */
  constructor(options: ChunkRunnerOptions) {
    checkOptions(options, OPTIONS)
    const { store, runtime, limits, grants = {}, load = {}, programs = 64 } = options
    checkOptions(grants, GRANTS)
    this.#runtime = runtime
    this.#caps = readCaps(limits)
    this.#grants = grants
    this.#programs = new Programs(store, runtime, load, checkCount('programs', programs))
  }

  /** Programs that are loaded, and how many were loaded since the start. */
  get programs(): { readonly loaded: number; readonly loads: number } {
    return { loaded: this.#programs.count, loads: this.#programs.loads }
  }

  /**
   * Runs the jobs of a chunk and hands over their ends as they come, some at a time. Whatever guests do is an end; so is
   * what is wrong with a job.
   *
   * @throws {UnreadableChunk} (rejects) when the payload is not a chunk.
   * @throws {Error} (rejects) what `take` throws.
   */
  async run(work: ChunkWork, take: (ends: readonly JobEnd[]) => Promise<void>): Promise<ChunkEnd> {
    const { programs, jobs } = readChunk(work)
    const { isDone = () => false, quarantined = new Set<string>(), isLastTry = false } = work
    const shared = sharedOptions(work.defaults)
    const chunk: ChunkState = { work, shared, undone: 0, fault: undefined, take, isLastTry }
    const todo: Todo[] = []
    const refused: JobEnd[] = []
    const loaded = programs.map((ref) =>
      quarantined.has(ref.digest) ? undefined : this.#programs.get(ref),
    )
    // Awaited below, one after the other.
    for (const program of loaded) program?.catch(() => {})
    for (const [place, job] of jobs.entries()) {
      if (isDone(place)) continue
      const digest = programs[job.program]!.digest
      const end = await this.#refusal(chunk, job, digest, loaded[job.program])
      if (end === 'later') chunk.undone += 1
      else if (end !== undefined) refused.push({ place, job, end })
      else todo.push({ place, job, digest, program: (await loaded[job.program])! })
    }
    if (refused.length > 0) await take(refused)
    if (work.alone === undefined) await this.#inCompany(chunk, todo)
    else await this.#oneByOne(chunk, todo, work.alone)
    return { undone: chunk.undone, fault: chunk.fault }
  }

  /** Why a job is not run: its end; 'later', if another machine may run it; undefined, if it is run. */
  async #refusal(
    chunk: ChunkState,
    { work }: QueuedJob,
    digest: string,
    program: Promise<Program> | undefined,
  ): Promise<End | 'later' | undefined> {
    const { leave, signal } = chunk.work
    if (leave?.aborted) return 'later'
    if (signal?.aborted) return neverStarted(signal.reason)
    if (work.kind === 'error') return { error: jobError(work.error) }
    if (chunk.shared instanceof Error) return { error: chunk.shared }
    if (program === undefined) return { error: quarantineError(digest) }
    try {
      await program
      return undefined
    } catch (thrown) {
      return this.#isPassing(chunk, thrown) ? 'later' : { error: toError(thrown) }
    }
  }

  /** Whether a fault leaves its job for a later try. */
  #isPassing(chunk: ChunkState, thrown: unknown): boolean {
    const error = toError(thrown)
    const isPassing = !(error instanceof WasiexecError) || PASSING.has(error.code)
    // A runtime that is closed runs nothing, however often it is tried.
    if (!isPassing || (chunk.isLastTry && codeOf(error) !== 'ERR_RUNTIME_CLOSED')) return false
    chunk.fault ??= error
    return true
  }

  /** Runs jobs beside those of other chunks. Those whose worker process died are run again, alone. */
  async #inCompany(chunk: ChunkState, todo: readonly Todo[]): Promise<void> {
    const died = await this.#gate.shared(() => this.#together(chunk, todo))
    for (const each of died) await this.#gate.exclusive(() => this.#again(chunk, each, 0))
  }

  /** Whether an end is no result: the work was left, the runtime was closed, or the machine has a fault. */
  #isUndone(
    chunk: ChunkState,
    outcome: AnyOutcome | undefined,
    error: WasiexecError | undefined,
  ): boolean {
    if (error !== undefined) return this.#isPassing(chunk, error)
    if (outcome?.kind !== 'abort') return false
    const { leave, signal } = chunk.work
    const { reason } = outcome
    if (leave?.aborted && reason === leave.reason) return true
    const isGiven = signal?.aborted === true && reason === signal.reason
    return !isGiven && codeOf(reason) === 'ERR_RUNTIME_CLOSED' && this.#isPassing(chunk, reason)
  }

  /** Runs jobs as one native batch of each kind. Returns those whose worker process died. */
  async #together(chunk: ChunkState, todo: readonly Todo[]): Promise<Todo[]> {
    const runs = todo.filter(({ job }) => job.work.kind === 'run')
    const calls = todo.filter(({ job }) => job.work.kind === 'call')
    const died: Todo[] = []
    for (const group of [runs, calls])
      if (group.length > 0) died.push(...(await this.#batch(chunk, group)))
    return died
  }

  /** Runs a job alone whose worker process died, `kills` times while it was alone. */
  async #again(chunk: ChunkState, each: Todo, kills: number): Promise<void> {
    for (let times = kills; times < MOST_KILLS; times += 1)
      if ((await this.#batch(chunk, [each])).length === 0) return
    await this.#quarantine(chunk, each, 'its worker process')
  }

  async #oneByOne(chunk: ChunkState, todo: readonly Todo[], alone: AloneWork): Promise<void> {
    const first = todo.filter(({ place }) => place === alone.first)
    const rest = todo.filter(({ place }) => place !== alone.first)
    const bad = new Set<string>()
    const line = [...first, ...rest]
    while (line.length > 0)
      await this.#gate.exclusive(async () => {
        const end = performance.now() + ALONE_MS
        do await this.#alone(chunk, line.shift()!, alone, bad)
        while (line.length > 0 && performance.now() < end)
      })
  }

  async #alone(chunk: ChunkState, each: Todo, alone: AloneWork, bad: Set<string>): Promise<void> {
    if (bad.has(each.digest)) {
      await chunk.take([{ ...each, end: { error: quarantineError(each.digest) } }])
    } else if (alone.kills(each.place) >= MOST_KILLS) {
      await this.#quarantine(chunk, each, 'its worker')
      bad.add(each.digest)
    } else if (await alone.begin(each.place)) {
      const { undone } = chunk
      if ((await this.#batch(chunk, [each])).length > 0) await this.#again(chunk, each, 1)
      // Whoever runs next in this worker must not have this one blamed.
      if (chunk.undone > undone) await alone.leave?.()
    } else {
      chunk.undone += 1
    }
  }

  async #quarantine(chunk: ChunkState, each: Todo, what: string): Promise<void> {
    const { digest, job } = each
    const reason = `its job ${job.index} was alone in ${what} when that was lost, ${MOST_KILLS} times`
    await this.onQuarantine(digest, reason)
    await chunk.take([{ ...each, end: { error: quarantineError(digest, reason) } }])
  }

  /** Core modules cannot have a network, and run without the one that components are granted. */
  #withheld({ kind }: Program): Pick<RunOptions, 'network' | 'http'> {
    const { network, http } = this.#grants
    if (kind === 'component') return {}
    return {
      ...(network === undefined ? {} : { network: false }),
      ...(http === undefined ? {} : { http: false }),
    }
  }

  /** Runs jobs of one kind. Returns those whose worker process died. */
  async #batch(chunk: ChunkState, todo: readonly Todo[]): Promise<Todo[]> {
    const { signal, leave } = chunk.work
    const [{ program }] = todo as [Todo]
    const caps = this.#caps
    const isCall = todo[0]!.job.work.kind === 'call'
    const { collect, ...others } = chunk.shared as RunOptions
    const options = {
      defaults: {
        ...capDefaults(isCall || collect === undefined ? others : { ...others, collect }, caps),
        ...this.#grants,
      },
      ordered: false,
      ...(isCall ? { state: 'fresh' as const } : {}),
      signal: anyOf(signal, leave),
      // A chunk of calls has few instances, and one of runs as many runs as there are threads.
      concurrency: Math.min(todo.length, this.#runtime.stats().threads),
    }
    const jobs = todo.map(({ job: { work }, program: own }, id) => {
      if (work.kind === 'call') {
        const { kind: _, ...call } = capJob(work, caps)
        return { id, ...call }
      }
      const job = capJob((work as { options: RunOptions }).options, caps)
      return { ...job, ...this.#withheld(own), id, program: own }
    })
    const groups = isCall ? byProgram(todo, jobs) : [{ program, jobs }]
    const died: Todo[] = []
    for (const group of groups) {
      let batch
      try {
        const defaults = { ...options.defaults, ...(isCall ? this.#withheld(group.program) : {}) }
        batch = group.program.batch(group.jobs as never, { ...options, defaults } as never)
      } catch (thrown) {
        const ids = (group.jobs as { id: number }[]).map(({ id }) => todo[id]!)
        // What the jobs share cannot be used: here, or by no worker.
        const end = { error: toError(thrown) }
        if (this.#isPassing(chunk, thrown)) chunk.undone += ids.length
        else await chunk.take(ids.map(({ place, job }) => ({ place, job, end })))
        continue
      }
      for await (const results of batch.chunks()) {
        const ends: JobEnd[] = []
        for (const { id, outcome, error } of results as unknown as NativeResult[]) {
          const each = todo[id]!
          if (error?.code === 'ERR_WORKER_DIED') died.push(each)
          else if (this.#isUndone(chunk, outcome, error)) chunk.undone += 1
          else
            ends.push({
              place: each.place,
              job: each.job,
              end: outcome ? { outcome } : { error: error! },
            })
        }
        if (ends.length > 0) await chunk.take(ends)
      }
    }
    return died
  }
}

interface NativeResult {
  readonly id: number
  readonly outcome?: AnyOutcome
  readonly error?: WasiexecError
}

interface Todo {
  readonly place: number
  readonly job: QueuedJob
  readonly digest: string
  readonly program: Program
}

/** A chunk while it is run. */
interface ChunkState {
  readonly work: ChunkWork
  /** The options that its jobs share, or why they cannot be used. */
  readonly shared: RunOptions | Error
  readonly take: (ends: readonly JobEnd[]) => Promise<void>
  readonly isLastTry: boolean
  undone: number
  fault: Error | undefined
}

/** A batch of calls has one program. */
function byProgram<J>(
  todo: readonly Todo[],
  jobs: readonly J[],
): { program: Program; jobs: J[] }[] {
  const groups = new Map<Program, J[]>()
  for (const [at, { program }] of todo.entries()) {
    const group = groups.get(program) ?? []
    group.push(jobs[at]!)
    groups.set(program, group)
  }
  return [...groups].map(([program, group]) => ({ program, jobs: group }))
}

function sharedOptions(defaults: Uint8Array | undefined): RunOptions | Error {
  if (defaults === undefined || defaults.length === 0) return {}
  try {
    return unpackOptions(unpack(defaults))
  } catch (error) {
    return toError(error)
  }
}

function anyOf(...signals: readonly (AbortSignal | undefined)[]): AbortSignal | undefined {
  const given = signals.filter((signal) => signal !== undefined)
  return given.length > 1 ? AbortSignal.any(given) : given[0]
}

function codeOf(thrown: unknown): string | undefined {
  return thrown instanceof WasiexecError ? thrown.code : undefined
}

function readChunk({ payload, count }: ChunkWork): Chunk {
  try {
    const chunk = unpackChunk(payload)
    const { length } = chunk.jobs
    if (count !== undefined && length !== count)
      throw new Error(`expected ${count} jobs, got ${length}`)
    return chunk
  } catch (error) {
    const { message } = toError(error)
    throw new UnreadableChunk(`the chunk cannot be read: ${message}`, { cause: error })
  }
}

function jobError(error: Error): WasiexecError {
  return error instanceof WasiexecError
    ? error
    : new WasiexecError('ERR_JOB', `the job could not be made: ${error.message}`, { cause: error })
}

/** The error of every job of a program that is in quarantine. */
function quarantineError(
  digest: string,
  reason = 'jobs of it have killed their workers',
): WasiexecError {
  const advice =
    'mend the program, or lower the limits of the worker; `queue.release(digest)` lets it run again'
  return new WasiexecError(
    'ERR_WORKER_DIED',
    `the program ${digest} is in quarantine: ${reason}; ${advice}`,
  )
}
