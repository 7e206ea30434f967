// A thread that swaps what the name `link` of a folder stands for: a link to a directory inside, and one that leads
// outside. It ends when it has done so a number of times.
import { renameSync, symlinkSync, unlinkSync } from 'node:fs'
import { join } from 'node:path'
import { workerData } from 'node:worker_threads'

const { folder, outside, times } = workerData
const link = join(folder, 'link')
for (let swap = 0; swap < times; swap += 1) {
  const next = join(folder, `.next-${swap % 2}`)
  symlinkSync(swap % 2 === 0 ? outside : 'inside', next)
  renameSync(next, link)
}
unlinkSync(link)
