// node:wasi in a Piscina pool: `piscina.mjs GUEST THREADS SECONDS [ARG…]` prints the runs per second, and measures
// once more for each line that it reads. While it measures it prints {"runs", "ms"}, so that the progress is known if
// it crashes.
import { readFile } from 'node:fs/promises'
import { createInterface } from 'node:readline'
import { setFlagsFromString } from 'node:v8'
import { Piscina } from 'piscina'

const WARM_UP = 200
const PROGRESS = 20
/** The number of runs asked for at a time: twice what the workers take. */
const CALLERS_PER_THREAD = 16
/** With one task at a time, a worker would wait for the main thread after each. */
const TASKS_PER_WORKER = 8

// With fast API calls, node:wasi crashes the process after some thousand runs: nodejs/node#53087.
setFlagsFromString('--no-turbo-fast-api-calls')

const [path, threads, seconds, ...args] = process.argv.slice(2)
const pool = new Piscina({
  filename: new URL('piscina-worker.mjs', import.meta.url).href,
  minThreads: Number(threads),
  maxThreads: Number(threads),
  concurrentTasksPerWorker: TASKS_PER_WORKER,
  workerData: { module: await WebAssembly.compile(await readFile(path)), args },
})
const expected = await pool.run()

/** Measures the runs per second. */
async function measure(time) {
  const start = performance.now()
  let [runs, reportedAt] = [0, 0]
  const caller = async () => {
    for (let now = start; now - start < time; now = performance.now()) {
      const { code, stdout } = await pool.run()
      if (code !== 0 || stdout !== expected.stdout) throw new Error(`exit ${code}: ${stdout}`)
      runs += 1
      if (now - reportedAt < PROGRESS) continue
      reportedAt = now
      console.log(JSON.stringify({ runs, ms: now - start }))
    }
  }
  await Promise.all(Array.from({ length: CALLERS_PER_THREAD * threads }, caller))
  return (runs / (performance.now() - start)) * 1000
}

const once = async () => {
  await measure(WARM_UP)
  console.log(await measure(seconds * 1000))
}
await once()
for await (const _ of createInterface({ input: process.stdin })) await once()
await pool.close()
