// zizmor, which looks for what an attacker could use in workflows. It comes from PyPI, in the version of
// scripts/requirements.txt, into a folder in target/.
import { spawnSync } from 'node:child_process'
import { provideVenv, venvProgram } from './venv.mjs'

const VENV = 'target/zizmor'

/**
 * Shows what zizmor finds in a folder of workflows.
 * @param {string} folder
 * @returns {boolean} whether it finds nothing
 */
export function zizmor(folder) {
  provideVenv(VENV, 'scripts/requirements.txt')
  const args = ['--offline', '--quiet', folder]
  const { status } = spawnSync(venvProgram(VENV, 'zizmor'), args, { stdio: ['ignore', 2, 2] })
  return status === 0
}
