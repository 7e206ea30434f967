import prettyMilliseconds from 'pretty-ms'
import type { LiveState } from '../info.ts'
import { rate } from './format.ts'
import { html, type Html } from './html.ts'

/** What a live page has and a file does not: how far the batch is, and a button that holds the page still. */
export function live(state: LiveState): Html {
  const { phase, words, fraction } = state
  const isRunning = phase === 'running'
  // All that is here at the end, too, keeps the page below from moving.
  return html`
    <section class="live" aria-label="Progress">
      <p id="state" class="${phase}" role="status" tabindex="-1" data-own>${words}</p>
      <p class="pace">${(isRunning ? pace(state) : END).map((part) => html`<span>${part}</span>`)}</p>
      ${isRunning && html`<button type="button" id="pause" aria-pressed="false" data-own hidden>Pause</button>`}
      ${
        fraction !== undefined &&
        html`<progress value="${fraction.toFixed(4)}" max="1" aria-label="Jobs that have ended"></progress>`
      }
    </section>
  `
}

const END = ['This page is complete, and no longer needs the command.']

function pace({ fraction, perSecond, leftMs }: LiveState): string[] {
  return [
    fraction !== undefined && percent(fraction),
    `${rate(perSecond)} results a second`,
    leftMs !== undefined && fraction !== 1 && `about ${roughly(leftMs)} left`,
  ].filter((part) => typeof part === 'string')
}

/** Never 100 % before the end. */
export function percent(fraction: number): string {
  return `${Math.floor(fraction * 100)} %`
}

/** An estimate has no digits after its seconds. */
function roughly(ms: number): string {
  return prettyMilliseconds(Math.max(1, Math.round(ms / 1000)) * 1000, { unitCount: 2 })
}
