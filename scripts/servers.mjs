// Finds a Redis and a Valkey for the tests of queues. As a script: unpacks Debian's where apt-get can be asked, and prints
// how they are started.
import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { unpackDebian } from './cross/debian.mjs'
import { CACHE, once } from './cross/shell.mjs'

/** Debian 13 has both. Its libraries come with them, so that an older Debian can start them. */
const SUITE = 'trixie'
const FOLDER = `servers-${SUITE}`
const ARCHITECTURES = {
  x64: ['amd64', 'x86-64.so.2', 'lib64'],
  arm64: ['arm64', 'aarch64.so.1', 'lib'],
}

/** @typedef {{ name: string, command: string[] }} Server How one is started; options follow. */

/** The servers of the tests, their variables, and their programs. */
const SERVERS = [
  { name: 'Redis', variable: 'WASIEXEC_REDIS', program: 'redis-server' },
  { name: 'Valkey', variable: 'WASIEXEC_VALKEY', program: 'valkey-server' },
]

/**
 * Those that variables name, that are installed, or that were unpacked before.
 * @returns {Server[]}
 */
export function servers() {
  return SERVERS.flatMap(({ name, variable, program }) => {
    const own = process.env[variable]
    const found = own === undefined ? (installed(program) ?? unpacked(program)) : [own]
    return found === undefined ? [] : [{ name, command: found }]
  })
}

/**
 * The same, after trying to unpack those that are not there.
 * @returns {Server[]}
 */
export function provideServers() {
  const missing = SERVERS.filter(({ name }) => !servers().some((server) => server.name === name))
  const [architecture] = ARCHITECTURES[process.arch] ?? []
  if (missing.length === 0 || process.platform !== 'linux' || architecture === undefined)
    return servers()
  try {
    const packages = SERVERS.map(({ program }) => program)
    once(FOLDER, (folder) => unpackDebian(folder, { suite: SUITE, architecture, packages }))
  } catch (error) {
    console.log(`no servers from Debian: ${error.message}`)
  }
  return servers()
}

function installed(program) {
  const { status } = spawnSync(program, ['--version'], { stdio: 'ignore' })
  return status === 0 ? [program] : undefined
}

function unpacked(program) {
  const [, loader, folder] = ARCHITECTURES[process.arch] ?? []
  const at = (...path) => join(CACHE, FOLDER, 'usr', ...path)
  // What is in sbin or bin differs between the two.
  const file = ['bin', 'sbin'].map((place) => at(place, program)).find((path) => existsSync(path))
  if (file === undefined) return undefined
  const libraries = { x64: 'x86_64-linux-gnu', arm64: 'aarch64-linux-gnu' }[process.arch]
  return [at(folder, `ld-linux-${loader}`), '--library-path', at('lib', libraries), file]
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const found = provideServers()
  for (const { name, command } of found) console.log(`${name}: ${command.join(' ')}`)
  if (found.length < SERVERS.length)
    console.log(
      'tests of queues need a Redis and a Valkey; WASIEXEC_REDIS and WASIEXEC_VALKEY name them',
    )
  process.exitCode = found.length === SERVERS.length ? 0 : 1
}
