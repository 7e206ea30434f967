// Pyodide in a worker thread: `pyodide.mjs warm|cold SECONDS IMPORTS SNIPPET` prints the runs per second, and measures
// once more for each line that it reads. Warm is one interpreter for all runs, which see what earlier runs left behind;
// cold is a worker for each run.
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads'

async function serve(imports) {
  const { loadPyodide } = await import('pyodide')
  let stdout = ''
  const pyodide = await loadPyodide({ stdout: (line) => (stdout += `${line}\n`) })
  // The fastest way that was found: `runPython` takes eight times as long.
  pyodide.runPython(`${imports}\ndef run(snippet):\n  exec(snippet, dict(globals()))`)
  const run = pyodide.globals.get('run')
  parentPort.on('message', (snippet) => {
    stdout = ''
    run(snippet)
    parentPort.postMessage(stdout)
  })
}

async function measure([mode, seconds, imports, snippet]) {
  const start = () => new Worker(new URL(import.meta.url), { workerData: imports })
  const run = async (worker) => {
    worker.postMessage(snippet)
    const [stdout] = await once(worker, 'message')
    if (stdout === '') throw new Error('Pyodide printed nothing')
  }
  const cold = async () => {
    const worker = start()
    await run(worker)
    await worker.terminate()
  }
  const worker = mode === 'warm' ? start() : undefined
  const one = worker === undefined ? cold : () => run(worker)
  await one()
  const rate = async () => {
    const begun = performance.now()
    let runs = 0
    do {
      await one()
      runs += 1
    } while (performance.now() - begun < seconds * 1000)
    return (runs / (performance.now() - begun)) * 1000
  }
  console.log(await rate())
  for await (const _ of createInterface({ input: process.stdin })) console.log(await rate())
  await worker?.terminate()
}

await (isMainThread ? measure(process.argv.slice(2)) : serve(workerData))
