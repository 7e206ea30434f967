import { KINDS } from '../result.ts'
import { KIND_NAMES, type Facets } from './chart-data.ts'
import { count, share } from './format.ts'
import { data } from './head.ts'
import { html, type Html } from './html.ts'

/** Rows that are shown before somebody asks for more. */
const FIRST_ENDINGS = 10

/** Buttons that work with the page's script; without it they show counts. */
export function filter(facets: Facets): Html {
  const { series, groups, hasVerdicts } = facets
  const kinds = KINDS.map((kind) => ({
    name: KIND_NAMES[kind],
    kind,
    count: groups.filter((group) => group.kind === kind).reduce((sum, { count }) => sum + count, 0),
  })).filter(({ count }) => count > 0)
  return html`
    <div class="filter" role="group" aria-label="Filter">
      ${
        hasVerdicts &&
        html`<div class="chips" role="group" aria-label="Verdicts">
          ${series.map(({ name, slot, count }) => chip('verdict', name, name, count, slot))}
        </div>`
      }
      <div class="chips" role="group" aria-label="Kinds of endings">
        ${kinds.map(({ name, kind, count }) => chip('kind', kind, name, count, hasVerdicts ? undefined : kind))}
      </div>
      <p class="status" data-own hidden>
        <output id="status" aria-live="polite"></output>
        <button type="button" id="clear" hidden>Show all</button>
      </p>
    </div>
  `
}

function chip(
  facet: 'kind' | 'verdict',
  value: string,
  name: string,
  number: number,
  slot: string | undefined,
): Html {
  return html`
    <button type="button" class="chip" aria-pressed="false" data-key="${facet} ${value}" data-facet="${facet}" data-value="${value}">
      ${slot !== undefined && html`<span class="dot c-${slot}"></span>`}
      <span class="name">${name}</span>
      ${data(number, count(number))}
    </button>
  `
}

/** All results but exit 0, by how exactly they ended. */
export function endings({ groups, series, seriesOf, hasVerdicts }: Facets): Html | undefined {
  const rows = groups
    .filter(
      ({ kind, verdict }) =>
        kind !== 'ok' || (hasVerdicts && series.length > 1 && verdict !== undefined),
    )
    .toSorted((a, b) => b.count - a.count)
  if (rows.length === 0) return undefined
  const all = groups.reduce((sum, { count }) => sum + count, 0)
  const most = rows[0]!.count
  const row = (group: (typeof rows)[number]): Html => {
    const slot = series[seriesOf(group)]!.slot
    const width = Math.max((group.count / most) * 100, 0.5)
    return html`
      <li data-key="ending ${group.key}">
        <button type="button" class="ending" aria-pressed="false" data-facet="group" data-value="${group.key}">
          <span class="dot c-${slot}"></span>
          <span class="name">${group.ending} ${hasVerdicts && html`<small>${group.verdict}</small>`}</span>
          ${data(group.count, count(group.count))}
          <span class="percent">${share(group.count, all)}</span>
          <svg viewBox="0 0 100 4" preserveAspectRatio="none" aria-hidden="true">
            <rect class="c-${slot}" width="${width.toFixed(2)}" height="4" />
          </svg>
        </button>
      </li>
    `
  }
  const more = rows.slice(FIRST_ENDINGS)
  return html`
    <section class="endings" aria-labelledby="endings">
      <h2 id="endings">${hasVerdicts ? 'Endings' : 'Endings other than exit 0'}</h2>
      <ul>
        ${rows.slice(0, FIRST_ENDINGS).map(row)}
      </ul>
      ${
        more.length > 0 &&
        html`<details class="more">
          <summary>${count(more.length)} more</summary>
          <ul>
            ${more.map(row)}
          </ul>
        </details>`
      }
    </section>
  `
}
