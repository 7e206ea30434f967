// `streamed-jobs.mjs GUEST JOBS` streams JOBS jobs through a batch and prints the most memory it held, in MiB.
import { readFileSync } from 'node:fs'
import { load } from '../dist/index.mjs'

const [path, count] = process.argv.slice(2)

async function* jobs() {
  for (let id = 0; id < count; id += 1) yield { id }
}

const program = await load(path)
let ended = 0
for await (const { id, outcome } of program.batch(jobs())) {
  if (id !== ended || !outcome.ok || outcome.stdout.length === 0)
    throw new Error(`job ${id} failed`)
  ended += 1
}
if (ended !== Number(count)) throw new Error(`${ended} results for ${count} jobs`)
console.log(peakKiB() / 1024)

/** Linux's `maxRSS` begins with the memory of the process that started this one. */
function peakKiB() {
  if (process.platform !== 'linux') return process.resourceUsage().maxRSS
  return Number(/^VmHWM:\s+(\d+) kB$/m.exec(readFileSync('/proc/self/status', 'utf8'))[1])
}
