// Runs a build script and fails if it changes a committed, generated file: check-fresh.mjs <npm script> <file…>
import { execSync } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'

const [script, ...files] = process.argv.slice(2)
const read = () => files.map((file) => (existsSync(file) ? readFileSync(file, 'utf8') : undefined))

const committed = read()
execSync(`npm run ${script}`, { stdio: 'inherit' })
const built = read()

const stale = files.filter((_, i) => committed[i] === undefined || committed[i] !== built[i])
for (const file of stale) console.error(`${file} is stale: run \`npm run ${script}\` and commit it`)
process.exitCode = stale.length === 0 ? 0 : 1
