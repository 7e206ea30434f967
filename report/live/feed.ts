import type { ServerResponse } from 'node:http'
import { Renderer, type View } from './renderer.ts'

/** A page that is open. */
interface Reader {
  readonly response: ServerResponse
  /** Whether it still has to read what was sent. Nothing more is sent until it has. */
  isBusy: boolean
  /** Whether it has all updates. */
  isCurrent: boolean
}

const MIN_PAUSE_MS = 500
const MAX_PAUSE_MS = 5000
/** The pause is this many times as long as an update took to make: it must not slow the batch down. */
const PAUSE_FACTOR = 50
/** How long the end of a batch waits for pages to read it. */
const GRACE_MS = 2000

/** Sends updates of a batch to the pages that are open, as server-sent events. Without a page it does nothing. */
export class Feed {
  readonly #read: () => View
  readonly #renderer = new Renderer()
  readonly #readers = new Set<Reader>()
  #timer: NodeJS.Timeout | undefined

  constructor(read: () => View) {
    this.#read = read
  }

  /** Takes the response over. */
  add(response: ServerResponse): void {
    const reader: Reader = { response, isBusy: false, isCurrent: false }
    this.#readers.add(reader)
    response.on('drain', () => (reader.isBusy = false))
    response.on('close', () => this.#readers.delete(reader))
    // Its headers are the sign that it is connected.
    response.write('retry: 1000\n\n')
    this.#timer ??= setTimeout(() => this.#tick(), 0).unref()
  }

  /** Sends the last update. Resolves when the pages have read it, or do not read. */
  async end(): Promise<void> {
    clearTimeout(this.#timer)
    this.#timer = undefined
    const readers = [...this.#readers]
    if (readers.length === 0) return
    const { whole } = this.#renderer.render(this.#read())
    const text = event(whole())
    const closed = readers.map(
      ({ response }) => new Promise<void>((resolve) => response.once('close', resolve)),
    )
    for (const { response } of readers) response.end(text)
    let timer: NodeJS.Timeout | undefined
    const grace = new Promise<void>((resolve) => (timer = setTimeout(resolve, GRACE_MS)))
    await Promise.race([Promise.all(closed), grace])
    clearTimeout(timer)
    for (const { response } of readers) response.destroy()
  }

  #tick(): void {
    this.#timer = undefined
    if (this.#readers.size === 0) return
    const start = performance.now()
    const free = [...this.#readers].filter((reader) => {
      if (reader.isBusy) reader.isCurrent = false
      return !reader.isBusy
    })
    if (free.length > 0) this.#send(free)
    const pause = (performance.now() - start) * PAUSE_FACTOR
    const limited = Math.min(Math.max(pause, MIN_PAUSE_MS), MAX_PAUSE_MS)
    this.#timer = setTimeout(() => this.#tick(), limited).unref()
  }

  #send(readers: readonly Reader[]): void {
    const { next, whole } = this.#renderer.render(this.#read())
    let all: string | undefined
    for (const reader of readers) {
      const text = reader.isCurrent ? next : (all ??= whole())
      reader.isBusy = !reader.response.write(event(text))
      reader.isCurrent = true
    }
  }
}

/** JSON has no line breaks. */
function event(json: string): string {
  return `data: ${json}\n\n`
}
