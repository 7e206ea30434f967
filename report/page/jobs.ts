import type { Collected } from '../collect.ts'
import type { Excerpt } from '../excerpt.ts'
import { OTHERS } from '../groups.ts'
import type { ListedJob } from '../listed.ts'
import type { Facets } from './chart-data.ts'
import { bytes, count, counted, duration } from './format.ts'
import { guestText, html, type Html } from './html.ts'

/** How much output of guests can still be shown. */
interface Room {
  left: number
}

/** Far more than any output takes that was not made to become large as markup. */
const MAX_MARKUP = 8 * 1024 * 1024

/** A live page has the same jobs again and again. */
const BODIES = new WeakMap<ListedJob, { part: Html; bytes: number }>()

function within(room: Room, job: ListedJob): Html {
  if (room.left > 0) {
    const { part, bytes } = BODIES.get(job) ?? made(job)
    room.left -= bytes
    return part
  }
  return html`<div class="body"><p class="empty">Left out: the page is large enough.</p></div>`
}

function made(job: ListedJob): { part: Html; bytes: number } {
  const part = body(job)
  const measured = { part, bytes: Buffer.byteLength(part.markup) }
  BODIES.set(job, measured)
  return measured
}

/** What becomes of the markup of a row: a live page gets each row once. */
export type Row = (key: string, markup: Html) => Html

/**
 * The lists of jobs. The page's script shows some at a time, and only jobs that pass the filter.
 *
 * @param row Given for a live page, on which the failing jobs that came last are the first.
 */
export function jobs(collected: Collected, facets: Facets, row: Row | undefined): Html {
  const { slowest, failing } = collected
  const room = { left: MAX_MARKUP }
  const listed = row === undefined ? failing.listed : latestFirst(collected)
  const note = row === undefined ? failingNote(failing) : liveNote(failing.count, listed.length)
  return html`
    ${failing.count > 0 && list('failing', 'Failing jobs', note, listed, facets, room, row)}
    ${
      slowest.length > 0 &&
      list(
        'slowest',
        'Slowest jobs',
        'The longest by wall clock first.',
        slowest,
        facets,
        room,
        row,
      )
    }
  `
}

function failingNote({ count: all, listed }: Collected['failing']): string {
  if (listed.length === all)
    return `${all === 1 ? 'The only one' : `All ${count(all)}`}, in the order of the jobs.`
  return `${count(listed.length)} of ${count(all)}: the first of each ending, in the order of the jobs.`
}

function liveNote(all: number, listed: number): string {
  if (listed === all) return all === 1 ? 'The only one.' : `All ${count(all)}, the latest first.`
  return `${count(listed)} of ${count(all)}: the first and the latest of each ending, the latest first.`
}

function latestFirst({ failing, latest }: Collected): ListedJob[] {
  const all = new Map([...failing.listed, ...latest].map((job) => [job.index, job]))
  return [...all.values()].toSorted((a, b) => (b.at ?? -1) - (a.at ?? -1) || b.index - a.index)
}

function list(
  id: string,
  title: string,
  note: string,
  listed: readonly ListedJob[],
  facets: Facets,
  room: Room,
  row: Row | undefined,
): Html {
  const rows = listed.map((each, at) => {
    const key = `${id} ${each.index}`
    if (row !== undefined) return row(key, job(key, each, facets, room, false))
    return job(key, each, facets, room, id === 'slowest' && at >= TOP)
  })
  return html`
    <section class="jobs" id="${id}" aria-labelledby="${id}-title">
      <h2 id="${id}-title">${title}</h2>
      <p class="sub">${note}</p>
      <div class="columns" aria-hidden="true">
        <span>Job</span><span></span><span>Ending</span><span>Wall</span><span>CPU</span><span>Memory</span>
      </div>
      <ol>
        ${rows}
      </ol>
      <p class="none" data-own hidden>None of the listed jobs passes the filter.</p>
      <button type="button" class="show-more" data-own hidden></button>
    </section>
  `
}

/** Only this many of the listed jobs are the slowest of all; the others are for the filter. */
const TOP = 25

function job(key: string, job: ListedJob, facets: Facets, room: Room, isHidden: boolean): Html {
  const { index, id, label, usage, args } = job
  const slot = facets.series[facets.seriesOf(job)]!.slot
  const named = id ?? label
  return html`<li data-key="${key}" data-group="${groupOf(job, facets)}" ${isHidden && html`hidden`}>
    <details>
      <summary>
        <span class="index"><span class="unheard">job </span>${count(index)}</span>
        <span class="what">
          ${named !== undefined && html`<bdi class="id">${named}</bdi>`}
          ${args !== undefined && html`<bdi class="args">${args.head}${args.cut > 0 && '…'}</bdi>`}
        </span>
        <span class="how">
          <span class="dot c-${slot}"></span>
          ${job.verdict !== undefined && html`<span class="verdict-name">${job.verdict}</span>`}
          <span class="ending-name">${job.ending}</span>
        </span>
        ${measure('wall', usage && duration(usage.wallMs))}
        ${measure('cpu', usage && duration(usage.cpuMs))}
        ${measure('memory', usage && bytes(usage.memoryPeakBytes))}
      </summary>
      ${within(room, job)}
    </details>
  </li>`
}

function measure(name: string, text: string | undefined): Html {
  return html`<span class="measure ${name}"><span class="unheard">${name} </span>${text ?? '–'}</span>`
}

/** The group of a job on the page: its own, or the group of the endings that are counted together. */
function groupOf({ kind, ending, verdict }: ListedJob, { groups }: Facets): string {
  const of = (wanted: string): string | undefined =>
    groups.find(
      (group) => group.kind === kind && group.verdict === verdict && group.ending === wanted,
    )?.key
  return of(ending) ?? of(OTHERS[kind])!
}

function body(job: ListedJob): Html {
  const { id, label, message, frames, usage } = job
  const facts = [
    id !== undefined && label !== undefined && label !== id && label,
    usage?.fuel !== undefined && `${usage.fuel} fuel`,
    usage?.memoryDenied === true && 'memory was refused',
    usage?.outputTruncated === true && 'output was truncated',
  ].filter((fact) => typeof fact === 'string')
  const streams = [
    stream('stdout', job.stdout),
    stream('expected', job.expected),
    stream('stderr', job.stderr),
    stream('stdin', job.stdin),
    stream('arguments', job.args),
  ].filter((part) => part !== undefined)
  return html`<div class="body">
    <p class="facts">
      ${usage && html`<span class="narrow">${duration(usage.cpuMs)} CPU</span>`}
      ${usage && html`<span class="narrow">${bytes(usage.memoryPeakBytes)} memory</span>`}
      ${facts.map((fact) => html`<bdi>${fact}</bdi>`)}
    </p>
    ${message !== undefined && html`<p class="message">${guestText(message)}</p>`}
    ${job.location !== undefined && html`<p class="location">in ${guestText(job.location)}</p>`}
    ${
      frames.length > 0 &&
      html`<ol class="frames" start="0" aria-label="Frames, innermost first">
        ${frames.map((frame) => html`<li>${guestText(frame)}</li>`)}
      </ol>`
    }
    ${
      streams.length > 0
        ? html`<div class="streams">${streams}</div>`
        : message === undefined && html`<p class="empty">It printed nothing.</p>`
    }
  </div>`
}

function stream(name: string, printed: Excerpt | undefined): Html | undefined {
  if (printed === undefined) return undefined
  const { head, tail, cut, binary } = printed
  // HTML ignores a line feed right after the tag.
  const text = html`<pre tabindex="0" role="region" aria-label="${name}">
${guestText(head)}${cut > 0 && html`<i class="cut">… ${counted(cut, 'byte')} left out …</i>${guestText(tail)}`}</pre>`
  return html`<figure class="stream">
    <figcaption>${name}${binary !== undefined && `, ${counted(binary, 'byte')} that are not text`}</figcaption>
    ${text}
  </figure>`
}
