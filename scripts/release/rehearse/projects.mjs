// The empty folders that the package is installed into.
import { cpSync, existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { platforms } from '../packages.mjs'

const at = (path) => fileURLToPath(new URL(path, import.meta.url))

/** What a user has there: two programs in JavaScript, and two that they run. */
const USER = [
  at('consumer.mjs'),
  at('consumer.cjs'),
  at('checks.cjs'),
  at('../../../crate/tests/guests/hello.wat'),
  at('../../../crate/tests/guests/cat.wat'),
]

/**
 * Makes one, with these files besides the user's.
 * @param {string} folder where
 * @param {Record<string, string>} files their contents by name
 */
export function makeProject(folder, files) {
  mkdirSync(folder, { recursive: true })
  for (const file of USER) cpSync(file, join(folder, file.split(/[\\/]/).at(-1)))
  for (const [file, content] of Object.entries({
    'package.json': '{ "private": true }\n',
    ...files,
  }))
    writeFileSync(join(folder, file), content)
}

/** Where package managers put packages: npm, yarn and Bun; pnpm; yarn without node_modules. */
const PLACES = ['node_modules/@wasiexec', 'node_modules/.pnpm', '.yarn/unplugged']

/**
 * The platforms whose packages are installed in one, such as `linux-x64-gnu`.
 * @param {string} folder
 * @returns {string[]}
 */
export function installedPlatforms(folder) {
  const places = PLACES.map((place) => join(folder, place)).filter((place) => existsSync(place))
  const names = places.flatMap((place) => readdirSync(place))
  return platforms.filter((platform) => names.some((name) => name.includes(`binding-${platform}`)))
}
