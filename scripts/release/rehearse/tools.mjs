// The package managers, runtimes and the registry of a rehearsal, in the versions of scripts/release/tools/package.json.
import { spawnSync } from 'node:child_process'
import { cpSync, existsSync, mkdirSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

/**
 * Installs the tools into a folder and returns how each is started: a program and its first arguments.
 * @param {string} folder
 * @returns {Record<'npm' | 'pnpm' | 'yarn1' | 'yarn4' | 'verdaccio', string[]> & { bun?: string[], deno?: string[] }}
 */
export function installTools(folder) {
  mkdirSync(folder, { recursive: true })
  cpSync(
    fileURLToPath(new URL('../tools/package.json', import.meta.url)),
    join(folder, 'package.json'),
  )
  // Scripts would replace what Bun and Deno put on the PATH, which is not used here.
  const args = ['install', '--ignore-scripts', '--no-audit', '--no-fund', '--loglevel=error']
  const shell = process.platform === 'win32'
  const { status } = spawnSync('npm', args, { cwd: folder, stdio: 'inherit', shell })
  if (status !== 0) throw new Error(`npm could not install the tools into ${folder}`)

  const modules = join(folder, 'node_modules')
  const script = (...path) => [process.execPath, join(modules, ...path)]
  return {
    npm: script('npm/bin/npm-cli.js'),
    pnpm: script('pnpm/bin/pnpm.mjs'),
    yarn1: script('yarn/bin/yarn.js'),
    yarn4: script('@yarnpkg/cli-dist/bin/yarn.js'),
    verdaccio: script('verdaccio/bin/verdaccio'),
    ...binary('bun', join(modules, '@oven'), ['bin/bun', 'bin/bun.exe']),
    ...binary('deno', join(modules, '@deno'), ['deno', 'deno.exe']),
  }
}

/** A runtime that comes as a binary for this system, if there is one. */
function binary(name, scope, files) {
  const packages = existsSync(scope) ? readdirSync(scope) : []
  const places = packages.flatMap((path) => files.map((file) => join(scope, path, file)))
  // Of several, such as one for older processors, the first that starts.
  const works = (place) => spawnSync(place, ['--version']).status === 0
  const path = places.find((place) => existsSync(place) && works(place))
  return path === undefined ? {} : { [name]: [path] }
}
