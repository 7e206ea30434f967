// Writes figures into a page of docs/, between the markers `<!-- bench:NAME -->` and `<!-- /bench:NAME -->`.
import { execFileSync } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { cpus, release, type } from 'node:os'
import { digits } from './measure.mjs'

const docs = new URL('../docs/', import.meta.url)

/** Rounds to three digits and separates the thousands. */
export const number = (value) =>
  digits(value, 3).toLocaleString('en-US', { maximumFractionDigits: 6 })
export const times = (value) => `${number(value)} ×`

/** A table in Markdown; cells that were not measured are `undefined`. */
export function table(head, rows) {
  const line = (cells) => `| ${cells.map((cell) => cell ?? '–').join(' | ')} |`
  return [line(head), line(head.map(() => '---')), ...rows.map(line)].join('\n')
}

/**
 * @param {Record<string, string>} parts Markdown for each marker
 * @param {string} [name] of the page
 */
export function writePage(parts, name = 'performance.md') {
  const page = new URL(name, docs)
  let text = readFileSync(page, 'utf8')
  for (const [part, markdown] of Object.entries({ ...parts, machine: machine() })) {
    const [before, rest] = text.split(`<!-- bench:${part} -->`)
    const after = rest?.split(`<!-- /bench:${part} -->`)[1]
    if (after === undefined) throw new Error(`docs/${name} has no marker "bench:${part}"`)
    text = `${before}<!-- bench:${part} -->\n\n${markdown}\n\n<!-- /bench:${part} -->${after}`
  }
  writeFileSync(page, text)
}

export const writePicture = (name, svg) => writeFileSync(new URL(name, docs), svg)

function machine() {
  const today = new Date().toISOString().slice(0, 10)
  const [{ model }, ...others] = cpus()
  const lock = readFileSync(new URL('../Cargo.lock', import.meta.url), 'utf8')
  const wasmtime = /name = "wasmtime"\nversion = "(.*)"/.exec(lock)[1]
  const system = `${type()} ${release().split('-')[0]}`
  const rustc = execFileSync('rustc', ['--version'], { encoding: 'utf8' }).split(' ')[1]
  return (
    `Measured ${today} on ${others.length + 1} cores (${model.trim()}), ${system}, ` +
    `Node ${process.versions.node}, wasmtime ${wasmtime}, Rust ${rustc}.`
  )
}
