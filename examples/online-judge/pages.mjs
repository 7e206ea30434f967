// The pages. Whatever comes from a submitter goes through `html`, which escapes it.

class Html {
  constructor(text) {
    this.text = text
  }

  toString() {
    return this.text
  }
}

const SIGNS = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', "'": '&#39;' }

function escape(value) {
  if (value instanceof Html) return value.text
  if (Array.isArray(value)) return value.map(escape).join('')
  return String(value ?? '').replaceAll(/[&<>"']/g, (sign) => SIGNS[sign])
}

/** A template whose values are escaped unless they are templates themselves. */
export function html(strings, ...values) {
  return new Html(
    strings.map((text, index) => (index === 0 ? text : escape(values[index - 1]) + text)).join(''),
  )
}

/** What colours and signs there are for it. */
export function kindOf(verdict) {
  if (verdict === 'accepted' || verdict === 'judging') return verdict
  return 'rejected'
}

const badge = (verdict) => html`<span class="badge ${kindOf(verdict)}">${verdict}</span>`

function layout(title, script, body) {
  return html`<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>${title}</title>
<link rel="icon" href="data:,">
<link rel="stylesheet" href="/style.css">
<script src="/${script}" type="module"></script>
<main>
${body}
</main>
</html>
`
}

export function homePage(submissions, samples) {
  return layout(
    'Judge',
    'home.js',
    html`<h1>Capitals</h1>
<p>Write a program that prints what it reads in capital letters. It has half a second of a core, 64 MiB of memory and 1 MiB of output for each case, and no files and no network.</p>
<form id="upload">
  <label for="file">A program for WASI (.wasm)</label>
  <input id="file" type="file" accept=".wasm,.wat" required>
  <button>Judge it</button>
  <p id="problem" role="alert"></p>
</form>
<noscript><p>Without scripts: <code>curl -H 'content-type: application/wasm' --data-binary @program.wasm '…/api/submissions?name=program.wasm'</code></p></noscript>
<h2>Or try one of these</h2>
<ul class="samples">${samples.map((name) => html`<li><button class="sample" value="${name}">${name}</button></li>`)}</ul>
<h2>Latest submissions</h2>
${submissions.length === 0 ? html`<p>None yet.</p>` : table(submissions)}`,
  )
}

function table(submissions) {
  return html`<table>
<thead><tr><th>program<th>verdict<th>cases<th>at</thead>
<tbody>
${submissions.map(
  ({ id, name, verdict, results, count, at }) =>
    html`<tr><td><a href="/submissions/${id}">${name}</a><td>${badge(verdict)}<td>${accepted(results)}/${count}<td><time datetime="${at.toISOString()}">${at.toISOString().slice(11, 19)}</time>
`,
)}</tbody>
</table>`
}

const accepted = (results) => results.filter(({ verdict }) => verdict === 'accepted').length

/** Also right without scripts, which only add the results that are still to come. */
export function submissionPage({ id, name, verdict, error, results, count }) {
  return layout(
    `${name} – Judge`,
    'submission.js',
    html`<nav><a href="/">All submissions</a></nav>
<h1>${name}</h1>
<p id="verdict" aria-live="polite" data-id="${id}" data-known="${results.length}">${badge(verdict)}</p>
<p id="progress"><progress max="${count}" value="${results.length}" aria-label="cases judged"></progress> <span id="known">${results.length}</span> of ${count} cases</p>
<pre id="error"${error === undefined ? html` hidden` : ''}>${error}</pre>
<ol id="results">${results.map(resultItem)}</ol>
<template id="result">${resultItem({})}</template>
${verdict === 'judging' ? html`<noscript><p>Load the page again for more results.</p></noscript>` : ''}`,
  )
}

function resultItem({ name, verdict, ending, cpuMs, memoryKiB, expected, stdout, stderr }) {
  return html`<li class="result"><details>
<summary><span>case <span data-field="name">${name}</span></span> <span data-field="verdict" class="badge ${kindOf(verdict)}">${verdict}</span> <span class="usage"><span data-field="cpuMs">${cpuMs}</span> ms, <span data-field="memoryKiB">${memoryKiB}</span> KiB</span></summary>
<p data-field="ending">${ending}</p>
<dl><dt>expected<dd><pre tabindex="0" data-field="expected">${expected}</pre><dt>stdout<dd><pre tabindex="0" data-field="stdout">${stdout}</pre><dt>stderr<dd><pre tabindex="0" data-field="stderr">${stderr}</pre></dl>
</details>
`
}
