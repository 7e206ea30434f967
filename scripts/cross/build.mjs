// Builds the addon for another platform and puts it into its folder of npm/: `npm run cross -- TARGET…`.
import { copyFileSync } from 'node:fs'
import { join } from 'node:path'
import { CACHE, ROOT, run } from './shell.mjs'
import { findTarget } from './targets.mjs'
import { buildEnvironment } from './toolchain.mjs'

/** The file that cargo writes. */
const LIBRARIES = { linux: 'libwasiexec.so', darwin: 'libwasiexec.dylib', win32: 'wasiexec.dll' }

function build({ platform, triple, built = triple, env = {} }) {
  const args = ['zigbuild', '--release', '--lib', '-Zbuild-std', '--target', built]
  run('cargo-zigbuild', args, { cwd: ROOT, env: { ...buildEnvironment(), ...env } })
  // Without the version of glibc.
  const folder = join(CACHE, 'target', built.replace(/\.[\d.]+$/, ''), 'release')
  const library = LIBRARIES[platform.split('-')[0]]
  const addon = join(ROOT, 'npm', platform, `wasiexec.${platform}.node`)
  copyFileSync(join(folder, library), addon)
  console.log(`npm/${platform}/wasiexec.${platform}.node`)
}

const [first, ...others] = process.argv.slice(2)
for (const target of [first, ...others].map(findTarget)) build(target)
