import { plural } from '../../src/words.ts'
import type { PageData, PageGroup } from '../page/data.ts'

const number = new Intl.NumberFormat('en-US')

/** The buttons of kinds, verdicts and endings: a result passes if it has a pressed value of each facet. */
export class Filter {
  onChange: () => void = () => {}
  #data: PageData
  /** Pressed values by their facet. */
  #pressed = new Map<string, Set<string>>()

  constructor(data: PageData) {
    this.#data = data
    document.addEventListener('click', ({ target }) => {
      const button = (target as Element).closest('button')
      if (button?.dataset['facet'] !== undefined) this.#toggle(button)
      else if (button?.id === 'clear') this.#clear()
    })
    this.#notify()
  }

  /** Takes new data, after the page has been changed to it. */
  update(data: PageData): void {
    this.#data = data
    const there = buttons().filter((button) => this.#isPressed(button))
    this.#pressed = new Map()
    for (const button of there) this.#press(button)
    // A screen reader would read out each change.
    this.#notify('off')
  }

  get isOff(): boolean {
    return this.#pressed.size === 0
  }

  passing(): PageGroup[] {
    const passes = (facet: string, value: string): boolean =>
      this.#pressed.get(facet)?.has(value) ?? true
    return this.#data.groups.filter(
      ({ key, kind, verdict, series }) =>
        passes('kind', kind) &&
        passes('verdict', verdict ?? this.#data.series[series]!.name) &&
        passes('group', key),
    )
  }

  #toggle(button: HTMLButtonElement): void {
    const { facet, value } = named(button)
    if (!this.#isPressed(button)) this.#press(button)
    else {
      const values = this.#pressed.get(facet)!
      values.delete(value)
      if (values.size === 0) this.#pressed.delete(facet)
    }
    this.#changed()
  }

  #clear(): void {
    const first = buttons().find((button) => this.#isPressed(button))
    this.#pressed.clear()
    this.#changed()
    // The button that had the focus is gone.
    first?.focus()
  }

  #press(button: HTMLButtonElement): void {
    const { facet, value } = named(button)
    this.#pressed.set(facet, (this.#pressed.get(facet) ?? new Set()).add(value))
  }

  #isPressed(button: HTMLButtonElement): boolean {
    const { facet, value } = named(button)
    return this.#pressed.get(facet)?.has(value) ?? false
  }

  #changed(): void {
    this.#notify()
    this.onChange()
  }

  #notify(how: 'polite' | 'off' = 'polite'): void {
    const groups = this.passing()
    const passing = groups.reduce((sum, { count }) => sum + count, 0)
    const all = `${number.format(this.#data.jobs)} ${plural('job', this.#data.jobs)}`
    const status = document.getElementById('status')
    if (status !== null) {
      status.parentElement!.hidden = false
      status.ariaLive = how
      status.textContent = this.isOff ? `All ${all}` : `${number.format(passing)} of ${all}`
    }
    const clear = document.getElementById('clear')
    if (clear !== null) clear.hidden = this.isOff
    const keys = new Set(groups.map(({ key }) => key))
    for (const button of buttons()) {
      const { facet, value } = named(button)
      button.ariaPressed = String(this.#isPressed(button))
      if (facet === 'group') button.toggleAttribute('data-off', !keys.has(value))
    }
  }
}

function buttons(): HTMLButtonElement[] {
  return [...document.querySelectorAll<HTMLButtonElement>('button[data-facet]')]
}

function named({ dataset }: HTMLButtonElement): { facet: string; value: string } {
  return { facet: dataset['facet']!, value: dataset['value']! }
}
