// Debian's packages, which only root may install: on a machine that is there for tests, then.
import { spawnSync } from 'node:child_process'

/**
 * @param {string} name
 * @returns {boolean} whether it is installed now
 */
export function installPackage(name) {
  if (process.platform !== 'linux' || process.getuid() !== 0) return false
  const apt = (...args) =>
    spawnSync('apt-get', ['-q', ...args], {
      stdio: ['ignore', 2, 2],
      env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' },
    }).status === 0
  const add = () => apt('install', '-y', '--no-install-recommends', name)
  return add() || (apt('update') && add())
}
