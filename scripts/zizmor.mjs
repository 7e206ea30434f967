// zizmor, which looks for what an attacker could use in workflows. It comes from PyPI, in the version of
// scripts/requirements.txt, into a folder in target/.
import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { provideVenv } from './venv.mjs'

/**
 * Shows what zizmor finds in a folder of workflows.
 * @param {string} folder
 * @returns {boolean} whether it finds nothing
 */
export function zizmor(folder) {
  const programs = provideVenv(join('target', 'zizmor'), 'scripts/requirements.txt')
  const options = { stdio: ['ignore', 2, 2] }
  return spawnSync(join(programs, 'zizmor'), ['--offline', '--quiet', folder], options).status === 0
}
