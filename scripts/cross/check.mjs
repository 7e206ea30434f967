// Compiles the Rust code for all platforms, without linking: `npm run cross:check`, or with targets after `--`.
import { spawnSync } from 'node:child_process'
import { ROOT } from './shell.mjs'
import { TARGETS, findTarget } from './targets.mjs'
import { checkEnvironment } from './toolchain.mjs'

const names = process.argv.slice(2)
const targets = names.length > 0 ? names.map(findTarget) : TARGETS
const args = ['check', '--release', '--lib', '-Zbuild-std', '--target']
const results = targets.map(({ name, triple }) => {
  console.log(`== ${name}: ${triple}`)
  const options = { cwd: ROOT, stdio: 'inherit', env: checkEnvironment(triple) }
  return { name, compiles: spawnSync('cargo', [...args, triple], options).status === 0 }
})
for (const { name, compiles } of results)
  console.log(`${name}: ${compiles ? 'compiles' : 'FAILED'}`)
process.exitCode = results.every(({ compiles }) => compiles) ? 0 : 1
