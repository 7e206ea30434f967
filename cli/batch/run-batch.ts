import { Runtime, type BatchSummary, type Program, type RunOptions } from '../../src/index.ts'
import { checkCollectTo, readGuestFiles } from '../guest-files.ts'
import { print, printable, say, type InterruptSignal, type Io } from '../io.ts'
import { openProgram } from '../program.ts'
import { ReportCollector } from '../../report/collect.ts'
import { loadOptions } from '../run-options.ts'
import { isDrawable } from '../terminal.ts'
import { conclude } from './conclusion.ts'
import { CaseInput } from './case-input.ts'
import { DoneJobs } from './done-jobs.ts'
import {
  batchOptions,
  checkReport,
  paths,
  runtimeOptions,
  type BatchFlags,
  type Paths,
} from './flags.ts'
import { Identity } from './identity.ts'
import type { Input } from './item.ts'
import { LineInput } from './line-input.ts'
import type { LiveReport } from './live-report.ts'
import { asLines, onTerminal, silent, type Position, type Progress } from './progress.ts'
import { ResultQueue } from './result-queue.ts'
import { ResultsFile } from './results-file.ts'
import { Session, verify } from './session.ts'
import { Tally } from './tally.ts'

/** Carries out `wasiexec batch` and returns its exit status. */
export async function runBatch(
  io: Io,
  words: readonly string[],
  flags: BatchFlags,
): Promise<number> {
  const names = paths(words, flags)
  checkCollectTo(flags)
  await checkReport(flags)
  const options = runtimeOptions(flags)
  const interrupts = new Interrupts(io)
  const closers: (() => Promise<void> | undefined)[] = [async () => interrupts.close()]
  let isFinished = false
  try {
    const live = await openLive(flags)
    // Not after a failure, nor after Ctrl-C.
    closers.push(() => live?.close(isFinished && flags.liveStay ? interrupts.came() : undefined))
    const runtime = options && new Runtime(options)
    closers.push(() => runtime?.close())
    const program = await openProgram(io, names.program, { ...loadOptions(flags), runtime })
    const files = await readGuestFiles(flags)
    const input = await openInput(io, names, flags)
    closers.push(() => input.close())
    const file = await openFile(names, flags)
    closers.push(() => file?.close(isFinished))
    const parts = { io, flags, names, files, program, input, file, live, interrupts }
    const status = await carryOut(parts)
    isFinished = true
    return status
  } finally {
    for (const close of closers.toReversed()) await close()
  }
}

interface Parts {
  readonly io: Io
  readonly flags: BatchFlags
  readonly names: Paths
  /** The options of files in memory. */
  readonly files: RunOptions
  readonly program: Program
  readonly input: Input
  /** `undefined`: results go to stdout. */
  readonly file: ResultsFile | undefined
  /** The page of `--live`. */
  readonly live: LiveReport | undefined
  readonly interrupts: Interrupts
}

async function carryOut(parts: Parts): Promise<number> {
  const { io, flags, names, program, input, file, live, interrupts } = parts
  const options = batchOptions(flags, names.args, parts.files)
  const identity = await Identity.of(names.program, {
    mode: mode(flags),
    defaults: options.defaults,
  })
  const collector = openCollector(flags)
  const done = new DoneJobs()
  let progress: Progress = silent(io.stderr)
  const tally = new Tally(flags.eachFile !== undefined, collector, (line) => progress.say(line))
  if (live !== undefined) {
    const url = live.show({ program, names, flags, collector: collector!, tally })
    await say(io, `wasiexec: live report${flags.liveStay ? ' until Ctrl-C' : ''}: ${url}`)
  }
  if (flags.resume) await readBack(file!, identity, done, tally)
  await verify(input, done)
  const session = new Session({
    program,
    input,
    identity,
    done,
    batch: options,
    collectTo: flags.collectTo,
    deadline: flags.deadline,
    strict: flags.strict ?? false,
    stopOnFailure: flags.stopOnFailure ?? false,
    keepsJobs: collector !== undefined,
    took: (item, result, { job, expected }) => tally.took(item, result, job, expected),
  })
  const target = file ?? { write: (bytes: Buffer) => print(io.stdout, bytes) }
  const queue = new ResultQueue(target, () => {
    session.stop({ by: 'output', error: queue.failure?.error })
  })
  await file?.begin()
  interrupts.listen((signal) => session.stop({ by: 'signal', signal }))
  progress = openProgress(io, flags, () => position(input, session, tally))
  for (const remark of input.remarks) progress.say(printable(`wasiexec: ${remark}`))
  tally.begin()
  const startedAt = new Date()
  live?.begin({
    startedAt,
    runs: () => session.runs,
    position: () => position(input, session, tally),
  })
  let end: Pick<BatchSummary, 'endedBy' | 'advice'> = { endedBy: 'error' }
  let failure: { error: unknown } | undefined
  try {
    end = await session.run(queue)
  } catch (error) {
    failure = { error }
  }
  await queue.flush()
  const wallMs = tally.sinceStart()
  try {
    if (queue.failure === undefined) await file?.sync()
  } catch (error) {
    failure ??= { error }
  }
  progress.stop()
  return conclude({
    ...parts,
    session,
    queue,
    tally,
    collector,
    ...end,
    failure,
    wallMs,
    startedAt,
  })
}

/** Reads the results that are in the file; the file is not changed. */
async function readBack(
  file: ResultsFile,
  identity: Identity,
  done: DoneJobs,
  tally: Tally,
): Promise<void> {
  for await (const result of file.results()) {
    const difference = identity.difference(result.key)
    if (difference !== undefined) throw file.refusal(`what is in it is of ${difference}`)
    if (!done.add(result.index, result.key.job)) {
      throw file.refusal(
        `job ${result.index} has two results, or too many jobs before it have none`,
      )
    }
    tally.stored(result)
  }
}

function openLive({ live, livePort }: BatchFlags): Promise<LiveReport | undefined> {
  if (!live) return Promise.resolve(undefined)
  return import('./live-report.ts').then(({ LiveReport }) => LiveReport.open(livePort ?? 0))
}

function openCollector({ report, live }: BatchFlags): ReportCollector | undefined {
  if (report === undefined && !live) return undefined
  return new ReportCollector({ latest: live ? LATEST : 0 })
}

/** Failing jobs of each ending that came last, on a live page. */
const LATEST = 10

async function openInput(io: Io, { input }: Paths, flags: BatchFlags): Promise<Input> {
  if (flags.eachFile !== undefined) return CaseInput.of(input, flags.compare)
  const kind = flags.eachLine ? { linesPerRun: flags.lines ?? 1 } : 'job'
  return input === '-' ? LineInput.ofStream(io.stdin, kind) : LineInput.ofFile(input, kind)
}

async function openFile(
  { program, input, output }: Paths,
  { resume, force }: BatchFlags,
): Promise<ResultsFile | undefined> {
  if (output === '-') return undefined
  return ResultsFile.open(output, resume ? 'resume' : force ? 'force' : 'new', [program, input])
}

function openProgress(io: Io, { quiet, output }: BatchFlags, read: () => Position): Progress {
  // The results are on the same terminal, where they can be watched.
  if (quiet || (output === '-' && io.stdout.isTTY)) return silent(io.stderr)
  return (isDrawable(io.stderr, io.env) ? onTerminal : asLines)(io.stderr, read)
}

function position({ size }: Input, session: Session, { totals, resumed }: Tally): Position {
  return { totals, resumed, fraction: size ? Math.min(1, session.end / size) : undefined }
}

function mode({ eachLine, lines = 1, eachFile, compare, collectTo }: BatchFlags): string[] {
  // Results are without the files that go to a folder.
  const elsewhere = collectTo === undefined ? [] : ['collect-to']
  if (eachFile !== undefined) return ['each-file', compare, ...elsewhere]
  if (eachLine && lines > 1) return ['each-lines', `${lines}`, ...elsewhere]
  return [eachLine ? 'each-line' : 'jobs', ...elsewhere]
}

/** Remembers an interrupt until there is a listener. */
class Interrupts {
  readonly #stop: () => void
  #came: InterruptSignal | undefined
  #listener: ((signal: InterruptSignal) => void) | undefined

  constructor(io: Io) {
    this.#stop = io.onInterrupt((signal) => {
      this.#came = signal
      this.#listener?.(signal)
    })
  }

  listen(listener: (signal: InterruptSignal) => void): void {
    this.#listener = listener
    if (this.#came !== undefined) listener(this.#came)
  }

  /** Resolves at the first one, which may have come already. */
  came(): Promise<InterruptSignal> {
    return new Promise((resolve) => this.listen(resolve))
  }

  close(): void {
    this.#stop()
  }
}
