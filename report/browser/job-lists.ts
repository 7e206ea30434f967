/** Rows that are shown at first. */
const FIRST = 25

/** A list of jobs that shows the jobs that pass. */
export interface JobList {
  show(groups: ReadonlySet<number>): void
}

/** Both lists, with the search above them. */
export function jobLists(): JobList[] {
  const box = document.querySelector<HTMLElement>('.search')
  const input = document.getElementById('search') as HTMLInputElement | null
  const lists = [...document.querySelectorAll<HTMLElement>('section.jobs')].map(
    (section) => new Jobs(section),
  )
  if (box === null || input === null || lists.length === 0) return lists
  box.hidden = false
  input.addEventListener('input', () => {
    for (const list of lists) list.search(input.value)
  })
  return lists
}

class Jobs implements JobList {
  readonly #rows: readonly HTMLLIElement[]
  readonly #texts: string[] = []
  readonly #none: HTMLElement
  readonly #more: HTMLButtonElement
  /** After the first rows, the list has only the slowest jobs of some kinds. */
  readonly #hasMore: boolean
  #groups: ReadonlySet<number> = new Set()
  #words: readonly string[] = []
  #all = false

  constructor(section: HTMLElement) {
    this.#rows = [...section.querySelectorAll<HTMLLIElement>('li[data-group]')]
    this.#none = section.querySelector<HTMLElement>('.none')!
    this.#more = section.querySelector<HTMLButtonElement>('.show-more')!
    this.#hasMore = section.id === 'failing'
    this.#more.addEventListener('click', () => {
      const shown = this.#rows.filter((row) => !row.hidden).length
      this.#all = true
      this.#render()
      const next = this.#rows.filter((row) => !row.hidden).at(shown)
      next?.querySelector('summary')?.focus()
    })
  }

  show(groups: ReadonlySet<number>): void {
    this.#groups = groups
    this.#render()
  }

  search(text: string): void {
    this.#words = text.toLowerCase().split(/\s+/).filter(Boolean)
    this.#render()
  }

  #render(): void {
    const passing = this.#rows.filter((row, at) => this.#passes(row, at))
    const shown = new Set(this.#all && this.#hasMore ? passing : passing.slice(0, FIRST))
    for (const row of this.#rows) row.hidden = !shown.has(row)
    this.#none.hidden = passing.length > 0
    this.#more.hidden = !this.#hasMore || shown.size === passing.length
    this.#more.textContent = `Show all ${passing.length}`
  }

  #passes(row: HTMLLIElement, at: number): boolean {
    if (!this.#groups.has(Number(row.dataset['group']))) return false
    if (this.#words.length === 0) return true
    const text = (this.#texts[at] ??= row.textContent!.toLowerCase())
    return this.#words.every((word) => text.includes(word))
  }
}
