import type { Collected } from '../collect.ts'
import type { LiveState, ReportInfo } from '../info.ts'
import type { Update } from '../page/data.ts'
import { html } from '../page/html.ts'
import { content } from '../page/page.ts'

/** What a live page shows at one time. */
export interface View {
  readonly info: ReportInfo
  readonly collected: Collected
  readonly state: LiveState
}

/** An update, for pages that had the one before it and for those that had not. */
export interface Rendered {
  readonly next: string
  /** Computed where a page needs it. */
  readonly whole: () => string
}

/** Renders updates, each without the rows that the one before it had. */
export class Renderer {
  #sent: ReadonlyMap<string, string> = new Map()

  render({ info, collected, state }: View): Rendered {
    const rows = new Map<string, string>()
    const { title, main, data } = content(info, collected, {
      state,
      row(key, { markup }) {
        rows.set(key, markup)
        return html`<li data-key="${key}" data-same></li>`
      },
    })
    const changed = [...rows].filter(([key, markup]) => this.#sent.get(key) !== markup)
    this.#sent = rows
    const message = (rows: Iterable<[string, string]>): string =>
      JSON.stringify({
        title,
        main: main.markup,
        rows: Object.fromEntries(rows),
        data,
      } satisfies Update)
    return { next: message(changed), whole: () => message(rows) }
  }
}
