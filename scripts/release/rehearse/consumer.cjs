const started = performance.now()
const wasiexec = require('wasiexec')
const { check } = require('./checks.cjs')

async function main() {
  await wasiexec.run('hello.wat')
  const first = performance.now() - started
  await check(wasiexec)
  console.log(`ok, first run after ${Math.round(first)} ms`)
}

main()
