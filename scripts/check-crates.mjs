// Checks the licences, sources and duplicates of all crates against deny.toml, as `cargo deny check licenses sources bans`
// does. It needs no tool that has to be built first, so each run of CI can afford it.
import { readFileSync } from 'node:fs'
import satisfies from 'spdx-satisfies'
import { parse } from 'smol-toml'
import { crates } from './crates.mjs'

/** What a crate of the public registry has in Cargo.lock, whichever mirror it came from. */
const REGISTRY = 'registry+https://github.com/rust-lang/crates.io-index'

/**
 * What is wrong, one sentence per fault.
 * @param {import('./crates.mjs').Crate[]} all
 * @param {{ licenses: { allow: string[] }, bans: { skip: { crate: string }[] } }} rules
 * @returns {string[]}
 */
export function findFaults(all, { licenses, bans }) {
  const faults = []
  for (const { name, version, license, source } of all) {
    // Older crates write a slash for `OR`.
    const expression = license?.replaceAll(/\s*\/\s*/g, ' OR ')
    if (expression === undefined || !satisfies(expression, licenses.allow))
      faults.push(
        `${name} ${version}: expected a licence that deny.toml allows, got ${license ?? 'none'}`,
      )
    if (source !== REGISTRY)
      faults.push(
        `${name} ${version}: expected a crate of the public registry, got ${source ?? 'a path'}`,
      )
  }
  return [...faults, ...findDuplicates(all, new Set(bans.skip.map(({ crate }) => crate)))]
}

/** Crates in several versions that are not skipped, and skipped ones that are not there or the only ones. */
function findDuplicates(all, skipped) {
  const faults = []
  const versions = new Map()
  for (const crate of all) versions.set(crate.name, [...(versions.get(crate.name) ?? []), crate])
  for (const [name, group] of versions) {
    const rest = group.map(({ version }) => version).filter((v) => !skipped.has(`${name}@${v}`))
    if (rest.length > 1)
      faults.push(
        `${name}: expected one version, got ${rest.join(', ')}; update, or add all but one to bans.skip of deny.toml`,
      )
  }
  for (const crate of skipped) {
    const [name, version] = crate.split('@')
    const group = versions.get(name) ?? []
    if (group.length < 2 || !group.some((other) => other.version === version))
      faults.push(`deny.toml: bans.skip has ${crate}, which is not a duplicate; remove it`)
  }
  return faults
}

if (process.argv[1] === import.meta.filename) {
  const all = crates({ linked: false })
  const faults = findFaults(all, parse(readFileSync('deny.toml', 'utf8')))
  for (const fault of faults) console.error(fault)
  if (faults.length === 0) console.log(`${all.length} crates, licences and sources as allowed`)
  process.exitCode = faults.length === 0 ? 0 : 1
}
