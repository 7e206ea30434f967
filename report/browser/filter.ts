import { plural } from '../../src/words.ts'
import type { PageData, PageGroup } from '../page/data.ts'

const number = new Intl.NumberFormat('en-US')

/** The buttons of kinds, verdicts and endings: a result passes if it has a pressed value of each facet. */
export class Filter {
  onChange: () => void = () => {}
  readonly #data: PageData
  readonly #buttons: readonly HTMLButtonElement[]
  readonly #status = document.getElementById('status')
  readonly #clear = document.getElementById('clear')

  constructor(data: PageData) {
    this.#data = data
    this.#buttons = [...document.querySelectorAll<HTMLButtonElement>('button[data-facet]')]
    for (const button of this.#buttons) {
      button.addEventListener('click', () => {
        press(button, !isPressed(button))
        this.#changed()
      })
    }
    this.#clear?.addEventListener('click', () => {
      const first = this.#buttons.find(isPressed)
      for (const button of this.#buttons) press(button, false)
      this.#changed()
      // The button that had the focus is gone.
      first?.focus()
    })
    if (this.#status) this.#status.parentElement!.hidden = false
    this.#notify()
  }

  get isOff(): boolean {
    return !this.#buttons.some(isPressed)
  }

  passing(): PageGroup[] {
    const wanted = new Map<string, Set<string>>()
    for (const { dataset } of this.#buttons.filter(isPressed)) {
      const facet = dataset['facet']!
      wanted.set(facet, (wanted.get(facet) ?? new Set()).add(dataset['value']!))
    }
    const passes = (facet: string, value: string): boolean => wanted.get(facet)?.has(value) ?? true
    return this.#data.groups.filter(
      ({ kind, verdict, series }, index) =>
        passes('kind', kind) &&
        passes('verdict', verdict ?? this.#data.series[series]!.name) &&
        passes('group', String(index)),
    )
  }

  #changed(): void {
    this.#notify()
    this.onChange()
  }

  #notify(): void {
    const passing = this.passing().reduce((sum, { count }) => sum + count, 0)
    const all = `${number.format(this.#data.jobs)} ${plural('job', this.#data.jobs)}`
    if (this.#status) {
      this.#status.textContent = this.isOff ? `All ${all}` : `${number.format(passing)} of ${all}`
    }
    if (this.#clear) this.#clear.hidden = this.isOff
    const groups = new Set(this.passing())
    for (const { dataset, classList } of this.#buttons) {
      if (dataset['facet'] !== 'group') continue
      classList.toggle('off', !groups.has(this.#data.groups[Number(dataset['value'])]!))
    }
  }
}

function isPressed(button: HTMLButtonElement): boolean {
  return button.ariaPressed === 'true'
}

function press(button: HTMLButtonElement, pressed: boolean): void {
  button.ariaPressed = String(pressed)
}
