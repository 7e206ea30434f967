import type { LiveState } from '../info.ts'
import { duration, rate } from './format.ts'
import { html, type Html } from './html.ts'

/** What a live page has and a file does not: how far the batch is, and a button that holds the page still. */
export function live({ phase, words, fraction, perSecond, leftMs }: LiveState): Html {
  const isRunning = phase === 'running'
  const pace = [
    fraction !== undefined && percent(fraction),
    `${rate(perSecond)} results a second`,
    leftMs !== undefined && fraction !== 1 && `about ${duration(roughly(leftMs))} left`,
  ].filter((part) => typeof part === 'string')
  return html`
    <section class="live" aria-label="Progress">
      <p id="state" class="${phase}" role="status" data-own>${words}</p>
      ${isRunning && html`<p class="pace">${pace.map((part) => html`<span>${part}</span>`)}</p>`}
      ${isRunning && html`<button type="button" id="pause" aria-pressed="false" data-own hidden>Pause</button>`}
      ${
        isRunning &&
        fraction !== undefined &&
        html`<progress value="${fraction.toFixed(4)}" max="1" aria-label="Jobs that have ended"></progress>`
      }
    </section>
  `
}

/** Never 100 % before the end. */
export function percent(fraction: number): string {
  return `${Math.floor(fraction * 100)} %`
}

/** In whole seconds: an estimate has no digits after them. */
function roughly(ms: number): number {
  return Math.max(1000, Math.round(ms / 1000) * 1000)
}
