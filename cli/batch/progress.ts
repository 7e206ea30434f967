import type { Io, OutputStream } from '../io.ts'
import type { Totals } from './totals.ts'
import { counted, numeral, parts, roughly } from './words.ts'

/** What there is to tell while a batch runs. */
export interface Position {
  readonly totals: Totals
  /** Results that were there before this session. */
  readonly resumed: number
  /** The part of the input whose jobs have results, 0 to 1, where it is known. */
  readonly fraction: number | undefined
}

/** Shows how a batch goes on, and lets lines of text through. */
export interface Progress {
  say(line: string): void
  stop(): void
}

const DRAW_MS = 100
/** The rate is that of the last ten seconds. */
const SAMPLE_MS = 1000
const SAMPLES = 10
const BAR_WIDTH = 24
const MIN_BAR_WIDTH = 6
/** When lines are printed where there is no terminal; from then on by the minute. */
const PLAIN_MS = [1000, 2000, 5000, 10_000, 30_000, 60_000] as const

/** What can be told of the speed. */
export class Pace {
  readonly #start = performance.now()
  readonly #samples: { at: number; results: number }[] = []
  #startFraction: number | undefined

  /** Returns results a second and milliseconds left, as far as they can be told. */
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
    // Where a resumed batch begins is known with its first result.
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

/** As wide as there is room for; none where that would say little. */
function bar(fraction: number | undefined, room: number): string {
  const width = Math.min(BAR_WIDTH, room - 1)
  if (fraction === undefined || width < MIN_BAR_WIDTH) return ''
  const full = Math.floor(fraction * width)
  return `${'█'.repeat(full)}${'░'.repeat(width - full)} `
}

/** Whether a line on it can be drawn again: not where nobody knows its width. */
export function isDrawable({ isTTY, columns }: OutputStream, env: Io['env']): boolean {
  return isTTY === true && columns !== 0 && env['TERM'] !== 'dumb'
}

/** A line at the bottom of a terminal that changes. */
export async function onTerminal(stream: OutputStream, read: () => Position): Promise<Progress> {
  const { createLogUpdate } = await import('log-update')
  // It would hide the cursor of the process's own stderr, and a kill would leave it hidden.
  const update = createLogUpdate(stream as NodeJS.WritableStream, { showCursor: true })
  const pace = new Pace()
  let isStopped = false
  const draw = (): void => {
    const position = read()
    const columns = (stream.columns ?? 80) - 1
    const text = describe(position, pace)
    update((bar(position.fraction, columns - text.length) + text).slice(0, columns))
  }
  const timer = setInterval(draw, DRAW_MS).unref()
  return {
    say(line) {
      if (!isStopped) update.clear()
      stream.write(`${line}\n`)
      if (!isStopped) draw()
    },
    stop() {
      if (isStopped) return
      isStopped = true
      clearInterval(timer)
      update.clear()
    },
  }
}

/** Whole lines, less and less often. */
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

/** Nothing but what is said. */
export function silent(stream: OutputStream): Progress {
  return { say: (line) => void stream.write(`${line}\n`), stop() {} }
}
