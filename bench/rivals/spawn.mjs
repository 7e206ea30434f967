// Processes of the operating system: `spawn.mjs CONCURRENCY SECONDS` prints how many /bin/true it runs per second with
// their output read, and measures once more for each line that it reads.
import { spawn } from 'node:child_process'
import { createInterface } from 'node:readline'

const [concurrency, seconds] = process.argv.slice(2).map(Number)

const once = () =>
  new Promise((resolve, reject) => {
    const child = spawn('/bin/true', { stdio: ['ignore', 'pipe', 'ignore'] })
    child.stdout.resume()
    child.once('error', reject)
    child.once('close', (code) => (code === 0 ? resolve() : reject(new Error(`exit ${code}`))))
  })

async function measure() {
  const start = performance.now()
  let runs = 0
  const caller = async () => {
    for (; performance.now() - start < seconds * 1000; runs += 1) await once()
  }
  await Promise.all(Array.from({ length: concurrency }, caller))
  console.log((runs / (performance.now() - start)) * 1000)
}

await measure()
for await (const _ of createInterface({ input: process.stdin })) await measure()
