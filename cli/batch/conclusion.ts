import { WasiexecError, type BatchAdvice, type BatchEnd, type Program } from '../../src/index.ts'
import { hasLostReader, isSystemError, print, say, type Io } from '../io.ts'
import type { ReportCollector } from '../../report/collect.ts'
import { CliError, STATUS } from '../status.ts'
import type { BatchFlags, Paths } from './flags.ts'
import type { LiveReport } from './live-report.ts'
import { reportInfo } from './report-info.ts'
import type { ResultQueue } from './result-queue.ts'
import type { ResultsFile } from './results-file.ts'
import { NotResumable, type Session } from './session.ts'
import type { Tally } from './tally.ts'
import type { Summary } from './totals.ts'
import { counted, summaryText } from './words.ts'

/** A batch that has ended, and everything that there is to say about it. */
export interface Ended {
  readonly io: Io
  readonly flags: BatchFlags
  readonly names: Paths
  readonly program: Program
  readonly file: ResultsFile | undefined
  readonly session: Session
  readonly queue: ResultQueue
  readonly tally: Tally
  readonly collector: ReportCollector | undefined
  readonly live: LiveReport | undefined
  readonly endedBy: BatchEnd
  readonly advice?: BatchAdvice
  readonly failure: { readonly error: unknown } | undefined
  readonly wallMs: number
  readonly startedAt: Date
}

/**
 * Reports how the batch ended and returns the exit status.
 *
 * @throws the error that ended the batch, if one did.
 */
export async function conclude(ended: Ended): Promise<number> {
  const { io, flags, session, queue, tally, live, wallMs, advice } = ended
  if (queue.failure === undefined) {
    tally.end(flags.eachLine !== true && flags.eachFile === undefined)
  }
  const fault = faultOf(ended)
  const endedBy = session.stopped?.by === 'stop-on' ? 'stop-on' : ended.endedBy
  const { totals, resumed } = tally
  const summary = totals.summary({ endedBy, advice }, { resumed, runs: session.runs, wallMs })
  live?.over(fault === undefined ? summary : { ...summary, endedBy: 'error', ...fault })
  if (fault !== undefined) throw fault.error
  if (flags.summary === 'text' && !flags.quiet) await say(io, summaryText(summary, totals))
  try {
    if (flags.report !== undefined) await report(ended, flags.report, summary)
    return await explain(ended, endedBy)
  } finally {
    // Printed last: with results on stdout, it is the last line of stderr.
    if (flags.summary === 'json') {
      const stream = ended.names.output === '-' ? io.stderr : io.stdout
      await print(stream, `${JSON.stringify(summary)}\n`)
    }
  }
}

/** The error that ended the batch. */
function faultOf(ended: Ended): { error: unknown } | undefined {
  const { queue, session, failure } = ended
  if (queue.failure !== undefined) return { error: outputFailure(ended, queue.failure.error) }
  const fault = session.stopped?.by === 'error' ? session.stopped : failure
  return fault && { error: withProgress(ended, fault.error) }
}

/** Says what ended the batch early, and returns the exit status. */
async function explain(ended: Ended, endedBy: BatchEnd): Promise<number> {
  const { io, session } = ended
  const { stopped } = session
  switch (endedBy) {
    case 'signal':
      await say(io, `wasiexec: interrupted${progress(ended)}`)
      return stopped?.by === 'signal' ? STATUS[stopped.signal] : STATUS.error
    case 'deadline':
      await say(io, `wasiexec: the --deadline has passed${progress(ended)}`)
      return STATUS.timeout
    case 'stop-on':
      await say(io, `wasiexec: stopped by --stop-on-failure${progress(ended)}`)
      return FAILED
    default:
      return isGood(ended) ? STATUS.ok : FAILED
  }
}

/** Some job has no outcome; with a judge, not all jobs were accepted. */
const FAILED = 1

function isGood({ flags, tally: { totals } }: Ended): boolean {
  if (flags.eachFile !== undefined) return totals.accepted === totals.results
  return totals.errors === 0
}

async function report(ended: Ended, path: string, summary: Summary): Promise<void> {
  const { collector, startedAt } = ended
  if (collector === undefined) return
  const { writeReport } = await import('../write-report.ts')
  try {
    await writeReport(path, collector, reportInfo(ended, summary, startedAt))
  } catch (error) {
    throw new CliError(`cannot write the report: ${(error as Error).message}`, { cause: error })
  }
}

function outputFailure(ended: Ended, error: unknown): unknown {
  // The reader of the results has seen enough.
  if (hasLostReader(error)) return error
  const message = `cannot write the results: ${(error as Error).message}${progress(ended)}`
  return new CliError(message, { cause: error })
}

function withProgress(ended: Ended, error: unknown): unknown {
  const isOurs = error instanceof CliError || error instanceof WasiexecError || isSystemError(error)
  // Nothing is said about --resume where it is what failed.
  if (!isOurs || error instanceof NotResumable || results(ended) === 0) return error
  return new CliError(`${error.message}${progress(ended)}`, { cause: error })
}

function results({ queue, tally }: Ended): number {
  return tally.resumed + queue.written
}

/** How far the batch got, and how to continue it. */
function progress(ended: Ended): string {
  const { file } = ended
  const count = results(ended)
  if (count === 0) return '; there are no results'
  if (file === undefined || !file.isRegular) return `; ${counted(count, 'result')} written`
  return `; ${counted(count, 'result')} in ${file.path}, and the same command with --resume continues`
}
