// How test files are run once more, in another variant of the package. A file about how runs proceed and end says so in its
// first line: `// Run once more with worker processes, with each compiler, and through spawn.`
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

/** What a variant is called, the words of the line, and the environment variable with its value. */
export const VARIANTS = [
  ['in worker processes', 'with worker processes', 'WASIEXEC_TEST_WORKERS', 'processes'],
  ['baseline compiler', 'with each compiler', 'WASIEXEC_TEST_COMPILER', 'baseline'],
  ['tiered', 'with each compiler', 'WASIEXEC_TEST_COMPILER', 'tiered'],
  ['through spawn', 'through spawn', 'WASIEXEC_TEST_THROUGH', 'spawn'],
  ['by calls', 'by calls', 'WASIEXEC_TEST_THROUGH', 'calls'],
]

const START = '// Run once more '

/**
 * The words of the line in a test file, none without such a line.
 *
 * @param {string} file
 * @param {string} text
 */
export function wordsOf(file, text) {
  const lines = text.split('\n')
  const at = lines.findIndex((line) => line.startsWith(START))
  if (at < 0) return []
  if (at > 0)
    throw new Error(`${file}: expected \`${lines[at]}\` in line 1, found in line ${at + 1}`)
  const words = lines[0]
    .slice(START.length)
    .replace(/\.$/, '')
    .split(/,? and |, /)
  const known = new Set(VARIANTS.map(([, each]) => each))
  const unknown = words.find((each) => !known.has(each))
  if (unknown !== undefined) {
    throw new Error(`${file}: expected ${[...known].join(', ')}, found \`${unknown}\` in line 1`)
  }
  return words
}

/**
 * The test files that are run once more in a variant.
 *
 * @param {string} words
 */
export function filesWith(words) {
  return readdirSync('__test__', { recursive: true })
    .map((file) => join('__test__', file))
    .filter((file) => /\.test\.(?:ts|mjs)$/.test(file))
    .filter((file) => wordsOf(file, readFileSync(file, 'utf8')).includes(words))
}
