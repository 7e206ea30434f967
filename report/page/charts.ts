import type { PageData } from './data.ts'
import { count, counted, duration } from './format.ts'
import { data } from './head.ts'
import { html, type Html } from './html.ts'

export function charts(page: PageData): Html {
  const runs = sum(page.groups.flatMap(({ times }) => times))
  const timed = sum(page.groups.flatMap(({ bins }) => bins))
  if (runs === 0 && timed === 0) return html``
  return html`
    <div class="charts">
      ${runs > 0 && histogram(page, runs)} ${timed > 0 && throughput(page, timed)}
    </div>
  `
}

function histogram(page: PageData, runs: number): Html {
  const [p50, , p99] = page.marks
  const label = `Histogram of the run times on a logarithmic scale: half of them below ${duration(p50!.ms)}, 99 % below ${duration(p99!.ms)}. The table below has its figures.`
  return html`
    <section class="chart" aria-labelledby="times">
      <h2 id="times">Run time</h2>
      <p class="sub">
        ${data(runs, counted(runs, 'run'), 'histogram-total')} by wall clock, on a logarithmic scale
      </p>
      <div role="img" aria-label="${label}"><div class="plot" id="histogram" data-own></div></div>
      ${table(
        page,
        'Run time',
        (group) => group.times,
        (at) => `${duration(page.edges[at]!)} – ${duration(page.edges[at + 1]!)}`,
      )}
    </section>
  `
}

function throughput(page: PageData, timed: number): Html {
  const label = `Results a second over the ${duration(page.endMs)} of the batch. The table below has its figures.`
  return html`
    <section class="chart" aria-labelledby="throughput">
      <h2 id="throughput">Throughput</h2>
      <p class="sub">
        ${data(timed, counted(timed, 'result'), 'throughput-total')} over ${duration(page.endMs)}, per second
      </p>
      <div role="img" aria-label="${label}"><div class="plot" id="timeline" data-own></div></div>
      ${table(
        page,
        'Since the start',
        (group) => group.bins,
        (at) => `${duration(at * page.binMs)} – ${duration((at + 1) * page.binMs)}`,
      )}
    </section>
  `
}

/** The same figures as a table; rows without results are left out. */
function table(
  { groups, series }: PageData,
  head: string,
  values: (group: PageData['groups'][number]) => readonly number[],
  name: (at: number) => string,
): Html {
  const length = groups[0] === undefined ? 0 : values(groups[0]).length
  const rows = Array.from({ length }, (_, at) =>
    series.map((_, number) =>
      sum(groups.filter((group) => group.series === number).map((group) => values(group)[at]!)),
    ),
  )
  return html`
    <details class="table">
      <summary>As a table</summary>
      <div class="scroll" tabindex="0" role="region" aria-label="${head}, as a table">
        <table>
          <thead>
            <tr>
              <th scope="col">${head}</th>
              ${series.map(({ name }) => html`<th scope="col">${name}</th>`)}
            </tr>
          </thead>
          <tbody>
            ${rows.map((row, at) =>
              sum(row) === 0
                ? undefined
                : html`<tr>
                    <th scope="row">${name(at)}</th>
                    ${row.map((value) => html`<td>${count(value)}</td>`)}
                  </tr>`,
            )}
          </tbody>
        </table>
      </div>
    </details>
  `
}

function sum(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0)
}
