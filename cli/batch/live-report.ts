import type { Program } from '../../src/index.ts'
import { assets } from '../../report/assets.ts'
import type { ReportCollector } from '../../report/collect.ts'
import type { LiveState, ReportInfo } from '../../report/info.ts'
import type { Phase } from '../../report/page/data.ts'
import type { View } from '../../report/live/renderer.ts'
import { LiveServer } from '../../report/live/server.ts'
import { CliError } from '../status.ts'
import type { BatchFlags, Paths } from './flags.ts'
import { Pace, type Position } from './progress.ts'
import { reportInfo } from './report-info.ts'
import type { Tally } from './tally.ts'

/** What a live page is made of. */
export interface LiveParts {
  readonly program: Program
  readonly names: Paths
  readonly flags: BatchFlags
  readonly collector: ReportCollector
  readonly tally: Tally
}

/** A batch that runs. */
export interface RunningBatch {
  readonly startedAt: Date
  /** Runs with an outcome. */
  runs(): number
  position(): Position
}

type Summary = ReportInfo['summary']

/** The page of `--live`: from before the first result to after the last one. */
export class LiveReport {
  #server!: LiveServer
  #parts: LiveParts | undefined
  #batch: RunningBatch | undefined
  #summary: Summary | undefined
  #pace = new Pace()
  #sampling: NodeJS.Timeout | undefined

  private constructor() {}

  /** @throws {CliError} when the port is taken. */
  static async open(port: number): Promise<LiveReport> {
    const live = new LiveReport()
    try {
      live.#server = await LiveServer.listen(port, await assets(), () => live.#view())
    } catch (error) {
      const { message } = error as Error
      throw new CliError(`--live-port: cannot listen on port ${port}: ${message}`, { cause: error })
    }
    return live
  }

  /** The page has something to show. Returns its address, which nobody knew before. */
  show(parts: LiveParts): string {
    this.#parts = parts
    return this.#server.url
  }

  /** The first job is about to run. */
  begin(batch: RunningBatch): void {
    this.#batch = batch
    this.#pace = new Pace()
    this.#sampling = setInterval(() => this.#pace.measure(batch.position()), 1000).unref()
  }

  /** The batch has ended. */
  over(summary: Summary): void {
    this.#summary = summary
    clearInterval(this.#sampling)
  }

  /** Sends the end to the pages that are open, and serves until `stay` resolves. */
  async close(stay: Promise<unknown> | undefined): Promise<void> {
    clearInterval(this.#sampling)
    if (this.#parts !== undefined) {
      this.#summary ??= { ...this.#totals(this.#parts), endedBy: 'error' }
      await this.#server.end()
      if (stay !== undefined) await this.#server.until(stay)
    }
    this.#server.close()
  }

  #view(): View {
    // Nobody knows the address before.
    const parts = this.#parts!
    const startedAt = this.#batch?.startedAt ?? new Date()
    const isRunning = this.#summary === undefined && this.#batch !== undefined
    const now = isRunning ? parts.tally.sinceStart() : undefined
    return {
      info: reportInfo(parts, this.#summary ?? this.#totals(parts), startedAt),
      collected: parts.collector.collected(now),
      state: this.#state(),
    }
  }

  #totals({ tally }: LiveParts): Summary {
    const wallMs = this.#batch === undefined ? 0 : tally.sinceStart()
    const session = { resumed: tally.resumed, runs: this.#batch?.runs() ?? 0, wallMs }
    const { endedBy: _, ...summary } = tally.totals.summary(
      { endedBy: 'jobs', advice: undefined },
      session,
    )
    return summary
  }

  #state(): LiveState {
    if (this.#batch === undefined) {
      const words = this.#phase === 'over' ? ENDED : 'Reading the results of earlier sessions'
      return { phase: this.#phase, words, fraction: undefined, perSecond: 0, leftMs: undefined }
    }
    const position = this.#batch.position()
    const { rate: perSecond, leftMs } = this.#pace.measure(position)
    const words = this.#phase === 'over' ? ENDED : 'Running'
    return { phase: this.#phase, words, fraction: position.fraction, perSecond, leftMs }
  }

  get #phase(): Phase {
    return this.#summary === undefined ? 'running' : 'over'
  }
}

const ENDED = 'The batch has ended'
