// Extism on V8: `extism.mjs WORKER SECONDS` prints how many calls of an empty function one plugin carries out per second,
// one after the other, in a worker thread if WORKER is `worker`; it measures once more for each line that it reads.
import { createInterface } from 'node:readline'
import { createPlugin } from '@extism/extism'

const [worker, seconds] = process.argv.slice(2)

/** (module (func (export "nothing") (result i32) (i32.const 0))) */
const NOTHING = 'AGFzbQEAAAABBQFgAAF/AwIBAAcLAQdub3RoaW5nAAAKBgEEAEEACw=='

process.removeAllListeners('warning')
const plugin = await createPlugin(
  { wasm: [{ data: Buffer.from(NOTHING, 'base64') }] },
  { useWasi: false, runInWorker: worker === 'worker' },
)

async function measure(time) {
  const start = performance.now()
  let calls = 0
  for (; performance.now() - start < time; calls += 1) await plugin.call('nothing')
  return (calls / (performance.now() - start)) * 1000
}

const once = async () => {
  await measure(200)
  console.log(await measure(Number(seconds) * 1000))
}
await once()
for await (const _ of createInterface({ input: process.stdin })) await once()
await plugin.close()
