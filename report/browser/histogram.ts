import { duration } from '../page/format.ts'
import type { PageData } from '../page/data.ts'
import type { Plot } from './plot.ts'
import type { StackOptions } from './stack-chart.ts'

/** Run times, with the percentiles of all runs. */
export function histogram({ series, edges, marks }: PageData): StackOptions | undefined {
  const place = document.getElementById('histogram')
  if (place === null) return undefined
  return {
    place,
    total: document.getElementById('histogram-total'),
    noun: 'run',
    series,
    edges,
    values: ({ times }) => times,
    height: (count) => count,
    isLog: true,
    isWhole: true,
    splits,
    // Round values have few digits.
    tick: (ms) => duration(ms).replace(/\.0+ /, ' '),
    name: (bar) => `${duration(edges[bar]!)} – ${duration(edges[bar + 1]!)}`,
    draw: (plot, isAll) => {
      // The percentiles of a part of the runs are not known.
      if (isAll) drawMarks(plot, place, marks)
    },
  }
}

/** Powers of ten; in a short range, also 2 and 5 times these. */
function splits(min: number, max: number): number[] {
  const steps = Math.log10(max / min) > 2.5 ? [1] : [1, 2, 5]
  const first = Math.floor(Math.log10(min))
  const last = Math.ceil(Math.log10(max))
  return Array.from({ length: last - first + 1 }, (_, at) =>
    steps.map((step) => Number((step * 10 ** (first + at)).toPrecision(3))),
  )
    .flat()
    .filter((value) => value >= min && value <= max)
}

const NAME_WIDTH = 40

function drawMarks(plot: Plot, place: HTMLElement, marks: PageData['marks']): void {
  const { context, box, ratio } = plot
  const { color, fontFamily } = getComputedStyle(place)
  context.strokeStyle = color
  context.fillStyle = color
  context.lineWidth = ratio
  context.font = `${11 * ratio}px ${fontFamily}`
  context.textAlign = 'center'
  context.textBaseline = 'bottom'
  // Two names in one place could not be read, and become one.
  let names: { first: string; last: string; x: number } | undefined
  const write = (): void => {
    if (names === undefined) return
    const { first, last, x } = names
    context.fillText(first === last ? first : `${first}–${last}`, x, box.top - 2 * ratio)
  }
  for (const { name, ms } of marks) {
    const x = Math.round(plot.x(ms)) + 0.5
    if (!(x >= box.left && x <= box.left + box.width)) continue
    context.setLineDash([2 * ratio, 3 * ratio])
    context.beginPath()
    context.moveTo(x, box.top)
    context.lineTo(x, box.top + box.height)
    context.stroke()
    if (names !== undefined && x - names.x < NAME_WIDTH * ratio) {
      names.last = name
      continue
    }
    write()
    names = { first: name, last: name, x }
  }
  write()
}
