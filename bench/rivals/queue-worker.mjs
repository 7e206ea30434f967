// A worker of a queue in a process of its own: queue-worker.mjs plain|QUEUE URL PROGRAM
import { Worker } from 'bullmq'
import { Redis } from 'ioredis'
import { load } from '../../dist/index.mjs'
import { ProgramWorker } from '../../packages/bullmq/dist/index.mjs'

const [kind, url, path] = process.argv.slice(2)
if (kind !== 'plain') {
  const worker = new ProgramWorker(kind, { connection: url })
  await worker.ready()
} else {
  const program = await load(path)
  const run = async ({ data: { args } }) => {
    const { ok, kind, code, stdout, stderr, usage } = await program.run({ args })
    return {
      ok,
      kind,
      code,
      stdout: stdout.toString('base64'),
      stderr: stderr.toString('base64'),
      usage,
    }
  }
  const connection = new Redis(url, { maxRetriesPerRequest: null })
  const worker = new Worker('plain', run, { connection, concurrency: 100, drainDelay: 1 })
  await worker.waitUntilReady()
}
process.send('ready')
