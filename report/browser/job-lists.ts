/** Rows that are shown at first. */
const FIRST = 25

/** The lists of jobs, which show the jobs that pass, with the search above them. */
export class JobLists {
  /** Names of the lists that show all. */
  readonly #whole = new Set<string>()
  /** What a row has to be searched in. */
  readonly #texts = new WeakMap<HTMLLIElement, string>()
  #groups: ReadonlySet<string> = new Set()
  #words: readonly string[] = []

  constructor() {
    document.addEventListener('click', ({ target }) => {
      const more = (target as Element).closest<HTMLButtonElement>('.show-more')
      if (more !== null) this.#showAll(more.closest('section')!)
    })
    document.addEventListener('input', ({ target }) => {
      if (target instanceof HTMLInputElement && target.id === 'search') this.#search(target.value)
    })
  }

  show(groups: ReadonlySet<string>): void {
    this.#groups = groups
    const sections = [...document.querySelectorAll<HTMLElement>('section.jobs')]
    const box = document.querySelector<HTMLElement>('.search')
    if (box !== null && sections.length > 0) box.hidden = false
    for (const section of sections) this.#render(section)
  }

  #search(text: string): void {
    this.#words = text.toLowerCase().split(/\s+/).filter(Boolean)
    this.show(this.#groups)
  }

  #showAll(section: HTMLElement): void {
    const shown = visible(section).length
    this.#whole.add(section.id)
    this.#render(section)
    visible(section).at(shown)?.querySelector('summary')?.focus()
  }

  #render(section: HTMLElement): void {
    // After the first rows, the other list has only the slowest jobs of some kinds.
    const hasMore = section.id === 'failing'
    const passing = rowsOf(section).filter((row) => this.#passes(row))
    const isWhole = hasMore && this.#whole.has(section.id)
    const shown = new Set(passing.filter((row, at) => isWhole || at < FIRST || isOpen(row)))
    for (const row of rowsOf(section)) row.hidden = !shown.has(row)
    section.querySelector<HTMLElement>('.none')!.hidden = passing.length > 0
    const more = section.querySelector<HTMLElement>('.show-more')!
    more.hidden = !hasMore || shown.size === passing.length
    more.textContent = `Show all ${passing.length}`
  }

  #passes(row: HTMLLIElement): boolean {
    if (!this.#groups.has(row.dataset['group']!)) return false
    if (this.#words.length === 0) return true
    const text = this.#texts.get(row) ?? row.textContent!.toLowerCase()
    this.#texts.set(row, text)
    return this.#words.every((word) => text.includes(word))
  }
}

function rowsOf(section: HTMLElement): HTMLLIElement[] {
  return [...section.querySelectorAll<HTMLLIElement>('li[data-group]')]
}

function visible(section: HTMLElement): HTMLLIElement[] {
  return rowsOf(section).filter((row) => !row.hidden)
}

/** Whether somebody reads what is in it. */
export function isOpen(row: Element): boolean {
  return row.querySelector('details')?.open === true
}
