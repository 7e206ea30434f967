import { createHash } from 'node:crypto'
import type { Assets } from '../assets.ts'
import type { Collected } from '../collect.ts'
import type { LiveState, ReportInfo } from '../info.ts'
import { chartData, facets } from './chart-data.ts'
import { charts } from './charts.ts'
import type { PageData } from './data.ts'
import { endings, filter } from './filter.ts'
import { footer, head, title } from './head.ts'
import { Html, html, jsonScript } from './html.ts'
import { jobs, type Row } from './jobs.ts'
import { percent } from './live.ts'
import { colours } from './style.ts'

/** All that a page shows. */
export interface Content {
  readonly title: string
  readonly main: Html
  readonly data: PageData
}

/** What makes a page a live one. */
export interface Live {
  readonly state: LiveState
  readonly row: Row
}

export function content(info: ReportInfo, collected: Collected, live?: Live): Content {
  const parts = facets(collected)
  const data = { phase: live?.state.phase, ...chartData(collected, parts, info.summary) }
  const main = html`
    <main>
      ${head(info, collected, parts, live?.state)}
      ${collected.results > 0 && filter(parts)}
      ${charts(data)}
      ${endings(parts)}
      ${collected.results > 0 && search()}
      ${jobs(collected, parts, live?.row)}
      ${footer(info)}
    </main>
  `
  return { title: `${running(live?.state)}${title(info)} – wasiexec batch`, main, data }
}

/** The tab of a page says how far its batch is, too. */
function running(state: LiveState | undefined): string {
  if (state?.phase !== 'running') return ''
  return state.fraction === undefined ? '… ' : `${percent(state.fraction)} `
}

/** A page as it is sent, and its policy: of a live page it is a header, too. */
export interface Document {
  readonly markup: string
  readonly policy: string
}

/**
 * The whole page. Its policy allows this one script and this one style sheet by their digests, and nothing else:
 * no network, no inline handlers, no `style` attributes. A live page may also ask its server for updates. What a guest
 * printed is text in it.
 */
export function page({ title, main, data }: Content, assets: Assets): Document {
  const style = `${colours()}${assets.style}`
  const isLive = data.phase !== undefined
  const policy = [
    `default-src 'none'`,
    `script-src '${digest(assets.script)}'`,
    `style-src '${digest(style)}'`,
    `base-uri 'none'`,
    `form-action 'none'`,
    `require-trusted-types-for 'script'`,
    ...(isLive ? [`connect-src 'self'`, 'trusted-types wasiexec'] : []),
  ].join('; ')
  const { markup } = html`<!doctype html>
<html lang="en">
  <head>
    <meta charset="utf-8">
    <meta http-equiv="Content-Security-Policy" content="${new Html(policy)}">
    <meta name="viewport" content="width=device-width, initial-scale=1">
    <meta name="color-scheme" content="light dark">
    <meta name="referrer" content="no-referrer">
    <meta name="robots" content="noindex">
    <title>${title}</title>
    ${inline('style', style)}
  </head>
  <body>
    ${main}
    ${jsonScript('data', data)}
    ${inline('script', assets.script)}
  </body>
</html>
`
  return { markup, policy }
}

/** An element with exactly the content that has the digest. */
function inline(name: 'script' | 'style', content: string): Html {
  return new Html(`<${name}>${content}</${name}>`)
}

function search(): Html {
  return html`
    <p class="search" data-own hidden>
      <label for="search">Find in the jobs below</label>
      <input id="search" type="search" autocomplete="off" spellcheck="false" placeholder="id, arguments, output">
    </p>
  `
}

function digest(source: string): string {
  return `sha256-${createHash('sha256').update(source).digest('base64')}`
}
