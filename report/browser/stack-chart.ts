import uPlot from 'uplot'
import { plural } from '../../src/words.ts'
import type { PageGroup, PageSeries } from '../page/data.ts'

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
  readonly draw?: (chart: uPlot, isWhole: boolean) => void
}

const HEIGHT = 220
const MIN_BAR = 1.5
const compact = new Intl.NumberFormat('en-US', { notation: 'compact', maximumFractionDigits: 1 })
const number = new Intl.NumberFormat('en-US', { maximumFractionDigits: 0 })

/** Stacked bars by uPlot. Each drawing reads the page's theme and filter. */
export class StackChart {
  #options: StackOptions
  readonly #chart: uPlot
  readonly #tip: HTMLElement
  readonly #band: HTMLElement
  readonly #observer: ResizeObserver
  /** Counts of each series in each bar. */
  #counts: number[][]
  #isWhole = true
  #bar = -1

  constructor(options: StackOptions) {
    this.#options = options
    this.#counts = options.series.map(() => zeros(options.edges))
    this.#tip = element('tip')
    this.#band = element('band')
    this.#chart = new uPlot(this.#configure(), this.#stack(), options.place)
    this.#chart.over.append(this.#band)
    options.place.append(this.#tip)
    this.#observer = new ResizeObserver(() => {
      const width = Math.floor(options.place.clientWidth)
      if (width > 0) this.#chart.setSize({ width, height: HEIGHT })
    })
    this.#observer.observe(options.place)
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
    this.#observer.disconnect()
    this.#chart.destroy()
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
    this.#chart.setData(this.#stack())
    this.#point(this.#barAt(this.#chart))
  }

  redraw(): void {
    this.#chart.redraw(true, true)
  }

  /** Heights, each on top of the series before it. */
  #stack(): uPlot.AlignedData {
    const { edges, height } = this.#options
    const sums = zeros(edges)
    const stacked = this.#counts.map((counts) =>
      counts.map((count, bar) => (sums[bar]! += height(count, bar))),
    )
    return [edges.slice(0, -1), ...stacked]
  }

  #configure(): uPlot.Options {
    const { place, series, isLog, isWhole, splits, tick } = this.#options
    const edges = (): readonly number[] => this.#options.edges
    const style = getComputedStyle(place)
    const font = `12px ${style.fontFamily}`
    const ink = (): string => getComputedStyle(place).color
    const line = (): string => getComputedStyle(place).borderTopColor
    const incrs = isWhole ? { incrs: wholeSteps() } : {}
    return {
      width: Math.max(place.clientWidth, 1),
      height: HEIGHT,
      legend: { show: false },
      padding: [16, 28, 0, 0],
      cursor: { x: false, y: false, points: { show: false }, drag: { x: false, y: false } },
      scales: {
        x: { time: false, distr: isLog ? 3 : 1, range: () => [edges()[0]!, edges().at(-1)!] },
        y: { range: (_, __, max) => [0, Number.isFinite(max) && max > 0 ? max * 1.02 : 1] },
      },
      axes: [
        {
          stroke: ink,
          font,
          grid: { show: false },
          ticks: { stroke: line, width: 1, size: 5 },
          gap: 4,
          size: 32,
          splits: (_, __, min, max) => splits(min, max),
          filter: (_, all) => all,
          values: (_, all) => all.map(tick),
        },
        {
          stroke: ink,
          font,
          grid: { stroke: line, width: 1 },
          ticks: { show: false },
          gap: 6,
          size: 48,
          space: 44,
          values: (_, all) => all.map((value) => compact.format(value)),
          ...incrs,
        },
      ],
      series: [
        {},
        ...series.map(({ slot }, at) => ({
          width: 0,
          fill: () => colourOf(slot),
          points: { show: false },
          paths: (chart: uPlot) => this.#paths(chart, at),
        })),
      ],
      hooks: {
        setCursor: [(chart) => this.#point(this.#barAt(chart))],
        draw: [(chart) => this.#options.draw?.(chart, this.#isWhole)],
      },
    }
  }

  #paths(chart: uPlot, series: number): uPlot.Series.Paths {
    const { edges } = this.#options
    const tops = chart.data[series + 1]!
    const bottoms = series === 0 ? undefined : chart.data[series]!
    const fill = new Path2D()
    const ratio = devicePixelRatio || 1
    const gap = edges.length < 100 ? ratio : 0
    for (let bar = 0; bar < edges.length - 1; bar += 1) {
      const bottom = bottoms?.[bar] ?? 0
      const top = tops[bar]!
      if (top <= bottom) continue
      const left = Math.round(chart.valToPos(edges[bar]!, 'x', true))
      const right = Math.round(chart.valToPos(edges[bar + 1]!, 'x', true))
      const floor = chart.valToPos(bottom, 'y', true)
      // A few among millions must still be visible.
      const height = Math.max(floor - chart.valToPos(top, 'y', true), MIN_BAR * ratio)
      fill.rect(left, floor - height, Math.max(right - left - gap, ratio), height)
    }
    return { fill, stroke: null, clip: null, band: null, gaps: [], flags: 0 }
  }

  #barAt(chart: uPlot): number {
    const { left = -1 } = chart.cursor
    if (left < 0) return -1
    const value = chart.posToVal(left, 'x')
    const bar = this.#options.edges.findLastIndex((edge) => edge <= value)
    return Math.min(bar, this.#options.edges.length - 2)
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
    const left = this.#chart.valToPos(edges[bar]!, 'x')
    const right = this.#chart.valToPos(edges[bar + 1]!, 'x')
    this.#band.style.left = `${left}px`
    this.#band.style.width = `${right - left}px`
    this.#tip.replaceChildren(
      text('p', name(bar)),
      ...series.flatMap(({ name, slot }, at) =>
        counts[at] === 0 ? [] : [row(slot, name, counts[at]!)],
      ),
    )
    const { offsetLeft } = this.#chart.over
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

/** 1, 2, 5, 10, …: half a run does not exist. */
function wholeSteps(): number[] {
  return Array.from({ length: 12 }, (_, power) =>
    [1, 2, 5].map((step) => step * 10 ** power),
  ).flat()
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
