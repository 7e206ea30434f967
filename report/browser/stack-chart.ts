import { plural } from '../../src/words.ts'
import type { PageGroup, PageSeries } from '../page/data.ts'
import { Plot } from './plot.ts'

/** What a chart of stacked bars shows. */
export interface StackOptions {
  readonly place: HTMLElement
  /** The element that says how much is shown. */
  readonly total: HTMLElement | null
  readonly noun: string
  readonly series: readonly PageSeries[]
  /** Where bars begin and end: one more than there are bars. */
  readonly edges: readonly number[]
  /** What a group adds to each bar. */
  readonly values: (group: PageGroup) => readonly number[]
  /** The height of a bar by its count. */
  readonly height: (count: number, bar: number) => number
  readonly isLog: boolean
  readonly isWhole: boolean
  readonly splits: (min: number, max: number) => number[]
  /** The name of a place on the x axis. */
  readonly tick: (value: number) => string
  /** The name of a bar. */
  readonly name: (bar: number) => string
  readonly draw?: (plot: Plot, isWhole: boolean) => void
}

const MIN_BAR = 1.5
const compact = new Intl.NumberFormat('en-US', { notation: 'compact', maximumFractionDigits: 1 })
const number = new Intl.NumberFormat('en-US', { maximumFractionDigits: 0 })

/** Stacked bars. Each drawing reads the page's theme and filter. */
export class StackChart {
  #options: StackOptions
  readonly #plot: Plot
  readonly #tip: HTMLElement
  readonly #band: HTMLElement
  /** Counts of each series in each bar. */
  #counts: number[][] = []
  #isWhole = true
  #bar = -1
  /** Where the mouse is, -1 if it is somewhere else. */
  #mouse = -1

  /** Draws nothing before `show`. */
  constructor(options: StackOptions) {
    this.#options = options
    this.#tip = element('tip')
    this.#band = element('band')
    this.#plot = new Plot(options.place, () => this.redraw())
    const { over } = this.#plot
    over.append(this.#band)
    options.place.append(this.#tip)
    const moved = (offset: number): void => {
      this.#mouse = offset
      this.#point(this.#pointedAt())
    }
    over.addEventListener('mousemove', ({ offsetX }) => moved(offsetX))
    over.addEventListener('mouseleave', () => moved(-1))
  }

  /** Takes options with other bars. Returns whether that was all that is different in them. */
  update(options: StackOptions): boolean {
    const names = ({ series }: StackOptions): string => JSON.stringify(series)
    if (options.place !== this.#options.place || names(options) !== names(this.#options)) {
      return false
    }
    this.#options = options
    return true
  }

  remove(): void {
    this.#plot.remove()
    this.#tip.remove()
  }

  show(groups: readonly PageGroup[], isWhole: boolean): void {
    const { series, edges, values, total, noun } = this.#options
    this.#isWhole = isWhole
    this.#counts = series.map(() => zeros(edges))
    let sum = 0
    for (const group of groups) {
      const counts = this.#counts[group.series]!
      values(group).forEach((count, bar) => {
        counts[bar]! += count
        sum += count
      })
    }
    if (total !== null) {
      total.setAttribute('value', String(sum))
      total.textContent = `${number.format(sum)} ${plural(noun, sum)}`
    }
    this.redraw()
  }

  redraw(): void {
    const { edges, isLog, isWhole, series, splits, tick, draw } = this.#options
    const plot = this.#plot
    const stack = this.#stack()
    const [left, right] = [edges[0]!, edges.at(-1)!]
    const highest = Math.max(...stack.at(-1)!)
    plot.clear({ isLog, left, right, top: highest > 0 ? highest * 1.02 : 1 })
    if (plot.box.width > 0) {
      plot.drawAxes(
        splits(left, right).map((at) => ({ at, name: tick(at) })),
        plot.ticks(isWhole).map((at) => ({ at, name: compact.format(at) })),
      )
      series.forEach(({ slot }, at) => {
        plot.context.fillStyle = colourOf(slot)
        plot.context.fill(this.#bars(stack[at + 1]!, stack[at]!))
      })
      draw?.(plot, this.#isWhole)
    }
    this.#point(this.#pointedAt())
  }

  /** Heights: zeros, and for each series what it is on top of together with its own. */
  #stack(): number[][] {
    const { edges, height } = this.#options
    const sums = zeros(edges)
    const stacked = this.#counts.map((counts) =>
      counts.map((count, bar) => (sums[bar]! += height(count, bar))),
    )
    return [zeros(edges), ...stacked]
  }

  #bars(tops: readonly number[], bottoms: readonly number[]): Path2D {
    const { edges } = this.#options
    const plot = this.#plot
    const { ratio } = plot
    const path = new Path2D()
    const gap = edges.length < 100 ? ratio : 0
    tops.forEach((top, bar) => {
      const bottom = bottoms[bar]!
      if (top <= bottom) return
      const left = Math.round(plot.x(edges[bar]!))
      const right = Math.round(plot.x(edges[bar + 1]!))
      const floor = plot.y(bottom)
      // A few among millions must still be visible.
      const height = Math.max(floor - plot.y(top), MIN_BAR * ratio)
      path.rect(left, floor - height, Math.max(right - left - gap, ratio), height)
    })
    return path
  }

  /** The bar under the mouse, or -1. */
  #pointedAt(): number {
    if (this.#mouse < 0) return -1
    const { edges } = this.#options
    const value = this.#plot.valueAt(this.#mouse)
    return Math.min(
      edges.findLastIndex((edge) => edge <= value),
      edges.length - 2,
    )
  }

  /** Shows what is in a bar. */
  #point(bar: number): void {
    if (bar === this.#bar && bar === -1) return
    this.#bar = bar
    const { edges, series, name, place } = this.#options
    const counts = this.#counts.map((counts) => counts[bar] ?? 0)
    const isEmpty = bar < 0 || counts.every((count) => count === 0)
    this.#tip.hidden = isEmpty
    this.#band.hidden = isEmpty
    if (isEmpty) return
    const left = this.#plot.offset(edges[bar]!)
    const right = this.#plot.offset(edges[bar + 1]!)
    this.#band.style.left = `${left}px`
    this.#band.style.width = `${right - left}px`
    this.#tip.replaceChildren(
      text('p', name(bar)),
      ...series.flatMap(({ name, slot }, at) =>
        counts[at] === 0 ? [] : [row(slot, name, counts[at]!)],
      ),
    )
    const { offsetLeft } = this.#plot.over
    const middle = offsetLeft + (left + right) / 2
    const isRight = middle > place.clientWidth / 2
    this.#tip.style.left = isRight ? '' : `${middle + 12}px`
    this.#tip.style.right = isRight ? `${place.clientWidth - middle + 12}px` : ''
  }
}

/** One for each bar. */
function zeros(edges: readonly number[]): number[] {
  return edges.slice(1).fill(0)
}

/** The colour that the page has now, light or dark. */
function colourOf(slot: string): string {
  const mark = document.querySelector(`.dot.c-${slot}`)
  return mark === null ? 'gray' : getComputedStyle(mark).backgroundColor
}

function row(slot: string, name: string, count: number): HTMLElement {
  const row = text('p', '')
  const dot = document.createElement('span')
  dot.className = `dot c-${slot}`
  row.append(dot, text('span', name), text('b', number.format(count)))
  return row
}

function text(tag: string, content: string): HTMLElement {
  const made = document.createElement(tag)
  made.textContent = content
  return made
}

function element(className: string): HTMLElement {
  const made = document.createElement('div')
  made.className = className
  made.hidden = true
  made.ariaHidden = 'true'
  return made
}
