import type { OutputStream } from '../io.ts'
import { LastLine } from './last-line.ts'
import type { Totals } from './totals.ts'
import { counted, numeral, parts, roughly } from './words.ts'

/** How far a batch is. */
export interface Position {
  readonly totals: Totals
  /** Results that were there before this session. */
  readonly resumed: number
  /** The part of the input whose jobs have results, 0 to 1, where it is known. */
  readonly fraction: number | undefined
}

/** Shows how far a batch is, and prints lines of text in between. */
export interface Progress {
  say(line: string): void
  stop(): void
}

const DRAW_MS = 100
/** The rate is the rate of the last ten seconds. */
const SAMPLE_MS = 1000
const SAMPLES = 10
const BAR_WIDTH = 24
const MIN_BAR_WIDTH = 6
/** When lines are printed without a terminal; after these, every minute. */
const PLAIN_MS = [1000, 2000, 5000, 10_000, 30_000, 60_000] as const

/** How fast a batch is. */
export class Pace {
  readonly #start = performance.now()
  readonly #samples: { at: number; results: number }[] = []
  #startFraction: number | undefined

  /** Returns results per second, and the milliseconds that are left if these can be estimated. */
  measure({ totals, resumed, fraction }: Position): { rate: number; leftMs: number | undefined } {
    const at = performance.now()
    const results = totals.results - resumed
    const samples = this.#samples
    const last = samples.at(-1)
    if (last === undefined || at - last.at >= SAMPLE_MS) samples.push({ at, results })
    if (samples.length > SAMPLES) samples.shift()
    const first = samples.length > 1 ? samples[0]! : { at: this.#start, results: 0 }
    const rate = at > first.at ? ((results - first.results) / (at - first.at)) * 1000 : 0
    if (fraction === undefined) return { rate, leftMs: undefined }
    // The first result shows where a resumed batch begins.
    if (results > 0) this.#startFraction ??= fraction
    const done = fraction - (this.#startFraction ?? fraction)
    const leftMs = done > 0 ? ((at - this.#start) * (1 - fraction)) / done : undefined
    return { rate, leftMs }
  }
}

function describe(position: Position, pace: Pace): string {
  const { totals, fraction } = position
  const { rate, leftMs } = pace.measure(position)
  const words = [counted(totals.results, 'result'), `${numeral(rate)}/s`]
  if (fraction !== undefined) words.unshift(`${Math.floor(fraction * 100)} %`)
  if (leftMs !== undefined && fraction !== 1) words.push(`${roughly(leftMs)} left`)
  const kinds = parts(totals)
  return kinds === '' ? words.join('  ') : `${words.join('  ')}  ${kinds}`
}

/** A bar as wide as there is room for, or none where it would be too short. */
function bar(fraction: number | undefined, room: number): string {
  const width = Math.min(BAR_WIDTH, room - 1)
  if (fraction === undefined || width < MIN_BAR_WIDTH) return ''
  const full = Math.floor(fraction * width)
  return `${'█'.repeat(full)}${'░'.repeat(width - full)} `
}

/** Keeps one line at the bottom of a terminal up to date. */
export function onTerminal(stream: OutputStream, read: () => Position): Progress {
  const last = new LastLine(stream)
  const pace = new Pace()
  let isStopped = false
  const draw = (): void => {
    const position = read()
    const columns = (stream.columns ?? 80) - 1
    const text = describe(position, pace)
    last.show((bar(position.fraction, columns - text.length) + text).slice(0, columns))
  }
  const timer = setInterval(draw, DRAW_MS).unref()
  return {
    say(line) {
      if (!isStopped) last.clear()
      stream.write(`${line}\n`)
      if (!isStopped) draw()
    },
    stop() {
      if (isStopped) return
      isStopped = true
      clearInterval(timer)
      last.clear()
    },
  }
}

/** Prints whole lines, less and less often. */
export function asLines(stream: OutputStream, read: () => Position): Progress {
  const pace = new Pace()
  const start = performance.now()
  let printed = 0
  let timer: NodeJS.Timeout | undefined
  const print = (): void => {
    stream.write(`wasiexec: ${describe(read(), pace)}\n`)
    printed += 1
    plan()
  }
  const plan = (): void => {
    const beyond = printed - PLAIN_MS.length + 1
    const due = PLAIN_MS[printed] ?? PLAIN_MS.at(-1)! * (1 + beyond)
    timer = setTimeout(print, start + due - performance.now()).unref()
  }
  plan()
  return {
    say: (line) => void stream.write(`${line}\n`),
    stop: () => clearTimeout(timer),
  }
}

/** Prints only what it is told to say. */
export function silent(stream: OutputStream): Progress {
  return { say: (line) => void stream.write(`${line}\n`), stop() {} }
}
