// Python's packages in a folder of their own.
import { spawnSync } from 'node:child_process'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { installPackage } from './apt.mjs'

const windows = process.platform === 'win32'

/**
 * The path of a program of a venv.
 * @param {string} venv
 * @param {string} name
 * @returns {string}
 */
export function venvProgram(venv, name) {
  return windows ? join(venv, 'Scripts', `${name}.exe`) : join(venv, 'bin', name)
}

/**
 * Whether a venv has what a file of requirements names.
 * @param {string} venv
 * @param {string} requirements
 * @returns {boolean}
 */
export function hasVenv(venv, requirements) {
  const stamp = join(venv, 'requirements.txt')
  return existsSync(stamp) && readFileSync(stamp, 'utf8') === readFileSync(requirements, 'utf8')
}

/**
 * Makes such a venv, unless it is there. Throws when it cannot.
 * @param {string} venv
 * @param {string} requirements
 */
export function provideVenv(venv, requirements) {
  if (hasVenv(venv, requirements)) return
  const python = windows ? 'python' : 'python3'
  const create = () => run(python, '-m', 'venv', '--clear', venv)
  // Debian has a package of its own for `venv`.
  if (!create() && !(installPackage('python3-venv') && create()))
    throw new Error(`expected \`${python} -m venv\` to work; install Python 3 with its venv module`)
  const pip = [venvProgram(venv, 'python'), '-m', 'pip', 'install', '--quiet']
  if (!run(...pip, '--disable-pip-version-check', '--requirement', requirements))
    throw new Error(`pip could not install what ${requirements} names`)
  writeFileSync(join(venv, 'requirements.txt'), readFileSync(requirements))
}

function run(command, ...args) {
  return spawnSync(command, args, { stdio: ['ignore', 2, 2] }).status === 0
}
