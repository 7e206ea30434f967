// Installs what a folder names in its package-lock.json and requirements.txt: npm's packages into its node_modules,
// PyPI's into its .venv. Nothing is done for what is there already.
import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, rmSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { hasVenv, provideVenv } from './venv.mjs'

/** After that long, a lock is one that a process has left behind. */
const STALE_MS = 15 * 60_000

/**
 * Throws when something could not be installed. A second process waits until the first is done.
 * @param {string} folder
 */
export function install(folder) {
  const [venv, requirements] = [join(folder, '.venv'), join(folder, 'requirements.txt')]
  if (hasNpm(folder) && hasVenv(venv, requirements)) return
  const lock = join(folder, 'node_modules.lock')
  while (!tryLock(lock)) Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 500)
  try {
    installNpm(folder)
    provideVenv(venv, requirements)
  } finally {
    rmSync(lock, { recursive: true, force: true })
  }
}

/**
 * The same for npm's packages alone, without a wait for others.
 * @param {string} folder
 */
export function installNpm(folder) {
  if (!hasNpm(folder)) npmCi(folder)
}

function tryLock(lock) {
  try {
    mkdirSync(lock)
    return true
  } catch (error) {
    if (error.code !== 'EEXIST') throw error
    const made = statSync(lock, { throwIfNoEntry: false })?.mtimeMs
    if (made !== undefined && Date.now() - made > STALE_MS)
      rmSync(lock, { recursive: true, force: true })
    return false
  }
}

function hasNpm(folder) {
  const installed = join(folder, 'node_modules/.package-lock.json')
  const wanted = join(folder, 'package-lock.json')
  return existsSync(installed) && statSync(installed).mtimeMs >= statSync(wanted).mtimeMs
}

function npmCi(folder) {
  // npm is a script on Windows, and needs a shell there.
  const shell = process.platform === 'win32'
  const args = ['ci', '--no-audit', '--no-fund', '--loglevel=error']
  const { status } = spawnSync('npm', args, { cwd: folder, stdio: ['ignore', 2, 2], shell })
  if (status !== 0) throw new Error(`npm could not install what ${folder}/package-lock.json names`)
}
