// zizmor, which looks for what an attacker could use in workflows. It comes from PyPI, in the version of
// scripts/requirements.txt, into a folder in target/.
import { spawnSync } from 'node:child_process'
import { existsSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { installPackage } from './apt.mjs'

const REQUIREMENTS = 'scripts/requirements.txt'
const [program, bin, python] =
  process.platform === 'win32' ? ['zizmor.exe', 'Scripts', 'python'] : ['zizmor', 'bin', 'python3']

/**
 * Shows what zizmor finds in a folder of workflows.
 * @param {string} folder
 * @returns {boolean} whether it finds nothing
 */
export function zizmor(folder) {
  const version = /^zizmor==(\S+)$/m.exec(readFileSync(REQUIREMENTS, 'utf8'))[1]
  const venv = join('target', `zizmor-${version}`)
  if (!existsSync(join(venv, bin, program))) install(venv)
  const { status } = run(join(venv, bin, program), '--offline', '--quiet', folder)
  return status === 0
}

function install(venv) {
  rmSync(venv, { recursive: true, force: true })
  const create = () => run(python, '-m', 'venv', venv).status === 0
  // Debian has a package of its own for `venv`.
  if (!create() && !(installPackage('python3-venv') && create()))
    throw new Error(`expected \`${python} -m venv\` to work; install Python 3 with its venv module`)
  const pip = [join(venv, bin, 'pip'), 'install', '--quiet', '--disable-pip-version-check']
  if (run(...pip, '--requirement', REQUIREMENTS).status !== 0)
    throw new Error(`pip could not install what ${REQUIREMENTS} names`)
}

function run(command, ...args) {
  return spawnSync(command, args, { stdio: ['ignore', 2, 2] })
}
