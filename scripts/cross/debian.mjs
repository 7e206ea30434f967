// Packages of Debian, unpacked into a folder. Nothing is installed on this machine, and root is not needed.
import { mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { once, read, run } from './shell.mjs'

const KEYRING = '/usr/share/keyrings/debian-archive-keyring.gpg'

/** The archive that this machine's own apt reads. */
function archive() {
  const format = ['indextargets', '--format', '$(REPO_URI)', 'Created-By: Packages']
  const uri = read('apt-get', format)
    .split('\n')
    .find((uri) => /\/debian\/?$/.test(uri))
  if (uri === undefined) throw new Error('expected a Debian whose apt knows an archive')
  return uri
}

/** Options of an apt with lists of its own, which believes that nothing is installed. */
function aptOptions(suite, architecture) {
  const own = once(`apt/${suite}-${architecture}`, (folder) => {
    for (const name of ['state/lists/partial', 'cache', 'etc'])
      mkdirSync(join(folder, name), { recursive: true })
    writeFileSync(join(folder, 'status'), '')
    writeFileSync(
      join(folder, 'etc/sources.list'),
      `deb [signed-by=${KEYRING}] ${archive()} ${suite} main\n`,
    )
  })
  return [
    `Dir::State=${own}/state`,
    `Dir::State::status=${own}/status`,
    `Dir::Cache=${own}/cache`,
    `Dir::Etc::sourcelist=${own}/etc/sources.list`,
    `Dir::Etc::sourceparts=${own}/none`,
    `APT::Architecture=${architecture}`,
    // Replaces the list; `=` would add to it.
    `APT::Architectures::=${architecture}`,
    'APT::Install-Recommends=false',
    'APT::Sandbox::User=root',
  ].map((option) => `-o${option}`)
}

/**
 * Unpacks packages into `folder`, with all that they depend on or alone.
 * @param {{ suite: string, architecture: string, packages: string[], alone?: boolean }} what
 */
export function unpackDebian(folder, { suite, architecture, packages, alone = false }) {
  const debs = join(folder, '.debs')
  mkdirSync(join(debs, 'partial'), { recursive: true })
  const options = ['-qq', ...aptOptions(suite, architecture), `-oDir::Cache::archives=${debs}`]
  run('apt-get', [...options, 'update'])
  const fetching = alone ? ['download'] : ['install', '--yes', '--download-only']
  run('apt-get', [...options, ...fetching, ...packages], { cwd: debs })
  for (const name of readdirSync(debs)) {
    if (name.endsWith('.deb')) run('dpkg', ['-x', join(debs, name), folder])
  }
  rmSync(debs, { recursive: true })
}
