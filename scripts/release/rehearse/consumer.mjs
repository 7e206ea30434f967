const started = performance.now()
const wasiexec = await import('wasiexec')
await wasiexec.run('hello.wat')
const first = performance.now() - started

const { check } = await import('./checks.cjs')
await check(wasiexec)
console.log(`ok, first run after ${Math.round(first)} ms`)
