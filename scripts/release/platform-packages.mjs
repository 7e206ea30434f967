// Writes the package.json and README.md of each platform package: what `napi create-npm-dirs` makes of the root's, less
// `engines`, and with the name of the package that people install.
// With `engines`, npm leaves the package out on a Node that is a little older than it asks for, says nothing, and
// the program dies for want of its binary. As a script: writes npm/.
import { spawnSync } from 'node:child_process'
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('../..', import.meta.url))

/** What a platform package holds beside its binary. */
export const NOTICES = 'THIRD-PARTY-NOTICES.txt'

/**
 * Writes npm/ in a folder that has a package.json.
 * @param {string} folder
 */
export function writePlatformPackages(folder) {
  const cli = join(root, 'node_modules/@napi-rs/cli/dist/cli.js')
  const args = [cli, 'create-npm-dirs', '--cwd', folder]
  const { status, stdout, stderr } = spawnSync(process.execPath, args, { encoding: 'utf8' })
  if (status !== 0) throw new Error(`napi create-npm-dirs failed: ${stdout}${stderr}`)
  for (const platform of readdirSync(join(folder, 'npm'))) {
    const path = join(folder, 'npm', platform, 'package.json')
    const { engines: _, ...manifest } = JSON.parse(readFileSync(path, 'utf8'))
    manifest.files.push(NOTICES)
    writeFileSync(path, `${JSON.stringify(manifest, null, 2)}\n`)
    const readme = join(folder, 'npm', platform, 'README.md')
    const text = readFileSync(readme, 'utf8')
    writeFileSync(readme, text.replace('binary for `@wasiexec/binding`', 'binary for `wasiexec`'))
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) writePlatformPackages(root)
