// Checks that everything that has a version has the same one, and that CHANGELOG.md begins with it. With a tag as argument,
// `v1.2.3`, checks that it is that version's, and that its changes have a date.
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parse } from 'smol-toml'
import { newestChanges } from './changelog.mjs'

/**
 * What is wrong, one sentence per fault.
 * @param {string} folder a checkout
 * @param {string} [tag]
 * @returns {string[]}
 */
export function findFaults(folder, tag) {
  const read = (...path) => readFileSync(join(folder, ...path), 'utf8')
  const { version } = JSON.parse(read('package.json'))
  const lock = JSON.parse(read('package-lock.json'))
  const crate = parse(read('Cargo.lock')).package.find(({ name }) => name === 'wasiexec')
  const loader = new Set(
    read('src/native/index.cjs').match(/(?<=bindingPackageVersion !== ')[^']+/g),
  )
  const changes = newestChanges(folder)
  const found = [
    ['package-lock.json', lock.version],
    ['package-lock.json', lock.packages[''].version],
    ['Cargo.toml', parse(read('Cargo.toml')).workspace.package.version],
    ['Cargo.lock', crate.version],
    ['src/native/index.cjs', [...loader].join(', ')],
    ...readdirSync(join(folder, 'npm')).map((platform) => [
      `npm/${platform}/package.json`,
      JSON.parse(read('npm', platform, 'package.json')).version,
    ]),
  ]
  for (const name of readdirSync(join(folder, 'packages'))) {
    const file = `packages/${name}/package.json`
    const manifest = JSON.parse(read(file))
    found.push([file, manifest.version])
    found.push([file, manifest.peerDependencies.wasiexec.replace('^', '')])
    found.push(['package-lock.json', lock.packages[`packages/${name}`].version])
  }
  const faults = found
    .filter(([, other]) => other !== version)
    .map(([file, other]) => `${file}: expected ${version}, as in package.json, got ${other}`)
  // Between two releases, the changes are those of the next one.
  const isNext = tag === undefined && changes?.date === 'unreleased'
  if (changes?.version !== version && !isNext)
    faults.push(`CHANGELOG.md: expected changes of ${version}, got those of ${changes?.version}`)
  if (changes?.text === '') faults.push(`CHANGELOG.md: expected changes of ${version}, got none`)
  if (tag === undefined) return faults

  if (tag !== `v${version}`)
    faults.push(`expected the tag v${version}, as in package.json, got ${tag}`)
  if (changes?.version === version && !/^\d{4}-\d\d-\d\d$/.test(changes?.date))
    faults.push(
      `CHANGELOG.md: expected a day such as 2026-01-31 after ${version}, got ${changes?.date}`,
    )
  return faults
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const faults = findFaults('.', process.argv[2])
  for (const fault of faults) console.error(fault)
  process.exitCode = faults.length === 0 ? 0 : 1
}
