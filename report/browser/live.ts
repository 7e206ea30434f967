import type { PageData, Update } from '../page/data.ts'
import { morph } from './morph.ts'

/** The server sends several updates a second. After so long without one, the connection is made again. */
const SILENCE_MS = 20_000

/** What the page says of its connection; `said` is what the server says of the batch. */
type State = 'running' | 'paused' | 'lost' | 'over'

/** Keeps the page up to date, as long as the batch runs and nobody holds the page still. */
export class LivePage {
  readonly #changed: (data: PageData) => void
  readonly #pause = document.getElementById('pause') as HTMLButtonElement
  readonly #policy = createPolicy()
  #source!: EventSource
  #silence: ReturnType<typeof setTimeout> | undefined
  /** What has come while the page was held still: the last update, with the rows of all of them. */
  #waiting: Update | undefined
  #isPaused = false
  #isLost = false
  #isOver = false

  constructor(changed: (data: PageData) => void) {
    this.#changed = changed
  }

  start(): void {
    this.#pause.hidden = false
    this.#pause.addEventListener('click', () => this.#press())
    this.#connect()
  }

  #connect(): void {
    // The address of the page may end in a slash.
    this.#source = new EventSource(`${location.pathname.replace(/\/$/, '')}/events`)
    this.#source.addEventListener('message', ({ data }: MessageEvent<string>) => {
      this.#isLost = false
      this.#take(JSON.parse(data) as Update)
      if (!this.#isOver) this.#listen()
    })
    this.#source.addEventListener('error', () => {
      this.#isLost = true
      this.#tell()
    })
    this.#listen()
  }

  #listen(): void {
    clearTimeout(this.#silence)
    this.#silence = setTimeout(() => {
      this.#source.close()
      this.#isLost = true
      this.#tell()
      this.#connect()
    }, SILENCE_MS)
  }

  #take(update: Update): void {
    this.#waiting = { ...update, rows: { ...this.#waiting?.rows, ...update.rows } }
    document.title = update.title
    if (update.data.phase === 'over') {
      this.#isOver = true
      this.#source.close()
      clearTimeout(this.#silence)
    }
    if (this.#isPaused) this.#tell()
    else this.#apply()
  }

  #apply(): void {
    if (this.#waiting === undefined) return
    const { main, rows, data } = this.#waiting
    this.#waiting = undefined
    const next = this.#parse(main).querySelector('main')!
    fill(next, this.#parse(Object.values(rows).join('')))
    const words = next.querySelector('#state')!.textContent!
    keepFocus(() => morph(document.querySelector('main')!, next))
    this.#changed(data)
    this.#tell(words)
  }

  #press(): void {
    this.#isPaused = !this.#isPaused
    this.#pause.ariaPressed = String(this.#isPaused)
    if (!this.#isPaused) this.#apply()
    this.#tell()
  }

  #words = document.getElementById('state')!.textContent!

  /** Says how the page stands; what has not changed is not said again. */
  #tell(words: string = this.#words): void {
    this.#words = words
    const [state, text] = this.#state()
    const line = document.getElementById('state')!
    line.className = state
    if (line.textContent !== text) line.textContent = text
  }

  #state(): [State, string] {
    if (this.#isPaused) {
      return ['paused', this.#isOver ? 'Paused; the batch has ended since' : 'Paused']
    }
    if (this.#isOver) return ['over', this.#words]
    if (!this.#isLost) return ['running', this.#words]
    return ['lost', 'No connection: the command has ended or cannot be reached']
  }

  /** Its text goes through the server's templates, and its scripts would not run. */
  #parse(markup: string): HTMLElement {
    return new DOMParser().parseFromString(this.#policy.createHTML(markup), 'text/html').body
  }
}

interface HtmlPolicy {
  createHTML(markup: string): string
}

/** The page's policy lets this one make markup of text, where a browser knows such policies. */
function createPolicy(): HtmlPolicy {
  const rules = { createHTML: (markup: string) => markup }
  const { trustedTypes } = window as {
    trustedTypes?: { createPolicy(name: string, rules: HtmlPolicy): HtmlPolicy }
  }
  return trustedTypes?.createPolicy('wasiexec', rules) ?? rules
}

/** Puts the rows that have come in their places. */
function fill(main: Element, rows: Element): void {
  const places = new Map(
    [...main.querySelectorAll('[data-same]')].map((place) => [
      place.getAttribute('data-key'),
      place,
    ]),
  )
  const all = [...rows.children]
  for (const row of all) places.get(row.getAttribute('data-key'))?.replaceWith(row)
}

/** An element that was moved has lost the focus, and so has a button that is gone. */
function keepFocus(change: () => void): void {
  const before = document.activeElement
  change()
  if (!(before instanceof HTMLElement) || before === document.activeElement) return
  const after = before.isConnected
    ? before
    : (sameButton(before) ?? document.getElementById('state'))
  after?.focus({ preventScroll: true })
}

function sameButton({ dataset: { facet, value } }: HTMLElement): HTMLElement | undefined {
  const buttons = [...document.querySelectorAll<HTMLElement>('[data-facet]')]
  return buttons.find(({ dataset }) => dataset['facet'] === facet && dataset['value'] === value)
}
