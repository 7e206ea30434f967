/** The axes of a plot. Its y axis begins at 0. */
export interface Axes {
  readonly isLog: boolean
  readonly left: number
  readonly right: number
  readonly top: number
}

/** A name on an axis. */
export interface Tick {
  readonly at: number
  readonly name: string
}

interface Box {
  readonly left: number
  readonly top: number
  readonly width: number
  readonly height: number
}

const HEIGHT = 220
/** Around the box that the axes enclose. */
const ROOM = { top: 16, right: 28, bottom: 32, left: 48 }
const TICK_LENGTH = 5
const TICK_GAP = 4
const NAME_GAP = 6

/** A canvas with two axes. On it, lengths are pixels of the screen; beside it, they are pixels of CSS. */
export class Plot {
  /** Lies on the box that the axes enclose. */
  readonly over: HTMLElement = document.createElement('div')
  readonly context: CanvasRenderingContext2D
  readonly #place: HTMLElement
  readonly #canvas = document.createElement('canvas')
  readonly #removed = new AbortController()
  readonly #observer: ResizeObserver
  #axes: Axes = { isLog: false, left: 0, right: 1, top: 1 }
  #ratio = 1
  #width = 1
  #box: Box = { left: 0, top: 0, width: 0, height: 0 }

  /** Calls `resized` when the plot must be drawn again because it has another size, on the page or on the screen. */
  constructor(place: HTMLElement, resized: () => void) {
    this.#place = place
    this.context = this.#canvas.getContext('2d')!
    this.over.className = 'over'
    place.append(this.#canvas, this.over)
    this.#observer = new ResizeObserver(() => {
      const { clientWidth } = place
      if (clientWidth > 0 && clientWidth !== this.#width) resized()
    })
    this.#observer.observe(place)
    this.#watchRatio(resized)
  }

  /** In pixels of the screen. */
  get box(): Box {
    return this.#box
  }

  get ratio(): number {
    return this.#ratio
  }

  remove(): void {
    this.#observer.disconnect()
    this.#removed.abort()
    this.#canvas.remove()
    this.over.remove()
  }

  /** Empties the canvas, and makes it as wide as its place is now. */
  clear(axes: Axes): void {
    const ratio = devicePixelRatio || 1
    this.#axes = axes
    this.#ratio = ratio
    this.#width = this.#place.clientWidth || this.#width
    const width = Math.max(this.#width - ROOM.left - ROOM.right, 0)
    const height = HEIGHT - ROOM.top - ROOM.bottom
    this.#box = {
      left: Math.round(ROOM.left * ratio),
      top: Math.round(ROOM.top * ratio),
      width: Math.round(width * ratio),
      height: Math.round(height * ratio),
    }
    this.#canvas.width = Math.round(this.#width * ratio)
    this.#canvas.height = Math.round(HEIGHT * ratio)
    size(this.#canvas, { left: 0, top: 0, width: this.#width, height: HEIGHT })
    size(this.over, { left: ROOM.left, top: ROOM.top, width, height })
  }

  /** On the canvas. */
  x(value: number): number {
    return this.#box.left + this.#part(value) * this.#box.width
  }

  /** On the canvas. */
  y(value: number): number {
    return this.#box.top + (1 - value / this.#axes.top) * this.#box.height
  }

  /** From the left side of `over`. */
  offset(value: number): number {
    return this.#part(value) * this.over.clientWidth
  }

  /** The value that has this offset. */
  valueAt(offset: number): number {
    const { isLog, left, right } = this.#axes
    const part = offset / this.over.clientWidth
    return isLog ? left * (right / left) ** part : left + part * (right - left)
  }

  drawAxes(x: readonly Tick[], y: readonly Tick[]): void {
    const { context, box } = this
    const { color, borderTopColor, fontFamily } = getComputedStyle(this.#place)
    const bottom = box.top + box.height
    const length = this.#scaled(TICK_LENGTH)
    context.fillStyle = color
    context.strokeStyle = borderTopColor
    context.lineWidth = this.#ratio
    context.font = `${12 * this.#ratio}px ${fontFamily}`
    context.textAlign = 'center'
    context.textBaseline = 'top'
    for (const { at, name } of x) {
      const middle = Math.round(this.x(at))
      context.fillText(name, middle, bottom + length + this.#scaled(TICK_GAP))
      this.#line(middle, bottom, 0, length)
    }
    context.textAlign = 'right'
    context.textBaseline = 'middle'
    for (const { at, name } of y) {
      const middle = Math.round(this.y(at))
      context.fillText(name, box.left - this.#scaled(NAME_GAP), middle)
      this.#line(box.left, middle, box.width, 0)
    }
  }

  /** Where names on the y axis have room. */
  ticks(isWhole: boolean): number[] {
    const { top } = this.#axes
    const least = (top * 44 * this.#ratio) / this.#box.height
    const step = stepOf(isWhole ? Math.max(least, 1) : least, isWhole ? [1, 2, 5] : [1, 2, 2.5, 5])
    return Array.from({ length: Math.floor(top / step) + 1 }, (_, at) => at * step)
  }

  /** Lines of an odd width are sharp between two pixels. */
  #line(x: number, y: number, width: number, height: number): void {
    const offset = (this.#ratio % 2) / 2
    this.context.beginPath()
    this.context.moveTo(x + offset, y + offset)
    this.context.lineTo(x + width + offset, y + height + offset)
    this.context.stroke()
  }

  #scaled(length: number): number {
    return Math.round(length * this.#ratio)
  }

  /** How far to the right a value is: 0 to 1. */
  #part(value: number): number {
    const { isLog, left, right } = this.#axes
    return isLog ? Math.log(value / left) / Math.log(right / left) : (value - left) / (right - left)
  }

  /** A window may move to a screen with other pixels. */
  #watchRatio(changed: () => void): void {
    const query = matchMedia(`(resolution: ${devicePixelRatio}dppx)`)
    const listen = (): void => {
      changed()
      this.#watchRatio(changed)
    }
    query.addEventListener('change', listen, { once: true, signal: this.#removed.signal })
  }
}

/** The least round number that is not below `least`. */
function stepOf(least: number, digits: readonly number[]): number {
  const power = Math.floor(Math.log10(least))
  const steps = [power, power + 1].flatMap((power) =>
    digits.map((digit) => Number(`${digit}e${power}`)),
  )
  return steps.find((step) => step >= least)!
}

function size({ style }: HTMLElement, { left, top, width, height }: Box): void {
  style.left = `${left}px`
  style.top = `${top}px`
  style.width = `${width}px`
  style.height = `${height}px`
}
