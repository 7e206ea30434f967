// Publishes what `stage.mjs` put into a folder: publish.mjs FOLDER [options of `npm publish`]. The platform packages go
// first, so that nobody can install the package without them, and those that are built on it last. What the registry has
// already is left out, so that a release that broke off can be started again.
import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { companions, platforms } from './packages.mjs'

const [folder, ...options] = process.argv.slice(2)
if (folder === undefined || folder.startsWith('-'))
  throw new Error('expected: publish.mjs FOLDER [options of `npm publish`]')

function npm(...args) {
  const shell = process.platform === 'win32'
  return spawnSync('npm', args, { shell, encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] })
}

for (const path of [...platforms.map((platform) => join('npm', platform)), '.', ...companions]) {
  const { name, version } = JSON.parse(readFileSync(join(folder, path, 'package.json'), 'utf8'))
  const known = npm('view', `${name}@${version}`, 'version')
  if (known.status === 0 && known.stdout.trim() === version) {
    console.log(`${name}@${version}: published before`)
    continue
  }
  // Those who ask for no version do not get one such as 1.2.3-rc.1.
  const tag = version.includes('-') ? ['--tag', 'next'] : []
  const { status, stderr } = npm('publish', resolve(folder, path), ...tag, ...options)
  if (status !== 0) throw new Error(`npm publish failed for ${name}@${version}: ${stderr}`)
  const isDry = options.includes('--dry-run')
  console.log(`${name}@${version}: ${isDry ? `would be published\n${stderr}` : 'published'}`)
}
