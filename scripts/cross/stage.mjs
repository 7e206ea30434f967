// A copy of the repository for a machine: with the addon of its platform and the packages of the tests.
import {
  copyFileSync,
  cpSync,
  existsSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { CACHE, ROOT, read, run } from './shell.mjs'

/** Makes the copy, or makes it new; packages are kept for as long as the lock file is the same. */
export function stage({ name, platform }) {
  const folder = join(CACHE, 'stage', name)
  mkdirSync(folder, { recursive: true })
  const isSame = isSameFile(join(folder, 'package-lock.json'), join(ROOT, 'package-lock.json'))
  for (const entry of readdirSync(folder))
    if (entry !== 'node_modules' || !isSame) rmSync(join(folder, entry), { recursive: true })
  const listing = ['ls-files', '-z', '--cached', '--others', '--exclude-standard']
  for (const file of read('git', listing, { cwd: ROOT }).split('\0')) {
    if (file !== '' && existsSync(join(ROOT, file))) cpSync(join(ROOT, file), join(folder, file))
  }
  cpSync(join(ROOT, 'dist'), join(folder, 'dist'), { recursive: true })
  const addon = `wasiexec.${platform}.node`
  copyFileSync(join(ROOT, 'npm', platform, addon), join(folder, 'src/native', addon))
  if (!isSame) installPackages(folder)
  return folder
}

function isSameFile(one, other) {
  return existsSync(one) && readFileSync(one).equals(readFileSync(other))
}

/** The tests are compiled by a package with a binary; Node 24 can run them without. */
function installPackages(folder) {
  run('npm', ['ci', '--ignore-scripts', '--no-audit'], { cwd: folder })
  writeFileSync(join(folder, 'node_modules/@oxc-node/core/register.mjs'), '')
}
