import { thrownWords } from '../../src/words.ts'
import type { Collected } from '../collect.ts'
import type { LiveState, ReportInfo } from '../info.ts'
import { ACCEPTED } from '../result.ts'
import type { Facets } from './chart-data.ts'
import { count, counted, duration, rate, share } from './format.ts'
import { html, type Html } from './html.ts'
import { live } from './live.ts'

type Summary = ReportInfo['summary']

/** Why a batch ended before its jobs did. */
const ENDED_BY: Readonly<Record<string, string>> = {
  signal: 'stopped by a signal',
  deadline: 'stopped by its deadline',
  'stop-on': 'stopped by a result',
  consumer: 'stopped before its end',
  error: 'stopped by an error',
}

export function title({ title, program }: ReportInfo): string {
  return title ?? program?.name ?? 'Batch'
}

export function head(
  info: ReportInfo,
  collected: Collected,
  facets: Facets,
  state: LiveState | undefined,
): Html {
  const { summary, program, startedAt } = info
  const about = [
    program?.path !== title(info) && program?.path,
    program?.kind,
    program?.wasi,
  ].filter((part) => typeof part === 'string')
  const stopped = ENDED_BY[summary.endedBy ?? 'jobs']
  return html`
    <header>
      <p class="kicker">wasiexec batch</p>
      <h1>${title(info)}</h1>
      <p class="about">
        ${startedAt !== undefined && html`<time datetime="${startedAt.toISOString()}">${moment(startedAt)}</time>`}
        ${about.map((part) => html`<span>${part}</span>`)}
      </p>
      <button type="button" id="theme" role="switch" aria-checked="false" data-own hidden>Dark</button>
      ${stopped !== undefined && html`<p class="notice"><strong>Not complete:</strong> ${stopped}${failure(summary)}.</p>`}
      ${
        collected.untimed > 0 &&
        html`<p class="notice">
          ${counted(collected.untimed, 'result')} of earlier sessions
          ${collected.untimed === 1 ? 'is' : 'are'} counted here; the wall clock and the throughput are of the last one.
        </p>`
      }
    </header>
    ${state !== undefined && live(state)}
    ${verdict(summary, facets, state?.phase === 'running')} ${figures(summary)}
  `
}

/** The share of good results, and a bar of all. */
function verdict(summary: Summary, { series, hasVerdicts }: Facets, isRunning: boolean): Html {
  const good = hasVerdicts ? (series.find(({ name }) => name === ACCEPTED)?.count ?? 0) : summary.ok
  const all = hasVerdicts ? series.reduce((sum, { count }) => sum + count, 0) : summary.jobs
  const name = hasVerdicts ? ACCEPTED : 'ok'
  if (all === 0) {
    return html`<p class="headline"><strong>${isRunning ? 'No results yet' : 'No jobs'}</strong></p>`
  }
  return html`
    <section class="verdict" aria-label="Share">
      <p class="headline">
        <strong id="share">${share(good, all)}</strong> ${name}
        <span class="of">
          ${data(good, count(good), 'good')} of ${data(all, counted(all, 'job'), 'all')}
        </span>
      </p>
      ${bar(series, all)}
    </section>
  `
}

/** By presentation attributes: the page's policy forbids `style`. */
function bar(series: Facets['series'], all: number): Html {
  let x = 0
  const parts = series.map(({ slot, count }) => {
    const width = (count / all) * 1000
    const part = html`
      <rect class="c-${slot}" x="${x.toFixed(2)}" width="${Math.max(width, 0.5).toFixed(2)}" height="10" />
    `
    x += width
    return part
  })
  return html`
    <svg class="share" viewBox="0 0 1000 10" preserveAspectRatio="none" aria-hidden="true">${parts}</svg>
  `
}

function figures(summary: Summary): Html {
  const { wallMs, cpuMs, runMs, runsPerSecond } = summary
  const figure = (id: string, name: string, value: number, text: string): Html => html`
    <div>
      <dt>${name}</dt>
      <dd>${data(value, text, id)}</dd>
    </div>
  `
  return html`
    <dl class="figures" aria-label="Totals">
      ${figure('jobs', 'Jobs', summary.jobs, count(summary.jobs))}
      ${figure('wallMs', 'Wall clock', wallMs, duration(wallMs))}
      ${figure('cpuMs', 'CPU', cpuMs, duration(cpuMs))}
      ${figure('runsPerSecond', 'Runs a second', runsPerSecond, rate(runsPerSecond))}
      ${figure('p50', 'Run time p50', runMs.p50, duration(runMs.p50))}
      ${figure('p90', 'p90', runMs.p90, duration(runMs.p90))}
      ${figure('p99', 'p99', runMs.p99, duration(runMs.p99))}
      ${figure('max', 'Longest', runMs.max, duration(runMs.max))}
    </dl>
  `
}

/** A number as people read it, with the exact number for programs. */
export function data(value: number, text: string, id?: string): Html {
  return html`<data value="${value}" ${id !== undefined && html` id="${id}"`}>${text}</data>`
}

function failure({ error }: Summary): string {
  return error === undefined ? '' : `: ${thrownWords(error)}`
}

function moment(date: Date): string {
  return date.toISOString().slice(0, 19).replace('T', ' ') + ' UTC'
}

export function footer({ options, version }: ReportInfo): Html {
  const rows = Object.entries(options ?? {})
  return html`
    <footer>
      ${
        rows.length > 0 &&
        html`<dl class="options" aria-label="Options">
          ${rows.map(
            ([name, value]) =>
              html`<div>
                <dt>${name}</dt>
                <dd>${value}</dd>
              </div>`,
          )}
        </dl>`
      }
      <p>Written by wasiexec${version !== undefined && ` ${version}`}.</p>
    </footer>
  `
}
