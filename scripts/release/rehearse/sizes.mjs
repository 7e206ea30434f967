// Checks the size of a packed package against scripts/release/budget.json.
import { readFileSync } from 'node:fs'

const budget = JSON.parse(readFileSync(new URL('../budget.json', import.meta.url), 'utf8'))

/** Only the release workflow optimizes at link time, which makes a platform package a twentieth smaller. */
const WITHOUT_LTO = 1.05

/**
 * Returns what the table says of a size; throws when it is over the budget.
 * @param {'root' | 'platform'} kind
 * @param {number} size packed, in bytes
 * @param {{ isRelease: boolean }} options
 */
export function checkSize(kind, size, { isRelease }) {
  const slack = kind === 'platform' && !isRelease ? WITHOUT_LTO : 1
  const allowed = Math.round(budget[kind] * slack)
  const said = `${inUnits(size)} packed, allowed ${inUnits(budget[kind])}`
  if (size > allowed) throw new Error(said)
  return size > budget[kind] ? `${said} in a release, whose binary is 5 % smaller` : said
}

function inUnits(bytes) {
  return bytes < 1e6 ? `${(bytes / 1e3).toFixed(1)} kB` : `${(bytes / 1e6).toFixed(2)} MB`
}
