import { createHash } from 'node:crypto'
import type { Assets } from '../assets.ts'
import type { Collected } from '../collect.ts'
import type { ReportInfo } from '../info.ts'
import { chartData, facets } from './chart-data.ts'
import { charts } from './charts.ts'
import { endings, filter } from './filter.ts'
import { footer, head, title } from './head.ts'
import { Html, html, jsonScript } from './html.ts'
import { jobs } from './jobs.ts'
import { colours } from './style.ts'

/**
 * The whole page. Its policy allows this one script and this one style sheet by their digests, and nothing else:
 * no network, no inline handlers, no `style` attributes. What a guest printed is text in it.
 */
export function page(info: ReportInfo, collected: Collected, assets: Assets): string {
  const parts = facets(collected)
  const data = chartData(collected, parts, info.summary)
  const style = `${colours()}${assets.style}`
  const policy = [
    `default-src 'none'`,
    `script-src '${digest(assets.script)}'`,
    `style-src '${digest(style)}'`,
    `base-uri 'none'`,
    `form-action 'none'`,
    `require-trusted-types-for 'script'`,
  ].join('; ')
  return html`<!doctype html>
<html lang="en">
  <head>
    <meta charset="utf-8">
    <meta http-equiv="Content-Security-Policy" content="${new Html(policy)}">
    <meta name="viewport" content="width=device-width, initial-scale=1">
    <meta name="color-scheme" content="light dark">
    <meta name="referrer" content="no-referrer">
    <meta name="robots" content="noindex">
    <title>${title(info)} – wasiexec batch</title>
    ${inline('style', style)}
  </head>
  <body>
    <main>
      ${head(info, collected, parts)}
      ${collected.results > 0 && filter(parts)}
      ${charts(data)}
      ${endings(parts)}
      ${collected.results > 0 && search()}
      ${jobs(collected, parts)}
      ${footer(info)}
    </main>
    ${jsonScript('data', data)}
    ${inline('script', assets.script)}
  </body>
</html>
`.markup
}

/** An element with exactly the content that has the digest. */
function inline(name: 'script' | 'style', content: string): Html {
  return new Html(`<${name}>${content}</${name}>`)
}

function search(): Html {
  return html`
    <p class="search" hidden>
      <label for="search">Find in the jobs below</label>
      <input id="search" type="search" autocomplete="off" spellcheck="false" placeholder="id, arguments, output">
    </p>
  `
}

function digest(source: string): string {
  return `sha256-${createHash('sha256').update(source).digest('base64')}`
}
