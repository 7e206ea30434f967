// A batch of a tiny program, and how fast it was.
import { load } from '../../dist/index.mjs'

const JOBS = 20_000

const program = await load(new URL('../../crate/tests/guests/exit-argv.wat', import.meta.url))
const jobs = Array.from({ length: JOBS }, (_, code) => ({ args: [`${code}`] }))
let right = 0
const start = performance.now()
for await (const { index, outcome } of program.batch(jobs)) right += outcome?.code === index ? 1 : 0
const seconds = (performance.now() - start) / 1000
console.log(`a batch: ${right} of ${JOBS} jobs right, ${Math.round(JOBS / seconds)} runs a second`)
process.exitCode = right === JOBS ? 0 : 1
