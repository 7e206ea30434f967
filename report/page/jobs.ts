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

function within(room: Room, make: () => Html): Html {
  if (room.left > 0) {
    const part = make()
    room.left -= Buffer.byteLength(part.markup)
    return part
  }
  return html`<div class="body"><p class="empty">Left out: the page is large enough.</p></div>`
}

/** The lists of jobs. The page's script shows some at a time, and only jobs that pass the filter. */
export function jobs({ slowest, failing }: Collected, facets: Facets): Html {
  const room = { left: MAX_MARKUP }
  return html`
    ${
      failing.count > 0 &&
      list('failing', 'Failing jobs', failingNote(failing), failing.listed, facets, room)
    }
    ${
      slowest.length > 0 &&
      list('slowest', 'Slowest jobs', 'The longest by wall clock first.', slowest, facets, room)
    }
  `
}

function failingNote({ count: all, listed }: Collected['failing']): string {
  if (listed.length === all)
    return `${all === 1 ? 'The only one' : `All ${count(all)}`}, in the order of the jobs.`
  return `${count(listed.length)} of ${count(all)}: the first of each ending, in the order of the jobs.`
}

function list(
  id: string,
  title: string,
  note: string,
  listed: readonly ListedJob[],
  facets: Facets,
  room: Room,
): Html {
  return html`
    <section class="jobs" id="${id}" aria-labelledby="${id}-title">
      <h2 id="${id}-title">${title}</h2>
      <p class="sub">${note}</p>
      <div class="columns" aria-hidden="true">
        <span>Job</span><span></span><span>Ending</span><span>Wall</span><span>CPU</span><span>Memory</span>
      </div>
      <ol>
        ${listed.map((each, at) => job(each, facets, room, id === 'slowest' && at >= TOP))}
      </ol>
      <p class="none" hidden>None of the listed jobs passes the filter.</p>
      <button type="button" class="show-more" hidden></button>
    </section>
  `
}

/** Only this many of the listed jobs are the slowest of all; the others are for the filter. */
const TOP = 25

function job(job: ListedJob, facets: Facets, room: Room, isHidden: boolean): Html {
  const { index, id, label, usage, args } = job
  const slot = facets.series[facets.seriesOf(job)]!.slot
  const named = id ?? label
  return html`<li data-group="${groupOf(job, facets)}" ${isHidden && html`hidden`}>
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
      ${within(room, () => body(job))}
    </details>
  </li>`
}

function measure(name: string, text: string | undefined): Html {
  return html`<span class="measure ${name}"><span class="unheard">${name} </span>${text ?? '–'}</span>`
}

/** The group of a job on the page: its own, or the group of the endings that are counted together. */
function groupOf({ kind, ending, verdict }: ListedJob, { groups }: Facets): number {
  const of = (wanted: string): number =>
    groups.findIndex(
      (group) => group.kind === kind && group.verdict === verdict && group.ending === wanted,
    )
  const own = of(ending)
  return own === -1 ? of(OTHERS[kind]) : own
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
  const { head, tail, cut } = printed
  // HTML ignores a line feed right after the tag.
  const text = html`<pre tabindex="0" role="region" aria-label="${name}">
${guestText(head)}${cut > 0 && html`<i class="cut">… ${counted(cut, 'byte')} left out …</i>${guestText(tail)}`}</pre>`
  return html`<figure class="stream">
    <figcaption>${name}</figcaption>
    ${text}
  </figure>`
}
