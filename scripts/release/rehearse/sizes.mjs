// Compares the size of a packed package with scripts/release/budget.json.
import { readFileSync } from 'node:fs'

const budget = JSON.parse(readFileSync(new URL('../budget.json', import.meta.url), 'utf8'))

/** A binary that is not optimized at link time may be larger by this factor: that is what a release saves at least. */
const PLAIN = 1.05

/**
 * Returns what the table says of a size; throws when it is over the budget.
 * @param {'root' | 'companion' | 'platform'} kind
 * @param {number} size packed, in bytes
 * @param {'release' | 'plain' | 'test'} build how the binary was built; one for tests on another system may have any size
 */
export function checkSize(kind, size, build) {
  const slack = { release: 1, plain: PLAIN, test: Infinity }[build]
  const said = `${inUnits(size)} packed, allowed ${inUnits(budget[kind])}`
  if (size > budget[kind] * slack) throw new Error(said)
  return size > budget[kind] ? `${said} in a release, whose binaries are smaller` : said
}

function inUnits(bytes) {
  return bytes < 1e6 ? `${(bytes / 1e3).toFixed(1)} kB` : `${(bytes / 1e6).toFixed(2)} MB`
}
