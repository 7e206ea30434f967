// Python with packages from PyPI, in a folder of its own.
import { spawnSync } from 'node:child_process'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { installPackage } from './apt.mjs'

const [bin, python] = process.platform === 'win32' ? ['Scripts', 'python'] : ['bin', 'python3']

/**
 * Installs what a requirements file names, unless the folder has it.
 * @param {string} folder
 * @param {string} requirements a path
 * @returns {string} the folder with `python` and the programs of the packages
 */
export function provideVenv(folder, requirements) {
  const wanted = readFileSync(requirements, 'utf8')
  const stamp = join(folder, 'requirements.txt')
  const programs = join(folder, bin)
  if (existsSync(stamp) && readFileSync(stamp, 'utf8') === wanted) return programs
  const create = () => succeeds(python, '-m', 'venv', '--clear', folder)
  // Debian has a package of its own for `venv`.
  if (!create() && !(installPackage('python3-venv') && create()))
    throw new Error(`expected \`${python} -m venv\` to work; install Python 3 with its venv module`)
  const pip = ['-m', 'pip', 'install', '--quiet', '--disable-pip-version-check']
  if (!succeeds(join(programs, 'python'), ...pip, '--requirement', requirements))
    throw new Error(`pip could not install what ${requirements} names`)
  writeFileSync(stamp, wanted)
  return programs
}

function succeeds(command, ...args) {
  return spawnSync(command, args, { stdio: ['ignore', 2, 2] }).status === 0
}
