// A worker thread of Node: loads a program, and reads the results of batches in chunks.
import { performance } from 'node:perf_hooks'
import { parentPort, workerData } from 'node:worker_threads'
import { Runtime, load } from '../dist/index.mjs'
import { Counter } from './package-rates.mjs'

const { path, args, isShared, other } = workerData
const options = isShared ? {} : { runtime: new Runtime({ threads: 1, cacheDir: false }) }
let program

/** Runs per second. */
async function rate(seconds) {
  const counter = new Counter(seconds)
  const jobs = function* () {
    for (;;) yield {}
  }
  for await (const results of program.batch(jobs(), { defaults: { args } }).chunks()) {
    let isOver = false
    for (const { outcome } of results) {
      if (!outcome.ok || outcome.stdout.length === 0) throw new Error(`${path} failed`)
      isOver = counter.isOver()
    }
    if (isOver) break
  }
  return counter.perSecond
}

/** The milliseconds that it took. */
async function timed(cache) {
  const start = performance.now()
  program = await load(path, { ...options, cache })
  return performance.now() - start
}

parentPort.on('message', async ({ prepare, load: loads, cache, seconds }) => {
  if (prepare) await load(other, options)
  const answer = loads ? await timed(cache) : seconds && (await rate(seconds))
  parentPort.postMessage(answer)
})
