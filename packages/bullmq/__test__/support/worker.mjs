// A worker in a process that tests kill: worker.mjs QUEUE OPTIONS POISON. Runs of the program POISON kill it, as a guest
// would that makes the machine's memory run out.
import { subscribe } from 'node:diagnostics_channel'
import { ProgramWorker } from '@wasiexec/bullmq'

const [queue, options, poison] = process.argv.slice(2)
subscribe('wasiexec:run:start', ({ program }) => {
  if (program === poison) setTimeout(() => process.kill(process.pid, 'SIGKILL'), 30)
})
const worker = new ProgramWorker(queue, JSON.parse(options))
worker.on('error', () => {})
process.once('SIGTERM', async () => {
  await worker.drain()
  process.disconnect()
})
await worker.ready()
process.send('ready')
