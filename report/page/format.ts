import prettyMilliseconds from 'pretty-ms'
import { plural } from '../../src/words.ts'

const whole = new Intl.NumberFormat('en-US')
const digits = new Intl.NumberFormat('en-US', {
  minimumSignificantDigits: 3,
  maximumSignificantDigits: 3,
})

export function count(value: number): string {
  return whole.format(Math.round(value))
}

/** `1 job`, `2 jobs`. */
export function counted(value: number, noun: string): string {
  return `${count(value)} ${plural(noun, value)}`
}

/** Three digits and a unit, or two units from a minute on. */
export function duration(ms: number): string {
  if (ms === 0) return '0 s'
  if (ms < 0.9995) return `${significant(ms * 1000)} µs`
  if (ms < 999.5) return `${significant(ms)} ms`
  if (ms < 59_950) return `${significant(ms / 1000)} s`
  return prettyMilliseconds(Math.round(ms / 1000) * 1000, { unitCount: 2 })
}

export function rate(perSecond: number): string {
  return perSecond < 999.5 ? significant(perSecond) : count(perSecond)
}

export function bytes(value: number): string {
  if (value < 1024) return `${count(value)} B`
  const units = ['KiB', 'MiB', 'GiB', 'TiB']
  let size = value / 1024
  while (size >= 999.5 && units.length > 1) {
    size /= 1024
    units.shift()
  }
  return `${significant(size)} ${units[0]}`
}

/** Never 100 % for less than all, nor 0 % for more than none. */
export function share(part: number, all: number): string {
  if (all === 0) return '–'
  const percent = (part / all) * 100
  if (part === all || part === 0) return `${percent} %`
  if (percent > 99.9) return '> 99.9 %'
  if (percent < 0.1) return '< 0.1 %'
  return `${(Math.round(percent * 10) / 10).toFixed(1)} %`
}

/** 1.23, 12.3, 123, 1,230: about the same length in every row. */
function significant(value: number): string {
  return value === 0 ? '0' : digits.format(value)
}
