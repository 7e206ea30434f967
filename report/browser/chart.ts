import type { PageData, PageGroup } from '../page/data.ts'
import { StackChart, type StackOptions } from './stack-chart.ts'

/** A chart of the page's data, once there is something to draw. */
export class Chart {
  readonly #options: (data: PageData) => StackOptions | undefined
  #drawn: StackChart | undefined

  constructor(options: (data: PageData) => StackOptions | undefined) {
    this.#options = options
  }

  update(data: PageData): void {
    const options = this.#options(data)
    if (options === undefined || this.#drawn?.update(options)) return
    this.#drawn?.remove()
    this.#drawn = new StackChart(options)
  }

  show(groups: readonly PageGroup[], isWhole: boolean): void {
    this.#drawn?.show(groups, isWhole)
  }

  redraw(): void {
    this.#drawn?.redraw()
  }
}
