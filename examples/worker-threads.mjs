// Spreads JavaScript's part of batches over threads of Node: each reads the results of a batch of its own.
import { once } from 'node:events'
import { Worker, isMainThread, parentPort, workerData } from 'node:worker_threads'
import { load, orThrow } from 'wasiexec'
import { guest } from '../guests/unpack.mjs'

const THREADS = 2

if (isMainThread) {
  const path = await guest('go')
  // Compiled here, once. While this program is held, the other threads find it.
  const program = await load(path)
  const words = ['alpha', 'beta', 'gamma', 'delta', 'epsilon']
  const parts = Array.from({ length: THREADS }, (_, part) =>
    words.filter((_, at) => at % THREADS === part),
  )
  const answers = parts.map(async (part) => {
    const worker = new Worker(new URL(import.meta.url), { workerData: { path, part } })
    const [answer] = await once(worker, 'message')
    return answer
  })
  console.log(program.name, await Promise.all(answers))
} else {
  const { path, part } = workerData
  // The same code, at the cost of reading the file.
  const program = await load(path)
  const results = []
  const jobs = part.map((word) => ({ stdin: word }))
  for await (const { outcome } of program.batch(jobs, { defaults: { args: ['upper'] } })) {
    results.push(orThrow(outcome).stdout.toString().trim())
  }
  parentPort.postMessage(results)
}
