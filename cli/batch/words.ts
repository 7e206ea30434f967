import prettyMilliseconds from 'pretty-ms'
import { plural } from '../../src/words.ts'
import { printable } from '../io.ts'
import { details, type Summary, type Totals } from './totals.ts'

const numbers = new Intl.NumberFormat('en')

export function numeral(value: number): string {
  return numbers.format(Math.round(value))
}

/** `1 job`, `2 jobs`. */
export function counted(value: number, noun: string): string {
  return `${numeral(value)} ${plural(noun, value)}`
}

/** `1m 2s`, for a time that changes while it is read. */
export function roughly(ms: number): string {
  return prettyMilliseconds(ms < 1000 ? 1000 : ms, { unitCount: 2, secondsDecimalDigits: 0 })
}

function precisely(ms: number): string {
  // pretty-ms cuts off where it should round.
  if (ms >= 1000) return prettyMilliseconds(Math.round(ms / 100) * 100)
  return `${Number(ms.toPrecision(3))}ms`
}

/** Results by their verdict or kind, in one line. */
export function parts(totals: Totals): string {
  return totals
    .parts()
    .map(([name, count]) => `${numeral(count)} ${printable(name)}`)
    .join(', ')
}

const MAX_DETAILS = 10

/** The end of a batch, for people. */
export function summaryText(summary: Summary, totals: Totals): string {
  const { jobs, resumed, wallMs, runMs, runsPerSecond, advice } = summary
  const before = resumed > 0 ? `, ${numeral(resumed)} of them from before,` : ''
  const speed = `${precisely(wallMs)} (${numeral(runsPerSecond)} runs per second)`
  const isOld = jobs > 0 && resumed === jobs
  const lines = [
    isOld
      ? `${counted(jobs, 'result')} from before; nothing was left to run`
      : `${counted(jobs, 'result')}${before} in ${speed}`,
  ]
  if (jobs > 0) lines.push(`  ${parts(totals)}`)
  const endings = details(summary)
  for (const [ending, count] of endings.slice(0, MAX_DETAILS)) {
    lines.push(`    ${numeral(count)} ${printable(ending)}`)
  }
  const more = endings.slice(MAX_DETAILS)
  if (more.length > 0) {
    const rest = more.reduce((sum, [, count]) => sum + count, 0)
    lines.push(`    ${numeral(rest)} ended in ${numeral(more.length)} other ways`)
  }
  if (runMs.max > 0) {
    const times = [runMs.p50, runMs.p90, runMs.p99].map(precisely).join(', ')
    lines.push(
      `  half, 90 % and 99 % of the runs took at most ${times}; the longest ${precisely(runMs.max)}`,
    )
  }
  if (advice === 'processes') {
    lines.push('  threads slowed each other down; --workers processes would be faster')
  }
  return lines.join('\n')
}
