// Writes THIRD-PARTY-NOTICES.txt: the licences of the Rust crates whose code is in the binaries. Each platform package
// has it. `npm run notices` writes it, and `npm run check:notices` refuses a stale one.
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { crates } from '../crates.mjs'
import { NOTICES } from './platform-packages.mjs'

const LICENCE_FILE = /^(?:licen[cs]e|copying|copyright|notice|unlicense)(?!.*\.rs$)/i

/** The licence of a repository whose crates are published without it. */
const ELSEWHERE = { 'https://github.com/napi-rs/napi-rs': 'node_modules/@napi-rs/cli/LICENSE' }

/** The texts of the licences in a folder, those of code that a crate has copied too. */
function licences(folder) {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && LICENCE_FILE.test(entry.name))
    .map((entry) => join(entry.parentPath, entry.name))
    .toSorted()
    .map(read)
}

const read = (file) => readFileSync(file, 'utf8').replaceAll('\r\n', '\n').trim()

/** The texts for a crate: its own, or else those of a package with the same terms. */
function textsOf(crate, all) {
  const own = licences(dirname(crate.manifest_path))
  if (own.length > 0) return own
  const elsewhere = ELSEWHERE[crate.repository?.replace(/\.git$/, '')]
  if (elsewhere !== undefined) return [read(elsewhere)]
  // The text of Apache's licence names no owner, so that of any crate will do.
  for (const { license, manifest_path } of all) {
    const texts = license === crate.license ? licences(dirname(manifest_path)) : []
    if (license.startsWith('Apache-2.0') && texts.length > 0) return texts
  }
  throw new Error(
    `expected a licence file of ${crate.name} ${crate.version} (${crate.license}), got none; ` +
      `add one from ${crate.repository} to ELSEWHERE in scripts/release/crate-notices.mjs`,
  )
}

const linked = crates({ linked: true })
/** Texts that differ only in white space are one. */
const notices = new Map()
const add = (name, text) => {
  const key = text.replaceAll(/\s+/g, ' ').toLowerCase()
  const { names, text: first } = notices.get(key) ?? { names: [], text }
  notices.set(key, { names: [...names, name], text: first })
}
add('The standard library of Rust (MIT OR Apache-2.0)', read('LICENSE'))
for (const crate of linked) {
  for (const text of textsOf(crate, linked))
    add(`${crate.name} ${crate.version} (${crate.license})`, text)
}

const parts = [...notices.values()].map(({ names, text }) => `${names.join('\n')}\n\n${text}\n`)
const rule = `\n${'-'.repeat(72)}\n\n`
writeFileSync(
  NOTICES,
  `The binaries of wasiexec have code of these packages in them, some on some systems alone.\n${rule}${parts.join(rule)}`,
)
console.log(`${NOTICES}: ${linked.length} crates, ${parts.length} texts`)
